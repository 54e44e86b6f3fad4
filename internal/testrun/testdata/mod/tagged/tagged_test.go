//go:build somebody

package tagged

import "testing"

func TestTagged(t *testing.T) {}
