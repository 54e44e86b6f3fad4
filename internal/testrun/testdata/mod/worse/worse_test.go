package worse

import "testing"

func TestWorse(t *testing.T) {
	if !race {
		t.Error("wrong")
	}
}
