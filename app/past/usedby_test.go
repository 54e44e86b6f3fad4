package past_test

import (
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/past"
	"github.com/phyllo-net/phyllo/kbr/kbrtest"
	"github.com/phyllo-net/phyllo/task"
)

// A node knows for whom it keeps what was put here, and what came from other holders.
func TestUsedBy(t *testing.T) {
	w := newWorld(t, 3, kbrtest.Config{Seed: 34}, paying(1_000_000))
	first, second := w.members[0], w.members[1]
	for i := range 4 {
		w.mustInsert(first, file(name(i), 16))
	}
	w.mustInsert(second, file("of the second one", 16))
	w.join() // late
	w.net.Run(5 * time.Minute)
	for _, m := range w.members {
		var uses []past.Use
		if err := m.node.Call(patience, func(t *task.T) (err error) {
			uses, err = m.past.UsedBy(t)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		got, bytes := make(map[*member]int), int64(0)
		for _, u := range uses {
			for _, x := range w.members {
				if x.cert.Node == u.Member {
					got[x] += u.Objects
				}
			}
			bytes += u.Bytes
		}
		s := m.past.Stats()
		if bytes != s.Bytes {
			t.Errorf("%s: %+v, %d bytes are kept", m.node.Self(), uses, s.Bytes)
		}
		if got[first] != 4 || got[second] != 1 {
			t.Errorf("%s: %+v, want 4 objects of the first and one of the second", m.node.Self(), uses)
		}
	}
}
