package mem

import (
	"errors"
	"io"
	"os"
	"sync"
	"time"

	"github.com/phyllo-net/phyllo/peer"
)

// pipeSize is how many bytes one direction of a stream holds before its writer
// waits.
const pipeSize = 64 << 10

// pipe is one direction of a stream.
type pipe struct {
	mu      sync.Mutex
	cond    sync.Cond
	buf     []byte
	eof     bool  // no more is written
	readEnd error // the reading end gave up, and why
	writEnd error // the writing end gave up, and why
	stopped bool  // the way is closed for the moment: neither end learns of the other

	readBy, writeBy     *time.Timer
	readLate, writeLate bool
}

func newPipe() *pipe {
	p := new(pipe)
	p.cond.L = &p.mu
	return p
}

func (p *pipe) read(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		switch {
		case p.readEnd != nil:
			return 0, p.readEnd
		case p.readLate:
			return 0, os.ErrDeadlineExceeded
		case p.stopped:
		case p.writEnd != nil:
			return 0, p.writEnd
		case len(p.buf) > 0:
			n := copy(b, p.buf)
			if p.buf = p.buf[n:]; len(p.buf) == 0 {
				p.buf = nil
			}
			p.cond.Broadcast()
			return n, nil
		case p.eof:
			return 0, io.EOF
		}
		p.cond.Wait()
	}
}

func (p *pipe) write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	written := 0
	for {
		switch {
		case p.writEnd != nil:
			return written, p.writEnd
		case p.eof:
			return written, io.ErrClosedPipe
		case p.writeLate:
			return written, os.ErrDeadlineExceeded
		case p.readEnd != nil && !p.stopped:
			return written, p.readEnd
		}
		if n := min(len(b), pipeSize-len(p.buf)); n > 0 {
			p.buf = append(p.buf, b[:n]...)
			b, written = b[n:], written+n
			p.cond.Broadcast()
		}
		if len(b) == 0 {
			return written, nil
		}
		p.cond.Wait()
	}
}

// closeWrite says that no more is written.
func (p *pipe) closeWrite() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.eof = true
	p.rest(&p.writeBy)
}

// endRead gives the reading end up.
func (p *pipe) endRead(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.readEnd == nil {
		p.readEnd = err
	}
	p.rest(&p.readBy)
}

// endWrite gives the writing end up; what was not read yet is lost.
func (p *pipe) endWrite(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.writEnd == nil {
		p.writEnd = err
	}
	p.rest(&p.writeBy)
}

// rest stops a timer that is not needed any more and lets all who wait look
// again. p is locked.
func (p *pipe) rest(timer **time.Timer) {
	if *timer != nil {
		(*timer).Stop()
		*timer = nil
	}
	p.cond.Broadcast()
}

func (p *pipe) stop(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stopped = on
	p.cond.Broadcast()
}

// setDeadline arms one of the two timers of the direction. p is locked.
func (p *pipe) setDeadline(timer **time.Timer, late *bool, t time.Time) {
	if *timer != nil {
		(*timer).Stop()
		*timer = nil
	}
	*late = false
	if t.IsZero() {
		return
	}
	var mine *time.Timer
	fire := func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if *timer == mine {
			*late = true
			p.cond.Broadcast()
		}
	}
	mine = time.AfterFunc(time.Until(t), fire)
	*timer = mine
}

// stream is one end of a stream.
type stream struct {
	net           *Network
	owner         *Transport
	other         *stream
	local, remote peer.Key
	in, out       *pipe
	addr          string
	near          bool // the end that dialled; the network lists this one
	done          bool // closed or reset; guarded by the network's lock
}

func newStreams(n *Network, from, to *Transport) (near, far *stream) {
	ab, ba := newPipe(), newPipe()
	near = &stream{net: n, owner: from, local: from.key, remote: to.key, in: ba, out: ab, addr: to.addrs[0], near: true}
	far = &stream{net: n, owner: to, local: to.key, remote: from.key, in: ab, out: ba, addr: from.addrs[0]}
	near.other, far.other = far, near
	return near, far
}

// Remote implements transport.Stream.
func (s *stream) Remote() peer.Key { return s.remote }

// Addr implements transport.Stream.
func (s *stream) Addr() string { return s.addr }

// Read implements transport.Stream.
func (s *stream) Read(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	return s.in.read(b)
}

// Write implements transport.Stream.
func (s *stream) Write(b []byte) (int, error) { return s.out.write(b) }

// SetDeadline implements transport.Stream.
func (s *stream) SetDeadline(t time.Time) error {
	s.in.mu.Lock()
	s.in.setDeadline(&s.in.readBy, &s.in.readLate, t)
	s.in.mu.Unlock()
	s.out.mu.Lock()
	s.out.setDeadline(&s.out.writeBy, &s.out.writeLate, t)
	s.out.mu.Unlock()
	return nil
}

// CloseWrite implements transport.Stream.
func (s *stream) CloseWrite() error {
	s.out.closeWrite()
	return nil
}

// errOver is what the end that closed a stream reads.
var errOver = errors.New("the stream is closed")

// Close implements transport.Stream: the other end still reads what was written.
func (s *stream) Close() error {
	s.out.closeWrite()
	s.in.endRead(errOver)
	s.forget()
	return nil
}

// Reset implements transport.Stream.
func (s *stream) Reset() error {
	s.finish(errReset)
	return nil
}

// finish ends both directions with err.
func (s *stream) finish(err error) {
	s.in.endRead(err)
	s.out.endWrite(err)
	s.forget()
}

// forget takes the stream off the network's list when both ends are done.
func (s *stream) forget() {
	s.net.mu.Lock()
	defer s.net.mu.Unlock()
	s.done = true
	if !s.other.done {
		return
	}
	if s.near {
		delete(s.net.streams, s)
	} else {
		delete(s.net.streams, s.other)
	}
}
