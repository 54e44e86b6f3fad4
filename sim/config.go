package sim

import (
	"math/rand/v2"
	"time"

	"github.com/phyllo-net/phyllo/machine"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/sim/topo"
	"github.com/phyllo-net/phyllo/wire"
)

// Config of a simulation. The zero Config is valid: the fast mode on a uniform
// network of 20 ms.
type Config struct {
	// Seed is that of the whole simulation.
	Seed uint64
	// Topology gives the delays; nil means 20 ms between all hosts. Two nodes of
	// one host are topo.Least apart.
	Topology topo.Topology
	// Queue is the kind of event queue. It does not change the trace.
	Queue Queue
	// Codec, if set, encodes and decodes every message, so that what does not
	// survive that, or is shared by mistake, shows. Without it the receiver is
	// given the sender's frozen value.
	Codec *wire.Table
	// CodecEvery, if above 1, has only each such message of the simulation pass
	// through Codec, and the first three of a kind, and all from or to a node with a table of its own;
	// Counts.Bytes counts no others. The trace is the same: it is for storms by the thousand, of
	// which encoding takes more than half the time.
	CodecEvery int
	// Connections gives nodes links; see the package's comment.
	Connections bool
	// MaxLinks is the number of links above which a node closes unprotected
	// ones; 0 means 60.
	MaxLinks int
	// DialTimeout bounds the making of a link; 0 means 5 s.
	DialTimeout time.Duration
	// LostAfter is how long a link stands on which nothing gets through; 0
	// means 20 s.
	LostAfter time.Duration
	// WorkDelay is the time from a DoWork to its InDone; 0 means 200 µs. The work
	// itself is run at once.
	WorkDelay time.Duration
	// StepTime is what a node that was made Slow with factor 1 takes for one
	// input; 0 means 50 µs. Other nodes take no time.
	StepTime time.Duration
	// Bandwidth is how many bytes of bulk transfers a path carries in a second, in one
	// direction; 0 means 12,500,000 (100 Mbit/s). Messages take none of it.
	Bandwidth int
	// Inbox is the number of messages that may wait for a node before more are dropped: of
	// class Liveness, and of all others; 0 means 4096.
	Inbox int
	// Start is the true time of day at the start; zero means the first instant
	// of 2026, UTC.
	Start time.Time
	// Observe is told what happens.
	Observe Observe
}

func (c Config) withDefaults() Config {
	if c.Topology == nil {
		c.Topology = topo.NewUniform(maxNodes, 20*time.Millisecond)
	}
	or(&c.MaxLinks, 60)
	or(&c.DialTimeout, 5*time.Second)
	or(&c.LostAfter, 20*time.Second)
	or(&c.WorkDelay, 200*time.Microsecond)
	or(&c.StepTime, 50*time.Microsecond)
	or(&c.Bandwidth, 12_500_000)
	or(&c.Inbox, 4096)
	if c.Start.IsZero() {
		c.Start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	return c
}

func or[T int | time.Duration](v *T, d T) {
	if *v <= 0 {
		*v = d
	}
}

// Spec describes a node. Handle and Make are required.
type Spec struct {
	// Handle is the node's own. An Incarnation of 0 is replaced by 1. Restarts
	// count on from it.
	Handle *peer.Handle
	// Host is where the node stands in the topology.
	Host int
	// Make makes the node's machine at each start.
	Make func(NodeEnv) machine.Machine
	// Saved is the snapshot that the first start is given.
	Saved []byte
	// Cert is shown to others when links are made.
	Cert *peer.Certificate
	// Check judges the certificate of a node at the other end of a new link,
	// which may be nil, at the given time of day of this node's clock. That a
	// certificate's id and key are those of the node is checked before. A nil
	// Check accepts all.
	Check func(c *peer.Certificate, wall time.Time) error
	// Wiped, if set, is called when the node loses its disk.
	Wiped func()
	// Codec is the node's own table, for runs with several versions of a protocol;
	// nil means Config.Codec. Without that it is not used.
	Codec *wire.Table
	// Clock is the error of the node's clocks.
	Clock Clock
}

// Clock is the error of a node's clocks. A right clock is the zero Clock.
type Clock struct {
	PPM  int           // how much too fast, in millionths, both clocks run
	Boot time.Duration // how far ahead of others the boot clock stands at the node's start
	Wall time.Duration // how far ahead of the truth the time of day is then
}

// NodeEnv is what a machine is made from.
type NodeEnv struct {
	Ref   NodeRef
	Self  *peer.Handle
	Saved []byte     // the last snapshot, or nil
	Rand  *rand.Rand // the machine's own
	Life  int        // 1 for the first start
}

// NodeRef is the number of a node in its simulation, from 0 in the order of Add.
type NodeRef uint32

// Nobody is a NodeRef for no node.
const Nobody = ^NodeRef(0)

// maxNodes is what the order of events has room for.
const maxNodes = 1<<24 - 2
