package pastry_test

import (
	"testing"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/machine"
	"github.com/phyllo-net/phyllo/pastry"
	"github.com/phyllo-net/phyllo/pastry/msg"
)

// Who was asked by a newcomer, and shows life only when that is in the ring, hears so at
// once, whatever sign of life it is that ends the question.
func TestReadinessIsTold(t *testing.T) {
	s := soloAt(t, 0x10)
	other := stranger(0x20)
	s.Learn(other, pastry.Place{Leaf: true})
	s.SetActive(false)
	s.step(machine.Input{Kind: machine.InPeerDown, From: other, Why: machine.DownLost})
	if ps := took[*msg.LeafProbe](s); len(ps) != 1 || ps[0].Active {
		t.Fatalf("the question: %+v", ps)
	}
	s.SetActive(true)
	s.hear(other, &msg.Ping{Seq: 1})
	told := 0
	for _, e := range s.sent {
		if m, ok := e.msg.(*msg.LeafProbe); ok && m.Active && e.to.ID == id.Tiny(0x20) {
			told++
		}
	}
	if told != 1 {
		t.Errorf("told %d times", told)
	}
}
