package mem_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/transport"
	"github.com/phyllo-net/phyllo/transport/mem"
)

// member is a node on a network in fake time.
type member struct {
	t  *testing.T
	tr *mem.Transport
	h  *peer.Handle

	mu   sync.Mutex
	told []string
}

func (m *member) note(format string, args ...any) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.told = append(m.told, fmt.Sprintf(format, args...))
}

func (m *member) Up(from *peer.Handle, _ *peer.Certificate) {
	m.note("up %d/%d", from.ID.Hi, from.Incarnation)
}
func (m *member) Frame(from *peer.Handle, _ transport.Class, b []byte) {
	m.note("%s from %d", b, from.ID.Hi)
}
func (m *member) Down(to *peer.Handle, why transport.Why) {
	m.note("down %d/%d why %d", to.ID.Hi, to.Incarnation, why)
}

// heard returns what the node was told since the last call, when all is still.
func (m *member) heard() string {
	synctest.Wait()
	m.mu.Lock()
	defer m.mu.Unlock()
	s := fmt.Sprint(m.told)
	m.told = nil
	return s
}

func (m *member) expect(want string) {
	m.t.Helper()
	if got := m.heard(); got != want {
		m.t.Errorf("node %d was told %s, want %s", m.h.ID.Hi, got, want)
	}
}

func (m *member) send(to *member, text string) {
	m.t.Helper()
	if err := m.tr.Send(to.h, transport.App, []byte(text)); err != nil {
		m.t.Errorf("send %q: %v", text, err)
	}
}

func join(t *testing.T, n *mem.Network, k uint64, inc uint64, addr string) *member {
	t.Helper()
	key := keyOf(bytes.Repeat([]byte{byte(k)}, 32))
	m := &member{t: t, h: &peer.Handle{ID: id.ID{Hi: k}, Key: key, Incarnation: inc, Addrs: []string{addr}}}
	cert := &peer.Certificate{Node: m.h.ID, Key: key}
	tr, err := n.Join(key, transport.Config{
		Listen: []string{addr}, Events: m, Check: func(*peer.Certificate) error { return nil },
		Hello: func() (*peer.Handle, *peer.Certificate) { return m.h, cert },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tr.Close() })
	m.tr = tr
	return m
}

// A killed process is seen as ended, calls to it are refused, and the next one at
// its address is another incarnation.
func TestKill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := mem.NewNetwork()
		a, b := join(t, n, 1, 1, "mem:a"), join(t, n, 2, 1, "mem:b")
		a.send(b, "hello")
		b.expect("[up 1/1 hello from 1]")
		a.expect("[up 2/1]")
		if !n.Kill(b.h.ID) || n.Kill(b.h.ID) {
			t.Error("a node is killed once")
		}
		a.expect("[down 2/1 why 1]")
		a.send(b, "anybody?")
		a.expect("[down 2/1 why 2]")
		b.expect("[]")
		if err := b.tr.Send(a.h, transport.App, []byte("x")); !errors.Is(err, transport.ErrClosed) {
			t.Errorf("a dead node sends: %v", err)
		}
		c := join(t, n, 2, 2, "mem:b")
		c.send(a, "back")
		a.expect("[up 2/2 back from 2]")
		c.expect("[up 1/1]")
	})
}

// A stopped process loses nothing; it is given up only when it owes too much for
// too long.
func TestFreeze(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := mem.NewNetwork()
		a, b, c := join(t, n, 1, 1, "mem:a"), join(t, n, 2, 1, "mem:b"), join(t, n, 3, 1, "mem:c")
		a.send(b, "one")
		b.expect("[up 1/1 one from 1]")
		a.heard()
		n.Freeze(b.h.ID, true)
		a.send(b, "two")
		c.send(b, "three")
		time.Sleep(5 * time.Second)
		b.expect("[]")
		n.Freeze(b.h.ID, false)
		synctest.Wait()
		time.Sleep(time.Second)
		if got := b.heard(); got != "[two from 1 up 3/1 three from 3]" && got != "[up 3/1 two from 1 three from 3]" &&
			got != "[up 3/1 three from 3 two from 1]" {
			t.Errorf("told %s", got)
		}
		c.expect("[up 2/1]")
		n.Freeze(b.h.ID, true)
		for range 30 {
			a.tr.Send(b.h, transport.Liveness, make([]byte, 8<<10))
		}
		time.Sleep(15 * time.Second)
		a.expect("[down 2/1 why 3]")
		c.send(b, "four") // over a link that still seems to stand
		time.Sleep(15 * time.Second)
		c.expect("[]")
		n.Freeze(b.h.ID, false)
	})
}

// Two nodes that are cut off from each other find no way, while a third reaches
// both; healed, what waited arrives.
func TestCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := mem.NewNetwork()
		a, b, c := join(t, n, 1, 1, "mem:a"), join(t, n, 2, 1, "mem:b"), join(t, n, 3, 1, "mem:c")
		n.Cut(a.h.ID, b.h.ID, true)
		a.send(b, "lost")
		c.send(a, "to a")
		c.send(b, "to b")
		a.expect("[up 3/1 to a from 3]")
		b.expect("[up 3/1 to b from 3]")
		time.Sleep(11 * time.Second)
		a.expect("[down 2/1 why 4]")
		a.send(b, "waits")
		time.Sleep(5 * time.Second)
		n.Cut(a.h.ID, b.h.ID, false)
		time.Sleep(time.Second)
		b.expect("[up 1/1 waits from 1]")

		n.Cut(a.h.ID, b.h.ID, true)
		a.send(b, "on its way")
		n.Kill(b.h.ID)
		time.Sleep(time.Second)
		a.expect("[up 2/1]") // the end of b is not heard through the cut
	})
}

// Attempts that fail are 100 ms apart, then twice as long each time up to 30 s, and
// jittered; Connect and a link from the other side end the wait.
func TestBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := mem.NewNetwork()
		a := join(t, n, 1, 1, "mem:a")
		ghost := &member{t: t, h: &peer.Handle{ID: id.ID{Hi: 9}, Key: keyOf(bytes.Repeat([]byte{9}, 32)), Addrs: []string{"mem:nobody"}}}
		want := 0.0
		for i := range 14 {
			began := time.Now()
			a.send(ghost, "x")
			for a.heard() == "[]" {
				time.Sleep(10 * time.Millisecond)
			}
			got := time.Since(began).Seconds()
			if got < want*0.74 || got > want*1.27+0.02 {
				t.Errorf("attempt %d after %.2f s, want about %.2f", i+1, got, want)
			}
			want = min(30, 0.1*float64(int(1)<<i))
		}
		began := time.Now()
		a.send(ghost, "x")
		if err := a.tr.Connect(t.Context(), ghost.h); !errors.Is(err, transport.ErrRefused) {
			t.Errorf("connect: %v", err)
		}
		if d := time.Since(began); d > 0 {
			t.Errorf("connect waited %v", d)
		}
		a.expect("[down 9/0 why 2]")

		for range 8 {
			a.send(ghost, "x")
			for a.heard() == "[]" {
				time.Sleep(10 * time.Millisecond)
			}
		}
		a.send(ghost, "waits")
		b := join(t, n, 9, 1, "mem:nobody")
		began = time.Now()
		b.send(a, "here")
		b.expect("[up 1/1 waits from 1]")
		a.expect("[up 9/1 here from 9]")
		if d := time.Since(began); d > 0 {
			t.Errorf("it took %v", d)
		}
	})
}

// A context ends the wait of Connect, and not the attempt.
func TestConnectContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := mem.NewNetwork()
		a, b := join(t, n, 1, 1, "mem:a"), join(t, n, 2, 1, "mem:b")
		n.Cut(a.h.ID, b.h.ID, true)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := a.tr.Connect(ctx, b.h); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("connect: %v", err)
		}
		n.Cut(a.h.ID, b.h.ID, false)
		a.expect("[up 2/1]")
	})
}

// Hellos that do not come end at 5 s sharp.
func TestSilentHello(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := mem.NewNetwork()
		a, b := join(t, n, 1, 1, "mem:a"), join(t, n, 2, 1, "mem:b")
		st, err := b.tr.Open(t.Context(), a.h.Key, a.h.Addrs, "/phyllo/link/1")
		if err != nil {
			t.Fatal(err)
		}
		defer st.Reset()
		began := time.Now()
		st.Read(make([]byte, 1))
		if d := time.Since(began); d != 5*time.Second {
			t.Errorf("cut off after %v", d)
		}
	})
}

func TestAddressTaken(t *testing.T) {
	n := mem.NewNetwork()
	join(t, n, 1, 1, "mem:a")
	if _, err := n.Join(peer.Key{2}, transport.Config{Listen: []string{"mem:a"}}); err == nil {
		t.Error("two nodes at one address")
	}
	c, err := n.Join(peer.Key{3}, transport.Config{})
	if err != nil || len(c.Addrs()) != 1 || c.Reachable().Kind != "loopback" {
		t.Errorf("%v, %v", c, err)
	}
	c.Close()
}
