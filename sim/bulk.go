package sim

import (
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/machine"
	"github.com/phyllo-net/phyllo/task"
)

// again is how often a transfer over a path that is parted, or to a node that is paused,
// is looked at.
const again = 250 * time.Millisecond

// The ends of a passage.
const (
	opener = iota
	taker
)

// What a kBulk is about, in its note.
const (
	bulkStep   uint8 = iota // the stream, or its next chunk, arrives
	bulkLate                // the time of one of the ends is over
	bulkUnused              // a ticket waits no longer
)

// passage is a transfer under way, or one that is expected: then it has no opener.
type passage struct {
	end    [2]bulkEnd
	moves  bool // it was let in
	part   task.Part
	chunks int // that have arrived
	// Times of the chunks that arrived last, of which the sender learns after a delay.
	arrived [task.InFlight]int64
	sent    int64 // when the last chunk had left the sender
	moved   int64 // when something arrived last
}

// bulkEnd is one end's side of a passage.
type bulkEnd struct {
	node, life, slot uint32
	number           uint32 // of its kBulk events; 0: there is no such end
	transfer         *task.Transfer
}

// bulkSlot is where an end of a passage is looked up.
type bulkSlot struct{ node, life, slot uint32 }

type bulkTicket struct {
	node, life uint32
	ticket     task.Ticket
}

// bulks are all transfers. Maps are looked up, and never gone through.
type bulks struct {
	count   uint32
	live    map[uint32]*passage
	slots   map[bulkSlot]*passage
	tickets map[bulkTicket]*passage
	list    []*passage       // those that were opened
	busy    map[uint64]int64 // until when a path carries earlier chunks
	buffer  []byte
}

// bulk carries out a DoBulk or DoAdmit.
func (s *Sim) bulk(ni uint32, ef *machine.Effect) {
	b, n := &s.bulks, &s.nodes[ni]
	if b.live == nil {
		b.live, b.slots = make(map[uint32]*passage), make(map[bulkSlot]*passage)
		b.tickets, b.busy = make(map[bulkTicket]*passage), make(map[uint64]int64)
	}
	b.count++
	x, who := &passage{moved: s.now}, opener
	if ef.Kind == machine.DoAdmit {
		who = taker
		b.tickets[bulkTicket{ni, n.life, ef.Bulk.Ticket}] = x
	}
	x.end[who] = bulkEnd{ni, n.life, ef.Slot, b.count, ef.Bulk}
	b.live[b.count] = x
	b.slots[bulkSlot{ni, n.life, ef.Slot}] = x
	s.postBulk(x, who, s.now+int64(ef.Bulk.Timeout), bulkLate)
	if who == taker {
		s.postBulk(x, who, s.now+int64(task.TicketTime), bulkUnused)
		return
	}
	x.part = ef.Bulk.Part
	to := s.index.find(ef.Bulk.With.ID)
	if to == nil || to.ref-1 == ni || s.nodes[to.ref-1].self.Key != ef.Bulk.With.Key {
		s.endBulk(x, opener, task.ErrBroken, nil)
		return
	}
	x.end[taker].node, x.end[taker].life = to.ref-1, s.nodes[to.ref-1].life
	b.list = append(b.list, x)
	s.postBulk(x, opener, s.openAt(ni, to.ref-1), bulkStep)
}

// openAt is when a stream arrives that is opened now: a new connection takes a round trip
// more.
func (s *Sim) openAt(from, to uint32) int64 {
	at, _ := s.pass(from, to)
	if s.cfg.Connections {
		if ref, end := s.linkOf(from, to); ref == none || s.links.list[ref].side[end].state != up {
			at += s.delay(to, from) + s.delay(from, to)
		}
	}
	return at
}

// stopBulk carries out a DoStopBulk.
func (s *Sim) stopBulk(ni, slot uint32) {
	x := s.bulks.slots[bulkSlot{ni, s.nodes[ni].life, slot}]
	if x == nil {
		return
	}
	who := opener
	if e := &x.end[taker]; e.number != 0 && e.node == ni && e.slot == slot {
		who = taker
	}
	s.endBulk(x, who, task.ErrCancelled, task.ErrFar)
}

// dropBulk breaks off the transfers of a node with one whose certificate is not good.
func (s *Sim) dropBulk(ni uint32, with id.ID) {
	for i := len(s.bulks.list) - 1; i >= 0; i-- {
		x := s.bulks.list[i]
		for who := range x.end {
			if x.end[who].node == ni && s.nodes[x.end[1-who].node].self.ID == with {
				s.endBulk(x, who, task.ErrBroken, task.ErrBroken)
				break
			}
		}
	}
}

func (s *Sim) postBulk(x *passage, who int, at int64, note uint8) {
	ref := s.slab.take()
	e := &s.slab.events[ref]
	e.kind, e.node, e.slot, e.note = kBulk, x.end[1-who].node, x.end[who].number, note
	s.post(int(x.end[who].node), at, ref)
}

// bulkEvent is a kBulk.
func (s *Sim) bulkEvent(e event) {
	x := s.bulks.live[e.slot]
	switch {
	case x == nil: // it is over
	case e.note == bulkLate:
		who := opener
		if x.end[taker].number == e.slot {
			who = taker
		}
		s.endBulk(x, who, task.ErrTimeout, task.ErrFar)
	case e.note == bulkUnused:
		if !x.moves {
			s.endBulk(x, taker, task.ErrTimeout, nil)
		}
	case !s.holds(x):
	case x.moves:
		s.moveChunk(x)
	default:
		s.admit(x)
	}
}

// holds reports whether something passes between the ends. If not, the transfer is ended,
// or looked at again later.
func (s *Sim) holds(x *passage) bool {
	waits := false
	for who := range x.end {
		n := &s.nodes[x.end[who].node]
		switch {
		case n.state == running && n.life == x.end[who].life:
			waits = waits || n.paused
		case n.state == silent:
			waits = true
		default:
			s.endBulk(x, 1-who, task.ErrBroken, nil)
			return false
		}
	}
	parted := s.blocked(x.end[opener].node, x.end[taker].node) || s.blocked(x.end[taker].node, x.end[opener].node)
	switch since := time.Duration(s.now - x.moved); {
	case !waits && !parted:
		return true
	case parted && since >= s.cfg.LostAfter:
		s.endBulk(x, opener, task.ErrBroken, task.ErrBroken)
	case since >= task.Stall:
		s.endBulk(x, opener, task.ErrStalled, task.ErrStalled)
	default:
		x.sent = s.now + int64(again) // what follows leaves after what is held up
		s.postBulk(x, opener, x.sent, bulkStep)
	}
	return false
}

// admit lets the stream in at the other end, if it holds a ticket.
func (s *Sim) admit(x *passage) {
	b, me, to := &s.bulks, &x.end[opener], &x.end[taker]
	key := bulkTicket{to.node, to.life, me.transfer.Ticket}
	far := b.tickets[key]
	if far == nil || !s.fits(me, &far.end[taker]) {
		s.endBulk(x, taker, nil, task.ErrTicket)
		return
	}
	delete(b.tickets, key)
	*to = far.end[taker]
	b.live[to.number] = x
	b.slots[bulkSlot{to.node, to.life, to.slot}] = x
	x.moves, x.moved, x.sent = true, s.now, s.now
	s.launchChunk(x)
}

// fits reports whether a transfer is the one that the other end expects.
func (s *Sim) fits(me, far *bulkEnd) bool {
	a, b := me.transfer, far.transfer
	return b.With.ID == s.nodes[me.node].self.ID && b.With.Key == s.nodes[me.node].self.Key &&
		a.App == b.App && (a.Source == nil) != (b.Source == nil) && b.Part.Holds(a.Part)
}

// sides returns the numbers of the ends that send and that take.
func (x *passage) sides() (from, to int) {
	if x.end[opener].transfer.Source != nil {
		return opener, taker
	}
	return taker, opener
}

// launchChunk lets the next chunk travel, after those before it on this path, as wide as
// the path is.
func (s *Sim) launchChunk(x *passage) {
	from, to := x.sides()
	a, b := x.end[from].node, x.end[to].node
	left := max(x.sent, s.bulks.busy[pair(a, b)], x.arrived[x.chunks%task.InFlight])
	left += int64(float64(x.part.Len(x.chunks)) / float64(s.cfg.Bandwidth) * float64(time.Second))
	x.sent, s.bulks.busy[pair(a, b)] = left, left
	at, _ := s.pass(a, b)
	s.postBulk(x, from, max(left+at-s.now, s.now), bulkStep)
}

// moveChunk: a chunk is at its sink.
func (s *Sim) moveChunk(x *passage) {
	from, to := x.sides()
	n := x.part.Chunks[x.chunks]
	content, err := x.end[from].transfer.Source.ReadChunk(n, s.bulks.buffer)
	if err != nil {
		s.endBulk(x, from, err, task.ErrFar)
		return
	}
	s.bulks.buffer = content
	if len(content) != x.part.Len(x.chunks) {
		s.endBulk(x, to, task.ErrBroken, task.ErrFar) // a driver's stream has no room for more
		return
	}
	if err := x.end[to].transfer.Sink.WriteChunk(n, content); err != nil {
		s.endBulk(x, to, err, task.ErrFar)
		return
	}
	x.arrived[x.chunks%task.InFlight] = s.now + s.delay(x.end[to].node, x.end[from].node)
	x.chunks++
	x.moved = s.now
	if x.chunks == len(x.part.Chunks) {
		s.endBulk(x, to, nil, nil)
		return
	}
	s.launchChunk(x)
}

// endBulk ends a transfer: one end learns the outcome now, the other, if there is one,
// when it can: a parted path, or one whose end fell silent, tells nothing.
func (s *Sim) endBulk(x *passage, who int, err, farErr error) {
	b := &s.bulks
	for i := range x.end {
		e := &x.end[i]
		if e.number == 0 {
			continue
		}
		delete(b.live, e.number)
		delete(b.slots, bulkSlot{e.node, e.life, e.slot})
		delete(b.tickets, bulkTicket{e.node, e.life, e.transfer.Ticket})
	}
	for i, y := range b.list {
		if x == y {
			b.list = append(b.list[:i], b.list[i+1:]...)
			break
		}
	}
	s.tellBulk(x, who, err, s.now)
	if x.end[1-who].number == 0 {
		return
	}
	at, open := s.pass(x.end[who].node, x.end[1-who].node)
	if n := &s.nodes[x.end[who].node]; !open || n.state == silent {
		at, farErr = max(at, x.moved+int64(task.Stall)), task.ErrStalled
	}
	s.tellBulk(x, 1-who, farErr, at)
}

// tellBulk posts an end's InDone, for the life that it was in.
func (s *Sim) tellBulk(x *passage, who int, err error, at int64) {
	end := &x.end[who]
	if end.number == 0 {
		return
	}
	ref := s.slab.take()
	e := &s.slab.events[ref]
	e.kind, e.node, e.from, e.slot = kDone, end.node, end.life, end.slot
	e.msg = doneParcel{task.Moved{Chunks: x.chunks, Err: err}}
	s.post(int(end.node), at, ref)
}
