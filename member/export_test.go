package member

import (
	"context"
	"errors"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/member/invite"
	"github.com/phyllo-net/phyllo/member/msg"
	"github.com/phyllo-net/phyllo/member/register"
	"github.com/phyllo-net/phyllo/member/roll"
	"github.com/phyllo-net/phyllo/member/talk"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/transport"
	"github.com/phyllo-net/phyllo/wire"
)

// What tests need to speak the protocol as an attacker would, byte by byte.
type (
	Greet    = msg.Greet
	Hello    = msg.Hello
	Refuse   = msg.Refuse
	Done     = msg.Done
	Redeem   = msg.Redeem
	Renew    = msg.Renew
	Welcome  = msg.Welcome
	Share    = msg.Share
	Card     = msg.Card
	Appoint  = msg.Appoint
	Settle   = msg.Settle
	Keep     = msg.Keep
	Prepare  = msg.Prepare
	Accept   = msg.Accept
	Vote     = msg.Vote
	Pull     = msg.Pull
	Page     = msg.Page
	Place    = msg.Place
	Seated   = msg.Seated
	Cosign   = msg.Cosign
	LanAsk   = msg.LanAsk
	LanNonce = msg.LanNonce
	LanOpen  = msg.LanOpen
	LanYes   = msg.LanYes
	Register = msg.Register
)

var (
	Messages   = msg.Messages
	HashSecret = invite.HashSecret
	ErrView    = register.ErrView
	ErrOf      = errOf
	CodeOf     = codeOf
	Refusals   = refusals
)

const (
	NonceSize = msg.NonceSize
	MaxCards  = msg.MaxCards
	MaxShared = roll.MaxShared
	PerPeer   = talk.PerPeer
	AtOnce    = talk.AtOnce
)

// Answer is one conversation with m.
func (m *Member) Answer(s transport.Stream) { m.answer(s) }

// Ours is what m tells other admitters.
func (m *Member) Ours() *Share { return m.ours() }

// Seat is a register of a key's place.
func Seat(key peer.Key) Register { return msg.Register{Key: key} }

// View is the name of the admitters in force.
func (m *Member) View() id.Hash { _, v := m.view(); return v }

// Flaky is an acceptor that may fail before or after it has voted.
type Flaky struct {
	M *Member
	// Fail is asked before and after each vote.
	Fail func() bool
}

var errFlaky = errors.New("flaky")

func (f Flaky) Prepare(ctx context.Context, p *msg.Prepare) (*msg.Vote, error) {
	return f.do(func() (*msg.Vote, error) { return f.M.registers.Prepare(ctx, p) })
}

func (f Flaky) Accept(ctx context.Context, a *msg.Accept) (*msg.Vote, error) {
	return f.do(func() (*msg.Vote, error) { return f.M.registers.Accept(ctx, a) })
}

func (f Flaky) do(vote func() (*msg.Vote, error)) (*msg.Vote, error) {
	if f.Fail() {
		return nil, errFlaky
	}
	v, err := vote()
	if err != nil || f.Fail() {
		return nil, errors.Join(errFlaky, err)
	}
	return v, nil
}

// Decide lets m decide a place among acceptors.
func (m *Member) Decide(ctx context.Context, as []Flaky, view id.Hash, key peer.Key, salt peer.Salt) (peer.Salt, error) {
	c := &register.Council{All: len(as), View: view}
	for _, a := range as {
		c.Acceptors = append(c.Acceptors, a)
	}
	b, err := m.registers.Decide(ctx, c, msg.Register{Key: key}, wire.MustMarshal(msg.PlaceValue{Salt: salt, By: m.key}))
	if err != nil {
		return peer.Salt{}, err
	}
	var v msg.PlaceValue
	return v.Salt, wire.Unmarshal(b, &v)
}

// CompareClocks is what m would find before it signed for itself.
func (m *Member) CompareClocks(ctx context.Context) (ahead time.Duration, told int, err error) {
	ring, err := m.ring()
	if err != nil {
		return 0, 0, err
	}
	others, err := m.othersOf(ring)
	if err != nil {
		return 0, 0, err
	}
	ahead, told = m.compareClocks(ctx, ring, others)
	return ahead, told, nil
}
