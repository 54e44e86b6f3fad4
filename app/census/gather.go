package census

import (
	"errors"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/app/directory"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// gather is a question on its way through this node: who was asked about which part, and
// what has come of it.
type gather struct {
	c        *Census
	ask      *ask
	end      task.Instant
	patience time.Duration // that one of the others has at most
	told     told
	size     int // bytes of the records in it
	have     map[id.Hash]struct{}
	awaited  []*awaited
	open     int // outcomes that are awaited, own records among them
	over     bool
	timer    task.Timer
	done     func()
	// home is set at who began the question. It has room for all that comes, and asks on
	// where there is more.
	home *round
}

// awaited is a part that somebody was asked about.
type awaited struct {
	kbr.Part
	after *id.Hash
	avoid []id.ID
	tries int
	over  bool
	watch func()
	doubt task.Timer
}

const (
	// maxTries is how often a part is given to another node.
	maxTries = 3
	// leastWait is the shortest time in which an answer can be hoped for.
	leastWait = 50 * time.Millisecond
	// After doubtful without an answer a node is asked whether it is there, and has shortly
	// to say so.
	doubtful = time.Second
	shortly  = 2 * time.Second
)

// begin asks, and calls done when all have answered or the time is over.
func (g *gather) begin(limit time.Duration) {
	g.end = g.c.ep.Now().Add(limit)
	g.have = make(map[id.Hash]struct{})
	g.timer = g.c.ep.After(limit, g.finish)
	var after *id.Hash
	if g.ask.Users != nil {
		after = g.ask.Users.After
	}
	g.open++
	g.cover(g.ask.Scope, after, g.ask.Avoid, 0)
	g.closed()
}

// cover asks all nodes of a range: this one, if it lies there, and the others by parts.
func (g *gather) cover(scope id.Range, after *id.Hash, avoid []id.ID, tries int) {
	if tries == 0 && scope.Contains(g.c.ep.Self().ID) {
		g.own(after)
	}
	if int(g.ask.Depth) >= maxDepth {
		g.leave(rest{Scope: scope})
		return
	}
	for _, p := range g.c.ep.Divide(scope, avoid) {
		g.send(&awaited{Part: p, after: after, avoid: avoid, tries: tries})
	}
}

// own adds what this node has.
func (g *gather) own(after *id.Hash) {
	var facts *Facts
	if f := g.c.cfg.Facts; f != nil && g.ask.Users == nil {
		facts = f()
	}
	if after == nil {
		s := one(facts)
		g.told.Sum.add(&s)
	}
	if g.ask.Users == nil || g.c.cfg.People == nil {
		return
	}
	g.open++
	pattern := g.ask.Users.Pattern
	g.c.ep.Go(func(t *task.T) error {
		page, err := g.c.cfg.People.Listed(t, directory.Listing{After: after, Match: pattern.Match, Bytes: roomRecords})
		if !g.over {
			g.addOwn(page, err, after)
		}
		g.closed()
		return nil
	}, nil)
}

// addOwn adds what this node keeps, or, for another question, from where on.
func (g *gather) addOwn(page directory.Page, err error, after *id.Hash) {
	if err != nil {
		g.told.Sum.Lost++
		return
	}
	self := g.c.ep.Self().ID
	left := rest{Scope: id.Range{From: self, To: self}, More: true, After: after}
	if after == nil {
		left.After = new(id.Hash) // this node is counted already
	}
	var more []rest
	if page.More {
		more = []rest{{Scope: left.Scope, More: true, After: &page.Last}}
	}
	g.add(page.Records, more, left)
}

// send asks a node about its part. It gets most of the time that there is: some ten nodes
// hand a question on in a ring of 10,000, and the last of them must have time left, too.
func (g *gather) send(a *awaited) {
	left := min(g.end.Sub(g.c.ep.Now()), g.patience)
	wait := left * 7 / 8
	if wait < leastWait || len(g.awaited) >= maxRest && g.home == nil {
		g.leave(rest{Scope: a.Scope})
		return
	}
	q := &ask{Origin: g.ask.Origin, Scope: a.Scope, Left: uint32((wait * 15 / 16).Milliseconds()), Depth: g.ask.Depth + 1, Avoid: a.avoid}
	if g.ask.Users != nil {
		q.Users = &wanted{Pattern: g.ask.Users.Pattern, After: a.after}
	}
	b, err := table.Encode(q)
	if err != nil {
		panic(err) // its parts are all bounded
	}
	g.open++
	g.awaited = append(g.awaited, a)
	a.watch = g.c.ep.Watch(a.Node, func(kbr.Down) { g.failed(a, false) })
	a.doubt = g.c.ep.After(doubtful, func() { g.ping(a) })
	g.c.ep.Ask(a.Node, b, kbr.Options{Timeout: wait}, func(r kbr.Answer, err error) {
		m, bad := table.Decode(r.Payload)
		t, ok := m.(*told)
		switch {
		case a.over || g.over:
		case errors.Is(err, task.ErrStopped):
			g.finish()
		case err != nil:
			g.failed(a, true)
		case bad != nil || !ok || !g.plausible(a, t):
			g.c.stats.Disbelieved++
			g.failed(a, true)
		default:
			a.close()
			g.merge(a, t)
			g.closed()
		}
	})
}

// ping asks a node that has not answered yet whether it is there.
func (g *gather) ping(a *awaited) {
	b, err := table.Encode(new(there))
	if err != nil {
		panic(err) // it is empty
	}
	g.c.ep.Ask(a.Node, b, kbr.Options{Timeout: shortly}, func(_ kbr.Answer, err error) {
		if err != nil && !errors.Is(err, task.ErrStopped) {
			g.failed(a, true)
		}
	})
}

// close ends the wait for a part.
func (a *awaited) close() {
	a.over = true
	a.doubt.Stop()
	a.watch()
}

// failed goes around a node that did not answer, or not to be believed. there: it is in the
// ring, as far as is known.
func (g *gather) failed(a *awaited, there bool) {
	if a.over || g.over {
		return
	}
	a.close()
	switch {
	case a.tries+1 >= maxTries || len(a.avoid) >= maxAvoid:
		g.leave(rest{Scope: a.Scope})
	default:
		if there && a.after == nil && a.Scope.Contains(a.Node.ID) {
			g.told.Sum.Lost++
		}
		g.cover(a.Scope, a.after, append(slices.Clip(a.avoid), a.Node.ID), a.tries+1)
	}
	g.closed()
}

// merge takes what a node has told of its part.
func (g *gather) merge(a *awaited, t *told) {
	if g.add(t.Records, t.Rest, rest{Scope: a.Scope, More: true, After: a.after}) {
		g.told.Sum.add(&t.Sum)
	}
}

// add takes records and ranges with more, if there is room for them: else left is told
// instead, which stands for them all.
func (g *gather) add(rs []*directory.Record, more []rest, left rest) bool {
	if g.home != nil {
		g.home.take(rs)
		for _, r := range more {
			g.leave(r)
		}
		return true
	}
	var fresh []*directory.Record
	size := 0
	for _, r := range rs {
		if _, have := g.have[g.c.whole(r)]; !have {
			fresh = append(fresh, r)
			size += len(wire.MustMarshal(r))
		}
	}
	if g.size+size > roomRecords || len(g.told.Records)+len(fresh) > maxRecords || len(g.told.Rest)+len(more)+g.open > maxRest {
		g.leave(left)
		return false
	}
	for _, r := range fresh {
		g.have[g.c.whole(r)] = struct{}{}
	}
	g.size += size
	g.told.Records = append(g.told.Records, fresh...)
	g.told.Rest = append(g.told.Rest, more...)
	return true
}

// whole is the hash of a record with its signature, which nobody has looked at yet.
func (c *Census) whole(r *directory.Record) id.Hash {
	return id.HashOf("listed record", r.Hash(c.cfg.Ring), r.Sig)
}

// leave notes a range that the answer does not speak of.
func (g *gather) leave(r rest) {
	switch {
	case g.home != nil && r.More:
		g.home.queue = append(g.home.queue, r)
	case len(g.told.Rest) < maxRest || g.home != nil:
		g.told.Rest = append(g.told.Rest, r)
	default:
		g.told.Sum.Lost++ // it cannot say more than that there was one
	}
}

// closed ends the wait for one outcome.
func (g *gather) closed() {
	g.open--
	if g.home != nil && !g.over {
		g.home.askOn()
	}
	if g.open == 0 {
		g.finish()
	}
}

// finish tells what has come. Who has not answered by now is not waited for.
func (g *gather) finish() {
	if g.over {
		return
	}
	g.over = true
	g.timer.Stop()
	for _, a := range g.awaited {
		if !a.over {
			a.close()
			g.leave(rest{Scope: a.Scope})
		}
	}
	g.done()
}
