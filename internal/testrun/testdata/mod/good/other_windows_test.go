package good

import "testing"

func TestWindows(t *testing.T) {}
