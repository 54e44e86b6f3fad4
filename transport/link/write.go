package link

import (
	"slices"
	"sync"
	"time"

	"github.com/phyllo-net/phyllo/transport"
)

const (
	// gatherSize is how much is gathered into one write, unless one frame is
	// larger: enough to save system calls, little enough that a heartbeat does
	// not wait long behind it.
	gatherSize = 16 << 10
	// owedLeast is how much credit is given back at once.
	owedLeast = window / 4
)

var buffers = sync.Pool{New: func() any { b := make([]byte, 0, 2<<10); return &b }}

// pump lets a pen write if there is something that may be written. far is locked.
func (s *session) pump() {
	if s.pumping || !s.up || !s.hasWork() {
		return
	}
	s.pumping = s.far.links.pens.enlist(s)
}

// hasWork reports whether there is something that may be written, and notes since
// when frames wait for credit only. far is locked.
func (s *session) hasWork() bool {
	if s.bye != 0 || len(s.rest) > 0 {
		return true
	}
	if s.over {
		return false
	}
	if s.owed >= owedLeast {
		return true
	}
	_, frame := s.next()
	if frame == nil && s.far.queue.len() > 0 {
		if s.starved == 0 {
			s.starved = s.far.links.since()
		}
		return false
	}
	s.starved = 0
	return frame != nil
}

// next returns the frame to be written next, or nil. far is locked.
func (s *session) next() (transport.Class, []byte) {
	q := &s.far.queue
	if b := q.first(transport.Liveness); b != nil {
		return transport.Liveness, b
	}
	for c := transport.App; c < transport.Classes; c++ {
		if b := q.first(c); b != nil {
			if len(b)+frameCost > s.credit {
				return 0, nil // nor may one of a higher class overtake it
			}
			return c, b
		}
	}
	return 0, nil
}

// turns is how often a pen writes for one session before the next one has its turn.
const turns = 4

// write writes what may be written, and reports whether there is more.
func (s *session) write() (more bool) {
	f, l := s.far, s.far.links
	kept := buffers.Get().(*[]byte)
	defer buffers.Put(kept)
	for range turns {
		f.mu.Lock()
		b, last := s.gather((*kept)[:0])
		if len(b) == 0 {
			s.pumping = false
			spent := s.spent
			f.mu.Unlock()
			if spent != nil {
				s.endWriting(spent)
			}
			return false
		}
		f.mu.Unlock()
		if cap(b) <= 2*gatherSize {
			*kept = b
		}
		s.writing.Store(l.since())
		_, err := s.st.Write(b)
		s.writing.Store(0)
		if last {
			s.st.CloseWrite()
		}
		if err != nil {
			s.fail(err)
			return false // pumping stays set: there is nothing to write to any more
		}
	}
	return true
}

// slowFor is how long nobody but a pen writes to a peer that has held up who sends.
const slowFor = int64(10 * time.Second)

// dash writes what waits in the goroutine of who sends, if it is likely to go at once: to wake a
// pen for each frame takes longer. It never waits for longer than Stream.WriteSoon does, and that
// not twice in slowFor. far is locked, and is not in between.
func (s *session) dash() {
	f, l := s.far, s.far.links
	if s.pumping || !s.up || s.over || l.since() < f.waits || !s.st.Takes() || !s.hasWork() {
		return
	}
	kept := buffers.Get().(*[]byte)
	defer buffers.Put(kept)
	b, _ := s.gather((*kept)[:0])
	if cap(b) <= 2*gatherSize {
		*kept = b
	}
	s.pumping = true
	f.mu.Unlock()
	s.writing.Store(l.since())
	n := 0
	l.contain("write", func() { n = s.st.WriteSoon(b) }, s.writeFault)
	s.writing.Store(0)
	f.mu.Lock()
	if n < len(b) {
		s.rest, f.waits = slices.Clone(b[n:]), l.since()+slowFor
	}
	s.pumping = false
	if s.over { // whoever ended it meanwhile counts on a pen, and on the time that it set
		s.limitEnd()
		s.pumping = l.pens.enlist(s)
	}
}

// gather appends to b what is written next; last tells that it ends with the
// farewell. far is locked.
func (s *session) gather(b []byte) (_ []byte, last bool) {
	b = append(b, s.rest...)
	s.rest = nil
	if s.over && s.bye == 0 {
		return b, false
	}
	if s.owed >= owedLeast && !s.over {
		b = appendFrame(b, kindCredit, creditBody(s.owed))
		s.inbox.mu.Lock()
		s.inbox.held -= s.owed
		s.inbox.mu.Unlock()
		s.owed = 0
	}
	l := s.far.links
	if !s.over || s.drain {
		for len(b) < gatherSize {
			c, frame := s.next()
			if frame == nil {
				break
			}
			if len(b) > 0 && len(b)+len(frame) > 2*gatherSize {
				break
			}
			b = appendFrame(b, byte(c), frame)
			s.far.queue.pop(c)
			if c != transport.Liveness {
				s.credit -= len(frame) + frameCost
			}
			s.sent.Add(uint64(len(frame)))
			l.counts.out.Add(uint64(len(frame)))
			s.last.Store(l.since())
		}
		s.hasWork() // notes whether the rest waits for credit
	}
	if s.bye != 0 && len(b) == 0 {
		b = appendFrame(b, kindBye, []byte{byte(s.bye)})
		s.bye = 0
		return b, true
	}
	return b, false
}

// writeFault ends the link after a panic of the writer.
func (s *session) writeFault() {
	s.writing.Store(0)
	s.fail(errPanic)
	s.st.Reset()
}
