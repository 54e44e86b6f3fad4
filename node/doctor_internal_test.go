package node

import (
	"strings"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/member"
)

// Whoever asks the doctor is told that admitters are missing before nobody can be let in.
func TestAboutOffice(t *testing.T) {
	for _, x := range []struct {
		all, up       int
		verdict, says string
	}{
		{1, 1, api.Good, "One node lets others in"},
		{1, 0, api.Bad, "Of 1 node that may let others in none answers"},
		{3, 3, api.Good, "3 answer; 2 must"},
		{3, 2, api.Warn, "if one more goes, nobody can be let in"},
		{3, 1, api.Bad, "before 2 are there"},
		{5, 4, api.Good, "4 answer; 3 must"},
		{5, 3, api.Warn, "`phyllo member promote`"},
	} {
		verdict, says := aboutOffice(member.Office{All: x.all, Up: x.up})
		if verdict != x.verdict || !strings.Contains(says, x.says) {
			t.Errorf("of %d admitters %d answer: %s, %q", x.all, x.up, verdict, says)
		}
	}
	verdict, says := aboutSilent(member.Silent{Node: id.Tiny(7), For: 9*24*time.Hour + time.Hour})
	if verdict != api.Warn || !strings.Contains(says, "has not answered for 9 days") || !strings.Contains(says, "`phyllo member expel "+id.Tiny(7).Short()+"`") {
		t.Errorf("of a silent admitter: %s, %q", verdict, says)
	}
}
