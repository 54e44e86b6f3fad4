package scribe

import (
	"errors"

	"github.com/phyllo-net/phyllo/app/scribe/history"
	"github.com/phyllo-net/phyllo/app/scribe/msg"
	"github.com/phyllo-net/phyllo/id"
)

// This file is how a parent that floods, or that reorders, is found out. An honest one hands each batch on once,
// and only what it has checked itself; its heartbeats are at most so many a second, and a few
// more when its own place changes.

const (
	// noiseAllowed is how much noise of a parent is no reason to leave it, besides one copy of
	// each batch that came another way first, and of all that the group keeps: one that was in
	// another part of a ring that was parted fetches what was said here, and hands it on where it
	// knew the stream (others are history to it, see history.Begin).
	noiseAllowed = 256
	// forgedNoise is how much a batch counts whose signature is wrong: no honest node hands one
	// on, so that a few are enough.
	forgedNoise = 16
	// beatsAllowed is how many heartbeats may come in the time of one.
	beatsAllowed = 4
	// turned is how much a batch counts against a parent that comes right after a later one, and
	// straight how much one for it that does not, so that more than three of eight have to be
	// turned for ever so long: what a parent itself had to ask for comes so, too, but of each
	// answer that it got only the first batch does. turnedAllowed is how much may be against it,
	// for each node above.
	turned        = 5
	straight      = 3
	turnedAllowed = 48
	// movesAllowed is how often what is against a parent is forgotten as other nodes stand above it from
	// then on, and calmAllowed after how many batches in order, while nothing was, one of these is too:
	// who claims to have moved at each batch is found out five times later.
	movesAllowed = 4
	calmAllowed  = 64
)

// heardBatch counts a batch of the parent; fresh tells that it was new here.
func (g *group) heardBatch(p *parent, b *msg.Batch, fresh bool) {
	switch {
	case fresh:
		g.heardOrder(p, b.Seal)
		return
	case g.hist.Has(b.Seal):
		p.noise++
	case g.forged(b):
		p.noise += forgedNoise
	}
	if p.noise > noiseAllowed+max(g.taken, uint64(g.charter.Count)) {
		g.flooded(p)
	}
}

// heardOrder counts how a new batch of the parent came. An honest one hands on what comes to it as it
// comes, so all below one that reorders get the same: who stands nearer to the root is sooner sure,
// and leaves it, before those below leave him.
func (g *group) heardOrder(p *parent, seal *msg.Seal) {
	name := seal.Stream()
	was, known := p.last[name]
	if !known && len(p.last) >= history.MaxStreams || p.last == nil {
		p.last = make(map[msg.Stream]uint64)
	}
	p.last[name] = seal.Last()
	if !known || seal.Last() > was {
		p.straight()
		return
	}
	if p.turned += turned; p.turned < turnedAllowed*(1+len(g.path)/id.Size) {
		return
	}
	if f := g.s.cfg.Events.Reordered; f != nil {
		f(g.id, p.node)
	}
	g.part(p)
}

// straight counts a batch that came in its order.
func (p *parent) straight() {
	if p.turned > 0 {
		p.turned = max(p.turned-straight, 0)
		return
	}
	if p.calm++; p.calm >= calmAllowed {
		p.calm, p.moves = 0, max(p.moves-1, 0)
	}
}

// pardon forgets what is against a parent as others stand above it now: it may have left one who
// reorders, and begins anew with another, while those below it would go on counting, and be sure sooner.
func (p *parent) pardon() {
	if p.moves < movesAllowed {
		p.moves, p.turned = p.moves+1, 0
	}
}

// forged reports whether nobody who checked a batch would have handed it on. That it is not of
// this time, or of one who is not listed here, may be so by another clock, or an older charter.
func (g *group) forged(b *msg.Batch) bool {
	err := g.charter.AllowsBatch(g.s.cfg.Ring, b, g.s.cfg.Verifier, g.s.ep.Wall())
	return errors.Is(err, msg.ErrDenied) && g.charter.MayPublish(b.Seal.Publisher)
}

// heardBeat counts a heartbeat of the parent, and reports whether it may be one too many.
func (g *group) heardBeat(p *parent) bool {
	p.beats++
	if p.beats <= noiseAllowed+beatsAllowed*uint64(g.s.ep.Now().Sub(p.since)/g.s.cfg.Beat) {
		return false
	}
	g.flooded(p)
	return true
}

// flooded leaves a parent that sends far more than it has to.
func (g *group) flooded(p *parent) {
	if f := g.s.cfg.Events.Flooded; f != nil {
		f(g.id, p.node)
	}
	g.part(p)
}

// shunned reports whether nothing is heard of a node for now, which was a parent that swallowed
// or flooded: to answer it would let it cause as many messages as it sends.
func (g *group) shunned(x id.ID) bool {
	return g.avoid[x].Sub(g.s.ep.Now()) > avoidFor
}
