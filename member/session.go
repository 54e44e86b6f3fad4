package member

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/member/msg"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/transport"
	"github.com/phyllo-net/phyllo/wire"
)

// Deadlines of a conversation. They are of the system's clock, not Config.Now,
// which people set.
const (
	stepTime   = 5 * time.Second  // for one question and its answer
	decideTime = 30 * time.Second // for an answer that others must be asked for
)

// session is one conversation, seen from either end. It belongs to one goroutine
// at a time.
type session struct {
	s      transport.Stream
	hello  *msg.Hello
	broken bool // nothing more can be said on the stream
}

// within gives the next steps a deadline.
func (c *session) within(d time.Duration) error { return c.s.SetDeadline(time.Now().Add(d)) }

func (c *session) send(m wire.Message) error {
	body, err := msg.Messages.Encode(m)
	if err != nil {
		return err
	}
	if len(body) > msg.MaxFrame {
		return fmt.Errorf("%w: %T of %d bytes", wire.ErrTooLarge, m, len(body))
	}
	frame, err := wire.AppendFrame(nil, body)
	if err != nil {
		return err
	}
	_, err = c.s.Write(frame)
	c.broken = c.broken || err != nil
	return err
}

// receive reads the next message; one of a kind that may be skipped is skipped. A
// refusal is an error.
func (c *session) receive() (wire.Message, error) {
	for range 8 {
		b, err := wire.ReadFrame(c.s, msg.MaxFrame)
		if err != nil {
			c.broken = !errors.Is(err, wire.ErrMalformed) && !errors.Is(err, wire.ErrTooLarge)
			return nil, err
		}
		m, err := msg.Messages.Decode(b)
		var unknown *wire.UnknownKindError
		switch {
		case errors.As(err, &unknown) && unknown.Skip:
			continue
		case err != nil:
			return nil, fmt.Errorf("%w: %w", msg.ErrConversation, err)
		}
		if no, is := m.(*msg.Refuse); is {
			return nil, errOf(no.Code)
		}
		return m, nil
	}
	return nil, fmt.Errorf("%w: too many messages that can be skipped", msg.ErrConversation)
}

// expect receives a message of one type.
func expect[M wire.Message](c *session) (M, error) {
	m, err := c.receive()
	if err != nil {
		var none M
		return none, err
	}
	v, ok := m.(M)
	if !ok {
		return v, fmt.Errorf("%w: %T where %T belongs", msg.ErrConversation, m, v)
	}
	return v, nil
}

// ask sends a question and receives its answer.
func ask[M wire.Message](c *session, d time.Duration, question wire.Message) (M, error) {
	var none M
	if err := c.within(d); err != nil {
		return none, err
	}
	if err := c.send(question); err != nil {
		return none, err
	}
	return expect[M](c)
}

// watch resets the stream when ctx ends. The caller calls what it returns.
func (c *session) watch(ctx context.Context) (stop func()) {
	end := context.AfterFunc(ctx, func() { c.s.Reset() })
	return func() { end() }
}

// open begins a conversation with whoever holds key (any key, if it is zero) and
// hears who it is. Nothing but our versions has been said then.
func (m *Member) open(ctx context.Context, key peer.Key, addrs []string) (*session, error) {
	m.mu.Lock()
	t := m.t
	m.mu.Unlock()
	if t == nil {
		return nil, errors.New("member: Serve was not called")
	}
	ctx, cancel := context.WithTimeout(ctx, stepTime)
	defer cancel()
	s, err := t.Open(ctx, key, addrs, msg.Protocol)
	if err != nil {
		return nil, err
	}
	c := &session{s: s}
	if key.IsZero() {
		key = s.Remote()
	}
	stop := c.watch(ctx)
	defer stop()
	c.hello, err = ask[*msg.Hello](c, stepTime, &msg.Greet{Min: msg.ProtoMin, Max: msg.ProtoMax})
	switch {
	case err != nil:
	case s.Remote() != key:
		err = transport.ErrOtherKey
	case c.hello.Version < msg.ProtoMin || c.hello.Version > msg.ProtoMax:
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
func (m *Member) meet(ctx context.Context, ring id.Hash, node id.ID, key peer.Key, addrs []string) (*session, error) {
	c, err := m.open(ctx, key, addrs)
	if err != nil {
		return nil, err
	}
	if err := m.checkHello(c, ring, node); err != nil {
		c.s.Reset()
		return nil, err
	}
	return c, nil
}

func (m *Member) checkHello(c *session, ring id.Hash, node id.ID) error {
	h, key := c.hello, c.s.Remote()
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
	if _, out := m.out.AdmitterExpelled(key); out || m.out.Expelled(h.Certificate.Node) {
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
