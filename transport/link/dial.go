package link

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/transport"
)

// How often a stream that broke before the answer to its hello came is opened
// again: its connection may have been ending just then, or the other end busy.
const reopen = 2

// attempt makes a link and, when it stands, is its reader. It ends when another
// link took its place, when the links are closed, or without a link.
func (f *far) attempt(ctx context.Context, t *attempt) {
	if s := f.pursue(ctx, t); s != nil {
		s.serve()
	}
}

// pursue makes a link, or says that none could be made; nil: there is none.
func (f *far) pursue(ctx context.Context, t *attempt) *session {
	defer close(t.over)
	await(t.after)
	f.mu.Lock()
	pause := time.Until(f.retryAt)
	f.mu.Unlock()
	if !rest(ctx, t.now, pause) {
		return nil
	}
	f.mu.Lock()
	t.dials = true
	f.mu.Unlock()
	l := f.links
	began := time.Now()
	for broken, surplus := 0, 0; ; {
		l.counts.dials.Add(1)
		s, err := f.reach(ctx, t)
		if err == nil {
			return s
		}
		var refusal *transport.Refusal
		var again time.Duration
		switch {
		case errors.Is(err, errVoid) || ctx.Err() != nil:
			return nil
		case errors.As(err, &refusal) && refusal.Reason == transport.RefusedSurplus &&
			time.Since(began) < l.limits.DialTime:
			// Theirs should arrive any moment.
			surplus++
			again = l.backoff(surplus)
		case errors.Is(err, errBroken) && broken < reopen:
			if broken++; broken > 1 {
				again = l.backoff(broken - 1)
			}
		default:
			f.failed(t, err)
			return nil
		}
		f.mu.Lock()
		t.greets = false
		f.mu.Unlock()
		if !rest(ctx, nil, again) {
			return nil
		}
	}
}

// rest waits, unless it is urged; it reports false if the attempt is over.
func rest(ctx context.Context, urge <-chan struct{}, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-urge:
	case <-ctx.Done():
		return false
	}
	return true
}

// errBroken: the stream broke while hellos were exchanged.
var errBroken = errors.New("the connection broke before the other node answered")

// reach opens a stream, exchanges hellos and makes it the node's link.
func (f *far) reach(ctx context.Context, t *attempt) (*session, error) {
	l := f.links
	h, cert := l.own()
	if h == nil {
		return nil, errNoMember
	}
	f.mu.Lock()
	want := f.want
	f.mu.Unlock()
	if l.Banned(want.Key) {
		return nil, errBanned
	}
	dctx, cancel := context.WithTimeout(ctx, l.limits.DialTime)
	st, err := l.carry.Open(dctx, want.Key, want.Addrs, Protocol)
	cancel()
	if err != nil {
		return nil, l.brittle(err)
	}
	f.mu.Lock()
	void := f.try != t
	t.greets = !void
	number := l.attempts.Add(1)
	f.mu.Unlock()
	if void {
		st.Reset()
		return nil, errVoid
	}
	unwatch := context.AfterFunc(ctx, func() { st.Reset() })
	r, hello, err := greet(st, l.limits.HelloTime, transport.NewHello(h, cert, number))
	if !unwatch() || err != nil {
		f.shut(st, err)
		return nil, blame(ctx, err)
	}
	if err := l.verify(hello, st, h, want); err != nil {
		f.shut(st, err)
		return nil, err
	}
	f.mu.Lock()
	if f.try != t {
		f.mu.Unlock()
		st.Reset()
		return nil, errVoid
	}
	defer f.mu.Unlock()
	return f.install(st, r, hello, true), nil
}

// brittle marks an error of Open that speaks of a connection that broke.
func (l *Links) brittle(err error) error {
	if isTimeout(err) || isBad(err) {
		return err
	}
	if why := l.carry.Why(err); why == transport.Lost || why == transport.Closed {
		return fmt.Errorf("%w: %w", errBroken, err)
	}
	return err
}

// greet sends the own hello over a stream that this node opened and reads the
// answer.
func greet(st Stream, wait time.Duration, own *transport.Hello) (*bufio.Reader, *transport.Hello, error) {
	b, err := own.Encode()
	if err != nil {
		return nil, nil, err
	}
	st.SetDeadline(time.Now().Add(wait))
	if _, err := st.Write(appendFrame(nil, kindHello, b)); err != nil {
		return nil, nil, err
	}
	r := bufio.NewReaderSize(st, readBuffer)
	hello, err := readFirst(r, true)
	if err != nil {
		return nil, nil, err
	}
	return r, hello, st.SetDeadline(time.Time{})
}

// shut ends a stream that does not become a link.
func (f *far) shut(st Stream, err error) {
	var refusal *transport.Refusal
	if errors.As(err, &refusal) && refusal.Reason == transport.RefusedSurplus {
		st.Reset() // its connection is most likely the one that is kept
		return
	}
	if isBad(err) {
		f.links.bad(badKind(err), st.Remote(), err)
	}
	st.HangUp()
}

// blame turns the error of an exchange of hellos into that of the attempt: if it
// speaks of nothing but a broken stream, it is worth another one.
func blame(ctx context.Context, err error) error {
	var refusal *transport.Refusal
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &refusal), isBad(err), isTimeout(err):
		return err
	}
	return fmt.Errorf("%w: %w", errBroken, err)
}

// verify checks the answer to a hello: all that Hello.Verify does, and that it is
// the node that was called.
func (l *Links) verify(hello *transport.Hello, st Stream, own *peer.Handle, want *peer.Handle) error {
	if err := hello.Verify(st.Remote(), own.ID, l.cfg.Check); err != nil {
		return err
	}
	if hello.Handle.ID != want.ID {
		return fmt.Errorf("%w: node %s in place of %s", transport.ErrOtherKey, hello.Handle.ID.Short(), want.ID.Short())
	}
	return nil
}

// whyNot says why no link could be made.
func whyNot(carry Carrier, err error) transport.Why {
	switch {
	case errors.Is(err, transport.ErrCertificate):
		return transport.Expelled
	case errors.Is(err, transport.ErrRefused), errors.Is(err, transport.ErrOtherKey):
		return transport.Refused
	case errors.Is(err, errPanic), errors.Is(err, errNoMember), errors.Is(err, errBanned), isTimeout(err), isBad(err):
		return transport.Unreachable
	}
	if carry.Why(err) == transport.Refused {
		return transport.Refused
	}
	return transport.Unreachable
}
