package link

import (
	"bufio"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/transport"
)

// readBuffer is kept for each link; larger bodies are read past it.
const readBuffer = 512

// session is a link: one stream on which hellos were exchanged. Its goroutines
// are the reader, and while the owner's inbox is full a hander.
type session struct {
	far  *far
	st   Stream
	r    *bufio.Reader
	h    *peer.Handle
	cert *peer.Certificate
	out  bool // opened by us
	// relayed: the link leads through a relay, whose end is not the end of the peer.
	relayed bool
	since   time.Time

	in, sent atomic.Uint64
	last     atomic.Int64 // when a frame came or went last
	writing  atomic.Int64 // when the write in progress began, or 0

	before <-chan struct{} // closed when the events of what went before are told
	after  chan struct{}   // closed when ours are
	stale  *peer.Handle    // an ended incarnation for which frames waited

	// Guarded by far.mu.
	up       bool          // the owner was told, or is being told
	over     bool          // it has ended, or is saying farewell
	pumping  bool          // a pen writes for it, or will, or who sends does
	rest     []byte        // of a write that was given up: it goes first
	yielded  bool          // over, but what comes is still taken: another link takes its place
	spent    chan struct{} // closed when all is written that was under way as it yielded
	drain    bool          // write all that waits before the farewell
	bye      transport.Why // the farewell that is still to be written
	farewell bool          // there is or was one
	credit   int           // room in the peer's inbox
	owed     int           // room in ours that the peer has not been told of
	starved  int64         // since when frames wait for credit, or 0
	told     *peer.Handle

	inbox inbox
}

// inbox holds what is to be told to the owner, in order. It is bounded by the
// credit that the peer was given.
type inbox struct {
	mu      sync.Mutex
	items   []item
	held    int  // cost of the frames that the peer has not been given credit for again
	ready   bool // Up was told
	handing bool // the hander lives
	shut    bool // no more frames are taken
	dropped bool // nor told
}

// item is a frame, or if down is set the end of the link or of an attempt.
type item struct {
	class transport.Class
	frame []byte
	down  *peer.Handle
	why   transport.Why
	last  bool // the link's own end
}

// install makes the stream the link of the node; its owner is told by serve. An
// older link is ended. f is locked.
func (f *far) install(st Stream, r *bufio.Reader, hello *transport.Hello, out bool) *session {
	s := &session{
		far: f, st: st, relayed: st.Kind() == "relay", r: r, h: hello.Handle, cert: hello.Cert, out: out, since: time.Now(), credit: window,
	}
	s.last.Store(f.links.since())
	old := f.live
	f.live = s
	f.cancel()
	f.fails, f.retryAt = 0, time.Time{}
	if old != nil && old.relayed && !s.relayed && s.h.Incarnation == old.h.Incarnation {
		old.yield()
	} else if old != nil {
		why := transport.Lost // it dials because its end of the old one is gone
		if s.h.Incarnation > old.h.Incarnation {
			why = transport.Closed
			f.links.drop(f.queue.clear())
		}
		old.end(why, 0, false)
	} else if w := f.want; w != nil && w.Incarnation != 0 && w.Incarnation < s.h.Incarnation && f.queue.len() > 0 {
		s.stale = w
		f.links.drop(f.queue.clear())
	}
	f.want = s.h
	f.heardOf, f.heard = s.h.Incarnation, hello.Number
	s.before, s.after = f.turn()
	return s
}

// serve tells the owner of the link and reads until its end.
func (s *session) serve() {
	s.far.links.contain("link", s.tellAndRead, s.fault)
	s.hearOut()
	if s.writtenOut() {
		s.st.Close() // not its connection, on which the last of it may still be on its way
		return
	}
	s.st.HangUp()
}

// hearOut waits, after a farewell of ours that the reader did not await, until
// the peer has heard it, but not for long nor for many bytes.
func (s *session) hearOut() {
	s.far.mu.Lock()
	said := s.farewell
	s.far.mu.Unlock()
	var b [256]byte
	for n := 0; said && n < 2*window; {
		m, err := s.st.Read(b[:])
		if err != nil {
			return
		}
		n += m
	}
}

func (s *session) tellAndRead() {
	f, l := s.far, s.far.links
	await(s.before)
	if s.stale != nil {
		l.event(func(e transport.Events) { e.Down(s.stale, transport.Refused) })
	}
	f.mu.Lock()
	if s.over {
		f.mu.Unlock()
		close(s.after)
		return
	}
	s.up = true
	l.standing.Add(1)
	f.mu.Unlock()
	l.event(func(e transport.Events) { e.Up(s.h, s.cert) })
	s.beReady()
	f.mu.Lock()
	f.answer(nil, nil)
	s.pump()
	f.mu.Unlock()
	l.trim(s)
	s.fail(s.read())
}

// fault ends the link after a panic in one of its goroutines.
func (s *session) fault() {
	s.inbox.mu.Lock()
	s.inbox.handing = false
	s.inbox.mu.Unlock()
	s.beReady()
	s.fail(errPanic)
}

// byeError is the peer's farewell.
type byeError struct{ why transport.Why }

func (*byeError) Error() string { return "the peer said farewell" }

// fail ends the link because of an error.
func (s *session) fail(err error) {
	var bye *byeError
	why, farewell := transport.Lost, transport.Why(0)
	l := s.far.links
	switch {
	case errors.As(err, &bye):
		why = bye.why
	case isBad(err):
		farewell = transport.Lost
	case errors.Is(err, errPanic):
		farewell = transport.Lost
	case errors.Is(err, errStalled), isTimeout(err):
	case errors.Is(err, io.EOF), l.carry.Why(err) == transport.Closed:
		why = transport.Closed
	}
	s.far.mu.Lock()
	if why == transport.Closed && bye == nil && s.relayed {
		why = transport.Lost // the relay may have ended, and not the peer
	}
	if s.yieldedTo() && !isBad(err) {
		s.far.live = nil
		s.yield()
	}
	if s.yielded {
		s.depart()
		s.far.mu.Unlock()
		return
	}
	fresh := !s.over
	s.end(why, farewell, false)
	s.far.mu.Unlock()
	if fresh && isBad(err) {
		l.Bad(badKind(err), s.h.Key, err)
	}
}

// end ends the link: the owner is told why after the frames that came before,
// or without them if drop is set. If bye is not 0 the peer is told that much
// first. far is locked.
func (s *session) end(why, bye transport.Why, drop bool) {
	if s.over {
		return
	}
	s.over = true
	f, l := s.far, s.far.links
	if s.up {
		l.standing.Add(-1)
	}
	if f.live == s {
		f.live = nil
		// What waits was sent while the link stood, so Down speaks for it too;
		// only if the peer closed to save links it is worth another one.
		again := !s.up || why == transport.Ours && bye == 0
		switch {
		case s.drain:
		case !again:
			l.drop(f.queue.clear())
		case f.queue.len() > 0 || len(f.waiting) > 0:
			f.dial()
		}
	}
	in := &s.inbox
	in.mu.Lock()
	in.shut = true
	if drop {
		in.items, in.dropped = nil, true
	}
	if s.up {
		in.items = append(in.items, item{down: s.h, why: why, last: true})
	}
	s.wakeHander()
	in.mu.Unlock()
	switch {
	case bye != 0 && s.up:
		s.bye, s.farewell = bye, true
		s.limitEnd()
		s.pump()
	case bye == transport.Closed: // it did not come up; the end of the stream says the same
		l.startOrDo("hang up", s.st.HangUp)
	default:
		l.startOrDo("reset", func() { s.st.Reset() })
	}
}

// limitEnd bounds what is still read and written of a link that is over. far is locked.
func (s *session) limitEnd() {
	d := s.far.links.limits.Linger
	if s.yielded {
		d = s.far.links.limits.WriteTime
	}
	s.st.SetDeadline(time.Now().Add(d))
}

// tellRefused tells the owner that an older incarnation than that of the link,
// or one with another key, is not there. far is locked.
func (s *session) tellRefused(to *peer.Handle) {
	if s.told == to {
		return // once is enough for one handle
	}
	s.told = to
	in := &s.inbox
	in.mu.Lock()
	defer in.mu.Unlock()
	if !in.shut && len(in.items) < window/frameCost {
		in.items = append(in.items, item{down: to, why: transport.Refused})
		s.wakeHander()
	}
}
