package member

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/member/msg"
	"github.com/phyllo-net/phyllo/member/talk"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/transport"
)

func newSession(s transport.Stream) *talk.Session { return &talk.Session{Stream: s, Refusal: errOf} }

// open begins a conversation with whoever holds key (any key, if it is zero) and
// hears who it is. Nothing but our versions has been said then.
func (m *Member) open(ctx context.Context, key peer.Key, addrs []string) (*talk.Session, error) {
	m.mu.Lock()
	t := m.t
	m.mu.Unlock()
	if t == nil {
		return nil, errors.New("member: Serve was not called")
	}
	ctx, cancel := context.WithTimeout(ctx, talk.StepTime)
	defer cancel()
	s, err := t.Open(ctx, key, addrs, msg.Protocol)
	if err != nil {
		return nil, err
	}
	c := newSession(s)
	if key.IsZero() {
		key = s.Remote()
	}
	stop := c.Watch(ctx)
	defer stop()
	c.Hello, err = talk.Ask[*msg.Hello](c, talk.StepTime, &msg.Greet{Min: msg.ProtoMin, Max: msg.ProtoMax})
	switch {
	case err != nil:
	case s.Remote() != key:
		err = transport.ErrOtherKey
	case c.Hello.Version < msg.ProtoMin || c.Hello.Version > msg.ProtoMax:
		err = transport.ErrVersion
	}
	if err != nil {
		s.Reset()
		return nil, err
	}
	return c, nil
}

// meet is open, and checks that the other end is an admitter of the ring, in good
// standing as far as known here, and the node it should be (zero: any).
func (m *Member) meet(ctx context.Context, ring id.Hash, node id.ID, key peer.Key, addrs []string) (*talk.Session, error) {
	c, err := m.open(ctx, key, addrs)
	if err != nil {
		return nil, err
	}
	if err := m.checkHello(c, ring, node); err != nil {
		c.Stream.Reset()
		return nil, err
	}
	return c, nil
}

func (m *Member) checkHello(c *talk.Session, ring id.Hash, node id.ID) error {
	h, key := c.Hello, c.Stream.Remote()
	if err := h.Certificate.Check(ring, m.cfg.Now(), m.cfg.Verifier); err != nil {
		return err
	}
	switch {
	case h.Certificate.Key != key:
		return fmt.Errorf("%w: the certificate is another node's", peer.ErrForged)
	case !node.IsZero() && h.Certificate.Node != node:
		return fmt.Errorf("%w: another node than the one named", peer.ErrForged)
	case h.Admission == nil:
		return ErrNotAdmitter
	case h.Admission.Admitter != key:
		return fmt.Errorf("%w: the admission is another node's", peer.ErrForged)
	}
	if err := h.Admission.Check(ring, m.cfg.Verifier); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.self == nil || m.self.Ring != ring {
		return nil
	}
	if _, out := m.roll.Out.AdmitterExpelled(key); out || m.roll.Out.Expelled(h.Certificate.Node) {
		return fmt.Errorf("admitter %s: %w", h.Certificate.Node.Short(), peer.ErrIsExpelled)
	}
	return nil
}

// addrsOf are the places where a node may be found: what was told first, then
// what the owner knows.
func (m *Member) addrsOf(key peer.Key, told []string) []string {
	out := slices.Clone(told)
	for _, a := range m.cfg.Lookup(key) {
		if len(out) < peer.MaxAddrs && !slices.Contains(out, a) {
			out = append(out, a)
		}
	}
	return out
}
