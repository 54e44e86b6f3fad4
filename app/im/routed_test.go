package im_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/im"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/kbr/kbrtest"
)

// apart makes alice's and bob's computers, between which no link works; what they send
// to each other takes the ring, through a third node.
func apart(t *testing.T) (w *world, a, b *computer, alice, bob im.User) {
	t.Helper()
	w = newWorld(t, kbrtest.Config{Seed: 1})
	alice, bob = user("alice"), user("bob")
	a, b = w.computer(10, alice), w.computer(200, bob)
	w.attacker(66)
	w.net.Cut(a.node, b.node)
	return w, a, b, alice, bob
}

// People whose nodes have no link that works talk all the same, and learn what became
// of it. That they are there they do not see: who says so through the ring is not known.
func TestPeopleWithoutALinkTalk(t *testing.T) {
	w, a, b, alice, bob := apart(t)
	a.add(alice, "bob")
	m := a.mustSend(alice, "bob", "hello") // bob does not know her yet
	w.calm(time.Minute)
	if list := b.inbox(bob, im.InboxOptions{}); len(list) != 1 || !list[0].Request || list[0].With.Name != "alice" {
		t.Fatalf("bob has %+v", list)
	}
	if st := a.state(alice, m); st != im.Delivered {
		t.Errorf("the message is %v", st)
	}
	b.add(bob, "alice")
	back := b.mustSend(bob, "alice", "hello back")
	b.read(bob, b.inbox(bob, im.InboxOptions{}))
	w.calm(time.Minute)
	if one, other := a.state(alice, m), b.state(bob, back); one != im.Read || other != im.Delivered {
		t.Errorf("the messages are %v and %v", one, other)
	}
	w.net.Run(5 * time.Minute)
	if a.contact(alice, "bob").Online || b.contact(bob, "alice").Online {
		t.Error("somebody is seen to be there, and nobody can know")
	}
	w.net.Mend(a.node, b.node)
	a.sees(alice, "bob", true, 2*time.Minute)
}

// An answer that came through the ring is believed if the receiver signed it, as that of
// this device to this push, and not otherwise: nothing leaves the outbox.
func TestAnswersThroughTheRingAreSigned(t *testing.T) {
	bob, eve := user("bob"), user("eve")
	device := tiny(200)
	sign := func(said *im.Pushed, by im.User, ring id.Hash, at id.ID, to *im.Push) *im.Pushed {
		said.Sig = by.Signer.Sign(said.Signed(ring, at, to))
		return said
	}
	took := func() *im.Pushed { return &im.Pushed{Took: 1} }
	for what, c := range map[string]struct {
		answer func(p *im.Push) *im.Pushed
		want   im.State
	}{
		"not signed":            {func(*im.Push) *im.Pushed { return took() }, im.Queued},
		"refused, not signed":   {func(*im.Push) *im.Pushed { return &im.Pushed{Verdict: im.VerdictRefused} }, im.Queued},
		"signed by somebody":    {func(p *im.Push) *im.Pushed { return sign(took(), eve, ring, device, p) }, im.Queued},
		"of another ring":       {func(p *im.Push) *im.Pushed { return sign(took(), bob, id.HashOf("other"), device, p) }, im.Queued},
		"of another device":     {func(p *im.Push) *im.Pushed { return sign(took(), bob, ring, tiny(66), p) }, im.Queued},
		"to another push":       {func(*im.Push) *im.Pushed { return sign(took(), bob, ring, device, &im.Push{To: bob.Key()}) }, im.Queued},
		"with other letters":    {func(p *im.Push) *im.Pushed { return sign(took(), bob, ring, device, changed(p)) }, im.Queued},
		"changed since":         {func(p *im.Push) *im.Pushed { return grown(sign(&im.Pushed{}, bob, ring, device, p)) }, im.Queued},
		"signed":                {func(p *im.Push) *im.Pushed { return sign(took(), bob, ring, device, p) }, im.Delivered},
		"a refusal, and signed": {func(p *im.Push) *im.Pushed { return sign(&im.Pushed{Verdict: im.VerdictRefused}, bob, ring, device, p) }, im.Failed},
	} {
		w, a, b, alice, _ := apart(t)
		pushes := 0
		b.node.OnDeliver = func(_ uint16App, d *kbr.Delivery) bool {
			m, err := im.Messages.Decode(d.Payload)
			p, ok := m.(*im.Push)
			if err != nil || !ok {
				return false
			}
			pushes++
			d.Reply(im.Encode(c.answer(p)))
			return true
		}
		m := a.mustSend(alice, "bob", "hello")
		w.net.Run(time.Minute)
		if st := a.state(alice, m); st != c.want || pushes == 0 {
			t.Errorf("%s: after %d pushes the message is %v, want %v", what, pushes, st, c.want)
		}
		if c.want == im.Queued {
			b.node.OnDeliver = nil
			w.calm(2 * time.Minute)
		}
		w.net.Close()
	}
}

// changed is a push with other letters.
func changed(p *im.Push) *im.Push {
	return &im.Push{To: p.To, Number: p.Number, Sealed: append([][]byte{{1}}, p.Sealed[1:]...)}
}

// grown is an answer about one letter more than was signed.
func grown(p *im.Pushed) *im.Pushed {
	p.Took++
	return p
}

// Through the ring come letters for users of this very node, and nothing else.
func TestOnlyLettersTakeTheRing(t *testing.T) {
	w, b, bob, mallory, x := hostile(t)
	w.net.Run(time.Minute)
	push := im.Encode(&im.Push{To: bob.Key(), Number: 1, Sealed: [][]byte{seal(t, written(mallory, bob, 1), mallory, bob)}})
	before := b.disk.Clone()
	for _, c := range []struct {
		what    string
		key     id.ID
		payload []byte
	}{
		{"presence", tiny(200), im.Encode(&im.Ping{From: mallory.Key(), To: bob.Key()})},
		{"a farewell", tiny(200), im.Encode(&im.Bye{From: mallory.Key(), To: bob.Key()})},
		{"letters for a key near by", tiny(201), push},
	} {
		var refused *kbr.RefusedError
		var err error
		x.Do(func() {
			x.Endpoint(appNumber).Request(c.key, c.payload, kbr.Options{}, func(_ kbr.Answer, e error) { err = e })
		})
		w.net.Run(time.Second)
		if !errors.As(err, &refused) {
			t.Errorf("%s: %v, want a refusal", c.what, err)
		}
	}
	x.Do(func() { x.Endpoint(appNumber).Broadcast(id.Range{From: tiny(199), To: tiny(201)}, push) })
	w.net.Run(time.Second)
	b.untouched(t, "all of it", before)
	if b.contact(bob, "mallory").Online {
		t.Error("somebody is seen to be there who is not")
	}
}

// All that takes the ring counts as one node: however many send, strangers among them
// have the requests of one, and others do not feel it.
func TestStrangersThroughTheRingAskSlowly(t *testing.T) {
	w := newWorld(t, kbrtest.Config{Seed: 1})
	w.cfg.MaxRequests, w.cfg.RequestsPerHour = 100, 7
	bob := user("bob")
	b := w.computer(200, bob)
	near := w.attacker(66)
	took := 0
	for n := range 3 {
		x := w.attacker(uint8(30 + n))
		w.net.Cut(x.Node, b.node)
		for i := range 10 {
			who := user(fmt.Sprintf("m%d-%d", n, i))
			took += int(x.push(b, bob, seal(t, written(who, bob, 1), who, bob)).Took)
		}
	}
	if took != 7 {
		t.Errorf("%d were taken in an hour, want 7", took)
	}
	who := user("near")
	if got := near.push(b, bob, seal(t, written(who, bob, 1), who, bob)); got.Took != 1 {
		t.Errorf("one with a link: %+v", got)
	}
}
