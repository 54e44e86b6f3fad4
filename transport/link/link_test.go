package link_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/transport"
	"github.com/phyllo-net/phyllo/transport/link"
	"github.com/phyllo-net/phyllo/wire"
)

// wireStream is one end of a pipe whose other end is in the test's hands.
type wireStream struct {
	net.Conn
	key peer.Key
}

func (s wireStream) Remote() peer.Key     { return s.key }
func (s wireStream) Addr() string         { return "test" }
func (s wireStream) Kind() string         { return "test" }
func (s wireStream) CloseWrite() error    { return nil }
func (s wireStream) Reset() error         { return s.Close() }
func (s wireStream) Admitted()            {}
func (s wireStream) HangUp()              { s.Close() }
func (s wireStream) Takes() bool          { return false }
func (s wireStream) WriteSoon([]byte) int { return 0 }

// other plays the other nodes: it is the carrier of the links under test.
type other struct {
	answer func(net.Conn) // handles one stream; nil refuses
	mu     sync.Mutex
	opened int
}

func (o *other) Open(ctx context.Context, key peer.Key, _ []string, protocol string) (link.Stream, error) {
	o.mu.Lock()
	o.opened++
	o.mu.Unlock()
	if o.answer == nil {
		return nil, transport.ErrRefused
	}
	ours, theirs := net.Pipe()
	go func() {
		defer theirs.Close()
		o.answer(theirs)
	}()
	return wireStream{ours, key}, nil
}

func (o *other) Why(err error) transport.Why {
	if errors.Is(err, transport.ErrRefused) {
		return transport.Refused
	}
	return transport.Lost
}

func (o *other) calls() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.opened
}

// owner notes events as text.
type owner struct {
	mu   sync.Mutex
	told []string
}

func (o *owner) note(s string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.told = append(o.told, s)
}

func (o *owner) Up(h *peer.Handle, _ *peer.Certificate)            { o.note("up " + h.String()) }
func (o *owner) Frame(h *peer.Handle, _ transport.Class, b []byte) { o.note("frame " + string(b)) }
func (o *owner) Down(h *peer.Handle, why transport.Why)            { o.note(fmt.Sprintf("down %s %d", h, why)) }
func (o *owner) heard() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	s := fmt.Sprint(o.told)
	o.told = nil
	return s
}

var (
	selfID, farID = id.ID{Hi: 1 << 63}, id.ID{Hi: 1}
	selfKey       = peer.Key{1}
	farKey        = peer.Key{2}
	goodRing      = id.HashOf("good")
	farHandle     = &peer.Handle{ID: farID, Key: farKey, Incarnation: 3}
	farCert       = &peer.Certificate{Ring: goodRing, Node: farID, Key: farKey}
)

func newLinks(carry link.Carrier, o transport.Events) *link.Links {
	self := &peer.Handle{ID: selfID, Key: selfKey, Incarnation: 1}
	cert := &peer.Certificate{Ring: goodRing, Node: selfID, Key: selfKey}
	return link.New(transport.Config{
		Events: o,
		Hello:  func() (*peer.Handle, *peer.Certificate) { return self, cert },
		Check: func(c *peer.Certificate) error {
			if c.Ring != goodRing {
				return peer.ErrOtherRing
			}
			return nil
		},
	}, carry, link.Limits{})
}

const (
	kindHello, kindRefusal = 192, 193
)

func put(w io.Writer, kind byte, body []byte) error {
	b, err := wire.AppendFrame([]byte{kind}, body)
	if err != nil {
		return err
	}
	_, err = w.Write(b)
	return err
}

func take(r io.Reader) (byte, []byte, error) {
	var kind [1]byte
	if _, err := io.ReadFull(r, kind[:]); err != nil {
		return 0, nil, err
	}
	b, err := wire.ReadFrame(r, wire.MaxFrame)
	return kind[0], b, err
}

func helloOf(h *peer.Handle, c *peer.Certificate, number uint64, alter func(*transport.Hello)) []byte {
	hello := transport.NewHello(h, c, number)
	if alter != nil {
		alter(hello)
	}
	b, err := hello.Encode()
	if err != nil {
		panic(err)
	}
	return b
}

// The one who is called answers with something that is wrong: no link, the right
// error, and what was sent comes back with the right reason.
func TestWrongAnswers(t *testing.T) {
	hello := func(alter func(*transport.Hello)) func(net.Conn) {
		return func(c net.Conn) {
			h, cert := *farHandle, *farCert
			take(c)
			put(c, kindHello, helloOf(&h, &cert, 0, alter))
			io.Copy(io.Discard, c)
		}
	}
	refuse := func(reason transport.RefusalReason) func(net.Conn) {
		return func(c net.Conn) {
			take(c)
			put(c, kindRefusal, (&transport.Refusal{Reason: reason, Min: 7, Max: 9}).Encode())
			io.Copy(io.Discard, c)
		}
	}
	raw := func(b ...byte) func(net.Conn) {
		return func(c net.Conn) {
			take(c)
			c.Write(b)
			io.Copy(io.Discard, c)
		}
	}
	cases := []struct {
		name   string
		answer func(net.Conn)
		want   error // of Connect; nil for any
		why    transport.Why
		calls  int
	}{
		{"nobody there", nil, transport.ErrRefused, transport.Refused, 1},
		{"another ring", hello(func(h *transport.Hello) { h.Cert.Ring = id.HashOf("bad") }), peer.ErrOtherRing, transport.Expelled, 1},
		{"another key", hello(func(h *transport.Hello) { h.Cert.Key = selfKey }), transport.ErrMismatch, transport.Unreachable, 1},
		{"another node", hello(func(h *transport.Hello) {
			h.Handle.ID, h.Cert.Node = id.ID{Hi: 7}, id.ID{Hi: 7}
		}), transport.ErrOtherKey, transport.Refused, 1},
		{"ourselves", hello(func(h *transport.Hello) { h.Handle.ID, h.Cert.Node = selfID, selfID }), transport.ErrSelf, transport.Unreachable, 1},
		{"another version", hello(func(h *transport.Hello) { h.Min, h.Max = 7, 9 }), transport.ErrVersion, transport.Unreachable, 1},
		{"refused for the version", refuse(transport.RefusedVersion), transport.ErrVersion, transport.Unreachable, 1},
		{"refused for the certificate", refuse(transport.RefusedCertificate), nil, transport.Unreachable, 1},
		{"refused as stale", refuse(transport.RefusedStale), nil, transport.Unreachable, 1},
		{"refused as no member", refuse(transport.RefusedNoMember), nil, transport.Unreachable, 1},
		{"refused for an unknown reason", refuse(99), nil, transport.Unreachable, 1},
		{"a frame", raw(1, 0, 0, 0, 1, 'x'), wire.ErrMalformed, transport.Unreachable, 1},
		{"an empty hello", raw(kindHello, 0, 0, 0, 0), wire.ErrMalformed, transport.Unreachable, 1},
		{"a hello of 4 GiB", raw(kindHello, 255, 255, 255, 255), wire.ErrTooLarge, transport.Unreachable, 1},
		{"a refusal of 64 KiB", raw(kindRefusal, 0, 1, 0, 0), wire.ErrTooLarge, transport.Unreachable, 1},
		{"silence", raw(), context.DeadlineExceeded, transport.Unreachable, 1},
		{"an end", func(c net.Conn) { take(c) }, nil, transport.Unreachable, 3},
		{"an end before anything", func(net.Conn) {}, nil, transport.Unreachable, 3},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o, far := &owner{}, &other{answer: c.answer}
				l := newLinks(far, o)
				defer l.Close()
				began := time.Now()
				err := l.Connect(t.Context(), farHandle)
				if err == nil || c.want != nil && !errors.Is(err, c.want) && !(c.name == "silence" && timedOut(err)) {
					t.Errorf("connect: %v, want %v", err, c.want)
				}
				if d := time.Since(began); d > transport.HelloTime {
					t.Errorf("connect took %v", d)
				}
				if n := far.calls(); n != c.calls {
					t.Errorf("called %d times, want %d", n, c.calls)
				}
				if got := o.heard(); got != "[]" {
					t.Errorf("told %s of a link nothing was sent over", got)
				}
				if err := l.Send(farHandle, transport.App, []byte("x")); err != nil {
					t.Fatal(err)
				}
				time.Sleep(10 * time.Second)
				if got, want := o.heard(), fmt.Sprintf("[down %s %d]", farHandle, c.why); got != want {
					t.Errorf("told %s, want %s", got, want)
				}
				if m := l.Metrics(); m.DialFailures != 2 || m.DroppedFrames != 1 || m.Links != 0 {
					t.Errorf("metrics %+v", m)
				}
			})
		})
	}
}

func timedOut(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}

// offer gives the links an incoming stream and returns its other end.
func offer(l *link.Links, key peer.Key) (net.Conn, *bufio.Reader) {
	ours, theirs := net.Pipe()
	go l.Accept(wireStream{ours, key})
	return theirs, bufio.NewReader(theirs)
}

// Told that the other end makes the link itself, the attempt waits for it, and
// what was sent goes over it.
func TestSurplus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &owner{}
		far := &other{answer: func(c net.Conn) {
			take(c)
			put(c, kindRefusal, (&transport.Refusal{Reason: transport.RefusedSurplus, Min: 1, Max: 1}).Encode())
			io.Copy(io.Discard, c)
		}}
		l := newLinks(far, o)
		defer l.Close()
		if err := l.Send(farHandle, transport.App, []byte("over yours")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if got := o.heard(); got != "[]" {
			t.Errorf("told %s while the other end's link is awaited", got)
		}
		c, r := offer(l, farKey)
		defer c.Close()
		put(c, kindHello, helloOf(farHandle, farCert, 1, nil))
		if kind, _, err := take(r); kind != kindHello || err != nil {
			t.Fatalf("the answer is %d, %v", kind, err)
		}
		if kind, b, err := take(r); kind != byte(transport.App) || string(b) != "over yours" || err != nil {
			t.Errorf("got %d %q, %v", kind, b, err)
		}
		// If theirs does not come the attempt ends after all.
		c.Close()
		time.Sleep(time.Second)
		o.heard()
		l.Send(farHandle, transport.App, []byte("x"))
		time.Sleep(time.Minute)
		if got, want := o.heard(), fmt.Sprintf("[down %s %d]", farHandle, transport.Unreachable); got != want {
			t.Errorf("told %s, want %s", got, want)
		}
	})
}

// busy is an owner that does not come back from Up until it is let go.
type busy struct {
	owner
	free chan struct{}
}

func (b *busy) Up(*peer.Handle, *peer.Certificate) { <-b.free }

// TestCloseWhileTurnsWait: a link that waits for its turn behind another, of which the
// owner is still being told when the links are closed, ends with them.
func TestCloseWhileTurnsWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &busy{free: make(chan struct{})}
		l := newLinks(&other{}, o)
		for number := uint64(1); number <= 2; number++ {
			c, r := offer(l, farKey)
			defer c.Close()
			put(c, kindHello, helloOf(farHandle, farCert, number, nil))
			if kind, _, err := take(r); kind != kindHello || err != nil {
				t.Fatalf("the answer is %d, %v", kind, err)
			}
			synctest.Wait()
		}
		l.Close()
		close(o.free)
		// The bubble does not end, and says so, while a goroutine waits for ever.
	})
}

// A hello of an attempt that a link has replaced is late and void; a later one
// means that the other end has lost the link.
func TestLateHello(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &owner{}
		l := newLinks(&other{}, o)
		defer l.Close()
		call := func(number uint64, handle *peer.Handle) (byte, []byte, net.Conn) {
			c, r := offer(l, farKey)
			put(c, kindHello, helloOf(handle, farCert, number, nil))
			kind, b, err := take(r)
			if err != nil {
				t.Fatal(err)
			}
			go io.Copy(io.Discard, r)
			synctest.Wait()
			return kind, b, c
		}
		kind, _, first := call(5, farHandle)
		if got := o.heard(); kind != kindHello || got != "[up "+farHandle.String()+"]" {
			t.Fatalf("answer %d, told %s", kind, got)
		}
		for _, number := range []uint64{1, 5} {
			kind, b, c := call(number, farHandle)
			r, err := transport.ParseRefusal(b)
			if kind != kindRefusal || err != nil || r.Reason != transport.RefusedSurplus || o.heard() != "[]" {
				t.Errorf("number %d: answer %d %v, %v", number, kind, r, err)
			}
			c.Close()
		}
		kind, _, second := call(6, farHandle)
		want := fmt.Sprintf("[down %s %d up %s]", farHandle, transport.Lost, farHandle)
		if got := o.heard(); kind != kindHello || got != want {
			t.Errorf("answer %d, told %s, want %s", kind, got, want)
		}
		if _, err := first.Write([]byte("x")); err == nil {
			t.Error("the first stream was not ended")
		}
		next := *farHandle
		next.Incarnation++
		kind, _, third := call(1, &next)
		want = fmt.Sprintf("[down %s %d up %s]", farHandle, transport.Closed, &next)
		if got := o.heard(); kind != kindHello || got != want {
			t.Errorf("answer %d, told %s, want %s", kind, got, want)
		}
		second.Close()
		third.Close()
	})
}

// Two hundred and fifty-six hellos are awaited at once and no more.
func TestHellosAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLinks(&other{}, &owner{})
		defer l.Close()
		var quiet []net.Conn
		for range 256 {
			c, _ := offer(l, farKey)
			quiet = append(quiet, c)
		}
		synctest.Wait()
		c, r := offer(l, farKey)
		kind, b, err := take(r)
		if err != nil {
			t.Fatal(err)
		}
		if refusal, err := transport.ParseRefusal(b); kind != kindRefusal || err != nil || refusal.Reason != transport.RefusedBusy {
			t.Errorf("answer %d %v, %v", kind, refusal, err)
		}
		c.Close()
		for _, c := range quiet {
			c.Close()
		}
	})
}

// An idle link keeps no memory of queues, and credit comes back: far more passes
// than fits at once.
func TestCredit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &owner{}
		l := newLinks(&other{}, o)
		defer l.Close()
		c, r := offer(l, farKey)
		defer c.Close()
		put(c, kindHello, helloOf(farHandle, farCert, 1, nil))
		take(r)
		credit := 128 << 10
		got := make(chan int, 1000)
		go func() {
			for {
				kind, b, err := take(r)
				if err != nil {
					return
				}
				if kind == 194 {
					got <- int(b[0])<<24 | int(b[1])<<16 | int(b[2])<<8 | int(b[3])
				}
			}
		}()
		body := make([]byte, 1000)
		for range 2000 {
			for credit < len(body)+64 {
				credit += <-got
			}
			credit -= len(body) + 64
			if err := put(c, 2, body); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		if m := l.Metrics(); m.BytesIn != 2000*1000 || len(m.BadInput) != 0 {
			t.Errorf("metrics %+v", m)
		}
	})
}
