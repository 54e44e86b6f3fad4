// Package roll is who may admit to a ring: the admitters that a node has seen, less those
// that were expelled. It believes what it is given: signatures are the business of
// package member.
package roll

import (
	"slices"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/member/invite"
	"github.com/phyllo-net/phyllo/member/msg"
	"github.com/phyllo-net/phyllo/peer"
)

const (
	// MaxKept is how many admitters are remembered, those that were expelled included.
	MaxKept = 64
	// MaxShared is how many expulsions of admitters one share holds: with the cards
	// they stay below msg.MaxFrame.
	MaxShared = 16
)

// Roll is a ring's admitters and its set of expulsions. It is not safe for use by many
// goroutines.
type Roll struct {
	// Admitters are all that were ever seen, sorted by key. Each of them is frozen.
	Admitters []*invite.Admitter
	Out       peer.Expulsions
}

func (r *Roll) find(key peer.Key) (int, bool) {
	return slices.BinarySearchFunc(r.Admitters, key, func(a *invite.Admitter, k peer.Key) int { return slices.Compare(a.Key[:], k[:]) })
}

// Admitter returns what is known of an admitter, or nil.
func (r *Roll) Admitter(key peer.Key) *invite.Admitter {
	if i, have := r.find(key); have {
		return r.Admitters[i]
	}
	return nil
}

// InOffice reports whether a key is an admitter's in good standing.
func (r *Roll) InOffice(key peer.Key) bool {
	if r.Admitter(key) == nil {
		return false
	}
	_, out := r.Out.AdmitterExpelled(key)
	return !out
}

// InForce are the admitters in good standing, and the view's name: a hash of
// their keys.
func (r *Roll) InForce() ([]*invite.Admitter, id.Hash) {
	var as []*invite.Admitter
	var parts []any
	for _, a := range r.Admitters {
		if r.InOffice(a.Key) {
			as = append(as, a)
			parts = append(parts, a.Key[:])
		}
	}
	return as, id.HashOf("view", parts...)
}

// With returns what would be known of an admitter together with a, whether that is news,
// and false if there is no room for one more. What an admitter says itself replaces what
// others said of it.
func (r *Roll) With(a *invite.Admitter, itself bool) (known *invite.Admitter, news, room bool) {
	have := r.Admitter(a.Key)
	known = &invite.Admitter{Key: a.Key, Admission: a.Admission}
	if have != nil {
		*known = *have
	} else if len(r.Admitters) >= MaxKept {
		return nil, false, false
	}
	if !a.Node.IsZero() && (itself || known.Node.IsZero()) {
		known.Node = a.Node
	}
	if len(a.Addrs) > 0 && (itself || len(known.Addrs) == 0) {
		known.Addrs = a.Addrs
	}
	return known, have == nil || known.Node != have.Node || !slices.Equal(known.Addrs, have.Addrs), true
}

// Put takes an admitter in, in place of what was known of it.
func (r *Roll) Put(known *invite.Admitter) {
	if i, have := r.find(known.Key); have {
		r.Admitters[i] = known
	} else {
		r.Admitters = slices.Insert(r.Admitters, i, known)
	}
	r.Out.Saw(known.Admission)
}

// Share is what other admitters, and newcomers, are told of the admitters. self is what
// is told of the node itself, if it is one.
func (r *Roll) Share(self *invite.Admitter) *msg.Share {
	as, _ := r.InForce()
	s := &msg.Share{}
	for _, a := range as[:min(len(as), msg.MaxCards)] {
		c := &msg.Card{Admission: a.Admission, Node: a.Node, Addrs: invite.FirstAddrs(a.Addrs)}
		if a.Key == self.Key {
			c.Addrs, c.Node = self.Addrs, self.Node
		}
		s.Admitters = append(s.Admitters, c)
	}
	for _, e := range r.Out.All() {
		if !e.Admitter.IsZero() {
			s.Expelled = append(s.Expelled, e)
		}
	}
	// The newest count most, and a frame holds only so many.
	slices.SortStableFunc(s.Expelled, func(a, b *peer.Expulsion) int { return int(b.Time - a.Time) })
	s.Expelled = s.Expelled[:min(len(s.Expelled), MaxShared)]
	return s
}
