package link

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/transport"
)

// Protocol names the streams that links are made of.
const Protocol = "/phyllo/link/1"

// Carrier opens streams for links. Its methods may be called from any goroutine.
type Carrier interface {
	// Open opens a stream of the protocol to whoever holds key, over a
	// connection that stands or a new one to one of addrs.
	Open(ctx context.Context, key peer.Key, addrs []string, protocol string) (Stream, error)
	// Why tells from an error of Open, or of a stream, how a link ended: Closed,
	// Refused, Lost or Unreachable.
	Why(err error) transport.Why
}

// Stream is a stream of a carrier.
type Stream interface {
	transport.Stream
	// Kind is "tcp", "quic", "mem" or "relay".
	Kind() string
	// Takes reports whether what is written now seems not to wait for the peer. If that cannot be
	// known it says false.
	Takes() bool
	// WriteSoon writes in a few milliseconds or gives up, and returns how many bytes of b were
	// written; an error shows at the next Write. It is not called beside Write.
	WriteSoon(b []byte) int
	// Admitted is called when the other end has shown a good certificate.
	Admitted()
	// HangUp ends the stream, and its connection if nothing else uses that.
	HangUp()
}

// Limits are the bounds of links. The zero value of a field means its default.
type Limits struct {
	DialTime     time.Duration // to make a connection and open a stream; 10 s
	HelloTime    time.Duration // until both hellos are read; transport.HelloTime
	WriteTime    time.Duration // a peer that takes nothing for so long is lost; 10 s
	Linger       time.Duration // to say farewell at the end of a link; 1.5 s
	FirstBackoff time.Duration // after the first failure, then doubling; 100 ms
	MaxBackoff   time.Duration // 30 s
	MaxHellos    int           // incoming links whose hello is awaited; 256
	MaxStreams   int           // incoming streams of other protocols from one peer; 64
}

func (l Limits) withDefaults() Limits {
	or := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	or(&l.DialTime, 10*time.Second)
	or(&l.HelloTime, transport.HelloTime)
	or(&l.WriteTime, 10*time.Second)
	or(&l.Linger, 1500*time.Millisecond)
	or(&l.FirstBackoff, 100*time.Millisecond)
	or(&l.MaxBackoff, 30*time.Second)
	if l.MaxHellos == 0 {
		l.MaxHellos = 256
	}
	if l.MaxStreams == 0 {
		l.MaxStreams = 64
	}
	return l
}

// Errors that end a link or an attempt to make one.
var (
	errVoid     = errors.New("another link took its place")
	errNoMember = errors.New("this node is no member of a ring")
	errStalled  = errors.New("the peer takes nothing")
	errBanned   = errors.New("the other node is banned for a minute for what it sent")
	errPanic    = errors.New("fault of the program")
)

// IsEnd reports whether a stream ended at the other side's wish, for the Why of
// carriers.
func IsEnd(err error) bool { return errors.Is(err, io.EOF) }
