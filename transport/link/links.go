package link

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/transport"
	"github.com/phyllo-net/phyllo/wire"
)

// DefaultMaxLinks is what a MaxLinks of 0 means.
const DefaultMaxLinks = 60

// Links are all links of one node. The methods of transport.Transport that
// concern links and incoming streams are here, and do what it says.
type Links struct {
	cfg    transport.Config
	offers transport.Offers // cfg.Events as such, or nil
	carry  Carrier
	limits Limits
	log    *slog.Logger
	begin  time.Time

	ctx    context.Context // ends when the links are closed
	cancel context.CancelFunc
	run    crew

	mu      sync.Mutex // before far.mu
	fars    map[id.ID]*far
	protect map[id.ID]struct{}
	closed  bool

	muted    atomic.Bool // no more events
	standing atomic.Int64
	attempts atomic.Uint64 // numbers those that came to a hello
	hellos   atomic.Int64
	counts   counters
	bans     bans
	streams  streams
	pens     pens
}

// New returns the links of a node without any. Close must be called.
func New(cfg transport.Config, carry Carrier, limits Limits) *Links {
	if cfg.MaxLinks == 0 {
		cfg.MaxLinks = DefaultMaxLinks
	}
	l := &Links{
		cfg: cfg, carry: carry, limits: limits.withDefaults(), log: cfg.Log, begin: time.Now(),
		fars: make(map[id.ID]*far), protect: make(map[id.ID]struct{}),
	}
	if l.log == nil {
		l.log = slog.New(slog.DiscardHandler)
	}
	// Above those of an earlier transport of the same incarnation, whose peers
	// remember the last they heard of.
	l.attempts.Store(uint64(l.begin.UnixNano()))
	l.offers, _ = cfg.Events.(transport.Offers)
	l.ctx, l.cancel = context.WithCancel(context.Background())
	l.pens.init(l)
	l.start("watch", l.watch, nil)
	return l
}

// crew counts the goroutines of a node's links, so that Close can wait for them.
type crew struct {
	mu    sync.Mutex
	n     int
	ended bool
	idle  chan struct{}
}

func (c *crew) enter() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		return false
	}
	c.n++
	return true
}

func (c *crew) leave() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n--
	if c.ended && c.n == 0 {
		close(c.idle)
	}
}

// end lets nobody enter any more and returns what is closed when all have left.
func (c *crew) end() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.ended {
		c.ended = true
		c.idle = make(chan struct{})
		if c.n == 0 {
			close(c.idle)
		}
	}
	return c.idle
}

// start runs f in a goroutine. A panic in it is contained: counted, logged, and
// fault is called if there is one. It reports false, and does nothing, when the
// links have been closed.
func (l *Links) start(what string, f func(), fault func()) bool {
	if !l.run.enter() {
		return false
	}
	go func() {
		defer l.run.leave()
		l.contain(what, f, fault)
	}()
	return true
}

// Go runs f in a goroutine that Close waits for, unless it has begun; a panic in it is
// contained.
func (l *Links) Go(what string, f func()) { l.start(what, f, nil) }

// startOrDo is start, or does it here if the links have been closed.
func (l *Links) startOrDo(what string, f func()) {
	if !l.start(what, f, nil) {
		f()
	}
}

// Contain calls f, which works on one connection or stream, and catches its panic: that
// is counted, logged, and fault ends the connection or stream.
func (l *Links) Contain(what string, f, fault func()) { l.contain(what, f, fault) }

// contain calls f and catches its panic.
func (l *Links) contain(what string, f func(), fault func()) {
	defer func() {
		if r := recover(); r != nil {
			l.counts.panics.Add(1)
			l.log.Error("a fault of the program was contained", "in", what, "fault", fmt.Sprint(r), "stack", string(debug.Stack()))
			if fault != nil {
				fault()
			}
		}
	}()
	f()
}

// lock returns what is known about a node, locked; it is made if need be. It is
// nil when the links are closed.
func (l *Links) lock(node id.ID) *far {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil
	}
	f := l.fars[node]
	if f == nil {
		f = &far{links: l, id: node}
		l.fars[node] = f
	}
	f.mu.Lock()
	return f
}

// known returns all fars, in no order.
func (l *Links) known() []*far {
	l.mu.Lock()
	defer l.mu.Unlock()
	fs := make([]*far, 0, len(l.fars))
	for _, f := range l.fars {
		fs = append(fs, f)
	}
	return fs
}

// sessions returns the links that stand, in the order of their ids.
func (l *Links) sessions() []*session {
	var ss []*session
	for _, f := range l.known() {
		f.mu.Lock()
		if f.live != nil && f.live.up {
			ss = append(ss, f.live)
		}
		f.mu.Unlock()
	}
	slices.SortFunc(ss, func(a, b *session) int { return a.h.ID.Cmp(b.h.ID) })
	return ss
}

// own returns the node's handle and certificate, or nil if it is no member.
func (l *Links) own() (*peer.Handle, *peer.Certificate) {
	if l.cfg.Hello == nil {
		return nil, nil
	}
	h, c := l.cfg.Hello()
	if h == nil || c == nil {
		return nil, nil
	}
	return h, c
}

// Send is transport.Transport's. A frame that no link can carry by its length is
// refused with an error that wraps wire.ErrTooLarge or wire.ErrMalformed.
func (l *Links) Send(to *peer.Handle, c transport.Class, frame []byte) error {
	switch {
	case len(frame) > wire.MaxFrame:
		return fmt.Errorf("%w: frame of %d bytes, at most %d", wire.ErrTooLarge, len(frame), wire.MaxFrame)
	case len(frame) == 0, c >= transport.Classes:
		return fmt.Errorf("%w: frame of %d bytes and class %d", wire.ErrMalformed, len(frame), c)
	}
	if h, _ := l.own(); h != nil && h.ID == to.ID {
		l.bad("self", peer.Key{}, transport.ErrSelf)
		return nil
	}
	f := l.lock(to.ID)
	if f == nil {
		return transport.ErrClosed
	}
	defer f.mu.Unlock()
	return f.send(to, c, frame)
}

// Connect is transport.Transport's.
func (l *Links) Connect(ctx context.Context, to *peer.Handle) error {
	if h, _ := l.own(); h != nil && h.ID == to.ID {
		l.bad("self", peer.Key{}, transport.ErrSelf)
		return transport.ErrSelf
	}
	f := l.lock(to.ID)
	if f == nil {
		return transport.ErrClosed
	}
	wait, err := f.connect(to)
	f.mu.Unlock()
	if wait == nil {
		return err
	}
	select {
	case err := <-wait:
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-l.ctx.Done():
		return transport.ErrClosed
	}
}

// Disconnect is transport.Transport's.
func (l *Links) Disconnect(node id.ID, expelled bool) {
	why := transport.Ours
	if expelled {
		why = transport.Expelled
	}
	f := l.lock(node)
	if f == nil {
		return
	}
	defer f.mu.Unlock()
	f.giveUp(errors.New("the link was closed by this node"))
	l.drop(f.queue.clear())
	if f.live != nil {
		f.live.end(why, transport.Ours, true)
	}
}

// Protect is transport.Transport's.
func (l *Links) Protect(node id.ID, on bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if on {
		l.protect[node] = struct{}{}
	} else {
		delete(l.protect, node)
	}
}

// Links is transport.Transport's.
func (l *Links) Links() []transport.Link {
	ss := l.sessions()
	list := make([]transport.Link, len(ss))
	for i, s := range ss {
		s.far.mu.Lock()
		queued := s.far.queue.len()
		s.far.mu.Unlock()
		list[i] = transport.Link{
			Peer: s.h, Addr: s.st.Addr(), Kind: s.st.Kind(), Relayed: s.st.Kind() == "relay",
			Outbound: s.out, Since: s.since, In: s.in.Load(), Out: s.sent.Load(), Queued: queued,
		}
		if st, can := s.st.(interface{ Via() peer.Key }); can {
			list[i].Via = st.Via()
		}
	}
	return list
}

// trim closes unprotected links, those longest without a frame first, until there
// are at most MaxLinks. It spares the newest, s.
func (l *Links) trim(s *session) {
	if int(l.standing.Load()) <= l.cfg.MaxLinks {
		return
	}
	ss := l.sessions()
	surplus := len(ss) - l.cfg.MaxLinks
	l.mu.Lock()
	ss = slices.DeleteFunc(ss, func(o *session) bool {
		_, kept := l.protect[o.h.ID]
		return kept || o == s
	})
	l.mu.Unlock()
	slices.SortStableFunc(ss, func(a, b *session) int { return int(a.last.Load() - b.last.Load()) })
	for _, o := range ss[:max(0, min(surplus, len(ss)))] {
		o.far.mu.Lock()
		o.end(transport.Ours, transport.Ours, true)
		o.far.mu.Unlock()
	}
}

// event calls f, which tells the owner something, unless the links are closed.
func (l *Links) event(f func(transport.Events)) {
	if !l.muted.Load() {
		f(l.cfg.Events)
	}
}

// drop counts frames that were given up.
func (l *Links) drop(n int) { l.counts.dropped.Add(uint64(n)) }

// since is the time on the links' own clock, for idleness and stalls; never 0.
func (l *Links) since() int64 { return int64(time.Since(l.begin)) + 1 }
