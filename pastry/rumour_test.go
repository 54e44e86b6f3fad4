package pastry_test

import (
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/pastry"
	"github.com/phyllo-net/phyllo/peer"
)

// Whom others name right after it was found dead is not asked, as they may not know yet. Whom
// they name when they must know is, so that two who hold each other dead meet again.
func TestNamesAfterAVerdict(t *testing.T) {
	s := soloAt(t, 0x10)
	c, other := stranger(0x20), stranger(0x30)
	for _, x := range []uint8{0x20, 0x30, 0xf0} {
		s.Learn(stranger(x), pastry.Place{Leaf: true})
	}
	s.SetActive(true)
	asked := func() (k int) {
		for _, e := range s.sent {
			if m, ok := e.msg.(*pastry.LeafProbe); ok && !m.Reply && e.to.ID == id.Tiny(0x20) {
				k++
			}
		}
		s.sent = nil
		return k
	}
	name := func() { s.hear(other, &pastry.LeafProbe{Active: true, Quiet: true, Leaf: []*peer.Handle{c}}) }
	s.hear(other, &pastry.LeafProbe{Active: true, Quiet: true, Failed: []pastry.Failure{{Node: c.ID, Incarnation: 1}}})
	s.run(4 * time.Second)
	if k := asked(); k < 3 {
		t.Fatalf("asked %d times before the verdict", k)
	}
	name()
	if k := asked(); k != 0 {
		t.Errorf("asked %d times though those who named it may not know", k)
	}
	s.run(8 * time.Second)
	asked()
	name()
	if k := asked(); k != 1 {
		t.Errorf("asked %d times when others named it later", k)
	}
}
