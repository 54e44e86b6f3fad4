package node

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/api"
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

// Whoever asks the doctor is told of messages for which there was no room, how long ago, and what to look for.
func TestAboutGivenUp(t *testing.T) {
	says := aboutGivenUp(1, 90*time.Second+time.Millisecond)
	if !strings.HasPrefix(says, "1 message found no room here since the start, the last of them 1m30s ago") || !strings.Contains(says, "`phyllo status`") {
		t.Errorf("of a message that was given up: %q", says)
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
