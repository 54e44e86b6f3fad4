package past_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/past"
	"github.com/phyllo-net/phyllo/app/past/certificate"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/kbr/kbrtest"
	"github.com/phyllo-net/phyllo/lab/register"
	"github.com/phyllo-net/phyllo/sim/simtest"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

var annsName = past.Name{Owner: ann.Public(), Part: certificate.Part{1}, Copies: 5}

func (m *member) change(replaces uint64, content string) error {
	return m.node.Call(2*patience, func(t *task.T) error {
		_, err := m.past.Change(t, annsName.Part, annsName.Copies, replaces, []byte(content), ann)
		return err
	})
}

func (m *member) current(n past.Name) (f past.Found, err error) {
	err = m.node.Call(2*patience, func(t *task.T) (err error) {
		f, err = m.past.Current(t, n)
		return err
	})
	return f, err
}

// mustRead fails unless m reads this version.
func (w *world) mustRead(m *member, version uint64, content string) {
	w.t.Helper()
	f, err := m.current(annsName)
	if err != nil || f.Certificate.Version != version || string(f.Content) != content {
		w.t.Fatalf("got version %+v %q, %v; want %d %q", f.Certificate, f.Content, err, version, content)
	}
}

func TestMutable(t *testing.T) {
	for _, n := range []int{1, 2, 3, 5, simtest.Size(40, 12)} {
		t.Run(fmt.Sprint(n, " nodes"), func(t *testing.T) {
			w := newWorld(t, n, kbrtest.Config{Seed: uint64(n)}, nil)
			a, b := w.members[0], w.members[n-1]
			_, err := a.current(annsName)
			wantErr(t, "before the first version", err, past.ErrNotFound)
			wantErr(t, "to replace nothing", a.change(1, "x"), past.ErrConflict)
			for v := range uint64(4) {
				if err := a.change(v, name(int(v))); err != nil {
					t.Fatal(err)
				}
				for _, m := range w.members {
					w.mustRead(m, v+1, name(int(v)))
				}
			}
			err = b.change(2, "late")
			var conflict *past.ConflictError
			if !errors.As(err, &conflict) || string(conflict.Current.Content) != name(3) {
				t.Fatalf("to replace an old version: %v", err)
			}
			w.net.Run(2 * time.Hour)
			w.whole(true)
		})
	}
}

// TestMutableMoves: while nodes come and go, so that other nodes keep it, what is current
// goes with them.
func TestMutableMoves(t *testing.T) {
	w := newWorld(t, 7, kbrtest.Config{Seed: 50}, nil)
	for v := range uint64(simtest.Size(25, 9)) {
		if err := w.live()[0].change(v, name(int(v))); err != nil {
			t.Fatalf("version %d: %v", v+1, err)
		}
		if v%2 == 0 {
			w.join()
		} else {
			w.nearest(annsName.ID(), 1)[0].node.Kill()
		}
		w.net.Run(15 * time.Minute)
		w.mustRead(w.live()[len(w.live())-1], v+1, name(int(v)))
	}
	w.net.Run(3 * time.Hour)
	w.whole(true)
}

// TestMajorityAway: without a majority nothing is changed and nothing old is read, and
// afterwards it goes on.
func TestMajorityAway(t *testing.T) {
	w := newWorld(t, 9, kbrtest.Config{Seed: 51}, nil)
	if err := w.members[0].change(0, "one"); err != nil {
		t.Fatal(err)
	}
	dead := w.nearest(annsName.ID(), 3)
	for _, m := range dead {
		m.node.Kill()
	}
	w.net.Run(10 * time.Second)
	m := w.live()[0]
	if err := m.change(1, "two"); !errors.Is(err, past.ErrNotReachable) {
		t.Fatalf("a change without a majority: %v", err)
	}
	_, err := m.current(annsName)
	wantErr(t, "a reader without a majority", err, past.ErrNotReachable)
	for _, m := range dead {
		m.restart()
	}
	w.net.Run(30 * time.Second)
	w.mustRead(m, 1, "one")
	if err := m.change(1, "two"); err != nil {
		t.Fatal(err)
	}
	w.mustRead(dead[0], 2, "two")
}

// TestNewDiskIsAnotherHolder: a node that has lost its disk, and so its promises, does not
// make a majority together with nodes that missed the last version.
func TestNewDiskIsAnotherHolder(t *testing.T) {
	w := newWorld(t, 5, kbrtest.Config{Seed: 52}, nil)
	if err := w.members[0].change(0, "one"); err != nil {
		t.Fatal(err)
	}
	near := w.nearest(annsName.ID(), 5)
	for _, m := range near[3:] {
		m.node.Kill()
	}
	w.net.Run(5 * time.Second)
	if err := near[0].change(1, "two"); err != nil { // its holders are three now
		t.Fatal(err)
	}
	w.net.Run(time.Second)
	for _, m := range near[:3] {
		m.node.Kill()
	}
	near[0].disk.Wipe()
	for _, m := range []*member{near[0], near[3], near[4], near[1]} {
		m.restart()
		w.net.Run(time.Minute)
		if f, err := m.current(annsName); err == nil {
			t.Fatalf("one of three holders is there, and %q is read", f.Content)
		}
	}
	near[2].restart()
	w.net.Run(time.Minute)
	for _, m := range near {
		w.mustRead(m, 2, "two")
	}
}

// TestUnheardHolder: the root did not hear one of three holders, who has the version all the
// same, and then the root's disk is lost: the two who are left have what is current.
func TestUnheardHolder(t *testing.T) {
	w := newWorld(t, 3, kbrtest.Config{Seed: 54}, nil)
	n := past.Name{Owner: ann.Public(), Part: annsName.Part, Copies: 3}
	near := w.nearest(n.ID(), 3)
	near[2].node.OnDeliver = func(_ wire.AppID, d *kbr.Delivery) bool { return past.KindOf(d.Payload) == "prepare" }
	err := near[1].node.Call(2*patience, func(t *task.T) error {
		_, err := near[1].past.Change(t, n.Part, n.Copies, 0, []byte("one"), ann)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	w.net.Run(time.Second)
	near[2].node.OnDeliver = nil
	near[0].node.Kill()
	near[0].disk.Wipe()
	near[0].restart()
	w.net.Run(time.Minute)
	for _, m := range near {
		if f, err := m.current(n); err != nil || string(f.Content) != "one" {
			t.Errorf("%s reads %q, %v", m.node.Self(), f.Content, err)
		}
	}
}

// TestLinearizable: many change and read one object at once, while nodes die, start again,
// join, and are parted for short and for long. What they see could have been seen one
// after another: no change is lost, none is made twice, and no reader goes back in time. Who reads
// where a majority is gone makes the object go on apart, and changes nothing of that.
func TestLinearizable(t *testing.T) {
	simtest.Seeds(t, 3, func(t *testing.T, seed uint64) {
		rng := rand.New(rand.NewPCG(seed, 11))
		w := newWorld(t, 5+rng.IntN(12), kbrtest.Config{Seed: seed, Loss: 0.05 * rng.Float64()}, nil)
		h := &history{world: w, rng: rng}
		for range 4 {
			h.client()
		}
		for range simtest.Size(25, 9) {
			h.fault()
			w.net.Run(time.Duration(rng.Int64N(int64(40 * time.Second))))
		}
		h.stop = true
		w.net.Heal()
		for _, m := range w.members {
			if !m.node.Alive() {
				m.restart()
			}
		}
		w.net.Run(15 * time.Minute)
		if f, err := w.members[0].current(annsName); err != nil && !errors.Is(err, past.ErrNotFound) {
			t.Errorf("in calm: %v", err)
		} else if err == nil {
			h.seen.Saw(h.seen.Read(w.net.Elapsed()), w.net.Elapsed(), f.Certificate.Version, string(f.Content))
		}
		if err := h.seen.Check(); err != nil {
			t.Error(err)
		}
		if n := h.seen.Changes(); n < 5 {
			t.Errorf("%d changes were made", n)
		}
	})
}

// history is what clients did to one object.
type history struct {
	*world
	rng     *rand.Rand
	seen    register.Register
	clients int
	stop    bool
}

// client reads and changes, one after another, on some node, as long as that lives.
func (h *history) client() {
	m := h.live()[h.rng.IntN(len(h.live()))]
	h.clients++
	num := h.clients
	m.node.Do(func() {
		m.past.Call(func(t *task.T) error {
			version := uint64(0)
			for n := 0; !h.stop; n++ {
				if err := t.Sleep(time.Duration(h.rng.Int64N(int64(20 * time.Second)))); err != nil {
					return err
				}
				op := h.seen.Read(h.net.Elapsed())
				read := m.past.Current
				if num%2 == 0 { // what was made without a majority is read as well, and says so
					read = m.past.Latest
				}
				f, err := read(t, annsName)
				switch {
				case err == nil && f.Apart > 0:
				case err == nil:
					version = f.Certificate.Version
					h.seen.Saw(op, h.net.Elapsed(), version, string(f.Content))
				case errors.Is(err, past.ErrNotFound):
					version = 0
					h.seen.Saw(op, h.net.Elapsed(), 0, "")
				case errors.Is(err, task.ErrStopped):
					return err
				}
				content := fmt.Sprint(num, "-", n)
				op = h.seen.Change(h.net.Elapsed(), version, content)
				_, err = m.past.Change(t, annsName.Part, annsName.Copies, version, []byte(content), ann)
				switch {
				case err == nil:
					h.seen.Made(op, h.net.Elapsed())
				case errors.Is(err, past.ErrConflict):
					h.seen.Refused(op, h.net.Elapsed())
				case errors.Is(err, task.ErrStopped):
					return err
				}
			}
			return nil
		}, nil)
	})
}

func (h *history) fault() {
	live := h.live()
	switch n := h.rng.IntN(10); {
	case n < 3 && len(live) > 3:
		live[h.rng.IntN(len(live))].node.Kill()
		h.client()
	case n < 6:
		for _, m := range h.members {
			if !m.node.Alive() {
				m.restart()
				break
			}
		}
	case n == 6 && len(h.members) < 25:
		h.join()
	case n == 7:
		var side []*kbrtest.Node
		for _, m := range live {
			if h.rng.IntN(2) == 0 {
				side = append(side, m.node)
			}
		}
		h.net.Partition(side)
		long := time.Duration(h.rng.IntN(3)/2) * 11 * time.Minute // longer than absences are waited for
		h.net.Run(time.Duration(h.rng.Int64N(int64(time.Minute))) + long)
		h.net.Heal()
	}
}
