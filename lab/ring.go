// Package lab is the simulated assembly: rings of real protocol code in package
// sim, the faults to set on them, and the checkers of what must always hold. Every
// simulated test and benchmark is built on it.
package lab

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"runtime/debug"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/machine"
	"github.com/phyllo-net/phyllo/pastry"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/sim"
	"github.com/phyllo-net/phyllo/sim/standin"
)

// Config of a simulated ring. The zero value of each field means its default.
type Config struct {
	Seed uint64
	// Sim is the simulation's own configuration; its Seed is taken from Seed.
	Sim sim.Config
	// Tune changes the overlay's parameters of every node, if not nil.
	Tune func(*pastry.Config)
	// Apps makes the applications of node i at its given start, if not nil.
	Apps func(i int, env sim.NodeEnv) []kbr.Mount
	// ID chooses the id of node i; by default it is drawn.
	ID func(i int) id.ID
	// Host chooses where node i stands in the topology; by default it is drawn.
	Host func(i int) int
	// Clock gives the error of node i's clocks; none by default.
	Clock func(i int) sim.Clock
	// Sealed lets nodes show and check certificates when links are made; it
	// needs Sim.Connections.
	Sealed bool
	// Unwatched rings keep no Truth, which looks at all nodes for each delivery.
	Unwatched bool
}

// Ring is a simulated ring. Nodes are numbered from 0 in the order of Add.
type Ring struct {
	Sim    *sim.Sim
	cfg    Config
	rng    *rand.Rand // for choices of the scenario, not of the nodes
	admit  *authority
	Truth  *Truth // what happened, for checkers
	signer []peer.Signer
	certs  []*peer.Certificate // of a sealed ring's nodes
	common *pastry.Parameters  // of the node that was made last
}

// authority is the membership of a simulated ring.
type authority struct {
	ring      id.Hash
	signer    peer.Signer
	admission *peer.Admission
	verifier  peer.Verifier
}

// New makes an empty ring.
func New(c Config) *Ring {
	r := &Ring{cfg: c, rng: rand.New(rand.NewPCG(c.Seed, 0x1ab))}
	auth := standin.NewSigner(c.Seed, 0)
	r.admit = &authority{ring: peer.RingID(auth.Public()), signer: auth, verifier: standin.Verifier{}}
	r.cfg.Sim.Seed = c.Seed
	r.Truth = newTruth(r)
	if !c.Unwatched {
		r.cfg.Sim.Observe = r.Truth.watch(r.cfg.Sim.Observe)
	}
	r.Sim = sim.New(r.cfg.Sim)
	r.admit.admission = peer.NewAdmission(auth, auth.Public(), time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(r.Sim.Now()))
	return r
}

// Add adds a node that joins through a live member, and returns its number. The
// first node founds the ring.
func (r *Ring) Add() sim.NodeRef { return r.add(r.seeds(sim.Nobody)) }

// add adds a node that joins through seeds.
func (r *Ring) add(seeds []*peer.Handle) sim.NodeRef {
	i := r.Sim.Len()
	signer := standin.NewSigner(r.cfg.Seed, uint64(i)+1)
	r.signer = append(r.signer, signer)
	spec := sim.Spec{Handle: &peer.Handle{Key: signer.Public(), Addrs: []string{fmt.Sprintf("sim/%d", i)}}}
	var salt peer.Salt
	for k := range salt {
		salt[k] = byte(r.rng.Uint32())
	}
	spec.Handle.ID = peer.NodeID(spec.Handle.Key, salt)
	if r.cfg.ID != nil {
		spec.Handle.ID = r.cfg.ID(i)
	}
	if r.cfg.Host != nil {
		spec.Host = r.cfg.Host(i)
	} else if t := r.cfg.Sim.Topology; t != nil {
		spec.Host = r.rng.IntN(t.Hosts())
	}
	if r.cfg.Clock != nil {
		spec.Clock = r.cfg.Clock(i)
	}
	if r.cfg.Sealed {
		spec.Cert = peer.NewCertificate(r.admit.signer, r.admit.admission, spec.Handle.Key, salt, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(r.Sim.Now()-24*time.Hour))
		r.certs = append(r.certs, spec.Cert)
		spec.Check = func(c *peer.Certificate, wall time.Time) error {
			return c.Check(r.admit.ring, wall, r.admit.verifier)
		}
	}
	spec.Make = func(env sim.NodeEnv) machine.Machine {
		if env.Life > 1 && env.Saved == nil {
			seeds = r.seeds(sim.NodeRef(i)) // it lost its disk: its owner tells it anew
		}
		return r.make(i, env, seeds)
	}
	return r.Sim.Add(spec)
}

// seeds draws the members that newcomer, or Nobody yet, is told of.
func (r *Ring) seeds(newcomer sim.NodeRef) []*peer.Handle {
	var hs []*peer.Handle
	for range min(3, r.Sim.Len()) {
		if n := r.memberBut(newcomer); n != sim.Nobody {
			hs = append(hs, r.Sim.Handle(n))
		}
	}
	return hs
}

// Member draws a node that claims keys, in time that does not grow with the ring; or
// one that runs, if hardly any does, as a ring of two while it becomes one of three.
// It is sim.Nobody if no node runs.
func (r *Ring) Member() sim.NodeRef { return r.memberBut(sim.Nobody) }

// memberBut is Member, but is not the node that starts anew: who knows only itself begins a ring.
func (r *Ring) memberBut(newcomer sim.NodeRef) sim.NodeRef {
	for range 32 {
		if n := sim.NodeRef(r.rng.IntN(r.Sim.Len())); r.Ready(n) {
			return n
		}
	}
	from := r.ReadyNodes()
	if len(from) == 0 {
		from = slices.DeleteFunc(r.Live(), func(n sim.NodeRef) bool { return n == newcomer })
	}
	if len(from) == 0 {
		return sim.Nobody
	}
	return from[r.rng.IntN(len(from))]
}

// parameters are those of the overlay of every node.
func (r *Ring) parameters() pastry.Config {
	c := pastry.DefaultConfig()
	if r.cfg.Tune != nil {
		r.cfg.Tune(&c)
	}
	return c
}

// make makes the machine of node i.
func (r *Ring) make(i int, env sim.NodeEnv, seeds []*peer.Handle) machine.Machine {
	c := pastry.DefaultConfig()
	c.Seeds = seeds
	c.Ring, c.Signer, c.Verifier, c.Rand = r.admit.ring, r.signer[i], r.admit.verifier, env.Rand
	if r.cfg.Tune != nil {
		r.cfg.Tune(&c)
	}
	if r.cfg.Apps != nil {
		c.Apps = r.cfg.Apps(i, env)
	}
	if !r.cfg.Unwatched {
		r.Truth.observe(&c.Observe)
	}
	// Of a million nodes each would hold its own copy.
	if r.common == nil || !reflect.DeepEqual(r.common, c.Parameters) {
		r.common = c.Parameters
	}
	c.Parameters = r.common
	n, err := pastry.New(c, env.Self, env.Saved)
	if err != nil {
		panic(err) // a bug of the scenario
	}
	n.Tasks().Panicked = func(v any) any { return fmt.Sprintf("%v, in a task:\n%s", v, debug.Stack()) }
	return n
}

// Node returns the overlay of a node that is running, else nil.
func (r *Ring) Node(n sim.NodeRef) *pastry.Node {
	if m := r.Sim.Machine(n); m != nil {
		return m.(*pastry.Node)
	}
	return nil
}

// View returns what a running node knows now.
func (r *Ring) View(n sim.NodeRef) pastry.View { return r.Node(n).View(r.Sim.Clocks(n)) }

// Ready reports whether a node runs and claims keys now.
func (r *Ring) Ready(n sim.NodeRef) bool {
	p := r.Node(n)
	return p != nil && p.Ready(r.Sim.Clocks(n))
}

// Live returns the nodes that are running.
func (r *Ring) Live() []sim.NodeRef {
	var out []sim.NodeRef
	for i := range r.Sim.Len() {
		if r.Sim.Alive(sim.NodeRef(i)) {
			out = append(out, sim.NodeRef(i))
		}
	}
	return out
}

// ReadyNodes returns the running nodes that claim keys now.
func (r *Ring) ReadyNodes() []sim.NodeRef {
	var out []sim.NodeRef
	for _, n := range r.Live() {
		if r.Ready(n) {
			out = append(out, n)
		}
	}
	return out
}

// Grow adds n nodes, one each gap of virtual time, and runs until all are ready or
// limit has passed since the last one. It reports whether all are.
func (r *Ring) Grow(n int, gap, limit time.Duration) bool {
	for range n {
		r.Add()
		r.Sim.RunFor(gap)
	}
	return r.Sim.RunUntil(func() bool { return len(r.ReadyNodes()) == len(r.Live()) }, gap, limit)
}

// Rand is the scenario's own random source.
func (r *Ring) Rand() *rand.Rand { return r.rng }

// Close ends the simulation.
func (r *Ring) Close() { r.Sim.Close() }
