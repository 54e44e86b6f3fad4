package member

import (
	"context"
	"errors"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/transport"
	"github.com/phyllo-net/phyllo/wire"
)

// What tests need to speak the protocol as an attacker would, byte by byte.
type (
	Greet    = greet
	Hello    = hello
	Refuse   = refuse
	Done     = done
	Redeem   = redeem
	Renew    = renew
	Welcome  = welcome
	Share    = share
	Card     = card
	Appoint  = appoint
	Settle   = settle
	Keep     = keep
	Prepare  = prepare
	Accept   = accept
	Vote     = vote
	Pull     = pull
	Page     = page
	Place    = place
	Seated   = seated
	Cosign   = cosign
	LanAsk   = lanAsk
	LanNonce = lanNonce
	LanOpen  = lanOpen
	LanYes   = lanYes
	Register = register
)

var (
	Messages   = messages
	LanCommit  = lanCommit
	LanDigits  = lanDigits
	HashSecret = hashSecret
	ErrView    = errView
	ErrOf      = errOf
	CodeOf     = codeOf
	Refusals   = refusals
)

const (
	NonceSize = nonceSize
	MaxCards  = maxCards
	MaxShared = maxShared
	PerPeer   = perPeer
	AtOnce    = atOnce
)

// Answer is one conversation with m.
func (m *Member) Answer(s transport.Stream) { m.answer(s) }

// Ours is what m tells other admitters.
func (m *Member) Ours() *Share { return m.ours() }

// Seat is a register of a key's place.
func Seat(key peer.Key) Register { return register{Key: key} }

// View is the name of the admitters in force.
func (m *Member) View() id.Hash { _, v := m.view(); return v }

// Flaky is an acceptor that may fail before or after it has voted.
type Flaky struct {
	M *Member
	// Fail is asked before and after each vote.
	Fail func() bool
}

var errFlaky = errors.New("flaky")

func (f Flaky) prepare(_ context.Context, p *prepare) (*vote, error) {
	return f.do(func() (*vote, error) { return f.M.promise(p) })
}

func (f Flaky) accept(_ context.Context, a *accept) (*vote, error) {
	return f.do(func() (*vote, error) { return f.M.acceptAt(a) })
}

func (f Flaky) do(vote func() (*vote, error)) (*vote, error) {
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
	c := &council{all: len(as), view: view}
	for _, a := range as {
		c.acceptors = append(c.acceptors, a)
	}
	b, err := m.decide(ctx, c, register{Key: key}, wire.MustMarshal(placeValue{Salt: salt, By: m.key}))
	if err != nil {
		return peer.Salt{}, err
	}
	var v placeValue
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
