package link

import (
	"time"

	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/transport"
)

// Renew makes the link to the holder of key anew, if one stands that leads through
// a relay: the carrier has found a better way. What is on the old one arrives
// before what comes over the new one.
func (l *Links) Renew(key peer.Key) {
	for _, s := range l.sessions() {
		if s.h.Key != key || !s.relayed {
			continue
		}
		s.far.mu.Lock()
		if s.far.live == s && s.up && !s.over {
			s.far.dial()
		}
		s.far.mu.Unlock()
	}
}

// yield ends a relayed link in favour of another one of the same incarnations:
// nothing more is written, but what the peer has written is still taken, until it
// yields, too. A relay may be slow: what is under way there gets as much time as any
// write, and what comes over the new link waits for it. far is locked.
func (s *session) yield() {
	if s.over {
		return
	}
	s.over, s.yielded, s.spent = true, true, make(chan struct{})
	if s.up {
		s.far.links.standing.Add(-1)
	}
	s.limitEnd()
	if !s.pumping {
		spent := s.spent
		s.far.links.startOrDo("yield", func() { s.endWriting(spent) })
	}
}

// endWriting tells the peer that no more comes, and those who wait for that.
func (s *session) endWriting(spent chan struct{}) {
	s.st.CloseWrite()
	close(spent)
}

// writtenOut waits, if the link has yielded, until a pen that was at work for it is
// done: the peer may have read its last frame, and be owed ours. It reports whether the
// link has yielded.
func (s *session) writtenOut() bool {
	f := s.far
	f.mu.Lock()
	spent := s.spent
	f.mu.Unlock()
	if spent == nil {
		return false
	}
	late := time.NewTimer(f.links.limits.WriteTime)
	defer late.Stop()
	select {
	case <-spent:
	case <-late.C:
	case <-f.links.ctx.Done():
	}
	return true
}

// yieldedTo reports whether the end of a relayed link comes from this: the peer has
// taken the other one, whose making is on its way. far is locked.
func (s *session) yieldedTo() bool {
	f := s.far
	return f.live == s && s.up && !s.over && f.try != nil && f.try.greets && s.relayed
}

// depart tells the owner of the end of a link that has yielded. far is locked.
func (s *session) depart() {
	s.yielded = false
	if !s.up {
		return // who is to tell of it sees that it is over
	}
	in := &s.inbox
	in.mu.Lock()
	defer in.mu.Unlock()
	in.shut = true
	in.items = append(in.items, item{down: s.h, why: transport.Ours, last: true})
	s.wakeHander()
}
