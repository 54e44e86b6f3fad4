package evaluation

import (
	"encoding/binary"
	"errors"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/sim"
)

// tally counts what became of messages and questions.
type tally struct {
	// sent counts messages, which are delivered, once and in the right place, or lost.
	sent, delivered, twice, wrong, lost int
	// hops counts delivered messages by the links that they crossed.
	hops []int
	// way is what delivered messages took in all, and direct what straight ways would
	// have taken; of messages to the sender itself neither counts.
	way, direct time.Duration
	// asked counts questions, which are answered, by the right node, or fail with an
	// error; silent ones never came to an outcome.
	asked, answered, misled, failed, silent int
}

func (t *tally) meanHops() float64 {
	sum := 0
	for h, k := range t.hops {
		sum += h * k
	}
	return float64(sum) / float64(t.delivered)
}

// hopsAt is the number of links that the given share of the messages did not exceed.
func (t *tally) hopsAt(share float64) int {
	sum := 0
	for h, k := range t.hops {
		if sum += k; float64(sum) >= share*float64(t.delivered) {
			return h
		}
	}
	return 0
}

// stretch is the ratio of the mean way to the mean direct way.
func (t *tally) stretch() float64 { return float64(t.way) / float64(t.direct) }

// end is the measuring application of one node.
type end struct {
	f   *field
	ref sim.NodeRef
	ep  kbr.Endpoint
}

func (e *end) Start(ep kbr.Endpoint)     { e.ep = ep }
func (e *end) Update(*peer.Handle, bool) {}
func (e *end) Stop()                     {}

func (e *end) Deliver(d *kbr.Delivery) {
	if d.Answer != nil {
		self := e.ep.Self().ID.Bytes()
		d.Reply(self[:])
		return
	}
	if p := e.f.passage(d.Payload); p != nil {
		e.f.arrived(p, e.ref, d.Hops)
	}
}

// note writes down what is sent next, and returns its number as a payload.
func (f *field) note(from sim.NodeRef, key id.ID, asked bool) []byte {
	p := &passage{tally: f.tally, from: from, life: f.lives[from], key: key, at: f.Sim.Now(), asked: asked, roots: f.roots(key)}
	if asked {
		f.tally.asked++
	} else {
		f.tally.sent++
	}
	f.forget()
	f.out = append(f.out, p)
	return binary.BigEndian.AppendUint64(make([]byte, 0, 8), uint64(f.first+len(f.out)-1))
}

// passage finds a message by its payload; nil if it was counted as lost already.
func (f *field) passage(payload []byte) *passage {
	if i := int(binary.BigEndian.Uint64(payload)) - f.first; i >= 0 {
		return f.out[i]
	}
	return nil
}

// roots are the nodes that may deliver a message for a key at this moment: the member
// nearest to it and, if that one does not claim its keys, the nearest one that does.
func (f *field) roots(key id.ID) []sim.NodeRef {
	var out []sim.NodeRef
	tries := 0
	f.census.around(key, func(m member) bool {
		tries++
		ready := f.Ready(m.ref)
		if tries == 1 || ready {
			out = append(out, m.ref)
		}
		return !ready && tries < 32
	})
	return out
}

// arrived counts a message that a node took as the key's root.
func (f *field) arrived(p *passage, at sim.NodeRef, hops int) {
	if p.done {
		p.tally.twice++
		return
	}
	p.done = true
	t := p.tally
	t.delivered++
	for hops >= len(t.hops) {
		t.hops = append(t.hops, 0)
	}
	t.hops[hops]++
	if at != p.from {
		t.way += f.Sim.Now() - p.at
		t.direct += f.Sim.Delay(p.from, at)
	}
	if !slices.Contains(p.roots, at) && !slices.Contains(f.roots(p.key), at) {
		t.wrong++
	}
}

// outcome counts the outcome of a question.
func (f *field) outcome(p *passage, a kbr.Answer, err error) {
	p.done = true
	switch {
	case errors.Is(err, kbr.ErrStopped): // its asker's end
		p.tally.asked--
	case err != nil:
		p.tally.failed++
	default:
		p.tally.answered++
		by, ok := f.Sim.Find(id.FromBytes(a.Payload))
		if !ok || !slices.Contains(p.roots, by) && !slices.Contains(f.roots(p.key), by) {
			p.tally.misled++
		}
	}
}
