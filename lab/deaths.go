package lab

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/sim"
	"github.com/phyllo-net/phyllo/sim/topo"
)

// End is a way in which a node ends, or seems to.
type End int

// Ways to end.
const (
	// Killed: the process ends and its system closes its sockets (kill -9).
	Killed End = iota
	// Halted: the process is stopped; its links stand, and nothing answers (SIGSTOP).
	// It goes on after a minute.
	Halted
	// Unplugged: the machine is gone; nothing closes and nothing answers.
	Unplugged
)

// DeathPlan says which deaths to measure.
type DeathPlan struct {
	Seed  uint64
	Nodes int // of the ring
	Kills int // one after another; each of the dead comes back
	How   End
	// Busy: the dead served two requests a second until then, so its lease is short.
	Busy bool
}

// Deaths is what measured deaths cost. Both lists are sorted.
type Deaths struct {
	// Claimed is how long the keys of each of the dead were claimed by nobody; Answered
	// how long requests took that were sent when it died.
	Claimed, Answered []time.Duration
	// Wrong counts answers by a node that never was the key's root, Silent the requests
	// that came to no outcome, and Failed those that came to an error.
	Wrong, Silent, Failed int
	// Problems are what the checkers found: two claimants of a key at any moment, a
	// ring that is not whole again.
	Problems []string
}

// death is one measured end of a node.
type death struct {
	*Ring
	d      *Deaths
	victim sim.NodeRef
	keys   []id.ID
	open   int
}

// MeasureDeaths ends nodes one after another in a calm ring, and measures how long
// their keys are not served. The ring's nodes are up to 50 ms apart.
func MeasureDeaths(p DeathPlan) (*Deaths, error) {
	d := new(Deaths)
	r := New(Config{Seed: p.Seed, Sealed: true,
		Sim: sim.Config{Connections: true, Topology: topo.NewPlane(4*p.Nodes, p.Seed, 50*time.Millisecond)},
		Apps: func(int, sim.NodeEnv) []kbr.Mount {
			return []kbr.Mount{{Number: lookupApp, App: new(echo)}}
		}})
	defer r.Close()
	if !r.Grow(p.Nodes, 300*time.Millisecond, time.Minute) {
		return nil, fmt.Errorf("lab: only %d of %d nodes are ready", len(r.ReadyNodes()), p.Nodes)
	}
	r.Sim.RunFor(time.Minute)
	for range p.Kills {
		live := r.Live()
		k := &death{Ring: r, d: d, victim: live[r.rng.IntN(len(live))]}
		k.run(p)
	}
	d.Problems = r.Truth.Problems()
	slices.Sort(d.Claimed)
	slices.Sort(d.Answered)
	return d, nil
}

// echo answers every request with the id of its node.
type echo struct{ lookup }

func (e *echo) Deliver(d *kbr.Delivery) {
	x := e.ep.Self().ID.Bytes()
	d.Reply(x[:])
}

// run measures one death, and lets the ring become calm again.
func (k *death) run(p DeathPlan) {
	self := k.Sim.Handle(k.victim).ID
	k.keys = []id.ID{self}
	for key, tries := self, 0; len(k.keys) < 4 && tries < 10_000; tries++ {
		key = id.ID{Hi: k.rng.Uint64(), Lo: k.rng.Uint64()}
		if root := k.Truth.Root(key); root != nil && root.Ref == k.victim {
			k.keys = append(k.keys, key)
		}
	}
	if p.Busy {
		for range 30 {
			k.ask(self, nil)
			k.Sim.RunFor(500 * time.Millisecond)
		}
	}
	k.Sim.RunFor(time.Duration(k.rng.Int64N(int64(time.Second))))
	switch p.How {
	case Killed:
		k.Sim.Crash(k.victim)
	case Halted:
		k.Sim.Pause(k.victim)
	case Unplugged:
		k.Sim.Die(k.victim)
	}
	began := k.Sim.Now()
	for _, key := range k.keys {
		k.ask(key, &k.d.Answered)
	}
	vacant := true
	for k.Sim.Now()-began < 50*time.Second {
		step := 20 * time.Millisecond
		if k.Sim.Now()-began > 5*time.Second {
			step = 100 * time.Millisecond
		}
		k.Sim.RunFor(step)
		if k.served() && vacant {
			vacant = false
			k.d.Claimed = append(k.d.Claimed, k.Sim.Now()-began)
		}
	}
	if vacant {
		k.Truth.fail("the keys of node %d are claimed by nobody", k.victim)
	}
	k.back(p.How)
}

// back brings the ended node back, and checks that the ring is whole.
func (k *death) back(how End) {
	k.Sim.RunFor(10 * time.Second)
	if how == Halted {
		k.Sim.Wake(k.victim)
	} else {
		k.Sim.Restart(k.victim)
	}
	for i := range 400 {
		k.Sim.RunFor(50 * time.Millisecond)
		if i%10 == 0 {
			k.ask(k.keys[i%len(k.keys)], nil)
			k.Truth.Claims(false)
		}
		k.served()
	}
	k.Sim.RunFor(time.Minute) // quiet enough for long leases
	k.Truth.Claims(true)
	k.d.Silent += k.open
}

// served reports whether each of the keys has a claimant that is there, and records it
// if any has two.
func (k *death) served() bool {
	for _, key := range k.keys {
		claims := 0
		for _, n := range k.Live() {
			if k.Node(n).Claims(k.Sim.Clocks(n), key) {
				claims++
			}
		}
		if claims > 1 {
			k.Truth.fail("O1: key %s is claimed by %d nodes after node %d ended", key.Short(), claims, k.victim)
		}
		if claims == 0 || k.Sim.Alive(k.victim) && k.Node(k.victim).Claims(k.Sim.Clocks(k.victim), key) {
			return false
		}
	}
	return true
}

// ask sends a request for a key from a node that is there, and counts its outcome; took
// is where its time is noted, if not nil.
func (k *death) ask(key id.ID, took *[]time.Duration) {
	live := slices.DeleteFunc(k.Live(), func(n sim.NodeRef) bool { return n == k.victim })
	from := live[k.rng.IntN(len(live))]
	was, began := k.Truth.Root(key), k.Sim.Now()
	k.open++
	k.Sim.Call(from, func() {
		k.Node(from).Endpoint(lookupApp).Request(key, nil, kbr.Options{Timeout: time.Minute}, func(a kbr.Answer, err error) {
			k.open--
			now := k.Truth.Root(key)
			switch {
			case errors.Is(err, kbr.ErrStopped):
			case err != nil:
				k.d.Failed++
			case took != nil:
				*took = append(*took, k.Sim.Now()-began)
				fallthrough
			default:
				by := id.FromBytes(a.Payload)
				if (was == nil || was.ID != by) && (now == nil || now.ID != by) {
					k.d.Wrong++
				}
			}
		})
	})
}
