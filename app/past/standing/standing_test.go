package standing_test

import (
	"testing"

	"github.com/phyllo-net/phyllo/app/past/standing"
)

func TestJudge(t *testing.T) {
	const sound, open, over = standing.Sound, standing.Open, standing.Over
	for what, x := range map[string]struct {
		own   standing.Standing
		o     standing.Opinions
		first bool
		want  standing.Standing
	}{
		"sound stays sound":                       {sound, standing.Opinions{Heard: 4}, false, sound},
		"taken over, all four say sound":          {open, standing.Opinions{Heard: 4, Sound: 4}, false, sound},
		"taken over, three of four":               {open, standing.Opinions{Heard: 4, Sound: 3}, false, sound},
		"taken over, half":                        {open, standing.Opinions{Heard: 4, Sound: 2}, false, open},
		"taken over, one liar of four":            {open, standing.Opinions{Heard: 4, Sound: 1}, false, over},
		"taken over, one survivor, three new":     {open, standing.Opinions{Heard: 4, Sound: 1, Open: 3}, false, sound},
		"taken over, the others are as new":       {open, standing.Opinions{Heard: 1, Sound: 1, Same: 3}, false, sound},
		"nobody knows":                            {open, standing.Opinions{Same: 4}, false, open},
		"nobody knows, and it was before us":      {open, standing.Opinions{Same: 4}, true, sound},
		"somebody knows, and it was before us":    {open, standing.Opinions{Heard: 1}, true, over},
		"over, two liars of five keepers":         {over, standing.Opinions{Heard: 2, Sound: 2, Same: 2}, false, over},
		"over, one fellow says sound":             {over, standing.Opinions{Heard: 1, Sound: 1}, false, over},
		"over by this keeper's view alone":        {over, standing.Opinions{Heard: 4, Sound: 4}, false, sound},
		"over by this view and one other of five": {over, standing.Opinions{Heard: 4, Sound: 3}, false, sound},
		"over, before us":                         {over, standing.Opinions{}, true, over},
	} {
		if got := x.o.Judge(x.own, x.first); got != x.want {
			t.Errorf("%s: %d, want %d", what, got, x.want)
		}
	}
}

// TestLiars: of any number of keepers fewer than half are liars, who say that a debit is
// sound; the others have found it over. No honest one ever comes to another belief.
func TestLiars(t *testing.T) {
	for keepers := 1; keepers <= 16; keepers++ {
		for liars := 0; 2*liars < keepers; liars++ {
			o := standing.Opinions{Heard: liars, Sound: liars, Same: keepers - liars - 1}
			if got := o.Judge(standing.Over, false); got != standing.Over {
				t.Errorf("%d liars of %d keepers make a debit sound", liars, keepers)
			}
		}
	}
}
