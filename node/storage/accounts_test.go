package storage

import (
	"fmt"
	"strings"
	"testing"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/app/past/account"
	"github.com/phyllo-net/phyllo/id"
)

// Whoever asks the doctor is told of accounts that are not as they should be, and what helps.
func TestSayAccounts(t *testing.T) {
	var said []string
	say := func(about, verdict, format string, args ...any) {
		said = append(said, about+" "+verdict+" "+fmt.Sprintf(format, args...))
	}
	audit{own: &api.Account{Heard: 5, Used: 5, Limit: 5}}.say(say)
	audit{own: &api.Account{Used: 9, Limit: 5}}.say(say) // nobody could be asked
	if len(said) > 0 {
		t.Errorf("of good accounts: %q", said)
	}
	audit{}.say(say) // that of this node is not known
	if len(said) > 0 {
		t.Errorf("of no accounts: %q", said)
	}
	audit{
		own:       &api.Account{Heard: 5, Used: 7e6, Limit: 5e6},
		overdrawn: []account.Overdraft{{Member: id.Tiny(1), Used: 3e6, Limit: 1e6}},
		disputed:  []id.ID{id.Tiny(2), id.Tiny(3), id.Tiny(4), id.Tiny(5)},
	}.say(say)
	for i, want := range []string{"You use 7.0 MB of 5.0 MB", "1 account of which this node is a keeper (" + id.Tiny(1).Short() + ") came to 2.0 MB above", "4 members (" + id.Tiny(2).Short()} {
		if i >= len(said) || !strings.Contains(said[i], want) || !strings.Contains(said[i], "`phyllo ") {
			t.Errorf("%q, want %q", said, want)
		}
	}
}
