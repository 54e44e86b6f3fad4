package groups

import (
	"slices"

	"github.com/phyllo-net/phyllo/sim"
	"github.com/phyllo-net/phyllo/sim/topo"
)

// stress counts the messages that cross each direction of each link of a network: those
// between routers, and the two of each host.
type stress struct {
	paths *topo.Paths
	count []uint32 // directions between routers, then each host's own
}

func newStress(t *topo.TransitStub, paths *topo.Paths) *stress {
	return &stress{paths: paths, count: make([]uint32, paths.Directions()+2*t.Hosts())}
}

// way calls f with each direction that a message from one host to another crosses.
func (s *stress) way(from, to int, f func(int)) {
	own := s.paths.Directions()
	f(own + 2*from)
	s.paths.Visit(from, to, f)
	f(own + 2*to + 1)
}

// send counts one message between two hosts.
func (s *stress) send(from, to int) {
	if from != to {
		s.way(from, to, func(d int) { s.count[d]++ })
	}
}

// multicast counts a message that routers copy where its ways part: it crosses each
// direction once.
func (s *stress) multicast(from int, to []int, crossed map[int]bool) {
	clear(crossed)
	for _, h := range to {
		if h == from {
			continue
		}
		s.way(from, h, func(d int) {
			if !crossed[d] {
				crossed[d] = true
				s.count[d]++
			}
		})
	}
}

// mean and most are the messages of a direction, where the network has so many hosts, those
// that do not take part among them.
func (s *stress) mean(hosts int) float64 {
	sum := 0
	for _, n := range s.count {
		sum += int(n)
	}
	return float64(sum) / float64(s.paths.Directions()+2*hosts)
}

func (s *stress) most() float64 { return float64(slices.Max(s.count)) }

// stresses counts one message of each group: over its tree, as IP multicast, and from its
// root to each member by itself.
func (g *groups) stresses() (tree, ip, naive *stress) {
	paths := g.network.Paths()
	tree, ip, naive = newStress(g.network, paths), newStress(g.network, paths), newStress(g.network, paths)
	for n, s := range g.trees {
		for _, x := range s.Groups() {
			for _, child := range s.Neighbours(x).Children {
				if ref, ok := g.Sim.Find(child.ID); ok {
					tree.send(g.Sim.Host(sim.NodeRef(n)), g.Sim.Host(ref))
				}
			}
		}
	}
	crossed := make(map[int]bool)
	for _, c := range g.all {
		root, hosts := g.Sim.Host(c.root), make([]int, len(c.members))
		for i, m := range c.members {
			hosts[i] = g.Sim.Host(m)
			naive.send(root, hosts[i])
		}
		ip.multicast(root, hosts, crossed)
	}
	return tree, ip, naive
}
