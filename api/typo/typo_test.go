package typo_test

import (
	"strings"
	"testing"

	"github.com/phyllo-net/phyllo/api/typo"
)

func TestNearest(t *testing.T) {
	words := []string{"listen", "join", "user", "ui", "lan", "nat", "log.level"}
	for typed, want := range map[string]string{
		"lisen": "listen", "LISTEN": "listen", "lsiten": "listen", "usr": "user", "log_level": "log.level", "lna": "lan",
		"xyzzy": "", "": "", strings.Repeat("listen", 1000): "",
	} {
		if got := typo.Nearest(typed, words); got != want {
			t.Errorf("%q: %q, want %q", typed, got, want)
		}
	}
}
