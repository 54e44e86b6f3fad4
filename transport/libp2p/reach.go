package libp2p

import (
	"cmp"
	"context"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
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

// Reach says which means a node uses to be reached behind a NAT or firewall, and
// to help others there. The zero value uses none.
type Reach struct {
	// PortMap asks the router for ports, by UPnP and NAT-PMP (package transport/portmap).
	PortMap bool
	// Punch makes direct connections in place of relayed ones where NATs allow
	// that.
	Punch bool
	// Relays calls others through relays; and if members who call this node back
	// do not reach it, looks for members that relay for it.
	Relays bool
	// RelayFor is for how many members this node relays if it can be reached
	// itself; 0: for none.
	RelayFor int
	// RelayRate is how many bytes a second it relays for each of them, both
	// directions together; 0: 1 MiB.
	RelayRate int
	// Settle is how long after a change, of links or addresses, the node looks how
	// it can be reached; 0: 300 ms.
	Settle time.Duration
	// Recheck is after which time it is looked again; 0: 30 minutes. If others do
	// not reach this node they are asked again after a quarter of it.
	Recheck time.Duration
}

func (o *Reach) on() bool { return o.PortMap || o.Punch || o.Relays || o.RelayFor > 0 }

func (o *Reach) setDefaults() {
	if o.RelayRate == 0 {
		o.RelayRate = 1 << 20
	}
	if o.Settle == 0 {
		o.Settle = 300 * time.Millisecond
	}
	if o.Recheck == 0 {
		o.Recheck = 30 * time.Minute
	}
}

// askWhom is how many members are asked to call this node back.
const askWhom = 3

// reach finds out how this node can be reached, and sees to it that it can.
type reach struct {
	t      *Transport
	opts   Reach
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

func newReach(t *Transport) *reach {
	r := &reach{
		t: t, opts: t.opts.Reach, wake: make(chan struct{}, 1),
		answers: answers{m: make(map[peer.Key]*answer), hold: t.opts.Reach.Recheck}, held: make(map[network.Conn]*pass), punched: make(map[peer.Key]time.Time),
	}
	if r.log = t.cfg.Log; r.log == nil {
		r.log = slog.New(slog.DiscardHandler)
	}
	r.passes = passes{r: r, m: make(map[p2ppeer.ID]*pass)}
	r.traffic.rate = r.opts.RelayRate
	r.ctx, r.cancel = context.WithCancel(context.Background())
	return r
}

// start begins when the host stands.
func (r *reach) start() error {
	r.t.Serve(passProtocol, r.servePass)
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
func (r *reach) spawn(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.closed {
		r.wg.Go(f)
	}
}

// close ends all but what ends with the host.
func (r *reach) close() {
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

// poke has the state looked at soon.
func (r *reach) poke() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// listen returns events that poke, and are e besides.
func (r *reach) listen(e transport.Events) transport.Events { return ears{e, r} }

type ears struct {
	transport.Events
	r *reach
}

// Up implements transport.Events.
func (e ears) Up(from *peer.Handle, cert *peer.Certificate) {
	e.Events.Up(from, cert)
	e.r.poke()
}

// run looks at the state whenever something has changed, and now and then.
func (r *reach) run() {
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
func (r *reach) look() time.Duration {
	links := r.near()
	ctx, cancel := context.WithTimeout(r.ctx, r.t.opts.Limits.HelloTime)
	defer cancel()
	next, inquiries := r.inquire(ctx, links)
	if len(inquiries) > 0 {
		r.spawn(func() { r.hearBack(inquiries) })
	}
	next = min(next, r.secure(links))
	r.t.tell()
	return max(next, r.opts.Settle)
}

// near returns the members with direct links, those first who see this node most
// from outside, and of each IP one before the second of another.
func (r *reach) near() []transport.Link {
	links := slices.DeleteFunc(r.t.links.Links(), func(l transport.Link) bool { return l.Relayed })
	ips := make(map[netip.Addr]int)
	rank := make(map[id.ID]int, len(links))
	for _, l := range links {
		e := endpointOf(l.Addr)
		rank[l.Peer.ID] = ips[e.IP]*4 - int(addr.PlaceOf(e.IP))
		ips[e.IP]++
	}
	slices.SortStableFunc(links, func(a, b transport.Link) int { return cmp.Compare(rank[a.Peer.ID], rank[b.Peer.ID]) })
	return links
}

// endpointOf is parseEndpoint of a text; the zero endpoint if it is none.
func endpointOf(text string) addr.Endpoint {
	a, err := ma.NewMultiaddr(text)
	if err != nil {
		return addr.Endpoint{}
	}
	e, _ := addr.Parse(a)
	return e
}

// askAgain is after which time a member is asked again that did not say how it sees
// this node.
const askAgain = 5 * time.Second

// inquire shows itself to some of the members, unless enough is known. It returns
// when some of that is to be asked anew.
func (r *reach) inquire(ctx context.Context, links []transport.Link) (time.Duration, []*inquiry) {
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
func (r *reach) unknown(links []transport.Link) (next time.Duration, ask []peer.Key) {
	own := r.t.site.Load().Announced(r.t.direct())
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
func (r *reach) hearBack(inquiries []*inquiry) {
	ctx, cancel := context.WithTimeout(r.ctx, callTime+r.t.opts.Limits.HelloTime)
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
	r.poke()
}

// candidates are the addresses at which this node may perhaps be reached, which a
// member tries that sees it at seen.
func (r *reach) candidates(seen addr.Endpoint) []string {
	s := r.t.site.Load()
	texts := s.Announced(r.t.direct())
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
	texts = slices.DeleteFunc(texts, func(text string) bool { return endpointOf(text).IP != seen.IP })
	texts = append(texts, guesses...)
	return texts[:min(len(texts), 4)]
}

// listensAt reports whether this node listens at the port of an endpoint.
func (r *reach) listensAt(e addr.Endpoint) bool {
	return slices.ContainsFunc(r.t.site.Load().Own, func(o addr.Endpoint) bool { return o.Port == e.Port && o.QUIC == e.QUIC })
}

// standing is what the answers say together.
type standing uint8

const (
	unasked   standing = iota // nobody has called back yet
	reachable                 // all who were asked got through
	shutOff                   // somebody did not
)

// standing says how this node stands; r.mu is held.
func (r *reach) standing() standing {
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
func (r *reach) verified() (good, bad []string) {
	for _, a := range r.answers.m {
		for _, text := range a.tried {
			switch {
			case slices.Contains(a.reached, text):
				good = append(good, text)
			case addr.PlaceOf(endpointOf(text).IP) == addr.OnNet:
				bad = append(bad, text)
			}
		}
	}
	slices.Sort(good)
	return slices.Compact(good), bad
}

// maxDirect bounds the direct addresses that are told beside those of relays.
const maxDirect = peer.MaxAddrs / 2

// addrs are the addresses that others are told.
func (r *reach) addrs() []string {
	s := r.t.site.Load()
	r.mu.Lock()
	defer r.mu.Unlock()
	all := r.t.direct()
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

// direct drops the addresses of relays.
func direct(addrs []string) []string {
	return slices.DeleteFunc(slices.Clone(addrs), func(a string) bool { return strings.Contains(a, "/p2p-circuit") })
}
