package node

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/member/lan"
	"github.com/phyllo-net/phyllo/node/kind"
)

// lanAsking is this node's open request to a ring on the local network: a goroutine
// speaks with the admitter, and people speak with us in between.
type lanAsking struct {
	code   chan api.LanCode // what to show, once
	say    chan bool        // whether the person says that it is the same
	cancel context.CancelFunc
	done   chan struct{} // closed when it is over
	digits string
	err    error
}

// LanRings implements api.Node.
func (f face) LanRings(ctx context.Context) ([]api.LanRing, error) {
	seen, err := f.n.sightings(ctx)
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
func (f face) LanAsk(ctx context.Context, ring string) (*api.LanCode, error) {
	n := f.n
	if err := n.mayMove(); err != nil {
		return nil, err
	}
	seen, err := n.sightings(ctx)
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
	for _, a := range addrs {
		asking := n.beginAsking(a, rings[0])
		select {
		case code := <-asking.code:
			return &code, nil
		case <-asking.done:
			last = asking.err
		case <-ctx.Done():
			asking.cancel()
			return nil, ctx.Err()
		}
	}
	return nil, kind.Give(last)
}

// beginAsking starts a request; one that was open is given up.
func (n *Node) beginAsking(addrs []string, ring id.Hash) *lanAsking {
	ctx, cancel := context.WithTimeout(n.ctx, 2*lan.Time)
	a := &lanAsking{code: make(chan api.LanCode, 1), say: make(chan bool, 1), cancel: cancel, done: make(chan struct{})}
	n.lanMu.Lock()
	if n.lan != nil {
		n.lan.cancel()
	}
	n.lan = a
	n.lanMu.Unlock()
	n.wg.Go(func() {
		defer cancel()
		defer close(a.done)
		_, a.err = n.member.JoinLAN(ctx, addrs, func(digits, name string) bool {
			n.lanMu.Lock()
			a.digits = digits
			n.lanMu.Unlock()
			a.code <- api.LanCode{Code: digits, RingName: name, Ring: ring, Until: time.Now().Add(lan.Time).UTC()}
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
func (f face) LanConfirm(ctx context.Context, code string) (*api.Joined, error) {
	n := f.n
	n.lanMu.Lock()
	a := n.lan
	n.lan = nil
	n.lanMu.Unlock()
	if a == nil {
		return nil, api.Errorf(api.Failed, "no request to join is open: begin with `phyllo join --lan NAME`")
	}
	n.lanMu.Lock()
	same := code == a.digits
	n.lanMu.Unlock()
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
	return n.moved(ctx)
}

// lanCheck is how often an admitter looks whether somebody asks to be let in.
const lanCheck = time.Second

// watchLan tells followers when somebody on the local network asks to be let in.
func (n *Node) watchLan() {
	tick := time.NewTicker(lanCheck)
	defer tick.Stop()
	var told time.Time
	for {
		select {
		case <-tick.C:
		case <-n.ctx.Done():
			return
		}
		if r, open := n.member.Pending(); open && !r.Ends.Equal(told) {
			told = r.Ends
			n.log.Info("a node on the local network asks to be let in: `phyllo member admit CODE` does it", "addr", r.Addr)
			n.feed.Publish(&api.Event{Kind: api.EventJoinRequest, Time: time.Now().UTC(), Name: r.Addr})
		}
	}
}
