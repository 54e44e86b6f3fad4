package pastry

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/pastry/msg"
	"github.com/phyllo-net/phyllo/peer"
)

// Parameters are those of the protocol, which the nodes of a ring usually have in
// common: many may share one value, which is frozen from New on.
type Parameters struct {
	// Base is b, the bits of a digit (1, 2, 4 or 8).
	Base id.Base
	// LeafSet is the size of the leaf set, an even number from 2 to 64.
	LeafSet int
	// Neighbourhood is the size of the neighbourhood set, 0 to 64.
	Neighbourhood int
	// HopLimit is the number of hops after which a message is given up, 4 to 32.
	HopLimit int
	// Randomize lets the retries of a request that failed draw their next hops
	// among all nodes that come nearer (Pastry 2001, section 2.2).
	Randomize bool

	// Heartbeat is the period of the lease exchange between ring neighbours
	// while it is quiet (T_ls of MSPastry).
	Heartbeat time.Duration
	// Probes are the time-outs of one probe and its retries: a node that answers
	// none of them is dead. One or more, rising.
	Probes []time.Duration
	// Brisk are those of a probe to a neighbour that serves requests, and so renews its
	// short lease every LeaseRenew, and did not: who waits for it waits no longer than
	// for its lease. And those of a probe to one whom such a neighbour found dead. One or
	// more, rising.
	Brisk []time.Duration
	// AckDelay is how long an acknowledgement waits for a message to the same
	// neighbour that carries it, and for further ones.
	AckDelay time.Duration
	// HopFloor and HopCap bound the time-out of one hop. HopFloor should exceed
	// AckDelay by the longest round trip under load, or copies are sent.
	HopFloor, HopCap time.Duration
	// RequestRetry is the time after which an unanswered request is sent again,
	// on another way; it doubles with each retry.
	RequestRetry time.Duration

	// LeaseShort is the lease of a node that delivers requests, one within LeaseShort of
	// another, renewed every LeaseRenew; LeaseLong that of a quiet one, renewed with the
	// heartbeat; LeaseQuiet is the time without such deliveries that makes a node quiet.
	LeaseShort, LeaseRenew, LeaseLong, LeaseQuiet time.Duration

	// TableRound is the period of routing-table gossip.
	TableRound time.Duration
	// ProbeFloor and ProbeCap bound the self-tuned period of liveness probes to
	// routing-table entries; ProbeLoss is the share of lookups that may meet a
	// dead hop (L_r of MSPastry).
	ProbeFloor, ProbeCap time.Duration
	ProbeLoss            float64

	// Heal is the period of attempts to reach nodes that were declared dead, so
	// that the halves of a network that was cut find each other; GoneFor is how
	// long a dead node is remembered for that.
	Heal, GoneFor time.Duration
	// Alone is how long a member that starts again tries to reach others before it
	// goes on as a ring of one (which heals later). It should exceed LeaseLong.
	// Where every process that it remembers is known to have ended, it does not
	// wait; where others look for the ring, too, and hear of none, one of them begins it
	// after LeaseShort if each other process answered or has ended, else after half of Alone.
	Alone time.Duration
	// Remember is the number of nodes in the saved snapshot, 4 to 128.
	Remember int

	// Held and HeldBytes bound the messages that wait at a node for its lease: how many,
	// 4 to 65,536, and what they take together, 256 KiB to 1 GiB. What one neighbour handed over
	// may take a quarter of either. Of what exceeds that the origin is told to try again if it
	// waits for an outcome; else it is lost, as what waits for too long.
	Held, HeldBytes int
	// OnWay and OnWayBytes bound the messages that were handed to a next hop and are not acknowledged
	// in the same way: how many, 16 to 1,048,576, and what they take together, 1 MiB to 1 GiB. What
	// others handed over may take a quarter of either for each next hop, and three in all; what begins here
	// a quarter, and more while all together takes less than three.
	OnWay, OnWayBytes int
}

// Config is all that a node is told. DefaultConfig gives the values for real networks;
// Validate says what is wrong.
type Config struct {
	// Parameters are required.
	*Parameters

	// Seeds are the nodes through which to join; none besides this one, and nothing
	// remembered, makes the first node of a ring. A seed needs ID, Key and Addrs.
	// There may be thousands: 8 are asked at a time.
	Seeds []*peer.Handle
	// Ring, Signer and Verifier serve signed entries of the set of expulsions and
	// messages that are relayed. They are required.
	Ring     id.Hash
	Signer   peer.Signer
	Verifier peer.Verifier
	// Rand is the node's own random source, which it then owns. Required.
	Rand *rand.Rand
	// Apps are the applications, by number. Number 0 is the overlay's own.
	Apps []kbr.Mount
	// Trust, if not nil, says whether an expulsion is good besides its
	// signatures (how many admitters the ring has is not the overlay's to know).
	Trust func(*peer.Expulsion) bool
	// Expelled, if not nil, is told each new entry of the set of expulsions.
	Expelled func(*peer.Expulsion)
	// Observe gets what happens, for checkers and logs. It must not change
	// anything. Fields may be nil.
	Observe Observer
}

// DefaultConfig returns the defaults; Ring, Signer, Verifier and Rand are still to
// be set.
func DefaultConfig() Config {
	return Config{Parameters: &Parameters{
		Base: 4, LeafSet: 32, Neighbourhood: 32, HopLimit: 32, Randomize: true,
		Heartbeat: 30 * time.Second,
		Probes:    []time.Duration{900 * time.Millisecond, 1200 * time.Millisecond, 1600 * time.Millisecond},
		Brisk:     []time.Duration{250 * time.Millisecond, 350 * time.Millisecond, 500 * time.Millisecond},
		AckDelay:  50 * time.Millisecond,
		HopFloor:  200 * time.Millisecond, HopCap: 3 * time.Second,
		RequestRetry: 2 * time.Second,
		LeaseShort:   2500 * time.Millisecond, LeaseRenew: time.Second,
		LeaseLong: 35 * time.Second, LeaseQuiet: 10 * time.Second,
		TableRound: 20 * time.Minute,
		ProbeFloor: 9 * time.Second, ProbeCap: 30 * time.Minute, ProbeLoss: 0.05,
		Heal: 15 * time.Second, GoneFor: 90 * time.Minute,
		Alone: 40 * time.Second, Remember: 64, Held: 4096, HeldBytes: 16 << 20,
		OnWay: 16384, OnWayBytes: 64 << 20,
	}}
}

// Validate returns the first rule that the configuration breaks.
func (c *Config) Validate() error {
	if c.Parameters == nil {
		return errors.New("pastry: Parameters must be set")
	}
	for _, r := range []struct {
		bad  bool
		text string
	}{
		{!c.Base.Valid(), "Base must be 1, 2, 4 or 8 bits"},
		{c.LeafSet < 2 || c.LeafSet > msg.MaxLeaf || c.LeafSet%2 != 0, "LeafSet must be an even number from 2 to 64"},
		{c.Neighbourhood < 0 || c.Neighbourhood > msg.MaxLeaf, "Neighbourhood must be 0 to 64"},
		{c.HopLimit < 4 || c.HopLimit > msg.MaxHops, "HopLimit must be 4 to 32"},
		{c.Heartbeat < time.Second, "Heartbeat must be at least 1 s"},
		{len(c.Probes) == 0 || len(c.Probes) > 8, "Probes must list 1 to 8 time-outs"},
		{len(c.Brisk) == 0 || len(c.Brisk) > 8, "Brisk must list 1 to 8 time-outs"},
		{c.AckDelay < 0 || c.AckDelay > time.Second, "AckDelay must be 0 to 1 s"},
		{c.HopFloor < c.AckDelay || c.HopCap < c.HopFloor, "HopFloor must be at least AckDelay, and HopCap at least HopFloor"},
		{c.RequestRetry <= 0, "RequestRetry must be above 0"},
		{c.LeaseRenew <= 0 || c.LeaseShort < 2*c.LeaseRenew, "LeaseShort must be at least twice LeaseRenew"},
		{c.LeaseLong < c.Heartbeat+2*time.Second, "LeaseLong must exceed Heartbeat by 2 s or more"},
		{c.LeaseQuiet < c.LeaseShort, "LeaseQuiet must be at least LeaseShort"},
		{c.TableRound < time.Second, "TableRound must be at least 1 s"},
		{c.ProbeFloor <= 0 || c.ProbeCap < c.ProbeFloor, "ProbeFloor must be above 0, and ProbeCap at least ProbeFloor"},
		{c.ProbeLoss <= 0 || c.ProbeLoss >= 1, "ProbeLoss must lie between 0 and 1"},
		{c.Heal < time.Second || c.GoneFor < c.Heal, "Heal must be at least 1 s, and GoneFor at least Heal"},
		{c.Alone <= 0, "Alone must be above 0"},
		{c.Remember < 4 || c.Remember > 128, "Remember must be 4 to 128"},
		{c.Held < 4 || c.Held > 1<<16, "Held must be 4 to 65536"},
		{c.HeldBytes < 256<<10 || c.HeldBytes > 1<<30, "HeldBytes must be 256 KiB to 1 GiB"},
		{c.OnWay < 16 || c.OnWay > 1<<20, "OnWay must be 16 to 1048576"},
		{c.OnWayBytes < 1<<20 || c.OnWayBytes > 1<<30, "OnWayBytes must be 1 MiB to 1 GiB"},
		{c.Signer == nil || c.Verifier == nil || c.Rand == nil, "Signer, Verifier and Rand must be set"},
	} {
		if r.bad {
			return fmt.Errorf("pastry: %s", r.text)
		}
	}
	for name, ps := range [2][]time.Duration{c.Probes, c.Brisk} {
		for i, p := range ps {
			if p <= 0 || i > 0 && p < ps[i-1] {
				return fmt.Errorf("pastry: %s must be above 0 and rise", [2]string{"Probes", "Brisk"}[name])
			}
		}
	}
	for i, m := range c.Apps {
		if m.Number == 0 || m.App == nil {
			return fmt.Errorf("pastry: application %d needs a number above 0 and an App", i)
		}
		for _, o := range c.Apps[:i] {
			if o.Number == m.Number {
				return fmt.Errorf("pastry: two applications with number %d", m.Number)
			}
		}
	}
	return nil
}

// Observer is told what happens in a node.
type Observer struct {
	// Delivered: this node took a message for a key as its root. A copy of one that it
	// has taken already, which comes over another way when an acknowledgement was late,
	// is not told.
	Delivered func(n *Node, key id.ID, origin id.ID, num uint64)
	// Verdict: this node declared a peer dead.
	Verdict func(n *Node, p *peer.Handle)
	// Ready: this node began, or ceased, to claim keys.
	Ready func(n *Node, ready bool)
	// Dropped: a message was given up here, for the reason why.
	Dropped func(n *Node, key id.ID, why error)
}
