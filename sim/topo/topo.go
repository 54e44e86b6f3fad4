// Package topo says how far apart hosts are in a simulated network: the plane and
// the sphere of Pastry's papers, the transit-stub graph in which most of its
// followers were measured, matrices of latencies that were measured on the
// Internet, and no difference at all.
//
// A topology is made once, from a seed, and never changes; it may be shared by
// simulations. Equal arguments give equal topologies. Making one may cost
// seconds and megabytes, asking it costs nanoseconds and allocates nothing.
package topo

import (
	"fmt"
	"time"
)

// Topology tells delays between hosts, which are numbered from 0.
type Topology interface {
	// Hosts is the number of hosts.
	Hosts() int
	// Delay is the time that a small message takes one way from host a to host
	// b: 0 if a == b, else at least Least. It panics for hosts that do not exist.
	Delay(a, b int) time.Duration
}

// Placer is a Topology whose hosts have places that can be drawn: the plane.
type Placer interface {
	// Place is where a host lies, from 0 to 1 in both directions.
	Place(host int) (x, y float64)
}

// Least is the smallest delay between two different hosts.
const Least = 10 * time.Microsecond

// uniform is a network in which all are equally far apart.
type uniform struct {
	hosts int
	delay time.Duration
}

// NewUniform returns a topology in which every two hosts are the same delay apart.
func NewUniform(hosts int, delay time.Duration) Topology {
	mustHosts(hosts)
	if delay < Least {
		panic(fmt.Sprintf("topo: delay %v, want at least %v", delay, Least))
	}
	return uniform{hosts, delay}
}

func (u uniform) Hosts() int { return u.hosts }

func (u uniform) Delay(a, b int) time.Duration {
	if uint(a) >= uint(u.hosts) || uint(b) >= uint(u.hosts) {
		panic(fmt.Sprintf("topo: host %d or %d of %d", a, b, u.hosts))
	}
	if a == b {
		return 0
	}
	return u.delay
}

func mustHosts(n int) {
	if n < 1 {
		panic(fmt.Sprintf("topo: %d hosts, want at least 1", n))
	}
}
