package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// The transports: TCP with Noise and yamux, and QUIC.
const (
	tcp  = "tcp"
	quic = "quic"
)

// plan says how much is measured.
type plan struct {
	nodes     int
	transport string
	rounds    int           // in each, every operation has one block
	block     int           // operations of one kind, one after another
	warmup    int           // operations of each kind and node before the first round
	idle      time.Duration // of each round in which nothing is asked
	forming   time.Duration // the longest that a network may take to form
}

// full is the plan of a comparison whose figures are worth keeping.
func full(nodes int, transport string) plan {
	return plan{
		nodes: nodes, transport: transport, rounds: 10, block: 100, warmup: 10,
		idle: time.Second, forming: 2 * time.Minute,
	}
}

// Run is what one process measured: both networks, of one size and over one transport.
type Run struct {
	Nodes     int    `json:"nodes"`
	Transport string `json:"transport"`
	// Apart: the process had a network of its own, so that its loopback device
	// carried nothing of others.
	Apart bool `json:"apart"`
	// Formed are the times in which the networks formed.
	Formed []Formed `json:"formed"`
	// Memory is the memory of one node in bytes, by side.
	Memory map[string]float64 `json:"memory_bytes"`
	Ops    []Op               `json:"operations"`
	// Idle is the processor time of both networks together in a second in which
	// nothing is asked, in µs.
	Idle float64 `json:"idle_cpu_us"`
}

// Formed is how a network formed.
type Formed struct {
	Side string `json:"side"`
	// AtOnce is how many nodes started at a time.
	AtOnce int `json:"at_once"`
	// Invited: each node redeemed an invitation first, as one that is new does at
	// phyllo. It is not compared with the rival, which lets everybody in.
	Invited bool    `json:"invited,omitempty"`
	Seconds float64 `json:"seconds"`
	// GivenUp: after these seconds it was not formed.
	GivenUp bool `json:"given_up,omitempty"`
}

// width is how many nodes start at a time in the second way of forming a network.
const width = 4

// compare forms both networks in this process and measures them in turns.
func compare(ctx context.Context, p plan, say func(format string, args ...any)) (*Run, error) {
	r := &Run{Nodes: p.nodes, Transport: p.transport, Memory: map[string]float64{}}
	c := &comparison{plan: p, run: r, say: say}
	for _, atOnce := range []int{c.nodes, width} {
		if err := c.formPairs(ctx, atOnce); err != nil && !r.lastGivenUp() {
			return nil, err
		}
	}
	if err := c.formAtOnce(ctx); err != nil {
		return nil, err
	}
	m := new(meters)
	defer m.close(ctx)
	ops, err := c.formInOrder(ctx, m)
	if err != nil {
		return nil, err
	}
	idle, err := c.interleave(ctx, m, ops)
	if err != nil {
		return nil, err
	}
	for _, o := range ops {
		r.Ops = append(r.Ops, o.result(idle))
	}
	r.Idle = idle.cpu
	return r, keptApart(ctx, m.values)
}

// comparison is one run under way.
type comparison struct {
	plan
	run *Run
	say func(format string, args ...any)
}

// formAtOnce forms each network with all nodes starting together, and ends it.
func (c *comparison) formAtOnce(ctx context.Context) error {
	kad := new(meters)
	err := c.formKad(ctx, kad, c.nodes)
	kad.close(ctx)
	if err != nil && !c.run.lastGivenUp() {
		return err
	}
	ours := new(meters)
	defer ours.close(ctx)
	if err := c.invite(ctx, ours); err != nil {
		return err
	}
	if err := c.reform(ctx, ours, c.nodes); err != nil && !c.run.lastGivenUp() {
		return err
	}
	return nil
}

// formPairs connects each pair of nodes by the library alone, and ends them.
func (c *comparison) formPairs(ctx context.Context, width int) error {
	limited, cancel := context.WithTimeout(ctx, c.forming)
	defer cancel()
	begun := time.Now()
	end, err := linkPairs(limited, c.transport, c.nodes, width)
	c.note(Formed{Side: library, AtOnce: width, Seconds: time.Since(begun).Seconds(), GivenUp: givenUp(ctx, limited, err)})
	end()
	return err
}

// formKad forms the rival's network, width nodes at a time.
func (c *comparison) formKad(ctx context.Context, m *meters, width int) (err error) {
	limited, cancel := context.WithTimeout(ctx, c.forming)
	defer cancel()
	begun := time.Now()
	m.kad, err = startKad(limited, c.transport, c.nodes, width)
	c.note(Formed{Side: kadDHT, AtOnce: width, Seconds: time.Since(begun).Seconds(), GivenUp: givenUp(ctx, limited, err)})
	return err
}

// invite forms a ring whose nodes are all new.
func (c *comparison) invite(ctx context.Context, m *meters) (err error) {
	begun := time.Now()
	m.phyllo, err = startPhyllo(ctx, c.transport, c.nodes)
	c.note(Formed{Side: phyllo, AtOnce: width, Invited: true, Seconds: time.Since(begun).Seconds()})
	return err
}

// reform forms the same ring anew, width nodes at a time.
func (c *comparison) reform(ctx context.Context, m *meters, width int) error {
	limited, cancel := context.WithTimeout(ctx, c.forming)
	defer cancel()
	took, err := m.phyllo.reform(limited, width)
	c.note(Formed{Side: phyllo, AtOnce: width, Seconds: took.Seconds(), GivenUp: givenUp(ctx, limited, err)})
	return err
}

// givenUp reports whether an error is that the time to form was over.
func givenUp(ctx, limited context.Context, err error) bool {
	return err != nil && ctx.Err() == nil && limited.Err() != nil
}

func (c *comparison) note(f Formed) {
	c.run.Formed = append(c.run.Formed, f)
	c.say("%s, %s, %d at a time: %.2f s", c.run, f.Side, f.AtOnce, f.Seconds)
}

// lastGivenUp reports whether the network that was tried last did not form in time.
func (r *Run) lastGivenUp() bool { return r.Formed[len(r.Formed)-1].GivenUp }

// formInOrder forms each network with some nodes at a time and weighs it once it is
// warm. The networks stay.
func (c *comparison) formInOrder(ctx context.Context, m *meters) (ops []*operation, err error) {
	rng := rand.New(rand.NewPCG(uint64(c.nodes), 1))
	empty := heldMemory()
	if err := c.formKad(ctx, m, width); err != nil {
		return nil, err
	}
	if m.values, err = m.kad.putValues(ctx, rng); err != nil {
		return nil, err
	}
	quorum1, quorum0, closest := m.kad.operations(m.values)
	if err := c.warm(ctx, quorum1, quorum0, closest); err != nil {
		return nil, err
	}
	one := heldMemory()
	if err := errors.Join(c.invite(ctx, m), c.reform(ctx, m, width)); err != nil {
		return nil, err
	}
	names, err := m.phyllo.claimNames(ctx, rng)
	if err != nil {
		return nil, err
	}
	if err := m.phyllo.ring.Mesh(ctx); err != nil {
		return nil, err
	}
	request, read := m.phyllo.operations(names, rng)
	if err := c.warm(ctx, request, read); err != nil {
		return nil, err
	}
	two := heldMemory()
	each := float64(c.nodes)
	c.run.Memory[kadDHT], c.run.Memory[phyllo] = (one-empty)/each, (two-one)/each
	c.say("%s: a node holds %.1f MB (kad-dht), %.1f MB (phyllo)", c.run, c.run.Memory[kadDHT]/1e6, c.run.Memory[phyllo]/1e6)
	floor, err := m.phyllo.exchange(ctx, payload, rng) // not before the weighing, as streams take memory
	if err != nil {
		return nil, err
	}
	if err := c.warm(ctx, floor); err != nil {
		return nil, err
	}
	return []*operation{floor, request, quorum1, read, quorum0, closest}, nil
}

// warm carries out operations until all connections stand that they need, and forgets
// what it measured.
func (c *comparison) warm(ctx context.Context, ops ...*operation) error {
	for _, o := range ops {
		for range c.warmup * c.nodes {
			if err := o.carryOut(ctx, o.next()); err != nil {
				return err
			}
		}
		o.forget()
	}
	return pause(ctx, settle)
}

// interleave measures all operations in turns, and returns what idle networks cost in
// a second.
func (c *comparison) interleave(ctx context.Context, m *meters, ops []*operation) (idle counts, err error) {
	var elapsed time.Duration
	for round := range c.rounds {
		for _, o := range ops {
			if err := o.block(ctx, m, c.block); err != nil {
				return counts{}, err
			}
		}
		before, begun := m.read(), time.Now()
		if err := pause(ctx, c.idle); err != nil {
			return counts{}, err
		}
		idle = idle.plus(m.read().minus(before))
		elapsed += time.Since(begun)
		c.say("%s: round %d of %d", c.run, round+1, c.rounds)
	}
	return idle.times(1 / elapsed.Seconds()), nil
}

// close ends both networks, as far as they were started.
func (m *meters) close(ctx context.Context) {
	if m.phyllo != nil {
		// What a node says at its end is no matter of the comparison.
		_ = m.phyllo.close(ctx)
	}
	if m.kad != nil {
		m.kad.close()
	}
}

// String names a comparison.
func (r *Run) String() string { return fmt.Sprintf("%s, %d nodes", r.Transport, r.Nodes) }
