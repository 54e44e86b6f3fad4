package portmap

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// box is a router in memory.
type box struct {
	mu    sync.Mutex
	ip    netip.Addr
	open  map[Port]uint16
	asked int  // for ports
	off   bool // it does not answer
	slow  time.Duration
}

var errOff = errors.New("it does not answer")

func newBox(ip string) *box {
	return &box{ip: netip.MustParseAddr(ip), open: make(map[Port]uint16)}
}

func (b *box) answer(f func()) error {
	time.Sleep(b.slow)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.off {
		return errOff
	}
	f()
	return nil
}

func (b *box) outside(context.Context) (ip netip.Addr, err error) {
	return ip, b.answer(func() { ip = b.ip })
}

func (b *box) openPort(_ context.Context, p Port, at uint16) (uint16, error) {
	return at, b.answer(func() { b.open[p], b.asked = at, b.asked+1 })
}

func (b *box) closePort(ctx context.Context, p Port, _ uint16) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(b.slow):
	}
	return b.answer(func() { delete(b.open, p) })
}

func (b *box) set(f func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f()
}

func (b *box) state() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return fmt.Sprint(len(b.open), " open, asked ", b.asked)
}

var (
	tcp, udp = Port{Number: 4001}, Port{UDP: true, Number: 4001}
	home     = []netip.Addr{netip.MustParseAddr("192.168.1.2")}
)

// mapped is a Mapper beside routers that are found one after another; nil: none is.
func mapped(routers ...*box) (m *Mapper, searches, news *atomic.Int32) {
	searches, news = new(atomic.Int32), new(atomic.Int32)
	m = New(Options{
		Changed: func() { news.Add(1) },
		find: func(context.Context) router {
			r := routers[min(int(searches.Add(1)), len(routers))-1]
			if r == nil {
				return nil
			}
			return r
		},
	})
	return m, searches, news
}

// A router that was found is asked for the ports every ten minutes, and not else; what is
// not wanted any more is closed, and at the end all.
func TestPortsAreKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBox("203.0.113.7")
		m, searches, news := mapped(b)
		defer m.Close()
		time.Sleep(time.Minute)
		synctest.Wait()
		if searches.Load() != 0 {
			t.Error("a router is looked for, though no port is wanted")
		}
		for i := range 3 {
			ports, own := []Port{tcp, udp}, append([]netip.Addr{netip.MustParseAddr("10.0.0.2")}, home...)
			if i == 1 { // the system lists them in another order
				slices.Reverse(ports)
				slices.Reverse(own)
			}
			m.Keep(ports, own)
			synctest.Wait()
		}
		if at, ok := m.Outside(udp); !ok || at.String() != "203.0.113.7:4001" {
			t.Errorf("outside: %v %v", at, ok)
		}
		time.Sleep(time.Hour + time.Minute)
		synctest.Wait()
		if got := b.state(); got != "2 open, asked 14" || searches.Load() != 1 || news.Load() != 1 {
			t.Errorf("after an hour: %s, %d searches, news %d times", got, searches.Load(), news.Load())
		}
		b.set(func() { b.ip = netip.MustParseAddr("203.0.113.8") })
		time.Sleep(renew)
		synctest.Wait()
		if at, _ := m.Outside(tcp); at.String() != "203.0.113.8:4001" || news.Load() != 2 {
			t.Errorf("the router has another address: %v, news %d times", at, news.Load())
		}
		m.Keep([]Port{tcp}, append([]netip.Addr{netip.MustParseAddr("10.0.0.2")}, home...))
		synctest.Wait()
		if _, ok := m.Outside(udp); ok || b.state()[:6] != "1 open" {
			t.Errorf("one port alone is wanted: %s", b.state())
		}
		m.Close()
		if got := b.state(); got[:6] != "0 open" {
			t.Errorf("at the end: %s", got)
		}
	})
}

// A router that does not answer any more is looked for at once, and one that was not
// found later and later; where this machine moves it is looked for at once.
func TestRoutersComeAndGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second := newBox("203.0.113.7"), newBox("203.0.113.8")
		m, searches, _ := mapped(first, second, nil)
		defer m.Close()
		m.Keep([]Port{tcp}, home)
		synctest.Wait()
		first.set(func() { first.off = true })
		time.Sleep(renew)
		synctest.Wait()
		if at, _ := m.Outside(tcp); at.Addr() != second.ip || searches.Load() != 2 {
			t.Errorf("another router: %v after %d searches", at, searches.Load())
		}
		second.set(func() { second.off = true })
		time.Sleep(renew)
		synctest.Wait()
		if at, ok := m.Outside(tcp); ok || searches.Load() != 3 {
			t.Errorf("no router: %v after %d searches", at, searches.Load())
		}
		time.Sleep(24 * time.Hour)
		synctest.Wait()
		if searches.Load() < 20 || searches.Load() > 35 {
			t.Errorf("%d searches in a day", searches.Load())
		}
		before := searches.Load()
		m.Keep([]Port{tcp}, nil)
		synctest.Wait()
		if searches.Load() != before+1 {
			t.Errorf("%d searches when the machine has moved", searches.Load()-before)
		}
	})
}

// A router that is slow delays the end by a second at most.
func TestSlowRouterAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBox("203.0.113.7")
		m, _, _ := mapped(b)
		m.Keep([]Port{tcp, udp}, home)
		synctest.Wait()
		b.slow = time.Minute
		began := time.Now()
		m.Close()
		if d := time.Since(began); d > closeTime {
			t.Errorf("the end took %v", d)
		}
	})
}

// A router that refuses is no router.
func TestRefusingRouter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := New(Options{find: func(context.Context) router { return refusing{} }})
		m.Keep([]Port{tcp}, home)
		synctest.Wait()
		if at, ok := m.Outside(tcp); ok {
			t.Errorf("it opened %v", at)
		}
		m.Close()
	})
}

type refusing struct{}

func (refusing) outside(context.Context) (netip.Addr, error)                { return home[0], nil }
func (refusing) openPort(context.Context, Port, uint16) (uint16, error)     { return 0, errOff }
func (refusing) closePort(_ context.Context, _ Port, _ uint16) (none error) { return none }
