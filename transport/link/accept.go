package link

import (
	"bufio"
	"errors"
	"time"

	"github.com/phyllo-net/phyllo/transport"
	"github.com/phyllo-net/phyllo/wire"
)

// Accept handles an incoming stream of Protocol in the caller's goroutine, until
// the link ends.
func (l *Links) Accept(st Stream) {
	if !l.run.enter() {
		st.Reset()
		return
	}
	defer l.run.leave()
	l.contain("accept", func() { l.accept(st) }, func() { st.Reset() })
}

func (l *Links) accept(st Stream) {
	if l.Banned(st.Remote()) {
		l.refuse(st, transport.RefusedBanned)
		return
	}
	if l.hellos.Add(1) > int64(l.limits.MaxHellos) {
		l.hellos.Add(-1)
		l.Bad("busy", st.Remote(), errors.New("too many links are being made"))
		l.refuse(st, transport.RefusedBusy)
		return
	}
	s := l.welcome(st)
	l.hellos.Add(-1)
	if s != nil {
		s.serve()
	}
}

// welcome reads a hello and answers it. It returns the link, or nil after it has
// refused.
func (l *Links) welcome(st Stream) *session {
	st.SetDeadline(time.Now().Add(l.limits.HelloTime))
	r := bufio.NewReaderSize(st, readBuffer)
	hello, err := readFirst(r, false)
	own, cert := l.own()
	if err == nil && own != nil {
		err = hello.Verify(st.Remote(), own.ID, l.cfg.Check)
	}
	switch {
	case err != nil:
		l.badHello(st, err)
		return nil
	case own == nil:
		l.refuse(st, transport.RefusedNoMember)
		return nil
	}
	st.Admitted()
	f := l.lock(hello.Handle.ID)
	if f == nil {
		st.Reset()
		return nil
	}
	if reason := f.objection(hello, own.ID.Less(f.id)); reason != 0 {
		f.mu.Unlock()
		l.refuse(st, reason)
		return nil
	}
	s := f.install(st, r, hello, false)
	number := l.attempts.Load()
	f.mu.Unlock()
	b, err := transport.NewHello(own, cert, number).Encode()
	if err == nil {
		_, err = st.Write(appendFrame(nil, kindHello, b))
	}
	if err == nil {
		err = st.SetDeadline(time.Time{})
	}
	if err != nil {
		s.fail(err)
	}
	return s
}

// objection says why the link that a node asks for is not wanted, or 0. lower
// tells that this node's id is the lower one. f is locked.
func (f *far) objection(hello *transport.Hello, lower bool) transport.RefusalReason {
	switch inc := hello.Handle.Incarnation; {
	case f.live != nil && inc < f.live.h.Incarnation:
		return transport.RefusedStale
	case inc == f.heardOf && hello.Number <= f.heard:
		return transport.RefusedSurplus // an attempt that a link has replaced since
	case f.live != nil:
		return 0 // it would not ask if its end still stood
	}
	if f.try != nil && f.try.greets && lower {
		return transport.RefusedSurplus
	}
	return 0
}

// badHello counts a first frame that was not what it should be and refuses it.
func (l *Links) badHello(st Stream, err error) {
	kind, reason := "hello", transport.RefusedHello
	switch {
	case isTimeout(err):
		kind = "slow"
	case isBad(err):
		kind = badKind(err)
	}
	switch {
	case errors.Is(err, transport.ErrVersion):
		reason = transport.RefusedVersion
	case errors.Is(err, transport.ErrCertificate):
		reason = transport.RefusedCertificate
	}
	l.Bad(kind, st.Remote(), err)
	l.refuse(st, reason)
}

// refuse says why no link is made, waits briefly for the other end to hear it, and
// ends the stream.
func (l *Links) refuse(st Stream, reason transport.RefusalReason) {
	r := transport.Refusal{Reason: reason, Min: wire.MinVersion, Max: wire.Version}
	st.SetDeadline(time.Now().Add(l.limits.Linger))
	if _, err := st.Write(appendFrame(nil, kindRefusal, r.Encode())); err == nil {
		st.CloseWrite()
		var b [64]byte
		for n := 0; n < 4<<10; {
			m, err := st.Read(b[:])
			if err != nil {
				break
			}
			n += m
		}
	}
	st.Close() // not its connection, over which the answer may still be on its way
}
