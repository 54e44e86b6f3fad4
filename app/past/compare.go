package past

import (
	"bytes"
	"encoding/binary"
	"math/bits"

	"github.com/phyllo-net/phyllo/app/past/msg"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/wire"
)

// Two holders find out in what they differ by sums over the parts of an arc of the
// ring: where the sums are equal so is what they keep, and nothing more is said. A part
// that differs is listed if it is short, and else cut into parts of its own. What is
// equal costs 200 bytes, whatever there is of it.

// maxDepth bounds the cutting of arcs: 4 bits of 128 each.
const maxDepth = 32

// item is one line of a listing: an object, its state, and how many copies it has.
type item struct {
	object id.Hash
	state  state
	copies uint8
}

func appendItem(b []byte, e *entry) []byte {
	b = append(b, e.object[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(e.state))
	return append(b, e.copies)
}

// readItems reads a listing whose length was checked.
func readItems(b []byte) []item {
	list := make([]item, 0, len(b)/msg.ItemSize)
	for ; len(b) > 0; b = b[msg.ItemSize:] {
		x := item{state: state(binary.BigEndian.Uint64(b[len(id.Hash{}):])), copies: b[msg.ItemSize-1]}
		copy(x.object[:], b)
		list = append(list, x)
	}
	return list
}

// cut is how an arc is cut into parts.
type cut struct {
	arc   id.Range
	from  id.ID
	shift int // a part has 2^shift points
}

func cutOf(arc id.Range) cut {
	c := cut{arc: arc, from: arc.From, shift: id.Bits - 4}
	if arc.Full {
		c.from = id.ID{}
		return c
	}
	way := arc.To.Sub(arc.From)
	n := bits.Len64(way.Lo)
	if way.Hi != 0 {
		n = 64 + bits.Len64(way.Hi)
	}
	c.shift = max(0, n-4)
	return c
}

// part is the part of a key of the arc.
func (c cut) part(key id.ID) int {
	way := key.Sub(c.from)
	if c.shift >= 64 {
		return int(way.Hi >> (c.shift - 64))
	}
	return int(way.Lo>>c.shift | way.Hi<<(64-c.shift))
}

// arcOf is the arc of one part.
func (c cut) arcOf(part int) id.Range {
	first, size := id.ID{Lo: uint64(part) << c.shift}, id.ID{Lo: 1 << c.shift}
	switch {
	case c.shift >= 64:
		first, size = id.ID{Hi: uint64(part) << (c.shift - 64)}, id.ID{Hi: 1 << (c.shift - 64)}
	case c.shift > 0:
		first.Hi = uint64(part) >> (64 - c.shift)
	}
	return id.Range{From: c.from.Add(first), To: c.from.Add(first).Add(size).Sub(id.ID{Lo: 1})}
}

// mark is what an entry adds to the sum of its part.
func (e *entry) mark() uint64 {
	return (binary.BigEndian.Uint64(e.object[len(e.object)-8:]) ^ uint64(e.state)) * 0x9e3779b97f4a7c15
}

// sums are those of the parts of an arc, over entries of that arc.
func (c cut) sums(es []*entry) []byte {
	b := make([]byte, msg.Parts*msg.SumSize)
	for _, e := range es {
		at := b[c.part(e.object.Place())*msg.SumSize:]
		binary.BigEndian.PutUint32(at, binary.BigEndian.Uint32(at)+1)
		binary.BigEndian.PutUint64(at[4:], binary.BigEndian.Uint64(at[4:])^e.mark())
	}
	return b
}

// keys are the keys for which a node is to keep objects with so many copies, for each
// number of copies; nil: not known here. See kbr.Endpoint.Range.
type keys struct {
	p    *Past
	node *peer.Handle
	arcs map[uint8]*id.Range
}

func (p *Past) keysOf(node *peer.Handle) *keys {
	return &keys{p: p, node: node, arcs: make(map[uint8]*id.Range)}
}

// due reports whether the node is to keep an object.
func (k *keys) due(e *entry) bool {
	arc, have := k.arcs[e.copies]
	if !have {
		if r, ok := k.p.ep.Range(k.node, int(e.copies)-1); ok {
			arc = &r
		}
		k.arcs[e.copies] = arc
	}
	return arc != nil && arc.Contains(e.object.Place())
}

// shared returns the entries of an arc that both this node and another are to keep.
func (p *Past) shared(arc id.Range, other *peer.Handle) (es []*entry) {
	own, his := p.keysOf(p.ep.Self()), p.keysOf(other)
	for _, e := range p.shelf.arc(arc) {
		if own.due(e) && his.due(e) {
			es = append(es, e)
		}
	}
	return es
}

// fellow returns the handle of a neighbour, nil if the asker is none.
func (p *Past) fellow(a asker) *peer.Handle {
	if !a.origin {
		return nil
	}
	for _, h := range p.ep.NeighborSet(maxFellows) {
		if h.ID == a.node {
			return h
		}
	}
	return nil
}

func (p *Past) onCompare(a asker, m *msg.Compare) (wire.Message, uint16) {
	h := p.fellow(a)
	switch {
	case h == nil:
		return nil, msg.RefusedStranger
	case !p.rounds.Begun():
		return nil, msg.RefusedBusy
	}
	c, es := cutOf(m.Arc), p.shared(m.Arc, h)
	own := c.sums(es)
	out := &msg.Differs{Widest: uint8(p.widest), Sure: p.rounds.Old()}
	for part := range msg.Parts {
		at := part * msg.SumSize
		if bytes.Equal(own[at:at+msg.SumSize], m.Sums[at:at+msg.SumSize]) {
			continue
		}
		if binary.BigEndian.Uint32(own[at:]) > msg.MaxListed && c.shift > 0 {
			out.Deeper |= 1 << part
			continue
		}
		for _, e := range es {
			if c.part(e.object.Place()) == part && len(out.Items) < msg.MaxItems*msg.ItemSize {
				out.Items = appendItem(out.Items, e)
			}
		}
	}
	return out, 0
}

func (p *Past) onStrays(a asker, m *msg.Strays) (wire.Message, uint16) {
	h := p.fellow(a)
	switch {
	case h == nil:
		return nil, msg.RefusedStranger
	case !p.rounds.Begun():
		return nil, msg.RefusedBusy
	}
	own, his := p.keysOf(p.ep.Self()), p.keysOf(h)
	out := new(msg.Items)
	i, have := p.shelf.at(m.After)
	if have {
		i++
	}
	for _, e := range p.shelf.list[i:] {
		switch {
		case own.due(e) || !his.due(e):
		case len(out.Items) == msg.MaxItems*msg.ItemSize:
			out.More = true
			return out, 0
		default:
			out.Items = appendItem(out.Items, e)
		}
	}
	return out, 0
}

func (p *Past) onHave(a asker, m *msg.Have) (wire.Message, uint16) {
	if !p.rounds.Begun() {
		return nil, msg.RefusedBusy
	}
	out := new(msg.Having)
	for _, o := range m.Objects {
		s := p.shelf.state(o)
		if e := p.shelf.find(o); e != nil && (e.pointer() && (m.Own || e.at == a.node) || m.Own && a.origin && p.another(e, a.node)) {
			s = 0
		}
		out.States = binary.BigEndian.AppendUint64(out.States, uint64(s))
	}
	return out, 0
}
