package member

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/member/book"
	"github.com/phyllo-net/phyllo/member/msg"
	"github.com/phyllo-net/phyllo/member/register"
	"github.com/phyllo-net/phyllo/member/talk"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/transport"
	"github.com/phyllo-net/phyllo/wire"
)

// answer is one incoming conversation.
func (m *Member) answer(s transport.Stream) {
	defer s.Close()
	if !m.begin() {
		s.Reset()
		return
	}
	defer m.busy.Done()
	c := newSession(s)
	stop := c.Watch(m.ctx)
	defer stop()
	err := m.converse(m.ctx, c)
	if err == nil {
		return
	}
	m.cfg.Log.Debug("a conversation about membership ended", "peer", s.Remote().String(), "why", err)
	if c.Broken || c.Within(talk.StepTime) != nil || c.Send(&msg.Refuse{Code: codeOf(err)}) != nil {
		s.Reset()
	}
}

// converse returns nil, or why the other end is refused.
func (m *Member) converse(ctx context.Context, c *talk.Session) error {
	if err := c.Within(talk.StepTime); err != nil {
		return err
	}
	key := c.Stream.Remote()
	admitter := m.isAdmitter(key)
	if !admitter {
		if !m.strange.Enter(key) {
			return ErrBusy
		}
		defer m.strange.Leave()
	}
	g, err := talk.Expect[*msg.Greet](c)
	if err != nil {
		return err
	}
	if g.Min > msg.ProtoMax || g.Max < msg.ProtoMin {
		return transport.ErrVersion
	}
	ring, self, err := m.inRing()
	if err != nil {
		return err
	}
	h := &msg.Hello{Version: msg.ProtoMax, Name: self.Name, Certificate: self.Certificate, Decline: m.cfg.Decline, Time: m.cfg.Now().Unix()}
	if _, adm, err := m.office(); err == nil {
		h.Admission = adm
	}
	if err := c.Send(h); err != nil {
		return err
	}
	first, err := c.Receive()
	if err != nil {
		return err
	}
	switch q := first.(type) {
	case *msg.Redeem:
		return m.answerRedeem(ctx, c, q)
	case *msg.Renew:
		return m.answerRenew(c, q)
	case *msg.LanAsk:
		return m.answerLan(ctx, c, q)
	case *msg.Appoint:
		return m.answerAppoint(c, ring, q)
	case *msg.Share:
		return m.answerAdmitter(ctx, c, ring, q)
	}
	return fmt.Errorf("%w: %T does not begin a conversation", msg.ErrConversation, first)
}

func (m *Member) isAdmitter(key peer.Key) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.self != nil && m.roll.InOffice(key)
}

// answerAdmitter is a conversation with another admitter: any number of
// questions. One that we do not know yet proves itself with its own card.
func (m *Member) answerAdmitter(ctx context.Context, c *talk.Session, ring id.Hash, s *msg.Share) error {
	if _, _, err := m.office(); err != nil {
		return err
	}
	key := c.Stream.Remote()
	known := m.isAdmitter(key)
	if !known && !slices.ContainsFunc(s.Admitters, func(a *msg.Card) bool { return a.Admission.Admitter == key }) {
		return ErrNotAdmitter
	}
	if err := m.heard(ring, key, s); err != nil {
		return err
	}
	if !m.isAdmitter(key) {
		return fmt.Errorf("admitter %s: %w", key, peer.ErrIsExpelled)
	}
	if err := c.Send(m.ours()); err != nil {
		return err
	}
	for {
		if err := c.Within(talk.DecideTime); err != nil {
			return err
		}
		q, err := c.Receive()
		if err != nil {
			if isEnd(err) {
				return nil
			}
			return err
		}
		a, err := m.answerOne(ctx, ring, key, q)
		if err != nil {
			return err
		}
		if err := c.Within(talk.StepTime); err != nil {
			return err
		}
		if err := c.Send(a); err != nil {
			return err
		}
	}
}

// answerOne is one question of an admitter.
func (m *Member) answerOne(ctx context.Context, ring id.Hash, from peer.Key, question wire.Message) (wire.Message, error) {
	if !m.isAdmitter(from) { // it may have been expelled meanwhile
		return nil, fmt.Errorf("admitter %s: %w", from, peer.ErrIsExpelled)
	}
	switch q := question.(type) {
	case *msg.Prepare:
		if err := m.mayVote(ctx, from, q.Register); err != nil {
			return nil, err
		}
		return m.registers.Prepare(ctx, q)
	case *msg.Accept:
		if err := m.mayVote(ctx, from, q.Register); err != nil {
			return nil, err
		}
		return m.registers.Accept(ctx, q)
	case *msg.Pull:
		return m.places(ring, q.After)
	case *msg.PullKnown:
		return m.book.Members(ring, q.After)
	case *msg.Settle:
		return m.answerSettle(ctx, q)
	case *msg.Keep:
		return m.answerKeep(from, q)
	case *msg.Seated:
		return &msg.Done{}, m.answerSeated(ring, q)
	case *msg.Cosign:
		return m.answerCosign(ring, from, q)
	}
	return nil, fmt.Errorf("%w: %T is no question", msg.ErrConversation, question)
}

// mayVote reports whether an admitter may write a register here: for a place this
// node must have read the registers of the others, and an invitation must name
// both.
func (m *Member) mayVote(ctx context.Context, from peer.Key, r msg.Register) error {
	if r.IsPlace() {
		ctx, cancel := context.WithTimeout(ctx, talk.StepTime)
		defer cancel()
		return m.sync(ctx)
	}
	var inv book.Invite
	have, err := m.get(book.TagInvite, r.Invite[:], &inv)
	switch {
	case err != nil:
		return err
	case !have:
		return ErrInviteLost
	case !inv.Names(from) || !inv.Names(m.key) || r.Slot >= inv.Uses:
		return fmt.Errorf("%w: the invitation does not name both", msg.ErrConversation)
	}
	return nil
}

func (m *Member) answerSettle(ctx context.Context, q *msg.Settle) (wire.Message, error) {
	ctx, cancel := context.WithTimeout(ctx, talk.StepTime)
	defer cancel()
	if err := m.sync(ctx); err != nil {
		return nil, err
	}
	if _, now := m.view(); now != q.View {
		return nil, register.ErrView
	}
	return &msg.Done{}, nil
}

func (m *Member) answerSeated(ring id.Hash, q *msg.Seated) error {
	if err := q.Certificate.Check(ring, m.cfg.Now(), m.cfg.Verifier); err != nil {
		return err
	}
	if err := m.knowPlace(q.Certificate); err != nil {
		return err
	}
	return m.note(q.Certificate, q.Addrs)
}

// isEnd reports whether an error is the regular end of a conversation.
func isEnd(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, context.Canceled)
}
