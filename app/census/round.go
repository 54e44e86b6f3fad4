package census

import (
	"time"

	"github.com/phyllo-net/phyllo/app/directory"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
)

// round is a question that this node began.
type round struct {
	c     *Census
	g     *gather
	queue []rest // where there is more
	asked int    // how often it was asked on
	seen  map[seen]struct{}
	each  func([]*directory.Record) bool
	limit int
	cut   bool
}

// seen is what a list has once: a name that two keys claim is listed with both.
type seen struct {
	name directory.Name
	key  peer.Key
}

const (
	// maxFlying is how many ranges are asked about at once besides the first ones: what
	// their answers hold is on its way here at the same time.
	maxFlying = 16
	// maxAsked bounds how often a list is asked on, whatever others tell.
	maxAsked = 20_000
	// grace is added to a wait over the time that the question itself has.
	grace = time.Second
)

func (c *Census) newRound(users *wanted) *round {
	r := &round{c: c, seen: make(map[seen]struct{})}
	r.g = &gather{c: c, ask: &ask{Origin: c.ep.Self().ID, Scope: id.Range{Full: true}, Users: users}, patience: c.cfg.Patience, home: r}
	return r
}

// run asks, and waits until all is told or the time is over.
func (r *round) run(t *task.T, limit time.Duration) error {
	if !r.c.own.Take(id.ID{}, r.c.ep.Now()) {
		return ErrBusy
	}
	_, err := task.Await(t, limit+grace, func(resolve func(struct{}, error)) {
		r.g.done = func() { resolve(struct{}{}, nil) }
		r.g.begin(limit)
	})
	return err
}

// askOn asks about ranges with more, a few at once.
func (r *round) askOn() {
	for len(r.queue) > 0 && r.g.open < maxFlying {
		next := r.queue[0]
		r.queue = r.queue[1:]
		if r.asked++; r.asked > maxAsked {
			r.cut = true
		}
		if r.cut {
			continue
		}
		r.g.open++
		r.g.cover(next.Scope, next.After, nil, 0)
		r.g.open--
	}
}

// take checks the signatures of records, and hands on those that are right.
func (r *round) take(rs []*directory.Record) {
	var fresh []*directory.Record
	for _, rec := range rs {
		if _, have := r.seen[seen{rec.Name, rec.Identity}]; !have {
			fresh = append(fresh, rec)
		}
	}
	if len(fresh) == 0 || r.cut {
		return
	}
	ring, v := r.c.cfg.Ring, r.c.cfg.Verifier
	r.g.open++
	r.c.ep.Work(func() any {
		var good []*directory.Record
		for _, rec := range fresh {
			if rec.Verify(ring, v) == nil {
				good = append(good, rec)
			}
		}
		return good
	}, func(out any) {
		good := out.([]*directory.Record)
		r.c.stats.BadInput += uint64(len(fresh) - len(good))
		r.give(good)
		r.g.closed()
	})
}

// give hands on records that were not yet.
func (r *round) give(good []*directory.Record) {
	var out []*directory.Record
	for _, rec := range good {
		k := seen{rec.Name, rec.Identity}
		if _, have := r.seen[k]; have || r.g.over {
			continue
		}
		if len(r.seen) == r.limit {
			r.cut = true
			break
		}
		r.seen[k] = struct{}{}
		out = append(out, rec)
	}
	if len(out) > 0 && !r.each(out) || r.cut {
		r.g.finish()
	}
}

// answered says how many nodes the outcome rests on.
func (r *round) answered() Answered {
	s := r.g.told.Sum
	open := 0.0
	for _, x := range r.g.told.Rest {
		open += share(x.Scope)
	}
	about := float64(s.Nodes + s.Lost)
	if open < 1 {
		about /= 1 - open
	}
	return Answered{Nodes: int(s.Nodes), About: int(about + 0.5), More: r.cut}
}
