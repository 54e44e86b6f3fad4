package census

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Limits of a sum.
const (
	maxVersions = 16
	maxVersion  = 64      // bytes: one of an untagged commit in a changed tree has 40
	maxNodes    = 1 << 32 // of any ring
	maxEach     = 1 << 50 // bytes or objects of one node
)

// otherVersions is counted what does not fit into a sum.
const otherVersions = "other"

// Facts is what a node says of itself.
type Facts struct {
	Version string // of the program: up to 32 bytes of printable ASCII
	Offered uint64 // bytes of content that it keeps at most
	Kept    uint64 // bytes of content that it keeps now
	Objects uint64 // that it keeps; each is kept by several nodes
	Names   uint64 // whose records it keeps; each is kept by several nodes
}

// Sum is what nodes say of themselves, added up.
type Sum struct {
	Nodes uint64 `cbor:"1,keyasint,omitempty"` // that answered
	// Silent ones answered, but do not say what they have.
	Silent uint64 `cbor:"2,keyasint,omitempty"`
	// Lost ones are in the ring, as far as is known, and did not answer.
	Lost     uint64    `cbor:"3,keyasint,omitempty"`
	Offered  uint64    `cbor:"4,keyasint,omitempty"` // bytes
	Kept     uint64    `cbor:"5,keyasint,omitempty"` // bytes, all copies counted
	Objects  uint64    `cbor:"6,keyasint,omitempty"` // all copies counted
	Names    uint64    `cbor:"7,keyasint,omitempty"` // all copies counted
	Versions []Version `cbor:"8,keyasint,omitempty"` // by name
}

// Version counts the nodes that run one version of the program.
type Version struct {
	Name  string `cbor:"1,keyasint"`
	Nodes uint64 `cbor:"2,keyasint"`
}

// Check implements wire.Checker.
func (s *Sum) Check() error {
	if s.Nodes > maxNodes || s.Lost > maxNodes || s.Silent > s.Nodes {
		return fmt.Errorf("%w: %d nodes, of which %d say nothing, and %d lost", errMessage, s.Nodes, s.Silent, s.Lost)
	}
	for _, x := range []uint64{s.Offered, s.Kept, s.Objects, s.Names} {
		if x > 0 && x/maxEach > s.Nodes-s.Silent {
			return fmt.Errorf("%w: %d is more than %d nodes can have", errMessage, x, s.Nodes-s.Silent)
		}
	}
	if len(s.Versions) > maxVersions {
		return fmt.Errorf("%w: %d versions, at most %d", errMessage, len(s.Versions), maxVersions)
	}
	left := s.Nodes - s.Silent
	for i, v := range s.Versions {
		if !goodVersion(v.Name) || i > 0 && s.Versions[i-1].Name >= v.Name || v.Nodes == 0 || v.Nodes > left {
			return fmt.Errorf("%w: an impossible count of versions", errMessage)
		}
		left -= v.Nodes
	}
	return nil
}

func goodVersion(name string) bool {
	return name != "" && len(name) <= maxVersion && !strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' })
}

// one is the sum of one node; nil: it says nothing.
func one(f *Facts) Sum {
	if f == nil {
		return Sum{Nodes: 1, Silent: 1}
	}
	s := Sum{Nodes: 1, Offered: min(f.Offered, maxEach), Kept: min(f.Kept, maxEach), Objects: min(f.Objects, maxEach), Names: min(f.Names, maxEach)}
	if goodVersion(f.Version) {
		s.Versions = []Version{{f.Version, 1}}
	}
	return s
}

// add adds what others say.
func (s *Sum) add(o *Sum) {
	s.Nodes, s.Silent, s.Lost = s.Nodes+o.Nodes, s.Silent+o.Silent, s.Lost+o.Lost
	s.Offered, s.Kept = s.Offered+o.Offered, s.Kept+o.Kept
	s.Objects, s.Names = s.Objects+o.Objects, s.Names+o.Names
	for _, v := range o.Versions {
		s.count(v)
	}
	for len(s.Versions) > maxVersions {
		s.fold()
	}
}

func (s *Sum) count(v Version) {
	i, have := slices.BinarySearchFunc(s.Versions, v.Name, func(x Version, n string) int { return cmp.Compare(x.Name, n) })
	if have {
		s.Versions[i].Nodes += v.Nodes
		return
	}
	s.Versions = slices.Insert(s.Versions, i, v)
}

// fold counts the rarest version among the others.
func (s *Sum) fold() {
	least := -1
	for i, v := range s.Versions {
		if v.Name != otherVersions && (least < 0 || v.Nodes < s.Versions[least].Nodes) {
			least = i
		}
	}
	v := s.Versions[least]
	s.Versions = slices.Delete(s.Versions, least, least+1)
	s.count(Version{otherVersions, v.Nodes})
}
