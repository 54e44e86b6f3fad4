package past

import (
	"errors"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

const (
	// spare is how many nodes beyond the replicas' are named where they are known, for
	// places whose node cannot be reached.
	spare = 3
	// grace is added to a task's wait over the question's own time-out, which says more.
	grace = time.Second
	// pause is the mean time between two tries.
	pause = time.Second
	// tries bounds the search for the nodes near a far key.
	tries = 3
)

// near returns the nodes nearest to a key, nearest first: k, if the ring has so many, and
// a few more. The error is ErrNotReachable or task.ErrStopped.
func (p *Past) near(t *task.T, key id.ID, k int) ([]*peer.Handle, error) {
	if !p.ep.Ready() {
		return nil, ErrNotReachable
	}
	if set := p.replicas(key, k, spare); len(set) > 0 {
		return set, nil
	}
	return p.askAround(t, key, k)
}

// askAround asks the root of a far key who is near it, over two routes with different
// first hops: so one bad node on the way does not decide it. Of all nodes that are named
// the nearest count, and only members can be reached.
func (p *Past) askAround(t *task.T, key id.ID, k int) ([]*peer.Handle, error) {
	for range tries {
		o := kbr.Options{Timeout: p.cfg.Ask}
		rs, err := task.Gather(t, o.Timeout+grace, 2, func(i int, resolve func(kbr.Answer, error)) {
			o := o
			if i == 1 {
				for _, h := range p.ep.LocalLookup(key, 1, false) {
					o.AvoidFirst = append(o.AvoidFirst, h.ID)
				}
			}
			p.ep.Request(key, encode(&where{Key: key, Copies: uint8(k)}), o, resolve)
		}, nil)
		if err != nil {
			return nil, err
		}
		if named := nearest(key, rs); len(named) > 0 {
			return named[:min(len(named), k+spare)], nil
		}
		if err := t.Sleep(p.some()); err != nil {
			return nil, err
		}
	}
	return nil, ErrNotReachable
}

// nearest merges what several answers name.
func nearest(key id.ID, rs []task.Result[kbr.Answer]) (named []*peer.Handle) {
	for _, r := range rs {
		m, _ := table.Decode(r.Value.Payload)
		if ns, ok := m.(*nodes); ok && r.Err == nil {
			for _, h := range ns.Nodes {
				if !contains(named, h.ID) {
					named = append(named, h)
				}
			}
		}
	}
	slices.SortFunc(named, func(a, b *peer.Handle) int {
		switch {
		case a.ID == b.ID:
			return 0
		case id.Closer(key, a.ID, b.ID):
			return -1
		}
		return 1
	})
	return named
}

// some is a random time about pause.
func (p *Past) some() time.Duration {
	return pause/2 + time.Duration(p.ep.Rand().Int64N(int64(pause)))
}

// ask asks one node, which may be this one.
func (p *Past) ask(to *peer.Handle, q wire.Message, resolve func(wire.Message, error)) {
	p.askFor(to, q, p.cfg.Ask, resolve)
}

// askFor is ask with another time-out.
func (p *Past) askFor(to *peer.Handle, q wire.Message, timeout time.Duration, resolve func(wire.Message, error)) {
	if to.ID == p.ep.Self().ID {
		p.serve(asker{node: to.ID, origin: true}, q, func(m wire.Message, code uint16) {
			if code != 0 {
				resolve(nil, &kbr.RefusedError{Code: code, Text: refusals[code]})
				return
			}
			resolve(m, nil)
		})
		return
	}
	p.ep.Ask(to, encode(q), kbr.Options{Timeout: timeout}, func(a kbr.Answer, err error) {
		if err != nil {
			resolve(nil, err)
			return
		}
		m, err := table.Decode(a.Payload)
		if err != nil {
			p.stats.BadInput++
		}
		resolve(m, err)
	})
}

// askOne is ask for a task.
func (p *Past) askOne(t *task.T, to *peer.Handle, q wire.Message) (wire.Message, error) {
	return task.Await(t, p.cfg.Ask+grace, func(resolve func(wire.Message, error)) { p.ask(to, q, resolve) })
}

// askAll asks several nodes at once, until enough (which may be nil) says that the
// answers so far will do.
func (p *Past) askAll(t *task.T, to []*peer.Handle, q func() wire.Message, enough func([]task.Result[wire.Message]) bool) ([]task.Result[wire.Message], error) {
	return task.Gather(t, p.cfg.Ask+grace, len(to), func(i int, resolve func(wire.Message, error)) {
		p.ask(to[i], q(), resolve)
	}, enough)
}

// refusal is the code of a refusal, 0 for all else.
func refusal(err error) uint16 {
	var r *kbr.RefusedError
	if errors.As(err, &r) {
		return r.Code
	}
	return 0
}
