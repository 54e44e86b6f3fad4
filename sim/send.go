package sim

import (
	"errors"
	"fmt"

	"github.com/phyllo-net/phyllo/machine"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/sim/topo"
	"github.com/phyllo-net/phyllo/wire"
)

// parcel is a message on its way from one node to another.
type parcel struct {
	from, to uint32
	self     *peer.Handle // the sender
	msg      wire.Message // or a frame
	kind     uint8
	class    machine.Class
	link     uint32
	opens    int64 // the link, at the other end
}

// send carries out a DoSend.
func (s *Sim) send(from uint32, ef *machine.Effect) {
	n := &s.nodes[from]
	p := parcel{from: from, self: n.self, msg: ef.Msg, kind: uint8(ef.Msg.Kind()), class: ef.Class}
	n.traffic.Sent++
	s.counts.Sent++
	s.counts.ByKind[p.kind]++
	bytes := 0
	to := s.index.find(ef.To.ID)
	if s.encodes(p.kind, n, to) {
		b, err := s.codec(from).Encode(ef.Msg)
		if err != nil {
			panic(fmt.Sprintf("sim: node %d sends what does not encode: %v", from, err)) // a bug of its protocol
		}
		p.msg, bytes = frame(b), wire.FrameHeader+len(b)
		s.counts.Bytes += uint64(bytes)
	}
	if to != nil {
		p.to = to.ref - 1
	} else {
		p.to = uint32(Nobody)
	}
	if p.to == from {
		panic(fmt.Sprintf("sim: node %d sends %T to itself: deliver such messages before the driver", from, ef.Msg))
	}
	if s.cfg.Observe.Send != nil {
		s.cfg.Observe.Send(NodeRef(from), NodeRef(p.to), ef.Class, ef.Msg, bytes)
	}
	switch {
	case to == nil:
		s.lost(from, p.to, p.kind, LossUnknown)
		if s.cfg.Connections {
			s.notify(from, ef.To, machine.DownUnreachable, int64(s.cfg.DialTimeout))
		}
	case s.cfg.Connections:
		s.sendLinked(&p, ef.To)
	case s.network.parted && s.blocked(from, p.to):
		s.lost(from, p.to, p.kind, LossParted)
	default:
		s.launch(&p, s.now+s.between(n.host, to.host), nil)
	}
}

// launch lets a message travel over an open path, to arrive at the given time if
// nothing befalls it. fifo, if not nil, is the latest arrival before, which it
// does not overtake.
func (s *Sim) launch(p *parcel, at int64, fifo *int64) {
	if s.network.rough {
		s.weather(p, at, fifo)
		return
	}
	s.land(p, at, fifo)
}

// land posts a message's arrival.
func (s *Sim) land(p *parcel, at int64, fifo *int64) {
	if fifo != nil {
		at = max(at, *fifo)
		*fifo = at
	}
	ref := s.slab.take()
	e := &s.slab.events[ref]
	e.kind, e.node, e.from, e.handle, e.msg = kMessage, p.to, p.from, p.self, p.msg
	e.note, e.class, e.slot = p.kind, p.class, p.link
	s.post(int(p.from), at, ref)
}

// delay is the time between two nodes without faults.
func (s *Sim) delay(a, b uint32) int64 {
	return s.between(s.nodes[a].host, s.nodes[b].host)
}

// between is the time between two hosts, or within one.
func (s *Sim) between(a, b uint32) int64 {
	return int64(max(s.cfg.Topology.Delay(int(a), int(b)), topo.Least))
}

// receive makes an input of a message, unless it has come in vain.
func (s *Sim) receive(e *event, in *machine.Input) bool {
	if s.cfg.Connections && !s.linked(e) {
		s.lost(e.from, e.node, e.note, LossDead)
		return false
	}
	m := e.msg
	if f, encoded := m.(frame); encoded {
		if m = s.decode(e, f); m == nil {
			s.lost(e.from, e.node, e.note, LossCodec)
			return false
		}
	}
	s.nodes[e.node].traffic.Received++
	s.counts.Delivered++
	if s.cfg.Observe.Deliver != nil {
		s.cfg.Observe.Deliver(NodeRef(e.from), NodeRef(e.node), m)
	}
	in.Kind, in.From, in.Msg = machine.InMessage, e.handle, m
	return true
}

// encodes reports whether the message just counted passes through a codec.
func (s *Sim) encodes(kind uint8, from *node, to *entry) bool {
	if s.cfg.Codec == nil {
		return false
	}
	rare := s.counts.ByKind[kind] <= 3
	return rare || s.cfg.CodecEvery <= 1 || s.counts.Sent%uint64(s.cfg.CodecEvery) == 0 ||
		from.more.codec != nil || to != nil && s.nodes[to.ref-1].more.codec != nil
}

// codec is the table of a node.
func (s *Sim) codec(n uint32) *wire.Table {
	if t := s.nodes[n].more.codec; t != nil {
		return t
	}
	return s.cfg.Codec
}

// decode reads a frame. One of an unknown optional kind is skipped, as any
// receiver does; it and one that is malformed give nil.
func (s *Sim) decode(e *event, f frame) wire.Message {
	m, err := s.codec(e.node).Decode(f)
	if err == nil {
		return m
	}
	var unknown *wire.UnknownKindError
	switch {
	case errors.As(err, &unknown) && unknown.Skip:
	case s.cfg.Observe.Malformed != nil:
		s.cfg.Observe.Malformed(NodeRef(e.from), NodeRef(e.node), f, err)
	default:
		panic(fmt.Sprintf("sim: what node %d sends to node %d does not decode: %v", e.from, e.node, err)) // a bug of its protocol
	}
	return nil
}
