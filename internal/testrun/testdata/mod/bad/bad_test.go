package bad

import "testing"

func TestBad(t *testing.T) {
	t.Run("fine", func(t *testing.T) {})
	t.Run("wrong", func(t *testing.T) { t.Error("this is wrong") })
}

func TestAlsoBad(t *testing.T) { t.Fatal("so is this") }
