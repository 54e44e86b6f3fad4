package reach

import (
	"slices"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/peer"
)

// asking plays a node that asks members to call it back, in a time of its own.
type asking struct {
	answers
	now    time.Time
	linked map[peer.Key]bool
	open   map[peer.Key]bool // who gets through
}

func newAsking(members int) *asking {
	a := &asking{answers: answers{m: make(map[peer.Key]*answer), hold: 30 * time.Minute}, now: time.Unix(1_800_000_000, 0),
		linked: make(map[peer.Key]bool), open: make(map[peer.Key]bool)}
	for k := range byte(members) {
		a.linked[peer.Key{k + 1}] = true
		a.called(peer.Key{k + 1})
	}
	return a
}

// called has a member call back now.
func (a *asking) called(key peer.Key) {
	x := &answer{when: a.now, tried: []string{"x"}}
	if a.open[key] {
		x.reached = x.tried
	}
	a.found(key, x)
}

// pass lets the time pass, has whoever is asked call back, and returns when it was
// whose turn.
func (a *asking) pass(d time.Duration) (at []time.Duration, whose []byte) {
	begin := a.now
	for end := a.now.Add(d); ; {
		next, ask := a.old(a.now, a.linked)
		slices.SortFunc(ask, func(x, y peer.Key) int { return slices.Compare(x[:], y[:]) })
		for _, key := range ask {
			at, whose = append(at, a.now.Sub(begin)), append(whose, key[0])
			a.called(key)
		}
		if len(ask) > 0 {
			continue
		}
		if a.now.Add(next).After(end) {
			a.now = end
			return at, whose
		}
		a.now = a.now.Add(next)
	}
}

// As long as nobody gets through, one member at a time is asked again, each in its turn,
// and more and more seldom.
func TestDoubtsGrow(t *testing.T) {
	a := newAsking(3)
	at, whose := a.pass(25 * time.Minute)
	want := []time.Duration{5, 15, 35, 75, 155, 315, 635, 1085}
	for i := range want {
		want[i] *= time.Second
	}
	if !slices.Equal(at, want) || !slices.Equal(whose, []byte{1, 2, 3, 1, 2, 3, 1, 2}) {
		t.Errorf("asked %v at %v, want 1, 2, 3, and so on at %v", whose, at, want)
	}
}

// As soon as one gets through, all others are asked; when all do, nobody is asked for
// as long as answers hold.
func TestDoubtsEnd(t *testing.T) {
	a := newAsking(3)
	a.pass(40 * time.Second)
	a.open = map[peer.Key]bool{{1}: true, {2}: true, {3}: true}
	at, whose := a.pass(20 * time.Minute)
	if want := 35 * time.Second; !slices.Equal(at, []time.Duration{want, want, want}) || !slices.Equal(whose, []byte{1, 2, 3}) {
		t.Errorf("asked %v at %v, want all three after %v", whose, at, want)
	}
}

// One who never gets through is asked alone; that others did is not forgotten.
func TestOneInDoubt(t *testing.T) {
	a := newAsking(3)
	a.open = map[peer.Key]bool{{2}: true, {3}: true}
	a.pass(time.Minute)
	if _, whose := a.pass(20 * time.Minute); len(whose) == 0 || slices.ContainsFunc(whose, func(k byte) bool { return k != 1 }) {
		t.Errorf("asked %v, want 1 alone", whose)
	}
	if a.m[peer.Key{2}].missed() || a.m[peer.Key{3}].missed() || !a.m[peer.Key{1}].missed() {
		t.Error("what they found was lost")
	}
}

// One that is too busy to call is asked again soon; one without a link is forgotten.
func TestBusyAndGone(t *testing.T) {
	a := newAsking(2)
	a.now = a.now.Add(time.Second)
	a.later(a.m[peer.Key{1}], a.now, callGap)
	if next, ask := a.old(a.now, a.linked); len(ask) > 0 || next > 5*time.Second {
		t.Errorf("asks %d members now and others in %v", len(ask), next)
	}
	delete(a.linked, peer.Key{1})
	a.now = a.now.Add(time.Minute)
	if _, ask := a.old(a.now, a.linked); !slices.Equal(ask, []peer.Key{{2}}) || a.m[peer.Key{1}] != nil {
		t.Errorf("asks %v, and remembers %d", ask, len(a.m))
	}
}
