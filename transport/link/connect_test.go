package link_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/transport"
	"github.com/phyllo-net/phyllo/transport/link"
)

// starting is a node whose first calls lead nowhere, as its process is just starting.
type starting struct {
	*other
	first func(ctx context.Context) error // the first call; later ones come through
	open  int                             // calls under way
	most  int
}

func (s *starting) Open(ctx context.Context, key peer.Key, addrs []string, protocol string) (link.Stream, error) {
	s.mu.Lock()
	s.open++
	s.most = max(s.most, s.open)
	first := s.first
	s.first = nil
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.open--
		s.mu.Unlock()
	}()
	if first != nil {
		s.mu.Lock()
		s.opened++
		s.mu.Unlock()
		return nil, first(ctx)
	}
	return s.other.Open(ctx, key, addrs, protocol)
}

// there answers a hello as the far node does.
func there(c net.Conn) {
	take(c)
	put(c, kindHello, helloOf(farHandle, farCert, 0, nil))
	io.Copy(io.Discard, c)
}

// A call that somebody waits for does not wait for the end of one that is stuck, nor is
// it made beside it.
func TestConnectWhileACallIsStuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &owner{}
		far := &starting{other: &other{answer: there}, first: func(ctx context.Context) error {
			<-ctx.Done()
			time.Sleep(10 * time.Millisecond) // the library takes its time
			return ctx.Err()
		}}
		l := newLinks(far, o)
		defer l.Close()
		if err := l.Send(farHandle, transport.App, []byte("x")); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		began := time.Now()
		if err := l.Connect(t.Context(), farHandle); err != nil {
			t.Error(err)
		}
		if d := time.Since(began); d > 10*time.Millisecond || far.most > 1 || far.calls() != 2 {
			t.Errorf("the link took %v and %d calls, %d at once", d, far.calls(), far.most)
		}
		synctest.Wait()
		if got, want := o.heard(), fmt.Sprintf("[up %s]", farHandle); got != want {
			t.Errorf("told %s, want %s", got, want)
		}
	})
}

// That a call failed which began before Connect was called is no answer to it: the node
// may have come back meanwhile, and is called again. Who had asked before hears of it.
func TestConnectOutlivesAnOlderCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &owner{}
		far := &starting{other: &other{answer: there}, first: func(context.Context) error {
			time.Sleep(3 * time.Second)
			return transport.ErrRefused
		}}
		l := newLinks(far, o)
		defer l.Close()
		first, second := make(chan error, 1), make(chan error, 1)
		go func() { first <- l.Connect(t.Context(), farHandle) }()
		synctest.Wait()
		if err := l.Send(farHandle, transport.App, []byte("x")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		go func() { second <- l.Connect(t.Context(), farHandle) }()
		if err := <-first; !errors.Is(err, transport.ErrRefused) {
			t.Errorf("the first: %v", err)
		}
		began := time.Now()
		if err := <-second; err != nil {
			t.Errorf("the second: %v", err)
		}
		if d := time.Since(began); d != 0 || far.calls() != 2 {
			t.Errorf("the second took %v and %d calls", d, far.calls())
		}
		synctest.Wait()
		if got, want := o.heard(), fmt.Sprintf("[down %s %d up %[1]s]", farHandle, transport.Refused); got != want {
			t.Errorf("told %s, want %s", got, want)
		}
	})
}

// Who asks again and again while nobody answers waits for one call at a time, and each
// of them gets an answer.
func TestConnectAgainAndAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		far := &starting{other: new(other)}
		far.first = func(context.Context) error {
			time.Sleep(2 * time.Second)
			return transport.ErrRefused
		}
		l := newLinks(far, &owner{})
		defer l.Close()
		const asked = 50
		outcomes := make(chan error, asked)
		for range asked {
			go func() { outcomes <- l.Connect(t.Context(), farHandle) }()
			time.Sleep(100 * time.Millisecond)
		}
		for range asked {
			if err := <-outcomes; !errors.Is(err, transport.ErrRefused) {
				t.Error(err)
			}
		}
		if n := far.calls(); n > asked || far.most > 1 {
			t.Errorf("%d calls, %d at once", n, far.most)
		}
	})
}
