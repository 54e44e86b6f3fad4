package kbrtest

import (
	"encoding/binary"
	"time"

	"github.com/phyllo-net/phyllo/task"
)

// bulk is one end of a transfer.
type bulk struct {
	node   *Node
	tr     task.Transfer
	done   func(task.Moved)
	over   bool
	chunks int
}

// Bulk implements task.Env.
func (n *Node) Bulk(tr task.Transfer, done func(task.Moved)) (stop func()) {
	tr.Validate()
	b := &bulk{node: n, tr: tr, done: done}
	if err := tr.Part.Check(); err != nil {
		n.net.after(0, n, func() { b.end(err) })
		return func() {}
	}
	n.After(tr.Timeout, func() { b.end(task.ErrTimeout) })
	n.net.after(2*n.net.travel(), n, func() { n.net.open(b) })
	return func() { n.net.after(0, n, func() { b.end(task.ErrCancelled) }) }
}

// Admit implements task.Env.
func (n *Node) Admit(tr task.Transfer, done func(task.Moved)) (task.Ticket, func()) {
	tr.Validate()
	binary.BigEndian.PutUint64(tr.Ticket[:8], n.rng.Uint64())
	binary.BigEndian.PutUint64(tr.Ticket[8:], n.rng.Uint64())
	b := &bulk{node: n, tr: tr, done: done}
	if err := tr.Part.Check(); err != nil {
		n.net.after(0, n, func() { b.end(err) })
		return tr.Ticket, func() {}
	}
	n.net.expected[tr.Ticket] = b
	n.After(tr.Timeout, func() { b.end(task.ErrTimeout) })
	n.After(task.TicketTime, func() {
		if n.net.expected[tr.Ticket] == b {
			b.end(task.ErrTimeout)
		}
	})
	return tr.Ticket, func() { n.net.after(0, n, func() { b.end(task.ErrCancelled) }) }
}

// end tells an end's outcome, once.
func (b *bulk) end(err error) {
	if b.over {
		return
	}
	b.over = true
	if b.node.net.expected[b.tr.Ticket] == b {
		delete(b.node.net.expected, b.tr.Ticket)
	}
	b.done(task.Moved{Chunks: b.chunks, Err: err})
}

// later tells an end's outcome as an input of its node: not to a dead one.
func (b *bulk) later(err error) {
	b.node.net.after(b.node.net.travel(), b.node, func() { b.end(err) })
}

// open lets a transfer in, if its ticket is good, and begins it.
func (w *Net) open(b *bulk) {
	far := w.expected[b.tr.Ticket]
	to := w.Node(b.tr.With.ID)
	switch {
	case b.over:
	case to == nil || to == b.node || !w.linked(b.node, to):
		b.later(task.ErrBroken)
	case far == nil, far.node != to, far.tr.With.ID != b.node.self.ID, far.tr.App != b.tr.App,
		(far.tr.Source == nil) == (b.tr.Source == nil), !far.tr.Part.Holds(b.tr.Part):
		b.later(task.ErrTicket)
	default:
		delete(w.expected, b.tr.Ticket)
		far.tr.Part = b.tr.Part
		if b.tr.Source != nil {
			w.chunk(b, far)
		} else {
			w.chunk(far, b)
		}
	}
}

// chunk lets the next chunk travel.
func (w *Net) chunk(from, to *bulk) {
	w.after(w.travel()+w.cfg.ChunkDelay, nil, func() { w.arrive(from, to, 0) })
}

// arrive is the arrival of a chunk, which has waited for so long.
func (w *Net) arrive(from, to *bulk, waited time.Duration) {
	switch {
	case from.over || to.over || !from.node.alive || !to.node.alive:
		from.later(task.ErrBroken)
		to.later(task.ErrBroken)
	case waited >= task.Stall:
		from.later(task.ErrStalled)
		to.later(task.ErrStalled)
	case !w.linked(from.node, to.node) || from.node.paused || to.node.paused:
		w.after(w.cfg.Retry, nil, func() { w.arrive(from, to, waited+w.cfg.Retry) })
	default:
		w.move(from, to)
	}
}

// move hands a chunk from a source to a sink.
func (w *Net) move(from, to *bulk) {
	part := to.tr.Part
	n := part.Chunks[to.chunks]
	content, err := from.tr.Source.ReadChunk(n, nil)
	if err != nil {
		from.later(err)
		to.later(task.ErrFar)
		return
	}
	for _, b := range []*bulk{from, to} {
		if see := b.node.OnBulk; see != nil && err == nil {
			err = see(&b.tr, n, content)
		}
	}
	if err == nil && len(content) != part.Len(to.chunks) {
		err = task.ErrBroken
	}
	if err != nil {
		from.later(err)
		to.later(err)
		return
	}
	if err := to.tr.Sink.WriteChunk(n, content); err != nil {
		to.later(err)
		from.later(task.ErrFar)
		return
	}
	to.chunks++
	from.chunks++
	if to.chunks < len(part.Chunks) {
		w.chunk(from, to)
		return
	}
	from.later(nil)
	to.later(nil)
}
