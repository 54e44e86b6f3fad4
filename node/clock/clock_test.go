package clock_test

import (
	"bytes"
	"testing"

	"github.com/phyllo-net/phyllo/node/clock"
)

// TestTimesThatAreNone: what a node answers in place of its time is no time.
func TestTimesThatAreNone(t *testing.T) {
	for _, b := range [][]byte{nil, {}, {1, 2, 3, 4, 5, 6, 7}, bytes.Repeat([]byte{0xff}, 8), {0x80, 0, 0, 0, 0, 0, 0, 0}, bytes.Repeat([]byte{0xff}, 1000)} {
		if at, told := clock.ReadAnswer(b); told {
			t.Errorf("%x became %v", b, at)
		}
	}
	if at, told := clock.ReadAnswer([]byte{0, 0, 1, 0x9b, 0, 0, 0, 0, 7, 7}); !told || at.Year() != 2025 {
		t.Errorf("a good one with more behind it: %v, %v", at, told)
	}
}
