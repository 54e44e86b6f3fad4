package talk

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/phyllo-net/phyllo/member/msg"
	"github.com/phyllo-net/phyllo/transport"
	"github.com/phyllo-net/phyllo/wire"
)

// Deadlines of a conversation. They are of the system's clock, not Config.Now,
// which people set.
const (
	StepTime   = 5 * time.Second  // for one question and its answer
	DecideTime = 30 * time.Second // for an answer that others must be asked for
)

// Session is one conversation, seen from either end. It belongs to one goroutine
// at a time.
type Session struct {
	Stream transport.Stream
	// Refusal says what a refusal's number means.
	Refusal func(code uint8) error
	Hello   *msg.Hello // what the other end said first
	Broken  bool       // nothing more can be said on the stream
}

// Within gives the next steps a deadline.
func (c *Session) Within(d time.Duration) error { return c.Stream.SetDeadline(time.Now().Add(d)) }

// Send writes one message. wire.ErrTooLarge: it has more than msg.MaxFrame bytes.
func (c *Session) Send(m wire.Message) error {
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
	_, err = c.Stream.Write(frame)
	c.Broken = c.Broken || err != nil
	return err
}

// Receive reads the next message; one of a kind that may be skipped is skipped. A
// Refusal is an error.
func (c *Session) Receive() (wire.Message, error) {
	for range 8 {
		b, err := wire.ReadFrame(c.Stream, msg.MaxFrame)
		if err != nil {
			c.Broken = !errors.Is(err, wire.ErrMalformed) && !errors.Is(err, wire.ErrTooLarge)
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
			return nil, c.Refusal(no.Code)
		}
		return m, nil
	}
	return nil, fmt.Errorf("%w: too many messages that can be skipped", msg.ErrConversation)
}

// Expect receives a message of one type.
func Expect[M wire.Message](c *Session) (M, error) {
	m, err := c.Receive()
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

// Ask sends a question and receives its answer.
func Ask[M wire.Message](c *Session, d time.Duration, question wire.Message) (M, error) {
	var none M
	if err := c.Within(d); err != nil {
		return none, err
	}
	if err := c.Send(question); err != nil {
		return none, err
	}
	return Expect[M](c)
}

// Watch resets the stream when ctx ends. The caller calls what it returns.
func (c *Session) Watch(ctx context.Context) (stop func()) {
	end := context.AfterFunc(ctx, func() { c.Stream.Reset() })
	return func() { end() }
}
