package reach

import (
	"cmp"
	"context"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	p2ppeer "github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/relay"
	"github.com/libp2p/go-libp2p/p2p/protocol/holepunch"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/transport"
	"github.com/phyllo-net/phyllo/transport/libp2p/addr"
)

// askWhom is how many members are asked to call this node back.
const askWhom = 3

// Reach finds out how this node can be reached, and sees to it that it can.
type Reach struct {
	n      Carrier
	cfg    Settings
	opts   Options
	log    *slog.Logger
	ctx    context.Context // ends with the transport
	cancel context.CancelFunc
	wake   chan struct{} // something changed

	members members // who may use this node's relay
	callers callers
	passes  passes
	service *relay.Relay       // nil: this node does not relay
	punch   *holepunch.Service // nil: it punches no holes
	traffic traffic

	wg      sync.WaitGroup
	mu      sync.Mutex // guards what follows
	closed  bool
	own     []string // for which the answers hold
	answers answers  // of members that were asked
	relays  []*reservation
	rounds  int                    // in which too few relays were found, in a row
	sought  time.Time              // when the last of them was
	held    map[network.Conn]*pass // those of relayed connections
	punched map[peer.Key]time.Time // when it was tried last
}

// New makes one, which does nothing before Start.
func New(n Carrier, cfg Settings, o Options) *Reach {
	o.setDefaults()
	r := &Reach{
		n: n, cfg: cfg, opts: o, wake: make(chan struct{}, 1),
		answers: answers{m: make(map[peer.Key]*answer), hold: o.Recheck}, held: make(map[network.Conn]*pass), punched: make(map[peer.Key]time.Time),
	}
	if r.log = cfg.Log; r.log == nil {
		r.log = slog.New(slog.DiscardHandler)
	}
	r.passes = passes{r: r, m: make(map[p2ppeer.ID]*pass)}
	r.traffic.rate = r.opts.RelayRate
	r.ctx, r.cancel = context.WithCancel(context.Background())
	return r
}

// Start begins when the host stands.
func (r *Reach) Start() error {
	r.n.Serve(passProtocol, r.servePass)
	if err := r.startRelay(); err != nil {
		return err
	}
	if err := r.startPunching(); err != nil {
		return err
	}
	r.spawn(r.run)
	return nil
}

// spawn runs f in a goroutine that close waits for, unless that has begun.
func (r *Reach) spawn(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.closed {
		r.wg.Go(f)
	}
}

// Close ends all but what ends with the host.
func (r *Reach) Close() {
	r.cancel()
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	if r.punch != nil {
		r.punch.Close()
	}
	if r.service != nil {
		r.service.Close()
	}
	r.passes.end()
	r.wg.Wait()
}

// Poke has the state looked at soon.
func (r *Reach) Poke() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// Listen returns events that poke, and are e besides.
func (r *Reach) Listen(e transport.Events) transport.Events { return ears{e, r} }

type ears struct {
	transport.Events
	r *Reach
}

// Up implements transport.Events.
func (e ears) Up(from *peer.Handle, cert *peer.Certificate) {
	e.Events.Up(from, cert)
	e.r.Poke()
}

// run looks at the state whenever something has changed, and now and then.
func (r *Reach) run() {
	known := false
	for next := r.opts.Recheck; ; {
		timer := time.NewTimer(next)
		select {
		case <-r.wake:
			if known && !pause(r.ctx, r.opts.Settle) {
				timer.Stop()
				return
			}
			select {
			case <-r.wake:
			default:
			}
		case <-timer.C:
		case <-r.ctx.Done():
			timer.Stop()
			return
		}
		timer.Stop()
		known = true
		next = r.look()
	}
}

func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// look asks members how this node can be reached, and finds relays if it cannot. It
// returns when it wants to look again.
func (r *Reach) look() time.Duration {
	links := r.near()
	ctx, cancel := context.WithTimeout(r.ctx, r.cfg.HelloTime)
	defer cancel()
	next, inquiries := r.inquire(ctx, links)
	if len(inquiries) > 0 {
		r.spawn(func() { r.hearBack(inquiries) })
	}
	next = min(next, r.secure(links))
	r.n.Tell()
	return max(next, r.opts.Settle)
}

// near returns the members with direct links, those first who see this node most
// from outside, and of each IP one before the second of another.
func (r *Reach) near() []transport.Link {
	links := slices.DeleteFunc(r.n.Links(), func(l transport.Link) bool { return l.Relayed })
	ips := make(map[netip.Addr]int)
	rank := make(map[id.ID]int, len(links))
	for _, l := range links {
		e := addr.EndpointOf(l.Addr)
		rank[l.Peer.ID] = ips[e.IP]*4 - int(addr.PlaceOf(e.IP))
		ips[e.IP]++
	}
	slices.SortStableFunc(links, func(a, b transport.Link) int { return cmp.Compare(rank[a.Peer.ID], rank[b.Peer.ID]) })
	return links
}

// askAgain is after which time a member is asked again that did not say how it sees
// this node.
const askAgain = 5 * time.Second

// inquire shows itself to some of the members, unless enough is known. It returns
// when some of that is to be asked anew.
func (r *Reach) inquire(ctx context.Context, links []transport.Link) (time.Duration, []*inquiry) {
	next, ask := r.unknown(links)
	var wg sync.WaitGroup
	var mu sync.Mutex
	var all []*inquiry
	for _, key := range ask {
		wg.Go(func() {
			q, err := r.meet(ctx, key)
			r.mu.Lock()
			defer r.mu.Unlock()
			if err != nil {
				delete(r.answers.m, key)
				r.log.Debug("a member does not say how it sees this node", "key", key.String(), "because", err)
				return
			}
			if old := r.answers.m[key]; old != nil { // it holds until there is another one
				q.answer.tried, q.answer.reached = old.tried, old.reached
			}
			r.answers.m[key] = q.answer
			mu.Lock()
			defer mu.Unlock()
			all = append(all, q)
		})
	}
	wg.Wait()
	if len(all) < len(ask) {
		next = min(next, askAgain)
	}
	return next, all
}

// unknown forgets answers about addresses of the past, and returns whom to ask, or to
// ask again. The time is when the next of the answers is old.
func (r *Reach) unknown(links []transport.Link) (next time.Duration, ask []peer.Key) {
	own := r.n.Site().Announced(r.n.Direct())
	r.mu.Lock()
	defer r.mu.Unlock()
	if !slices.Equal(own, r.own) {
		r.own = own
		r.answers.forget()
	}
	linked := make(map[peer.Key]bool, len(links))
	for _, l := range links {
		linked[l.Peer.Key] = true
	}
	next, ask = r.answers.old(time.Now(), linked)
	if len(own) == 0 {
		return next, nil
	}
	known := len(r.answers.m)
	for _, l := range links {
		if _, asked := r.answers.m[l.Peer.Key]; !asked && known < askWhom {
			ask = append(ask, l.Peer.Key)
			known++
		}
	}
	return next, ask
}

// hearBack lets those members call back, which takes its time.
func (r *Reach) hearBack(inquiries []*inquiry) {
	ctx, cancel := context.WithTimeout(r.ctx, callTime+r.cfg.HelloTime)
	defer cancel()
	var wg sync.WaitGroup
	for _, q := range inquiries {
		wg.Go(func() {
			key := q.st.Remote()
			a, err := r.ask(ctx, q)
			r.mu.Lock()
			defer r.mu.Unlock()
			switch {
			case r.answers.m[key] != q.answer: // this node has moved meanwhile
			case err != nil:
				r.log.Debug("a member did not call back", "key", key.String(), "because", err)
				r.answers.later(q.answer, time.Now(), callGap)
			default:
				if a.failed() {
					r.log.Debug("a member could not call back", "key", key.String(), "at", a.tried)
				}
				r.answers.found(key, a)
			}
		})
	}
	wg.Wait()
	r.Poke()
}

// candidates are the addresses at which this node may perhaps be reached, which a
// member tries that sees it at seen.
func (r *Reach) candidates(seen addr.Endpoint) []string {
	s := r.n.Site()
	texts := s.Announced(r.n.Direct())
	if !seen.IP.IsValid() {
		return texts
	}
	// A port that was forwarded by hand, most likely the same as here.
	var guesses []string
	for _, e := range s.Own {
		if e.IP.Is4() == seen.IP.Is4() && !e.Unusable() && addr.PlaceOf(e.IP) != addr.OnHost {
			e.IP = seen.IP
			if text := e.Multiaddr().String(); !slices.Contains(texts, text) && !slices.Contains(guesses, text) {
				guesses = append(guesses, text)
			}
		}
	}
	texts = slices.DeleteFunc(texts, func(text string) bool { return addr.EndpointOf(text).IP != seen.IP })
	texts = append(texts, guesses...)
	return texts[:min(len(texts), 4)]
}

// listensAt reports whether this node listens at the port of an endpoint.
func (r *Reach) listensAt(e addr.Endpoint) bool {
	return slices.ContainsFunc(r.n.Site().Own, func(o addr.Endpoint) bool { return o.Port == e.Port && o.QUIC == e.QUIC })
}

// standing is what the answers say together.
type standing uint8

const (
	unasked   standing = iota // nobody has called back yet
	reachable                 // all who were asked got through
	shutOff                   // somebody did not
)

// standing says how this node stands; r.mu is held.
func (r *Reach) standing() standing {
	s := unasked
	for _, a := range r.answers.m {
		if a.failed() {
			return shutOff
		}
		if len(a.tried) > 0 {
			s = reachable
		}
	}
	return s
}

// verified returns the addresses at which members have reached this node, and
// those public ones at which they have not. r.mu is held.
func (r *Reach) verified() (good, bad []string) {
	for _, a := range r.answers.m {
		for _, text := range a.tried {
			switch {
			case slices.Contains(a.reached, text):
				good = append(good, text)
			case addr.PlaceOf(addr.EndpointOf(text).IP) == addr.OnNet:
				bad = append(bad, text)
			}
		}
	}
	slices.Sort(good)
	return slices.Compact(good), bad
}

// maxDirect bounds the direct addresses that are told beside those of relays.
const maxDirect = peer.MaxAddrs / 2

// Addrs are the addresses that others are told.
func (r *Reach) Addrs() []string {
	s := r.n.Site()
	r.mu.Lock()
	defer r.mu.Unlock()
	all := r.n.Direct()
	good, bad := r.verified()
	for _, text := range good {
		if a, err := ma.NewMultiaddr(text); err == nil {
			all = append(all, a)
		}
	}
	direct := s.Announced(all)
	var through []string
	for _, v := range r.relays {
		through = append(through, v.addrs...)
	}
	if len(through) == 0 {
		return direct
	}
	direct = slices.DeleteFunc(direct, func(text string) bool { return slices.Contains(bad, text) && !slices.Contains(good, text) })
	direct = direct[:min(len(direct), maxDirect)]
	through = through[:min(len(through), peer.MaxAddrs-len(direct))]
	return append(direct, through...)
}

// Holds reports whether a node relays for this one, or was asked to: it is shown a pass.
func (r *Reach) Holds(p p2ppeer.ID) bool { return r.passes.holds(p) }

// Believe takes for granted what members found who called this node back: that they
// reached it, or not. It asks nobody then. Programs that know what stands before a node
// use it, as tests do whose nodes share one machine.
func (r *Reach) Believe(reached bool) {
	r.mu.Lock()
	r.own = r.n.Site().Announced(r.n.Direct())
	for k := range byte(askWhom) {
		a := &answer{when: time.Now(), tried: []string{"/ip4/127.0.0.1/tcp/1"}}
		if reached {
			a.reached = a.tried
		}
		r.answers.m[peer.Key{k + 1}] = a
	}
	r.mu.Unlock()
	r.Poke()
}
