package node

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/app/past/account"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/member"
	"github.com/phyllo-net/phyllo/member/silence"
)

// Whoever asks the doctor is told that admitters are missing before nobody can be let in.
func TestAboutOffice(t *testing.T) {
	for _, x := range []struct {
		all, up       int
		held          bool
		verdict, says string
	}{
		{1, 1, true, api.Good, "One node lets others in"},
		{1, 0, false, api.Bad, "Of 1 node that may let others in none answers: nobody can be let in, and no certificate renewed,"},
		{3, 3, false, api.Good, "3 answer; 2 must"},
		{3, 2, true, api.Warn, "if one more goes, nobody can be let in"},
		{3, 2, false, api.Warn, "if that computer never comes back, the authority moves here with `phyllo ring restore FILE`"},
		{3, 1, true, api.Bad, "nobody can be let in before 2 are there"},
		{3, 1, false, api.Bad, "with `phyllo ring restore FILE`, from the file of `phyllo ring backup`"},
		{5, 4, true, api.Good, "4 answer; 3 must"},
		{5, 3, true, api.Warn, "`phyllo member promote`"},
	} {
		verdict, says := aboutOffice(member.Office{All: x.all, Up: x.up}, x.held)
		if verdict != x.verdict || !strings.Contains(says, x.says) || x.held && strings.Contains(says, "restore") {
			t.Errorf("of %d admitters %d answer: %s, %q", x.all, x.up, verdict, says)
		}
	}
	verdict, says := aboutSilent(silence.Admitter{Node: id.Tiny(7), For: 9*24*time.Hour + time.Hour})
	if verdict != api.Warn || !strings.Contains(says, "has not answered for 9 days") || !strings.Contains(says, "`phyllo member expel "+id.Tiny(7).Short()+"`") {
		t.Errorf("of a silent admitter: %s, %q", verdict, says)
	}
}

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

// Of rooms with trouble each reason is said once, of whatever many rooms it is one.
func TestSayStorageTrouble(t *testing.T) {
	var list []api.Room
	for i := range 6 {
		list = append(list, api.Room{Name: fmt.Sprint("room", i), StorageTrouble: "it is full."})
	}
	list[1].StorageTrouble = ""
	list[2].StorageTrouble = "it is away"
	var said []string
	sayStorageTrouble(list, func(about, verdict, format string, args ...any) {
		said = append(said, verdict+" "+fmt.Sprintf(format, args...))
	})
	if len(said) != 2 || !strings.HasSuffix(said[0], `for "room0", "room3", "room4", 1 more: it is full. It is tried again where that helps.`) ||
		!strings.HasSuffix(said[1], `for "room2": it is away. It is tried again where that helps.`) {
		t.Errorf("%q", said)
	}
}
