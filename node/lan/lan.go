// Package lan is how a node finds rings on the local network and is let into one, and how it tells the network of
// its own.
package lan

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/member"
	mlan "github.com/phyllo-net/phyllo/member/lan"
	"github.com/phyllo-net/phyllo/node/kind"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/transport/mdns"
)

// Config says for which node.
type Config struct {
	// Member is the node's part in its membership, once it is started, and Self its key.
	Member func() *member.Member
	Self   func() peer.Key
	Addrs  func() []string // at which others reach it
	// Interfaces are those of the network that are used; empty: all.
	Interfaces []string
	// MayMove refuses to leave a ring in which there are others. Moved takes the node's place in the ring that it
	// has just entered.
	MayMove func() error
	Moved   func(ctx context.Context) (*api.Joined, error)
	Tell    func(*api.Event) // hands an event to those who follow them
	Log     *slog.Logger
}

// LAN is one node's part in that. Its methods may be called from any goroutine, Start, Hush, End and Wait by one at a time.
type LAN struct {
	cfg    Config
	beacon *mdns.Announcer

	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu     sync.Mutex // guards what follows, and digits of an asking
	asking *asking
}

// New returns one that does nothing by itself yet.
func New(c Config) *LAN {
	l := &LAN{cfg: c}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	return l
}

// Start looks from now on whether somebody asks to be let in, and announces the ring, where it shall.
func (l *LAN) Start(announce bool) {
	l.wg.Go(l.watch)
	if announce {
		l.announce()
	}
}

// Hush announces the ring no more.
func (l *LAN) Hush() error {
	if l.beacon == nil {
		return nil
	}
	return l.beacon.Close()
}

// End gives up what is under way.
func (l *LAN) End() { l.cancel() }

// Wait waits until all has ended, after End.
func (l *LAN) Wait() { l.wg.Wait() }

// Face is the part of api.Node that is about the local network.
type Face struct{ LAN *LAN }

// asking is this node's open request to a ring on the local network: a goroutine
// speaks with the admitter, and people speak with us in between.
type asking struct {
	code   chan api.LanCode // what to show, once
	say    chan bool        // whether the person says that it is the same
	cancel context.CancelFunc
	done   chan struct{} // closed when it is over
	digits string
	err    error
}

// LanRings implements api.Node.
func (f Face) LanRings(ctx context.Context) ([]api.LanRing, error) {
	seen, err := f.LAN.sightings(ctx)
	if err != nil {
		return nil, err
	}
	var out []api.LanRing
	for _, s := range seen {
		at := slices.IndexFunc(out, func(r api.LanRing) bool { return r.Ring == s.Ring })
		if at < 0 {
			out = append(out, api.LanRing{Name: s.Name, Ring: s.Ring})
			at = len(out) - 1
		}
		out[at].Nodes++
	}
	slices.SortFunc(out, func(a, b api.LanRing) int { return strings.Compare(a.Name+a.Ring.String(), b.Name+b.Ring.String()) })
	return out, nil
}

// LanAsk implements api.Node.
func (f Face) LanAsk(ctx context.Context, ring string) (*api.LanCode, error) {
	l := f.LAN
	if err := l.cfg.MayMove(); err != nil {
		return nil, err
	}
	seen, err := l.sightings(ctx)
	if err != nil {
		return nil, err
	}
	var addrs [][]string
	var rings []id.Hash
	for _, s := range seen {
		if s.Name == ring || len(ring) >= 8 && strings.HasPrefix(s.Ring.String(), strings.ToLower(ring)) {
			addrs = append(addrs, s.Addrs)
			if !slices.Contains(rings, s.Ring) {
				rings = append(rings, s.Ring)
			}
		}
	}
	switch {
	case len(rings) == 0:
		return nil, api.Errorf(api.NotFound, "no ring %+q on this network: `phyllo join` lists them; is one of its computers up?", ring)
	case len(rings) > 1:
		return nil, api.Errorf(api.Usage, "%d rings on this network call themselves %+q: say which by its id, as in `phyllo join --lan %s`", len(rings), ring, rings[0].String()[:16])
	}
	var last error
	for _, at := range addrs {
		a := l.begin(at, rings[0])
		select {
		case code := <-a.code:
			return &code, nil
		case <-a.done:
			last = a.err
		case <-ctx.Done():
			a.cancel()
			return nil, ctx.Err()
		}
	}
	return nil, kind.Give(last)
}

// begin starts a request; one that was open is given up.
func (l *LAN) begin(addrs []string, ring id.Hash) *asking {
	ctx, cancel := context.WithTimeout(l.ctx, 2*mlan.Time)
	a := &asking{code: make(chan api.LanCode, 1), say: make(chan bool, 1), cancel: cancel, done: make(chan struct{})}
	l.mu.Lock()
	if l.asking != nil {
		l.asking.cancel()
	}
	l.asking = a
	l.mu.Unlock()
	l.wg.Go(func() {
		defer cancel()
		defer close(a.done)
		_, a.err = l.cfg.Member().JoinLAN(ctx, addrs, func(digits, name string) bool {
			l.mu.Lock()
			a.digits = digits
			l.mu.Unlock()
			a.code <- api.LanCode{Code: digits, RingName: name, Ring: ring, Until: time.Now().Add(mlan.Time).UTC()}
			select {
			case yes := <-a.say:
				return yes
			case <-ctx.Done():
				return false
			}
		})
	})
	return a
}

// LanConfirm implements api.Node.
func (f Face) LanConfirm(ctx context.Context, code string) (*api.Joined, error) {
	l := f.LAN
	l.mu.Lock()
	a := l.asking
	l.asking = nil
	l.mu.Unlock()
	if a == nil {
		return nil, api.Errorf(api.Failed, "no request to join is open: begin with `phyllo join --lan NAME`")
	}
	l.mu.Lock()
	same := code == a.digits
	l.mu.Unlock()
	a.say <- same
	select {
	case <-a.done:
	case <-ctx.Done():
		a.cancel()
		return nil, ctx.Err()
	}
	if a.err != nil {
		return nil, kind.Give(a.err)
	}
	return l.cfg.Moved(ctx)
}

// checkTime is how often an admitter looks whether somebody asks to be let in.
const checkTime = time.Second

// watch tells followers when somebody on the local network asks to be let in.
func (l *LAN) watch() {
	tick := time.NewTicker(checkTime)
	defer tick.Stop()
	var told time.Time
	for {
		select {
		case <-tick.C:
		case <-l.ctx.Done():
			return
		}
		if r, open := l.cfg.Member().Pending(); open && !r.Ends.Equal(told) {
			told = r.Ends
			l.cfg.Log.Info("a node on the local network asks to be let in: `phyllo member admit CODE` does it", "addr", r.Addr)
			l.cfg.Tell(&api.Event{Kind: api.EventJoinRequest, Time: time.Now().UTC(), Name: r.Addr})
		}
	}
}
