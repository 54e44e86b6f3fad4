package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	mrand "math/rand/v2"
	"net"
	"sync"
	"time"

	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/transport"
	"github.com/phyllo-net/phyllo/transport/libp2p"
	"github.com/phyllo-net/phyllo/transport/link"
)

// strangers are attackers who speak the protocol, with keys but without certificates.
type strangers struct {
	orders *orders
	do     func(context.Context, *strangers, int) error
	all    []transport.Transport
	noise  [64 << 10]byte

	mu   sync.Mutex
	left []transport.Stream  // those that were left standing, the oldest first
	keys map[string]peer.Key // of the victims, by address, as they proved them
}

// mostLeft is how many streams of strangers stand: as many as limits let in, or more.
const mostLeft = 4000

func gatherStrangers(n int, do func(context.Context, *strangers, int) error) func(context.Context, *orders) (force, []string, error) {
	return func(_ context.Context, o *orders) (force, []string, error) {
		s := &strangers{orders: o, do: do, keys: make(map[string]peer.Key)}
		rand.Read(s.noise[:])
		for range n {
			t, err := stranger()
			if err != nil {
				s.close()
				return nil, nil, err
			}
			s.all = append(s.all, t)
		}
		return s, nil, nil
	}
}

// stranger returns a transport with a key of its own.
func stranger() (transport.Transport, error) {
	seed := make([]byte, 32)
	rand.Read(seed)
	return libp2p.New(transport.Config{
		Private: seed, Listen: []string{"/ip4/127.0.0.1/tcp/0"}, Events: deaf{}, Check: func(*peer.Certificate) error { return errors.New("nobody is let in") },
	}, libp2p.Options{PerLoopback: 4096})
}

// deaf hears nothing.
type deaf struct{}

func (deaf) Up(*peer.Handle, *peer.Certificate)          {}
func (deaf) Frame(*peer.Handle, transport.Class, []byte) {}
func (deaf) Down(*peer.Handle, transport.Why)            {}

func (s *strangers) strike(ctx context.Context, n int) error { return s.do(ctx, s, n) }

func (s *strangers) close() {
	for _, t := range s.all {
		t.Close()
	}
}

// open opens a stream of the links' protocol to the victim of a strike, on a new
// connection or on one that stands.
func (s *strangers) open(ctx context.Context, n int, anew bool) (transport.Stream, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	addr := s.orders.victim(n).Addr
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	var key peer.Key // the zero key takes who answers, on a new connection
	if !anew {
		s.mu.Lock()
		key = s.keys[addr]
		s.mu.Unlock()
	}
	who := s.all[n/len(s.orders.Victims)%len(s.all)]
	st, err := who.Open(ctx, key, []string{fmt.Sprintf("/ip4/%s/tcp/%s", host, port)}, link.Protocol)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.keys[addr] = st.Remote()
	s.mu.Unlock()
	return st, nil
}

// knock connects and goes.
func knock(ctx context.Context, s *strangers, n int) error {
	if n%10 == 9 {
		st, err := s.open(ctx, n, true)
		if err == nil {
			err = st.Reset()
		}
		return err
	}
	c, hangUp, err := call(ctx, "tcp", s.orders.victim(n).Addr)
	if err != nil {
		return err
	}
	defer hangUp()
	if n%2 == 0 {
		return c.(*net.TCPConn).SetLinger(0) // it ends with a reset
	}
	return nil
}

// openAndLeave opens a stream and says nothing on it. Of too many the oldest is given
// up, so that the attackers' own library lets them go on.
func openAndLeave(ctx context.Context, s *strangers, n int) error {
	st, err := s.open(ctx, n, false)
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.left = append(s.left, st)
	var old transport.Stream
	if len(s.left) > mostLeft {
		old, s.left = s.left[0], s.left[1:]
	}
	s.mu.Unlock()
	if old != nil {
		old.Reset()
	}
	return nil
}

// spill sends what means nothing.
func spill(ctx context.Context, s *strangers, n int) error {
	v := s.orders.victim(n)
	switch n / len(s.orders.Victims) % 3 {
	case 0:
		c, hangUp, err := call(ctx, "tcp", v.Addr)
		if err != nil {
			return err
		}
		defer hangUp()
		c.SetDeadline(time.Now().Add(5 * time.Second))
		if _, err = c.Write(s.noise[:]); err == nil {
			_, err = io.Copy(io.Discard, io.LimitReader(c, 64<<10))
		}
		return err
	case 1:
		st, err := s.open(ctx, n, false)
		if err != nil {
			return err
		}
		defer st.Reset()
		st.SetDeadline(time.Now().Add(5 * time.Second))
		_, err = io.Copy(st, bytes.NewReader(s.noise[mrand.IntN(1000):]))
		return err
	}
	c, hangUp, err := call(ctx, "udp", v.Addr)
	if err != nil {
		return err
	}
	defer hangUp()
	for i := range 50 {
		if _, err := c.Write(s.noise[1200*i:][:1200]); err != nil {
			return err
		}
	}
	return nil
}
