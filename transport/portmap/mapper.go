package portmap

import (
	"cmp"
	"context"
	"log/slog"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"
)

// Port is one that this machine listens at.
type Port struct {
	UDP    bool // or TCP
	Number uint16
}

// Options are what a Mapper needs to know. The zero value is right but for tests.
type Options struct {
	// Changed is called when Outside answers otherwise than before; it may be nil.
	Changed func()
	// Log may be nil.
	Log *slog.Logger

	find func(context.Context) router // for tests
}

// Mapper keeps ports open on the router of the local network. Its methods may be called
// from any goroutine.
type Mapper struct {
	opts   Options
	ctx    context.Context
	cancel context.CancelFunc
	wake   chan struct{}
	wg     sync.WaitGroup

	mu    sync.Mutex
	want  []Port
	own   []netip.Addr
	moved bool // there may be another router than before
	open  map[Port]netip.AddrPort
}

// router is one that opens ports. Errors of its methods say why it did not.
type router interface {
	// outside returns its address on the other side.
	outside(context.Context) (netip.Addr, error)
	// openPort opens a port on the other side, at a number if that is free, and returns
	// which it is.
	openPort(ctx context.Context, p Port, at uint16) (uint16, error)
	// closePort closes it.
	closePort(ctx context.Context, p Port, at uint16) error
}

// New returns a Mapper that looks for a router once it has a port to open.
func New(o Options) *Mapper {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.find == nil {
		o.find = find
	}
	m := &Mapper{opts: o, wake: make(chan struct{}, 1), open: make(map[Port]netip.AddrPort)}
	m.ctx, m.cancel = context.WithCancel(context.Background())
	m.wg.Go(m.run)
	return m
}

// Keep says which ports are to be open from now on, and at which addresses this machine
// is: when those change the router may be another one. It costs nothing to say the same
// again, in whatever order.
func (m *Mapper) Keep(ports []Port, own []netip.Addr) {
	ports = slices.SortedFunc(slices.Values(ports), func(a, b Port) int {
		return cmp.Or(cmp.Compare(a.Number, b.Number), strings.Compare(a.protocol(), b.protocol()))
	})
	own = slices.SortedFunc(slices.Values(own), netip.Addr.Compare)
	m.mu.Lock()
	defer m.mu.Unlock()
	moved := !slices.Equal(m.own, own)
	if !moved && slices.Equal(m.want, ports) {
		return
	}
	m.want, m.own, m.moved = ports, own, m.moved || moved
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// Outside returns where a port is reached from outside; ok is false if it is not open.
func (m *Mapper) Outside(p Port) (at netip.AddrPort, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	at, ok = m.open[p]
	return at, ok
}

// Close closes the ports on the router, which takes a second at most.
func (m *Mapper) Close() {
	m.cancel()
	m.wg.Wait()
}

// run looks after the ports when something has changed, and now and then.
func (m *Mapper) run() {
	var r router
	pause := firstSearch
	for next := lastSearch; ; {
		timer := time.NewTimer(next)
		select {
		case <-timer.C:
		case <-m.wake:
		case <-m.ctx.Done():
			timer.Stop()
			m.shut(r)
			return
		}
		timer.Stop()
		m.mu.Lock()
		if m.moved {
			r, m.moved, pause = nil, false, firstSearch
		}
		wanted := len(m.want) > 0
		m.mu.Unlock()
		switch r = m.serve(r, wanted); {
		case r != nil:
			next, pause = renew, firstSearch
		case wanted:
			next, pause = pause, min(2*pause, lastSearch)
		default:
			next = lastSearch
		}
	}
}

// serve has a router open what is wanted: the one that is known, or else one that is
// found. It returns it, or nil if there is none.
func (m *Mapper) serve(r router, wanted bool) router {
	if r != nil && m.renew(r) {
		return r
	}
	if wanted && m.ctx.Err() == nil {
		ctx, cancel := context.WithTimeout(m.ctx, findTime)
		defer cancel()
		if r = m.opts.find(ctx); r != nil && m.renew(r) {
			return r
		}
	}
	m.note(nil)
	return nil
}

// renew opens all ports that are wanted, again if they are open, and closes others. It
// reports whether the router does what it is asked.
func (m *Mapper) renew(r router) bool {
	ctx, cancel := context.WithTimeout(m.ctx, workTime)
	defer cancel()
	ip, err := r.outside(ctx)
	if err != nil {
		m.opts.Log.Debug("a router does not say its address", "because", err)
		return false
	}
	m.mu.Lock()
	want, before := m.want, maps.Clone(m.open)
	m.mu.Unlock()
	now := make(map[Port]netip.AddrPort)
	for _, p := range want {
		at := p.Number
		if old, open := before[p]; open {
			at = old.Port()
		}
		if at, err = r.openPort(ctx, p, at); err != nil {
			m.opts.Log.Debug("a router does not open a port", "port", p.Number, "because", err)
			continue
		}
		now[p] = netip.AddrPortFrom(ip, at)
	}
	for p, at := range before {
		if !slices.Contains(want, p) {
			r.closePort(ctx, p, at.Port())
		}
	}
	m.note(now)
	return len(now) > 0 || len(want) == 0
}

// note keeps what is open, and tells of it if that is news.
func (m *Mapper) note(now map[Port]netip.AddrPort) {
	m.mu.Lock()
	same := maps.Equal(m.open, now)
	m.open = now
	m.mu.Unlock()
	if same {
		return
	}
	m.opts.Log.Info("the router's open ports have changed", "open", len(now))
	if m.opts.Changed != nil {
		m.opts.Changed()
	}
}

// shut closes all ports at the end: all at once, as a router may be slow.
func (m *Mapper) shut(r router) {
	if r == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeTime)
	defer cancel()
	m.mu.Lock()
	open := maps.Clone(m.open)
	m.mu.Unlock()
	var wg sync.WaitGroup
	for p, at := range open {
		wg.Go(func() { r.closePort(ctx, p, at.Port()) })
	}
	wg.Wait()
}
