package pastry_test

import (
	"testing"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/machine"
	"github.com/phyllo-net/phyllo/pastry"
	"github.com/phyllo-net/phyllo/pastry/msg"
	"github.com/phyllo-net/phyllo/sim/standin"
)

// A node that was reached past a broken link alone is spoken with directly as soon as a
// link to it stands: what must not be routed gets there, too.
func TestLinkEndsDetour(t *testing.T) {
	s := soloAt(t, 0x10)
	far, between := stranger(0x90), stranger(0x20)
	for _, h := range []uint8{0x90, 0x20} {
		s.Learn(stranger(h), pastry.Place{Leaf: true, Table: true})
	}
	inner, err := msg.Messages.Encode(&msg.Ping{Seq: 1})
	if err != nil {
		t.Fatal(err)
	}
	m := &msg.Relay{From: far, To: id.Tiny(0x10), Num: 1, Inner: inner}
	m.Sig = standin.NewSigner(9, 0x90).Sign(m.Text(id.Hash{}))
	s.hear(between, m)
	ask := func() (direct int) {
		s.sent = nil
		s.step(machine.Input{Kind: machine.InCall, Call: func() {
			s.app.ep.Ask(far, []byte("x"), kbr.Options{}, func(kbr.Answer, error) {})
		}})
		for _, e := range s.sent {
			if _, is := e.msg.(*msg.Direct); is && e.to.ID == far.ID {
				direct++
			}
		}
		return direct
	}
	if n := ask(); n != 0 {
		t.Errorf("%d questions went over the broken link", n)
	}
	s.step(machine.Input{Kind: machine.InPeerUp, From: far})
	if n := ask(); n != 1 {
		t.Errorf("%d questions went over the link that stands", n)
	}
}
