package past

import (
	"github.com/phyllo-net/phyllo/app/past/certificate"
	"github.com/phyllo-net/phyllo/app/past/client"
	"github.com/phyllo-net/phyllo/app/past/office"
	"github.com/phyllo-net/phyllo/id"
)

// What a holder and a root do about versions that are made without a majority: see package office.

// mode is how a root serves who agrees, or not, that a majority has no say.
func mode(apart bool) office.Mode {
	if apart {
		return office.Apart
	}
	return 0
}

// objects reports whether this holder does not let a ruling that was made apart take the place of what it
// has of a majority: the ruling does not name it, or a majority is within its sight.
func (p *Past) objects(old, r *certificate.Ruling, votes bool) bool {
	return r.Apart() > 0 && old.Apart() == 0 && !old.Draft && (!votes || p.sees(old))
}

// sees reports whether a majority of each set of holders that a ruling names is within sight.
func (p *Past) sees(r *certificate.Ruling) bool {
	there := p.ep.NeighborSet(maxFellows)
	for _, hs := range r.Sets() {
		n := 0
		for _, m := range hs {
			if m.Node == p.ep.Self().ID || client.Contains(there, m.Node) {
				n++
			}
		}
		if n < hs.Majority() {
			return false
		}
	}
	return true
}

// orphaned reports whether somebody is there of each set of holders that a ruling names, and those who are not are
// lost: so there is nobody to wait for.
func (p *Past) orphaned(r *certificate.Ruling) bool {
	there := p.ep.NeighborSet(maxFellows)
	for _, hs := range r.Sets() {
		n := 0
		for _, m := range hs {
			switch {
			case m.Node == p.ep.Self().ID || client.Contains(there, m.Node):
				n++
			case !p.forLost(m.Node):
				return false
			}
		}
		if n == 0 {
			return false
		}
	}
	return true
}

// missing is how many of some nodes, who may have an object, are out of sight, and not lost.
func (p *Past) missing(e *entry, nodes []id.ID) (n int) {
	there, near := p.ep.NeighborSet(maxFellows), p.asker.Replicas(e.object.Place(), int(e.copies), int(e.copies))
	for _, m := range nodes {
		if m != p.ep.Self().ID && !client.Contains(there, m) && !p.forLost(m) && office.Counts(e.object, int(e.copies), near, m) {
			n++
		}
	}
	return n
}

// rejoins reports whether what is current here was made apart from a majority that is back, or from holders
// of whom nobody is waited for any more; or from whatever nodes had that are back, or lost.
func (p *Past) rejoins(e *entry) bool {
	if e.ruling.Apart() == 0 {
		return false
	}
	if away, of := e.ruling.Guessed(); of > 0 && p.missing(e, away) <= (of-1)/2 {
		return true
	}
	for _, x := range p.shelf.rivals(e.object) {
		if e.ruling.Left(x.rival) && (p.sees(x.rival) || p.orphaned(x.rival)) {
			return true
		}
	}
	return false
}
