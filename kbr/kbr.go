// Package kbr is what an application sees of an overlay: key-based routing, by
// the names of the common API (Dabek, Zhao, Druschel, Kubiatowicz, Stoica, IPTPS
// 2003), with what the systems on top need besides: requests with an outcome,
// notice of a peer's death, proximity, broadcast.
//
// An application implements App (and Forwarder, if it wants to see messages that
// pass), and is given an Endpoint at its start. All its code runs on its node, one
// event at a time, in the simulator as on a real machine: no locks, no
// goroutines. To write one, start from examples/echo.
//
// Payloads are bytes, encoded and decoded by the application (package wire). A
// slice that is handed to an Endpoint, or to Reply, belongs to the overlay from
// then on; a slice that an application is given belongs to the application.
package kbr

import (
	"errors"
	"fmt"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// App is one application on one node.
type App interface {
	// Start is called once, before anything else.
	Start(ep Endpoint)
	// Deliver is called with a message for a key whose root this node is, or
	// one that was sent to this node. Never twice for one message.
	Deliver(d *Delivery)
	// Update tells that a node entered (joined) or left what NeighborSet returns:
	// replicas may have to move.
	Update(n *peer.Handle, joined bool)
	// Stop is called once, when the node stops in order, and may still send.
	Stop()
}

// Forwarder is implemented by an application that wants to see, change, answer
// or stop messages on their way, at every node including source and root.
type Forwarder interface {
	// Forward may change t.Payload and t.Next, or answer with t.Reply. It
	// reports whether the message goes on.
	Forward(t *Transit) bool
}

// Transit is a message on its way through a node.
type Transit struct {
	Key     id.ID
	Payload []byte
	Claimed *peer.Handle // the origin, as the message says; not authenticated
	Via     *peer.Handle // the authenticated neighbour; this node itself at the source
	Next    *peer.Handle // the next hop; this node itself at the root
	// Answer is nil for a message that wants none.
	Answer func(payload []byte)
}

// Delivery is a message that arrived. It may be answered later than in Deliver.
type Delivery struct {
	Key     id.ID
	Payload []byte
	// Claimed is the origin as a routed message says. Whatever changes state,
	// costs storage or is shown to a person must not rest on it alone.
	Claimed *peer.Handle
	// Via is the authenticated neighbour that handed the message over. For a
	// message that was sent directly it is the origin.
	Via *peer.Handle
	// Direct tells that the message came over its origin's own link. A message to
	// this node that had to take the ring, past a link that does not work, is not
	// Direct, and its Key is this node's id.
	Direct bool
	// Broadcast tells that the message went to all nodes of a range.
	Broadcast bool
	// Hops is the number of links that it crossed.
	Hops  int
	Trace uint64
	// Answer sends the answer, once; it is nil if none is wanted. err, if not
	// nil, goes instead of the payload, as a *RefusedError.
	Answer func(payload []byte, err *RefusedError)
}

// Reply answers with a payload, if an answer is wanted and was not given yet.
func (d *Delivery) Reply(payload []byte) {
	if d.Answer != nil {
		d.Answer(payload, nil)
	}
}

// Refuse answers with an error, as Reply does with a payload.
func (d *Delivery) Refuse(code uint16, text string) {
	if d.Answer != nil {
		d.Answer(nil, &RefusedError{Code: code, Text: text})
	}
}

// Outcomes of a request or a message that are not success. Exactly one comes for
// each: never silence.
var (
	// ErrTimeout: no answer within the request's time, after retries on
	// several routes.
	ErrTimeout = task.ErrTimeout
	// ErrUnreachable: the peer could not be reached, directly or through others.
	ErrUnreachable = errors.New("the node could not be reached")
	// ErrLoop: the message came back to a node that it had passed.
	ErrLoop = errors.New("the message went in a circle")
	// ErrHopLimit: the message took more hops than any right route has.
	ErrHopLimit = errors.New("the message took too many hops")
	// ErrBusy: a node on the way, or the root, had no room for it.
	ErrBusy = errors.New("a node had no room for the message")
	// ErrNoApp: the node that got it does not run the application.
	ErrNoApp = errors.New("the node does not run this application")
	// ErrTooLarge: the payload exceeds wire.MaxPayload.
	ErrTooLarge = wire.ErrTooLarge
	// ErrStopped: this node is stopping.
	ErrStopped = task.ErrStopped
)

// RefusedError is the answer of an application that refused a request.
type RefusedError struct {
	Code uint16 // the application's own
	Text string // for people; at most 200 bytes cross the wire
}

// Error implements error.
func (e *RefusedError) Error() string { return fmt.Sprintf("refused: %s (%d)", e.Text, e.Code) }

// Answer is a request's success.
type Answer struct {
	Payload []byte
	From    *peer.Handle  // who answered; authenticated unless Relayed
	Relayed bool          // the answer came through others, not over From's own link
	First   id.ID         // the first hop of the route that led there; zero if none
	Hops    int           // links crossed by the request
	RTT     time.Duration // from the first sending to the answer
	Path    []Hop         // the way, if Options.Trace was set
}

// Hop is one step of a traced route.
type Hop struct {
	Node *peer.Handle
	RTT  time.Duration // smoothed round trip from the node before; 0 if not known
}

// Options of a request. The zero value is the default.
type Options struct {
	// Timeout bounds the whole request with its retries; 0 means 30 s.
	Timeout time.Duration
	// Trace asks for the way in Answer.Path.
	Trace bool
	// Straight asks for the answer over the answerer's own link, so that Answer.From is
	// authenticated unless there is no such link to be had. Where none stands this costs a
	// new one; otherwise the answer may come back on the way of the request.
	Straight bool
	// Random draws next hops instead of taking the best; retries do so anyway.
	Random bool
	// AvoidFirst lists nodes not to be taken as the first hop if another comes
	// nearer too: for a second, different route to the same key.
	AvoidFirst []id.ID
}

// Down says that a watched peer is no longer there.
type Down struct {
	Peer *peer.Handle // of the incarnation that died
	Why  DownWhy
}

// DownWhy says how it is known.
type DownWhy uint8

// Ways to learn of a peer's end.
const (
	Died DownWhy = iota + 1 // no answer to probes, or its process is gone
	Left                    // it said goodbye
	Expelled
)

// Endpoint is an application's view of its node. It is valid from Start to Stop.
// All methods return at once.
type Endpoint interface {
	task.Env

	// Self is the node's own handle.
	Self() *peer.Handle
	// Ready reports whether the node is in the ring and claims its keys now.
	Ready() bool
	// Route sends the payload towards key; the node nearest to key delivers it.
	// Losses on the way are repaired hop by hop, but the sender learns nothing.
	// hint, which may be nil, is taken as the first hop.
	Route(key id.ID, payload []byte, hint *peer.Handle)
	// Request routes the payload towards key and calls done with the answer of
	// the root's application, or with an error, exactly once.
	Request(key id.ID, payload []byte, o Options, done func(Answer, error))
	// Send sends the payload to a peer's application and calls done, which may be
	// nil, once it is known to have arrived (nil) or not.
	Send(to *peer.Handle, payload []byte, done func(error))
	// Tell sends the payload, which is not changed any more, to the application of each of
	// some peers, once: nobody learns whether it arrived, and what is lost is not sent again. It
	// is for what a receiver misses and asks for, as by its number, and costs half of Send.
	// Who is known not to be reached over a link of its own gets it as by Send.
	Tell(to []*peer.Handle, payload []byte)
	// Ask sends the payload to a peer and calls done with its application's
	// answer, or with an error, exactly once.
	Ask(to *peer.Handle, payload []byte, o Options, done func(Answer, error))
	// Watch calls f once, when this incarnation of the peer is dead, has left or
	// is expelled. The returned function ends the watch.
	Watch(p *peer.Handle, f func(Down)) (cancel func())
	// LocalLookup returns up to n nodes that could be the next hop towards key,
	// best first, from local state alone. With safe, table entries chosen by
	// proximity are left out.
	LocalLookup(key id.ID, n int, safe bool) []*peer.Handle
	// NeighborSet returns up to n neighbours on the ring, nearest first, without
	// this node. They may all stand on one side.
	NeighborSet(n int) []*peer.Handle
	// ReplicaSet returns up to n nodes nearest to key, the root first, this node
	// among them where it belongs; nil if the key is too far from this node to
	// know. The i-th becomes root if those before it fail.
	ReplicaSet(key id.ID, n int) []*peer.Handle
	// Range returns the keys for which p is among the rank+1 nearest nodes (rank 0:
	// p is the root); false if p is not near enough to know.
	Range(p *peer.Handle, rank int) (id.Range, bool)
	// Proximity returns half the smoothed round trip of idle probes; false if it
	// was not measured yet, which asking for a known node begins.
	Proximity(p *peer.Handle) (time.Duration, bool)
	// Broadcast delivers the payload once at every node whose id lies in scope,
	// this one included. All these nodes work for it, so it is for what is rare: an
	// overlay may drop what exceeds a few a second.
	Broadcast(scope id.Range, payload []byte)
	// Divide returns the parts into which this node cuts scope when it hands a
	// broadcast on, but for nodes to be avoided: each of them serves its part by
	// dividing it in turn. It is for who wants answers to what all nodes are asked,
	// as Broadcast brings none. What no part covers is this node's own.
	Divide(scope id.Range, avoid []id.ID) []Part
	// Find looks a node up by its id: done gets its handle, known or asked of the
	// ring, or ErrUnreachable if no such node is in the ring now.
	Find(node id.ID, done func(*peer.Handle, error))
	// Go starts a task; see package task. done may be nil.
	Go(f func(*task.T) error, done func(error))
}

// Part is a range of ids, and the node that serves it in a broadcast.
type Part struct {
	Node  *peer.Handle
	Scope id.Range
}

// Mount is an application and the number by which its messages find it. The
// assembly lists a node's mounts; there is no registration.
type Mount struct {
	Number wire.AppID
	App    App
}
