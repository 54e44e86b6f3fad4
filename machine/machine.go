// Package machine is what a driver sees of a node: inputs with the time in,
// effects out. A simulator and a real host drive the very same Machine, and
// neither knows what overlay it is.
//
// The driver calls Step for one input at a time, never concurrently for one
// machine. Step never blocks. The driver carries out the effects in their order;
// it must not change a message, which is frozen.
//
// Kernel is the half of a machine that any overlay needs: it turns the effects
// into the Env that protocol code asks.
package machine

import (
	"fmt"
	"time"

	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// Clock is the time that comes with every input, read just before it is handled.
type Clock struct {
	Boot task.Instant // never jumps, goes on during sleep
	Wall time.Time    // time of day
}

// InputKind says what happened.
type InputKind uint8

// Kinds of input.
const (
	// InStart is the first input of a machine, once.
	InStart InputKind = iota + 1
	// InMessage: Msg came from From over an authenticated link.
	InMessage
	// InTimer: the timer in Slot is due. It is no longer set.
	InTimer
	// InDone: the work with number Slot ended with Result, or the transfer with number
	// Slot, whose Result is a task.Moved.
	InDone
	// InPeerUp: a link to From stands, its certificate Cert was checked. A driver that
	// has no links never gives it, nor InPeerDown: then all count as linked.
	InPeerUp
	// InPeerDown: the link to From ended, or could not be made, for the reason Why.
	InPeerDown
	// InWake: the process or its machine was stopped for a while and goes on. It
	// comes before any other input that waited meanwhile.
	InWake
	// InStop is the last input: the machine may send its farewells.
	InStop
	// InCall: an edge or a script wants Call run on the loop, as if it were the
	// node's own code. It is how the outside reaches an application.
	InCall
)

// DownReason says how a link ended.
type DownReason uint8

// Reasons of a down link. Only Closed and Refused speak for the death of a
// process; Lost and Unreachable may be the network's fault.
const (
	// DownClosed: the other side's system closed the link.
	DownClosed DownReason = iota + 1
	// DownRefused: there is nobody at the address (connection refused), or the
	// one who answers has another key or a newer incarnation.
	DownRefused
	// DownLost: the link broke or stalled; nothing was heard for too long.
	DownLost
	// DownUnreachable: a new link could not be made.
	DownUnreachable
	// DownExpelled: the certificate is not, or is no longer, good.
	DownExpelled
	// DownOurs: we closed it ourselves, to save links. It says nothing about the peer.
	DownOurs
)

var downNames = [...]string{"?", "closed", "refused", "lost", "unreachable", "expelled", "closed by us"}

// String names the reason.
func (r DownReason) String() string {
	if int(r) < len(downNames) {
		return downNames[r]
	}
	return fmt.Sprintf("reason %d", uint8(r))
}

// Input is one thing that happened to a node. Which fields are set depends on
// Kind.
type Input struct {
	Kind   InputKind
	Why    DownReason
	Slot   uint32
	From   *peer.Handle
	Msg    wire.Message
	Cert   *peer.Certificate
	Result any
	Call   func()
}

// EffectKind says what a machine wants done.
type EffectKind uint8

// Kinds of effect.
const (
	// DoSend: send Msg to To, in the class Class. It may be lost; if the link
	// turns out to be gone, an InPeerDown follows.
	DoSend EffectKind = iota + 1
	// DoSetTimer: an InTimer with Slot at time At. The slot is not set now.
	DoSetTimer
	// DoCancelTimer: the timer in Slot will not come.
	DoCancelTimer
	// DoWork: run Work off the loop, then an InDone with Slot.
	DoWork
	// DoSave: keep what Snapshot returns for the node's next start. It may be called
	// at any later time, from any goroutine, if a newer one does not come first.
	DoSave
	// DoProtect: the link to To must not be closed to save links; with
	// On false it may be again.
	DoProtect
	// DoDrop: close the link to To, whose certificate is no longer good.
	DoDrop
	// DoBulk: open a stream to Bulk.With for Bulk, then an InDone with Slot, exactly
	// one, with what was moved, when neither Source nor Sink is in use any more.
	DoBulk
	// DoAdmit: let Bulk.With open a stream with Bulk.Ticket, once, until Bulk.Timeout has
	// passed; then an InDone as for DoBulk.
	DoAdmit
	// DoStopBulk: give the transfer with number Slot up, which may be over already. Its
	// InDone comes all the same.
	DoStopBulk
)

// Class orders frames that wait for one link: lower ones go first.
type Class uint8

// Classes, in the order of their priority.
const (
	ClassLiveness Class = iota // heartbeats, leases, acknowledgements, probes
	ClassApp                   // routed and direct messages of applications
	ClassUpkeep                // tables, announcements, gossip
)

// Effect is one thing that a machine wants done. Which fields are set depends
// on Kind.
type Effect struct {
	Kind     EffectKind
	Class    Class
	On       bool
	Slot     uint32
	At       task.Instant
	To       *peer.Handle
	Msg      wire.Message
	Work     func() any
	Snapshot func() []byte
	Bulk     *task.Transfer
}

// Effects collects the effects of one step, in order. The driver owns it, and
// empties and reuses it.
type Effects struct {
	List []Effect
}

// Reset empties the list and keeps its memory.
func (e *Effects) Reset() {
	clear(e.List)
	e.List = e.List[:0]
}

// Machine is one node as its driver sees it.
type Machine interface {
	// Step handles one input and appends what it wants done to out.
	Step(now Clock, in Input, out *Effects)
	// Self is the node's own handle.
	Self() *peer.Handle
	// Halt frees what a dead or stopped node would hold (its tasks). After it
	// the machine must not be stepped. It sends nothing.
	Halt()
}

// Maker makes the machine of a node when a driver starts it. saved is what the
// node last gave to Env.Save, or nil.
type Maker func(self *peer.Handle, saved []byte) Machine
