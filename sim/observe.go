package sim

import (
	"fmt"
	"time"

	"github.com/phyllo-net/phyllo/machine"
	"github.com/phyllo-net/phyllo/wire"
)

// Observe is a set of functions, any of which may be nil, that a simulation calls.
// They must not change the simulation, nor the messages they see; what they want
// to do to it they give to At.
type Observe struct {
	// Send: a node gave a message to be sent. to is Nobody if no node has the
	// id. bytes is the length of its frame, 0 if it passes through no Codec.
	Send func(from, to NodeRef, c machine.Class, m wire.Message, bytes int)
	// Deliver: a message is given to its receiver next.
	Deliver func(from, to NodeRef, m wire.Message)
	// Drop: a message of the given kind will never arrive. Duplicates that are
	// dropped are told of too.
	Drop func(from, to NodeRef, k wire.Kind, why Loss)
	// Link: node gets an InPeerUp (why is 0) or InPeerDown for peer next.
	Link func(node, peer NodeRef, why machine.DownReason)
	// Life: something happened to a node.
	Life func(node NodeRef, what LifeEvent)
	// Malformed: what a node sent does not decode, as err says, and is dropped.
	// If it is nil, this is a bug of the sender's protocol, and panics.
	Malformed func(from, to NodeRef, frame []byte, err error)
}

// Loss says why a message did not arrive.
type Loss uint8

// Reasons of a loss.
const (
	LossDrawn   Loss = iota // Faults.Drop
	LossParted              // the path is parted or cut
	LossDead                // the receiver is not running, or does not have the link any more
	LossFull                // too much waits at the receiver, or for the link
	LossUnknown             // no node has the id, or the key
	LossCodec               // it does not decode
	LossDown                // the link that it waited for could not be made, or ended
	losses
)

var lossNames = [losses]string{"drawn", "parted", "dead", "full", "unknown", "codec", "down"}

// String names the reason.
func (l Loss) String() string {
	if l < losses {
		return lossNames[l]
	}
	return fmt.Sprintf("loss %d", uint8(l))
}

// LifeEvent is something that happens to a node.
type LifeEvent uint8

// Events of a node's life.
const (
	Started LifeEvent = iota
	Crashed
	Died // silently
	Stopped
	Paused
	Woken
	Wiped // lost its disk
)

var eventNames = [...]string{"started", "crashed", "died", "stopped", "paused", "woken", "wiped"}

// String names the event.
func (e LifeEvent) String() string {
	if int(e) < len(eventNames) {
		return eventNames[e]
	}
	return fmt.Sprintf("event %d", uint8(e))
}

// Counts sums up a simulation so far.
type Counts struct {
	Events     uint64         // all events
	Sent       uint64         // messages that nodes gave to be sent
	Delivered  uint64         // messages that nodes were given
	Duplicated uint64         // messages sent twice by faults
	Lost       [losses]uint64 // messages lost, by Loss
	Bytes      uint64         // of frames sent, with a Codec
	ByKind     [256]uint64    // messages sent, by kind
}

// Traffic counts one node's messages over all its lives.
type Traffic struct {
	Sent, Received uint64
}

// Counts returns the counts so far.
func (s *Sim) Counts() Counts { return s.counts }

// Traffic returns the counts of one node.
func (s *Sim) Traffic(n NodeRef) Traffic { return s.node(n).traffic }

// Trace returns the running hash over all events so far. It does not depend on the
// queue's kind or on the codec.
func (s *Sim) Trace() uint64 { return s.trace }

func (s *Sim) lost(from, to uint32, k uint8, why Loss) {
	s.counts.Lost[why]++
	if s.cfg.Observe.Drop != nil {
		s.cfg.Observe.Drop(NodeRef(from), NodeRef(to), wire.Kind(k), why)
	}
}

func (s *Sim) life(n uint32, what LifeEvent) {
	if s.cfg.Observe.Life != nil {
		s.cfg.Observe.Life(NodeRef(n), what)
	}
}

// mix folds an event into the trace: two multiplications.
func mix(h uint64, e *event) uint64 {
	h ^= uint64(e.at) + uint64(e.node)<<40
	h *= 0x9e3779b97f4a7c15
	h ^= h>>29 ^ e.order ^ uint64(e.kind)<<56 ^ uint64(e.note)<<48 ^ uint64(e.class)<<46
	h *= 0xbf58476d1ce4e5b9
	return h ^ h>>32
}

// scramble makes a seed out of others, so that near ones give unlike streams.
func scramble(parts ...uint64) uint64 {
	var h uint64
	for _, p := range parts {
		h += p + 0x9e3779b97f4a7c15
		h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
		h = (h ^ h>>27) * 0x94d049bb133111eb
		h ^= h >> 31
	}
	return h
}

// bootBase is what the boot clock of a node with a right clock says at the start,
// as machines are not started when their boot clock is 0.
const bootBase = int64(time.Hour)
