// Package transport is the contract between a host and what carries its bytes:
// authenticated links between nodes, whose ends hold certificates of one ring,
// and plain authenticated streams for the protocols that need more or less than
// that (membership speaks with nodes that have no certificate yet; bulk data has
// streams of its own, so that a file never delays a heartbeat).
//
// transport/mem is the implementation for tests, transport/libp2p the real one;
// transport/transporttest is the suite that both pass.
//
// # Links
//
// There is at most one link to a node; when both ends dial at once the surplus is
// closed by a fixed rule. A link is made when something is sent, with the
// transport's own back-off between attempts that fail, and carries frames in both
// directions, of one class in the order in which they were sent. Frames of a
// lower class overtake waiting ones of a higher class. Before the first frame the
// ends exchange hellos: protocol versions, handle, certificate; each checks the
// other's through Config.Check, and that the key of the certificate is the key
// that the connection proved. A link whose hello is wrong is closed and no frame
// of it is delivered.
package transport

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
)

// Class orders frames that wait for one link; lower ones go first.
type Class uint8

// Classes, in the order of their priority. They have the meaning that package
// machine gives its own.
const (
	Liveness Class = iota
	App
	Upkeep
	Classes // how many there are
)

// Why says how a link ended, or why none could be made.
type Why uint8

// Reasons of a down link, as in package machine.
const (
	Closed      Why = iota + 1 // the other side's system closed it (its process ended)
	Refused                    // nobody listens there, or another node does
	Lost                       // it broke or stalled
	Unreachable                // it could not be made
	Expelled                   // the certificate is not good
	Ours                       // closed on purpose, by us or by the other end: it says nothing about the peer
)

// Errors of a transport.
var (
	// ErrClosed: the transport is closed.
	ErrClosed = errors.New("the transport is closed")
	// ErrFull: the queue to this peer is full; the frame was dropped.
	ErrFull = errors.New("too much waits for this peer already")
	// ErrRefused: the node at the address refuses (nobody listens, or the
	// protocol is not served there).
	ErrRefused = errors.New("connection refused")
	// ErrOtherKey: another node than the expected one answers at the address.
	ErrOtherKey = errors.New("another node answers at this address")
	// ErrVersion: the other node speaks no protocol version that we speak.
	ErrVersion = errors.New("the other node speaks another version of the protocol: update the older one")
)

// Events is what a transport tells its owner. The methods are called from the
// transport's goroutines, for one link one at a time: Up, frames, Down. They may
// block only briefly, except that Frame of class App and Upkeep may block while
// the owner's inbox is full: this pushes back on that peer alone, and never on
// frames of class Liveness, which are told meanwhile from another goroutine. A
// Frame that blocks must return when the owner closes the transport.
type Events interface {
	// Up: a link to a node stands. cert was checked.
	Up(from *peer.Handle, cert *peer.Certificate)
	// Frame: a frame arrived. It is the callee's to read until it returns: the memory is used
	// again for another frame.
	Frame(from *peer.Handle, c Class, frame []byte)
	// Down: the link ended, or what was sent could not be carried because none
	// could be made. to is the handle the owner sent to, or got in Up.
	Down(to *peer.Handle, why Why)
}

// Offers is implemented by Events that can tell at once whether a Frame would block:
// one that does not need not wait for another goroutine.
type Offers interface {
	// Offer is Frame, for a class other than Liveness, if that would not block.
	// Otherwise it does nothing and reports false. The same rules hold.
	Offer(from *peer.Handle, c Class, frame []byte) bool
}

// Config is what a transport needs from its owner. All fields are required
// unless said otherwise.
type Config struct {
	// Private is the node's Ed25519 private key as its 32-byte seed.
	Private []byte
	// Listen are the addresses to listen on, in the transport's notation; empty
	// means the transport's default.
	Listen []string
	// Hello returns the own handle and certificate at this moment. It is nil, or
	// returns a nil certificate, while the node is no member of a ring: links
	// are then refused, streams are not.
	Hello func() (*peer.Handle, *peer.Certificate)
	// Check reports whether a certificate is good now. It is called before Up.
	Check func(*peer.Certificate) error
	// Events gets what happens on links.
	Events Events
	// MaxLinks is the number of links above which unprotected, idle ones are
	// closed; 0 means 60.
	MaxLinks int
	// Log may be nil.
	Log *slog.Logger
}

// Transport carries bytes for one node. Its methods may be called from any
// goroutine.
type Transport interface {
	// Addrs are the addresses at which others may reach this node, best first.
	Addrs() []string
	// Send queues a frame (1 to wire.MaxFrame bytes) for a peer and returns at
	// once; a link is made if none stands. It fails only with ErrFull and
	// ErrClosed; of class Upkeep the oldest frames give way instead. The transport
	// owns the frame from then on, and does not change it: it may go to several peers.
	Send(to *peer.Handle, c Class, frame []byte) error
	// Connect makes a link to a peer now, whatever the back-off says, and returns
	// when it stands or cannot be made.
	Connect(ctx context.Context, to *peer.Handle) error
	// Disconnect closes the link to a node, if there is one: Down(Ours), or
	// Down(Expelled) if expelled is set. It returns at once, and may be called
	// from within Events and while a Frame blocks; so may Send and Protect.
	Disconnect(node id.ID, expelled bool)
	// Blame is Disconnect for a link over which something came that no honest node
	// sends, which the owner has counted. With a node that was blamed three times
	// within a minute, here and by the transport itself, nobody speaks for one.
	Blame(node id.ID)
	// Protect keeps the link to a node from being closed to save links.
	Protect(node id.ID, on bool)
	// Links describes the links that stand, in the order of their ids.
	Links() []Link
	// Open opens a stream of a named protocol to whoever holds key, at one of the
	// addresses or over a connection that stands. The zero key takes whoever
	// answers (its key is then in the stream). Errors wrap ErrRefused,
	// ErrOtherKey or the context's.
	Open(ctx context.Context, key peer.Key, addrs []string, protocol string) (Stream, error)
	// Serve lets f handle incoming streams of the protocol, each in a goroutine
	// of its own, at most 64 at once for one peer. f must close the stream. A nil
	// f ends the service.
	Serve(protocol string, f func(Stream))
	// Reachable says in words and in kind what is known about reaching this node
	// from outside.
	Reachable() Reachability
	// Close closes all links in order and frees all that the transport holds.
	Close() error
}

// Stream is a byte stream with a node whose key is proven and whose certificate,
// if it has one, is not looked at.
type Stream interface {
	io.ReadWriteCloser
	// Remote is the proven key of the other end.
	Remote() peer.Key
	// Addr is the other end's address, for people.
	Addr() string
	// SetDeadline bounds all reads and writes, as net.Conn's does.
	SetDeadline(t time.Time) error
	// CloseWrite says that no more is written; reads go on.
	CloseWrite() error
	// Reset gives the stream up at once.
	Reset() error
}

// Link describes a link that stands.
type Link struct {
	Peer     *peer.Handle
	Addr     string // of the other end
	Kind     string // "tcp", "quic", "mem", "relay"
	Relayed  bool
	Via      peer.Key // of the relay on the way, or the zero key
	Outbound bool
	Since    time.Time
	In, Out  uint64 // bytes of frames so far
	Queued   int    // frames that wait to be written
}

// Reachability says whether this node can be reached from outside.
type Reachability struct {
	// Kind is "public", "private" (behind a NAT or firewall), "relayed" (the same,
	// but other nodes relay for it), "loopback" or "unknown".
	Kind string
	// Relays are the nodes that relay for this one.
	Relays []id.ID
	// Sentence is the same for people, with what helps.
	Sentence string
}
