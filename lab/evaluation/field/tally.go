package field

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

// Tally counts what became of messages and questions.
type Tally struct {
	// Sent counts messages, which are delivered, once and in the right place, or lost.
	Sent, Delivered, twice, Wrong, Lost int
	// Hops counts delivered messages by the links that they crossed.
	Hops []int
	// way is what delivered messages took in all, and direct what straight ways would
	// have taken; of messages to the sender itself neither counts.
	way, direct time.Duration
	// Asked counts questions, which are answered, by the right node, or fail with an
	// error; silent ones never came to an outcome.
	Asked, answered, Misled, Failed, Silent int
}

// MeanHops is the mean of the links that delivered messages crossed; NaN where there is none.
func (t *Tally) MeanHops() float64 {
	sum := 0
	for h, k := range t.Hops {
		sum += h * k
	}
	return float64(sum) / float64(t.Delivered)
}

// HopsAt is the number of links that the given share of the messages did not exceed.
func (t *Tally) HopsAt(share float64) int {
	sum := 0
	for h, k := range t.Hops {
		if sum += k; float64(sum) >= share*float64(t.Delivered) {
			return h
		}
	}
	return 0
}

// Stretch is the ratio of the mean way to the mean direct way.
func (t *Tally) Stretch() float64 { return float64(t.way) / float64(t.direct) }

// End is the measuring application of one node: a kbr.App that others may wrap.
type End struct {
	Field    *Field
	Ref      sim.NodeRef
	Endpoint kbr.Endpoint
}

// Start implements kbr.App.
func (e *End) Start(ep kbr.Endpoint) { e.Endpoint = ep }

// Update implements kbr.App.
func (e *End) Update(*peer.Handle, bool) {}

// Stop implements kbr.App.
func (e *End) Stop() {}

// Deliver implements kbr.App: it answers questions with the node's id, and counts messages.
func (e *End) Deliver(d *kbr.Delivery) {
	if d.Answer != nil {
		self := e.Endpoint.Self().ID.Bytes()
		d.Reply(self[:])
		return
	}
	if p := e.Field.Passage(d.Payload); p != nil {
		e.Field.arrived(p, e.Ref, d.Hops)
	}
}

// note writes down what is sent next, and returns its number as a payload.
func (f *Field) note(from sim.NodeRef, key id.ID, asked bool) []byte {
	p := &Passage{Tally: f.tally, From: from, life: f.lives[from], Key: key, at: f.Sim.Now(), asked: asked, roots: f.roots(key)}
	if asked {
		f.tally.Asked++
	} else {
		f.tally.Sent++
	}
	f.forget()
	f.out = append(f.out, p)
	return binary.BigEndian.AppendUint64(make([]byte, 0, 8), uint64(f.first+len(f.out)-1))
}

// Passage finds a message by its payload; nil if it was counted as lost already.
func (f *Field) Passage(payload []byte) *Passage {
	if i := int(binary.BigEndian.Uint64(payload)) - f.first; i >= 0 {
		return f.out[i]
	}
	return nil
}

// roots are the nodes that may deliver a message for a key at this moment: the member
// nearest to it and, if that one does not claim its keys, the nearest one that does.
func (f *Field) roots(key id.ID) []sim.NodeRef {
	var out []sim.NodeRef
	tries := 0
	f.Census.around(key, func(m Member) bool {
		tries++
		ready := f.Ready(m.Ref)
		if tries == 1 || ready {
			out = append(out, m.Ref)
		}
		return !ready && tries < 32
	})
	return out
}

// arrived counts a message that a node took as the key's root.
func (f *Field) arrived(p *Passage, at sim.NodeRef, hops int) {
	if p.Done {
		p.Tally.twice++
		return
	}
	p.Done = true
	t := p.Tally
	t.Delivered++
	for hops >= len(t.Hops) {
		t.Hops = append(t.Hops, 0)
	}
	t.Hops[hops]++
	if at != p.From {
		t.way += f.Sim.Now() - p.at
		t.direct += f.Sim.Delay(p.From, at)
	}
	if !slices.Contains(p.roots, at) && !slices.Contains(f.roots(p.Key), at) {
		t.Wrong++
	}
}

// outcome counts the outcome of a question.
func (f *Field) outcome(p *Passage, a kbr.Answer, err error) {
	p.Done = true
	switch {
	case errors.Is(err, kbr.ErrStopped): // its asker's end
		p.Tally.Asked--
	case err != nil:
		p.Tally.Failed++
	default:
		p.Tally.answered++
		by, ok := f.Sim.Find(id.FromBytes(a.Payload))
		if !ok || !slices.Contains(p.roots, by) && !slices.Contains(f.roots(p.Key), by) {
			p.Tally.Misled++
		}
	}
}
