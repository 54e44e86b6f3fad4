package link

import (
	"fmt"
	"slices"

	"github.com/phyllo-net/phyllo/transport"
	"github.com/phyllo-net/phyllo/wire"
)

// read reads frames until the stream ends, and returns why.
func (s *session) read() error {
	for {
		kind, err := s.r.ReadByte() // here it waits, and needs no buffer for that
		if err != nil {
			return err
		}
		room := lent.Get().(*[maxLent]byte)
		err = s.readRest(kind, room[:])
		lent.Put(room)
		if err != nil {
			return err
		}
	}
}

// readRest reads the rest of a frame, into room if it fits, and does what the frame says.
func (s *session) readRest(kind byte, room []byte) error {
	l := s.far.links
	body, err := readBody(s.r, kind, room)
	switch {
	case err != nil:
		return err
	case kind == byte(transport.Liveness):
		s.count(body)
		if !s.isShut() {
			l.event(func(e transport.Events) { e.Frame(s.h, transport.Liveness, body) })
		}
	case kind < byte(transport.Classes):
		s.count(body)
		return s.take(transport.Class(kind), body)
	case kind == kindCredit:
		n, err := parseCredit(body)
		if err == nil {
			err = s.gain(n)
		}
		return err
	case kind == kindBye:
		why := transport.Why(body[0])
		if why != transport.Closed && why != transport.Ours {
			why = transport.Lost
		}
		return &byeError{why}
	default:
		l.Bad("optional", s.h.Key, fmt.Errorf("frame of unknown kind %d was skipped", kind))
	}
	return nil
}

func (s *session) count(body []byte) {
	s.in.Add(uint64(len(body)))
	s.far.links.counts.in.Add(uint64(len(body)))
	s.last.Store(s.far.links.since())
}

func (s *session) isShut() bool {
	s.inbox.mu.Lock()
	defer s.inbox.mu.Unlock()
	return s.inbox.shut
}

// take offers a frame to the owner, or puts a copy into the inbox. A peer that sends more than it has credit for
// breaks the protocol.
func (s *session) take(c transport.Class, frame []byte) error {
	in := &s.inbox
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.shut {
		return nil
	}
	if in.held += len(frame) + frameCost; in.held > window {
		return fmt.Errorf("%w: more frames than there was room for", wire.ErrMalformed)
	}
	if s.far.links.offers == nil || !in.ready || in.handing || len(in.items) > 0 {
		in.items = append(in.items, item{class: c, frame: owned(frame)})
		s.wakeHander()
		return nil
	}
	in.handing = true // nobody else tells the owner anything meanwhile
	in.mu.Unlock()
	taken := s.offer(c, frame)
	in.mu.Lock()
	in.handing = false
	if !taken && !in.dropped {
		in.items = slices.Insert(in.items, 0, item{class: c, frame: owned(frame)})
	}
	s.wakeHander()
	return nil
}

// offer tells the owner of a frame from the goroutine that reads, if the owner has
// room at once: that saves a goroutine for each frame.
func (s *session) offer(c transport.Class, frame []byte) bool {
	l := s.far.links
	if !l.muted.Load() && !l.offers.Offer(s.h, c, frame) {
		return false
	}
	s.repay(len(frame) + frameCost)
	return true
}

// gain notes that there is more room in the peer's inbox.
func (s *session) gain(n int) error {
	s.far.mu.Lock()
	defer s.far.mu.Unlock()
	if s.credit += n; s.credit > window {
		return fmt.Errorf("%w: credit for more than was sent", wire.ErrMalformed)
	}
	s.pump()
	return nil
}

// beReady lets the hander begin: Up was told.
func (s *session) beReady() {
	s.inbox.mu.Lock()
	defer s.inbox.mu.Unlock()
	s.inbox.ready = true
	s.wakeHander()
}

// wakeHander starts the hander if it has something to do. inbox is locked.
func (s *session) wakeHander() {
	in := &s.inbox
	if !in.ready || in.handing || len(in.items) == 0 {
		return
	}
	if in.handing = s.far.links.start("frame", s.hand, s.fault); in.handing {
		return
	}
	// The links have been closed: no event is told any more, but whoever awaits its
	// turn after this link goes on.
	if in.items[len(in.items)-1].last {
		close(s.after)
	}
	in.items = nil
}

// hand tells the owner what is in the inbox. It may block in the owner's Frame,
// which is what pushes back on the peer: its credit comes back only afterwards.
func (s *session) hand() {
	in, l := &s.inbox, s.far.links
	for {
		in.mu.Lock()
		if len(in.items) == 0 {
			in.items = nil
			in.handing = false
			in.mu.Unlock()
			return
		}
		it := in.items[0]
		in.items[0] = item{}
		in.items = in.items[1:]
		in.mu.Unlock()
		switch {
		case it.last:
			defer close(s.after)
			l.event(func(e transport.Events) { e.Down(it.down, it.why) })
			return
		case it.down != nil:
			l.event(func(e transport.Events) { e.Down(it.down, it.why) })
		default:
			l.event(func(e transport.Events) { e.Frame(s.h, it.class, it.frame) })
			s.repay(len(it.frame) + frameCost)
		}
	}
}

// repay gives credit back to the peer, in a few large portions.
func (s *session) repay(n int) {
	s.far.mu.Lock()
	defer s.far.mu.Unlock()
	s.owed += n
	s.pump()
}
