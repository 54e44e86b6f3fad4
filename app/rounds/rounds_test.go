package rounds_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/rounds"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/kbr/kbrtest"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
)

const every = 10 * time.Minute

// keeper has rounds, in which it hears what the test wants.
type keeper struct {
	rounds rounds.Rounds
	ep     kbr.Endpoint
	hears  []heard
	fails  error
	again  time.Duration
	inside func()
	began  []time.Duration
	all    bool // of the last round
	begun  task.Instant
}

// heard is how it goes with one fellow.
type heard struct{ whole, old bool }

func (k *keeper) Start(ep kbr.Endpoint) {
	k.ep, k.begun = ep, ep.Now()
	k.rounds.Start(ep, every, k.round)
}
func (k *keeper) Stop()                     {}
func (k *keeper) Deliver(d *kbr.Delivery)   { d.Refuse(1, "no messages") }
func (k *keeper) Update(*peer.Handle, bool) { k.rounds.Unsettle() }

func (k *keeper) round(_ *task.T, r *rounds.Round) error {
	k.began = append(k.began, k.ep.Now().Sub(k.begun))
	for _, h := range k.hears {
		r.Heard(h.whole, h.old)
	}
	if k.inside != nil {
		k.inside()
	}
	if k.again != 0 {
		r.Again(k.again)
		return k.fails
	}
	k.all = r.Settle()
	return k.fails
}

// one is a keeper alone in its ring.
func one(t *testing.T, k *keeper) (*kbrtest.Net, *kbrtest.Node) {
	t.Helper()
	w := kbrtest.New(kbrtest.Config{Seed: 1})
	t.Cleanup(w.Close)
	n := w.Add(kbrtest.Handle(id.Tiny(1)), kbr.Mount{Number: 1, App: k})
	w.Run(time.Second)
	return w, n
}

// Who must have been heard for a node to be settled, at once or when it has waited for long.
func TestSettled(t *testing.T) {
	var (
		no       = heard{}
		newcomer = heard{whole: true}
		old      = heard{true, true}
	)
	for _, c := range []struct {
		hears               []heard
		all, settled, later bool
	}{
		{nil, true, true, true},
		{[]heard{newcomer, newcomer}, true, true, true},
		{[]heard{no}, false, false, false},
		{[]heard{old, old, no, no}, false, true, true},
		{[]heard{old, newcomer, no, no}, false, false, true},
		{[]heard{old, no, no}, false, false, false},
		{[]heard{old, {old: true}, no, no}, false, false, false},
	} {
		k := &keeper{hears: c.hears}
		w, n := one(t, k)
		n.Do(k.rounds.Begin)
		w.Run(time.Second)
		if k.all != c.all || k.rounds.Settled() != c.settled || k.rounds.Old() != c.settled {
			t.Errorf("%v: all heard %v, settled %v, want %v, %v", c.hears, k.all, k.rounds.Settled(), c.all, c.settled)
		}
		w.Run(10 * time.Minute)
		if k.rounds.Settled() != c.later {
			t.Errorf("%v: settled later %v, want %v", c.hears, k.rounds.Settled(), c.later)
		}
	}
}

// When rounds follow each other.
func TestWhen(t *testing.T) {
	const s = time.Second
	bad := errors.New("the disk")
	for _, c := range []struct {
		what string
		k    keeper
		want []time.Duration // between two rounds
	}{
		{"somebody is not heard", keeper{hears: []heard{{}}}, []time.Duration{3 * s, 6 * s, 12 * s, 24 * s, 48 * s, 96 * s, 192 * s, 384 * s, every, every}},
		{"the disk fails", keeper{fails: bad}, []time.Duration{3 * s, 3 * s, 3 * s}},
		{"there are more to be asked", keeper{again: rounds.Calm}, []time.Duration{rounds.Calm, rounds.Calm}},
		{"the disk fails, more are to be asked", keeper{again: rounds.Calm, fails: bad}, []time.Duration{3 * s, 3 * s}},
	} {
		k := &c.k
		w, n := one(t, k)
		n.Do(k.rounds.Begin)
		w.Run(time.Hour)
		for i, want := range c.want {
			if got := k.began[i+1] - k.began[i]; got != want {
				t.Errorf("%s: round %d came %v after the last one, want %v", c.what, i+1, got, want)
			}
		}
	}
}

// When all goes well the next round comes in half to three halves of the time.
func TestInAWhile(t *testing.T) {
	k := new(keeper)
	w, n := one(t, k)
	w.Run(time.Hour)
	if len(k.began) > 0 || k.rounds.Begun() {
		t.Fatalf("rounds at %v, before they were begun", k.began)
	}
	n.Do(k.rounds.Begin)
	w.Run(100 * every)
	if len(k.began) < 80 || len(k.began) > 120 {
		t.Errorf("%d rounds in 100 times %v", len(k.began), every)
	}
	for i := range k.began[1:] {
		if d := k.began[i+1] - k.began[i]; d < every/2 || d >= 3*every/2 {
			t.Errorf("a round came %v after the last one", d)
		}
	}
}

// A change unsettles, and brings a round soon: one for several changes; also when it comes
// while a round is under way, which then does not settle.
func TestChanges(t *testing.T) {
	k := new(keeper)
	w, n := one(t, k)
	n.Do(k.rounds.Begin)
	w.Run(time.Second)
	n.Do(func() {
		k.rounds.Unsettle()
		k.rounds.Unsettle()
	})
	if k.rounds.Settled() || !k.rounds.Old() {
		t.Error("settled after a change, or a newcomer")
	}
	w.Run(time.Second)
	if len(k.began) != 2 || !k.rounds.Settled() {
		t.Fatalf("rounds at %v, settled %v, want two", k.began, k.rounds.Settled())
	}
	k.inside = func() {
		k.inside = nil
		k.rounds.Unsettle()
	}
	n.Do(func() { k.rounds.Soon(0) })
	w.Run(rounds.Calm / 2)
	if len(k.began) != 3 || k.rounds.Settled() {
		t.Fatalf("rounds at %v, settled %v by a round that was overtaken", k.began, k.rounds.Settled())
	}
	w.Run(rounds.Calm)
	if len(k.began) != 4 || !k.rounds.Settled() {
		t.Fatalf("rounds at %v, settled %v, want one more", k.began, k.rounds.Settled())
	}
	if !slices.IsSorted(k.began) {
		t.Error(k.began)
	}
}
