package past_test

import (
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/past"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr/kbrtest"
	"github.com/phyllo-net/phyllo/task"
)

// TestCountFar: those who keep objects that are far from the asker are searched for several at once, so that
// a count of many takes little longer than one of a few; and it counts what is there.
func TestCountFar(t *testing.T) {
	w := newWorld(t, 60, kbrtest.Config{Seed: 35, LeafSet: 8, Delay: 50 * time.Millisecond}, nil)
	m := w.members[0]
	var ws []past.Wanted
	for i := range 48 {
		ws = append(ws, past.Wanted{Object: id.HashOf("nobody has it", uint64(i)), Copies: 3})
	}
	for i := range 2 {
		ws[20*i+5].Object = w.mustInsert(m, file(name(i), 3))
	}
	count := func(ws ...past.Wanted) (cs []past.Counted, took time.Duration) {
		t.Helper()
		begun := w.net.Elapsed()
		if err := m.node.Call(patience, func(t *task.T) (err error) {
			cs, err = m.past.Count(t, ws...)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		return cs, w.net.Elapsed() - begun
	}
	cs, took := count(ws...)
	for i, c := range cs {
		if want := map[int]int{5: 3, 25: 3}[i]; c.Copies != want {
			t.Errorf("object %d has %d copies, want %d", i, c.Copies, want)
		}
	}
	if _, one := count(ws[5]); took > 10*one {
		t.Errorf("%d take %s, one takes %s", len(ws), took, one)
	}
}
