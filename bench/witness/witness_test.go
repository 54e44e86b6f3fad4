package witness

import (
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/id"
)

// TestWrong: one node serves a key at a time, and only the two whose turn it can be.
func TestWrong(t *testing.T) {
	key, victim, heir, other := id.ID{Hi: 1}, id.ID{Lo: 1}, id.ID{Lo: 2}, id.ID{Lo: 3}
	for _, x := range []struct {
		name  string
		by    []id.ID
		turns int
		want  int
	}{
		{"one dies", []id.ID{victim, victim, heir, heir}, 1, 0},
		{"one dies and comes back", []id.ID{victim, heir, victim}, 2, 0},
		{"one who died serves", []id.ID{victim, heir, victim}, 1, 1},
		{"one who woke serves before it may", []id.ID{victim, heir, victim, heir, victim}, 2, 2},
		{"a third one serves", []id.ID{victim, other, heir, other}, 1, 2},
		{"the heir serves too soon", []id.ID{heir, victim, heir}, 1, 2},
	} {
		t.Run(x.name, func(t *testing.T) {
			w := New()
			for i := range x.by { // what processes tell does not come in order
				i = len(x.by) - 1 - i
				w.Tell(Service{key, x.by[i], time.Unix(int64(i), 0)})
			}
			if got := w.Wrong(key, victim, heir, x.turns); got != x.want {
				t.Errorf("%d wrong owners, want %d", got, x.want)
			}
			w.Forget(key)
			if got := len(w.services(key)); got != 0 {
				t.Errorf("%d services of a key that was forgotten", got)
			}
		})
	}
}

func TestParseService(t *testing.T) {
	by, key := id.ID{Lo: 7}, id.ID{Hi: 5, Lo: 6}
	s, err := parseService(key.String()+" 1500000000000000001", by)
	if err != nil || s.Key != key || s.By != by || s.At.UnixNano() != 1500000000000000001 {
		t.Errorf("%+v, %v", s, err)
	}
	for _, line := range []string{"", "x 1", key.String(), key.String() + " soon"} {
		if _, err := parseService(line, by); err == nil {
			t.Errorf("%q gives no error", line)
		}
	}
}
