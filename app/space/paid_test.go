package space_test

import (
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/past"
	"github.com/phyllo-net/phyllo/app/past/account"
	"github.com/phyllo-net/phyllo/app/space"
	"github.com/phyllo-net/phyllo/sim/simtest"
	"github.com/phyllo-net/phyllo/task"
)

// used is what the account of the first member has paid for, as all say who vote about it.
func (w *world) used() (bytes int64) {
	w.t.Helper()
	bytes = -1
	for _, m := range w.members {
		got, votes := m.past.Accounts().Used(w.members[0].node.Self().ID)
		if votes && bytes >= 0 && got != bytes {
			w.t.Errorf("of the account it is said that %d are used, and %d", bytes, got)
		}
		if votes {
			bytes = got
		}
	}
	return bytes
}

// TestGivenUpIsNotPaid: what was written and given up, by who went away in the middle or at the end, is given
// back, and so is what it has cost.
func TestGivenUpIsNotPaid(t *testing.T) {
	simtest.WithoutRace(t)
	w := newTunedWorld(t, 5, 22, 4<<10, func(c *past.Config) {
		a := account.Default()
		a.Gift, a.Copies = 10_000_000, 1
		c.Accounts = &a
	})
	m := w.members[0]
	h := m.create(space.Founding{Name: "x"})
	if _, err := m.put(ann, h, "f", random(1, 20_000), space.Cond{}); err != nil {
		t.Fatal(err)
	}
	w.net.Run(2 * time.Hour) // what was paid ahead comes back, too
	before := w.used()
	if before < 20_000 {
		t.Fatalf("a file has cost %d", before)
	}
	if err := m.in(ann, h, func(t *task.T, sp *space.Space) error {
		half := sp.Begin(space.Storing{})
		if err := half.Write(t, random(2, 50_000)); err != nil {
			return err
		}
		whole := sp.Begin(space.Storing{})
		if err := whole.Write(t, random(3, 50_000)); err != nil {
			return err
		}
		if _, err := whole.Finish(t); err != nil {
			return err
		}
		if now := w.used(); now < before+100_000 {
			w.t.Errorf("100,000 bytes have cost %d", now-before)
		}
		half.Discard()
		whole.Discard()
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	w.net.Run(2 * time.Hour)
	if after := w.used(); after != before {
		t.Errorf("%d were used before, and %d are after", before, after)
	}
}
