package link

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// stuckAfter is how long a write may take before the others do not wait for it any
// more. A write goes into the muxer's queue: that takes microseconds, unless the peer
// takes nothing.
const stuckAfter = int64(2 * time.Millisecond)

// spareDue is for how many sessions the list of those that are due keeps its room while it is
// empty: most are due alone, and each would take new memory else.
const spareDue = 16

// pens write for all links of a node. One goroutine does, which waits while there is
// nothing to write; if it is stuck in a write, another one goes on with the other
// links. So a frame costs no goroutine of its own, and no peer holds up the others.
type pens struct {
	links *Links

	mu   sync.Mutex
	come sync.Cond  // somebody is due, or the links are closed
	due  []*session // to be written for, each once
	all  []*pen
	idle int // pens that wait: one at most
}

// pen is one goroutine that writes.
type pen struct {
	since atomic.Int64 // of the write in progress, by Links.since; 0: none
}

func (p *pens) init(l *Links) {
	p.links, p.come.L = l, &p.mu
	context.AfterFunc(l.ctx, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.come.Broadcast()
	})
}

// enlist lets a session be written for. It reports false if nobody can, because the
// links were closed.
func (p *pens) enlist(s *session) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.idle == 0 && !p.moves() && !p.start() && len(p.all) == 0 {
		return false
	}
	p.due = append(p.due, s)
	p.come.Signal()
	return true
}

// moves reports whether a pen is at work and not stuck. p is locked.
func (p *pens) moves() bool {
	if len(p.all) == 0 {
		return false
	}
	now := p.links.since()
	for _, x := range p.all {
		if at := x.since.Load(); at == 0 || now-at < stuckAfter {
			return true
		}
	}
	return false
}

// start starts another pen; it reports false if the links were closed. p is locked.
func (p *pens) start() bool {
	x := new(pen)
	if !p.links.start("write", func() { p.run(x) }, nil) {
		return false
	}
	p.all = append(p.all, x)
	return true
}

// unstick starts another pen if all are stuck and somebody is due: for those who were
// enlisted just before a write that does not end.
func (p *pens) unstick() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.due) > 0 && p.idle == 0 && !p.moves() {
		p.start()
	}
}

// run writes until the links are closed, or another pen waits and nobody is due.
func (p *pens) run(x *pen) {
	for {
		s := p.next(x)
		if s == nil {
			return
		}
		more := false
		p.links.contain("write", func() {
			x.since.Store(p.links.since())
			more = s.write()
		}, s.writeFault)
		x.since.Store(0)
		if more {
			p.mu.Lock()
			p.due = append(p.due, s)
			p.mu.Unlock()
		}
	}
}

// next takes who is due, and waits for somebody; nil: this pen is to end.
func (p *pens) next(x *pen) *session {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.due) == 0 {
		if p.idle > 0 || p.links.ctx.Err() != nil {
			p.leave(x)
			return nil
		}
		p.idle++
		p.come.Wait()
		p.idle--
	}
	s := p.due[0]
	p.due[0] = nil
	switch {
	case len(p.due) > 1:
		p.due = p.due[1:]
	case cap(p.due) > spareDue:
		p.due = nil
	default:
		p.due = p.due[:0]
	}
	return s
}

// leave takes a pen that ends off the list. p is locked.
func (p *pens) leave(x *pen) {
	for i, o := range p.all {
		if o == x {
			p.all = append(p.all[:i], p.all[i+1:]...)
			return
		}
	}
}
