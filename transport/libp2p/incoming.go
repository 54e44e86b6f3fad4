package libp2p

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	p2ppeer "github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	circuit2 "github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/proto"
	"github.com/libp2p/go-libp2p/p2p/protocol/holepunch"

	"github.com/phyllo-net/phyllo/transport/libp2p/addr"
)

// serve lets f handle the streams of a protocol, in a goroutine of their own:
// that in which the protocol was negotiated has grown its stack by then.
func (t *Transport) serve(name string, f func(*stream)) {
	t.host.Mux().AddHandler(protocol.ID(name), func(_ protocol.ID, rwc io.ReadWriteCloser) error {
		s, ok := rwc.(network.Stream)
		if !ok {
			return errors.New("no stream of the library")
		}
		key, err := addr.KeyOf(s.Conn().RemotePeer())
		if err != nil {
			s.Reset()
			return err
		}
		select {
		case <-t.stop:
			s.Reset()
			return nil
		default:
		}
		if !t.uses.take(s.Conn()) {
			s.Reset()
			return nil
		}
		st := newStream(t, s, s, key)
		go f(st)
		return nil
	})
}

// badFrom counts bad input of whoever holds the key that the library names so.
func (t *Transport) badFrom(p p2ppeer.ID, kind string, err error) {
	if key, kerr := addr.KeyOf(p); kerr == nil {
		t.links.Bad(kind, key, err)
	} else {
		t.links.BadStranger(kind, err)
	}
}

// incoming takes a new stream, in a goroutine of the library's: a fault ends the stream
// and nothing else.
func (t *Transport) incoming(s network.Stream) {
	t.links.Contain("stream", func() { t.negotiateIncoming(s) }, func() { s.Reset() })
}

// negotiateIncoming negotiates the protocol of a new stream, within the time for a hello:
// the library would wait twice as long.
func (t *Transport) negotiateIncoming(s network.Stream) {
	s.SetDeadline(time.Now().Add(t.opts.Limits.HelloTime))
	name, handle, err := t.host.Mux().Negotiate(s)
	if err == nil {
		err = s.SetDeadline(time.Time{})
	}
	if err == nil {
		err = s.SetProtocol(name)
	}
	if err != nil {
		kind := "negotiation"
		switch e := plain(err); {
		case errors.As(err, new(*network.ConnError)), e == io.EOF, errors.Is(e, errReset), errors.Is(e, errClosed), errors.Is(e, errLost) && s.Conn().IsClosed():
			s.Reset() // its opener gave it up
			return
		case errors.Is(e, os.ErrDeadlineExceeded):
			kind = "slow"
		}
		t.badFrom(s.Conn().RemotePeer(), kind, err)
		s.ResetWithError(network.StreamProtocolNegotiationFailed)
		return
	}
	if !t.welcome(name, s.Conn()) {
		t.badFrom(s.Conn().RemotePeer(), "relay", fmt.Errorf("a stream of %s from one who is no relay of this node", name))
		s.ResetWithError(network.StreamProtocolViolation)
		return
	}
	handle(name, s)
}

// welcome keeps the library's protocols to where they belong: what is relayed comes
// from relays that this node has chosen, and holes are punched beside a relay.
func (t *Transport) welcome(name protocol.ID, c network.Conn) bool {
	switch name {
	case circuit2.ProtoIDv2Stop:
		return t.reach != nil && t.reach.Holds(c.RemotePeer())
	case holepunch.Protocol:
		return relayed(c)
	}
	return true
}
