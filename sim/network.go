package sim

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/phyllo-net/phyllo/sim/topo"
)

// all is the partition mask of a node that reaches, and is reached by, everybody.
const all = ^uint64(0)

// paths is the state of all paths of one node.
type paths struct {
	out, in uint64 // partition masks: what is sent with out is heard with in, if they share a bit
	clog    int64  // nothing passes before
}

var openPaths = &paths{out: all, in: all}

// to returns the state of a node's paths.
func (m *more) to() *paths {
	if m.paths == nil {
		return openPaths
	}
	return m.paths
}

// pathsOf returns the state of a node's paths, to be changed.
func (s *Sim) pathsOf(n NodeRef) *paths {
	m := s.node(n).more
	if m.paths == nil {
		m.paths = &paths{out: all, in: all}
	}
	return m.paths
}

// network is the state of the paths between nodes.
type network struct {
	rng    *rand.Rand // of all faults
	faults Faults
	parted bool // there are masks, cuts or unlinked pairs
	rough  bool // messages meet faults, or clogs
	cut    map[uint64]struct{}
	clogs  map[uint64]int64 // nothing passes before
}

func pair(a, b uint32) uint64 { return uint64(a)<<32 | uint64(b) }

// blocked reports whether nothing gets from one node to another now.
func (s *Sim) blocked(from, to uint32) bool {
	w := &s.network
	if !w.parted {
		return false
	}
	if s.nodes[from].more.to().out&s.nodes[to].more.to().in == 0 {
		return true
	}
	if _, is := w.cut[pair(from, to)]; is {
		return true
	}
	return w.faults.Unlinked > 0 && s.chance(0, min(from, to), max(from, to)) < w.faults.Unlinked
}

// chance is a number from 0 up to 1 that belongs to a pair of nodes.
func (s *Sim) chance(salt uint64, a, b uint32) float64 {
	return float64(scramble(s.cfg.Seed+salt, pair(a, b))>>11) / (1 << 53)
}

// hold is the time before which nothing gets from one node to another.
func (s *Sim) hold(from, to uint32) int64 {
	return max(s.nodes[from].more.to().clog, s.nodes[to].more.to().clog, s.network.clogs[pair(from, to)])
}

// pass says when a packet of the transport arrives that is sent now. The transport
// sends again what is lost, so it can only be late, or come never.
func (s *Sim) pass(from, to uint32) (at int64, open bool) {
	at = s.now + s.delay(from, to)
	if s.network.rough {
		at = max(at, s.hold(from, to)+topo.Least.Nanoseconds()) + s.lateness()
	}
	return at, !s.blocked(from, to)
}

// weather lets a message meet the faults of the network.
func (s *Sim) weather(p *parcel, at int64, fifo *int64) {
	w := &s.network
	f := &w.faults
	if f.Drop > 0 && w.rng.Float64() < s.dropOn(p.from, p.to) {
		s.lost(p.from, p.to, p.kind, LossDrawn)
		return
	}
	at = max(at, s.hold(p.from, p.to)+topo.Least.Nanoseconds())
	first := at + s.lateness()
	if f.Reorder > 0 && w.rng.Float64() < f.Reorder {
		s.land(p, max(first, p.opens), nil) // it neither waits for earlier ones, nor do later ones wait for it
	} else {
		s.land(p, first, fifo)
	}
	if f.Duplicate > 0 && w.rng.Float64() < f.Duplicate {
		s.counts.Duplicated++
		again := at + s.lateness()
		if w.rng.Float64() < f.Late {
			again += int64(f.LateBy)
		}
		s.land(p, again, nil)
	}
}

// dropOn is the chance of a message to be lost on one direction of a path.
func (s *Sim) dropOn(from, to uint32) float64 {
	f := &s.network.faults
	if !f.Uneven {
		return f.Drop
	}
	return 2 * f.Drop * s.chance(1, from, to)
}

// lateness draws what a packet takes longer than its path's delay.
func (s *Sim) lateness() int64 {
	w := &s.network
	var d int64
	if w.faults.Delay > 0 {
		d = int64(w.rng.ExpFloat64() * float64(w.faults.Delay))
	}
	if w.faults.Tail > 0 && w.rng.Float64() < w.faults.Tail {
		d += w.rng.Int64N(int64(w.faults.TailMax) + 1)
	}
	return d
}

// judge sets the flags by which calm networks are passed quickly.
func (s *Sim) judge() {
	w := &s.network
	f := &w.faults
	w.rough = f.Drop > 0 || f.Delay > 0 || f.Tail > 0 || f.Reorder > 0 || f.Duplicate > 0 ||
		f.Clog > 0 || len(w.clogs) > 0
	w.parted = f.Unlinked > 0 || len(w.cut) > 0
	for i := range s.nodes {
		if p := s.nodes[i].more.paths; p != nil {
			w.rough = w.rough || p.clog > s.now
			w.parted = w.parted || p.out != all || p.in != all
		}
	}
}

// Partition parts the network: a node reaches only those with which it has a
// group in common. One that is in several groups bridges them; one that is in
// none, as every node that is added later, is in all. It replaces an earlier
// partition. At most 64 groups.
func (s *Sim) Partition(groups ...[]NodeRef) {
	if len(groups) > 64 {
		panic(fmt.Sprintf("sim: %d groups, at most 64", len(groups)))
	}
	s.unpart()
	for g, members := range groups {
		for _, n := range members {
			p := s.pathsOf(n)
			if p.out == all {
				p.out, p.in = 0, 0
			}
			p.out |= 1 << g
			p.in |= 1 << g
		}
	}
	s.judge()
}

// OneWay parts the network so that what one group sends arrives at the other, and
// nothing comes back. It replaces an earlier partition.
func (s *Sim) OneWay(from, to []NodeRef) {
	s.unpart()
	for _, n := range from {
		p := s.pathsOf(n)
		p.out, p.in = 0b11, 0b01
	}
	for _, n := range to {
		p := s.pathsOf(n)
		p.out, p.in = 0b10, 0b10
	}
	s.judge()
}

// Isolate parts nodes, each for itself, from all others. It replaces an earlier
// partition.
func (s *Sim) Isolate(nodes ...NodeRef) {
	s.unpart()
	for i := range s.nodes {
		p := s.pathsOf(NodeRef(i))
		p.out, p.in = 1, 1
	}
	for _, n := range nodes {
		p := s.pathsOf(n)
		p.out, p.in = 0, 0
	}
	s.judge()
}

// Mend ends a partition. Cut paths stay cut.
func (s *Sim) Mend() {
	s.unpart()
	s.judge()
}

func (s *Sim) unpart() {
	for i := range s.nodes {
		if p := s.nodes[i].more.paths; p != nil {
			p.out, p.in = all, all
		}
	}
}

// Cut lets nothing more get from one node to another, whatever else holds; for
// a pair that cannot reach each other, cut both ways. Uncut takes it back.
func (s *Sim) Cut(from, to NodeRef) {
	if s.network.cut == nil {
		s.network.cut = make(map[uint64]struct{})
	}
	s.network.cut[pair(uint32(from), uint32(to))] = struct{}{}
	s.judge()
}

// Uncut takes a Cut back.
func (s *Sim) Uncut(from, to NodeRef) {
	delete(s.network.cut, pair(uint32(from), uint32(to)))
	s.judge()
}

// ClogPath holds up all that goes from one node to another, for d from now; then it
// arrives in its order.
func (s *Sim) ClogPath(from, to NodeRef, d time.Duration) {
	if s.network.clogs == nil {
		s.network.clogs = make(map[uint64]int64)
	}
	s.network.clogs[pair(uint32(from), uint32(to))] = s.now + int64(d)
	s.judge()
}

// Clog holds up all that goes to or from a node, for d from now.
func (s *Sim) Clog(n NodeRef, d time.Duration) {
	s.pathsOf(n).clog = s.now + int64(d)
	s.judge()
}

// Clogged returns for how long from now a node is clogged.
func (s *Sim) Clogged(n NodeRef) time.Duration {
	s.node(n)
	return time.Duration(max(0, s.nodes[n].more.to().clog-s.now))
}

// Swizzle clogs nodes one after another within d, in a random order, and lets
// them go one after another within the d after that, in another (FoundationDB's
// "swizzle-clogging").
func (s *Sim) Swizzle(nodes []NodeRef, d time.Duration) {
	rng := s.network.rng
	for _, n := range nodes {
		from := time.Duration(rng.Int64N(int64(d) + 1))
		until := d + time.Duration(rng.Int64N(int64(d)+1))
		s.After(from, func() { s.Clog(n, until-from) })
	}
}

// Reaches reports whether anything gets from one node to another now, faults of
// single messages aside.
func (s *Sim) Reaches(from, to NodeRef) bool {
	s.node(from)
	s.node(to)
	return !s.blocked(uint32(from), uint32(to))
}
