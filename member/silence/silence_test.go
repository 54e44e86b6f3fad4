package silence_test

import (
	"testing"

	"github.com/phyllo-net/phyllo/member/silence"
)

// Beside each admitter that is silent it takes two others, so that as many may be off as before; a
// large ring wants five.
func TestMissing(t *testing.T) {
	for _, x := range []struct{ all, silent, members, want int }{
		{1, 0, 4, 2}, {3, 0, 4, 0}, {3, 1, 4, 2}, {3, 2, 4, 4}, {5, 1, 4, 0}, {3, 0, 9, 2}, {5, 0, 9, 0}, {5, 1, 9, 2},
	} {
		if n := silence.Missing(x.all, x.silent, x.members); n != x.want {
			t.Errorf("of %d admitters %d are silent, beside %d others: %d are missing, want %d", x.all, x.silent, x.members, n, x.want)
		}
	}
}
