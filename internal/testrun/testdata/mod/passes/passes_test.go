package passes

import "testing"

func TestPlain(t *testing.T) {
	if race {
		t.Skip("runs without the race detector")
	}
	t.Run("one", func(t *testing.T) {})
	t.Run("two", func(t *testing.T) {})
}

func TestBoth(t *testing.T) {}

func TestSeeds(t *testing.T) {
	t.Run("1", func(t *testing.T) {})
}
