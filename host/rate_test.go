package host_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/phyllo-net/phyllo/transport"
)

// ask puts questions one after the other, as the reader of a link does, and returns how
// long that took.
func ask(t *testing.T, r *rig, n uint8, many int) time.Duration {
	t.Helper()
	b, err := table.Encode(&question{Number: 1})
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	for range many {
		r.events.Frame(handle(n), transport.Liveness, b)
	}
	synctest.Wait()
	return time.Since(began)
}

// RELIABILITY section 3: a peer has 200 questions a second and 400 at once; above that
// it is pushed back on, alone, and for what is no question not at all.
func TestQuestionsAreRated(t *testing.T) {
	bubble(t, nil, func(r *rig) {
		r.events.Up(handle(10), nil)
		r.events.Up(handle(11), nil)
		if d := ask(t, r, 10, 400); d != 0 {
			t.Errorf("400 questions took %v", d)
		}
		if d := ask(t, r, 10, 200); d < 990*time.Millisecond || d > 1010*time.Millisecond {
			t.Errorf("200 more took %v", d)
		}
		began := time.Now()
		for range 2000 {
			r.frames(handle(10), transport.Liveness, "no question")
		}
		if d := ask(t, r, 11, 400); d != 0 || time.Since(began) != 0 {
			t.Errorf("others waited for %v", time.Since(began))
		}
		time.Sleep(2 * time.Second)
		if d := ask(t, r, 10, 400); d != 0 {
			t.Errorf("400 questions after a rest took %v", d)
		}
		if s := r.host.Stats(); s.HeldUp != 200 || len(s.BadInput) != 0 {
			t.Errorf("%+v", s)
		}
	})
}

// Who goes on for ten seconds floods: the link is closed, and it is held against him.
func TestFloodOfQuestions(t *testing.T) {
	bubble(t, nil, func(r *rig) {
		r.events.Up(handle(10), nil)
		if d := ask(t, r, 10, 4000); d < 9*time.Second || d > 11*time.Second {
			t.Errorf("it was ended after %v", d)
		}
		if n := r.host.Stats().BadInput["flood"]; n != 1 {
			t.Errorf("%d counted", n)
		}
		if !slices.Equal(r.wire.told, []string{"blame 0a"}) {
			t.Errorf("the transport was told %q", r.wire.told)
		}
	})
}
