package member

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/wire"
)

// register names a value that is written once: the place of a key (Key is set),
// or one use of an invitation (Invite is set).
type register struct {
	Key    peer.Key `cbor:"1,keyasint"`
	Invite id.Hash  `cbor:"2,keyasint"`
	Slot   uint32   `cbor:"3,keyasint"`
}

func (r register) check() error {
	if r.Key.IsZero() == r.Invite.IsZero() || r.Invite.IsZero() && r.Slot != 0 || r.Slot >= MaxUses {
		return errors.New("an impossible register")
	}
	return nil
}

func (r register) isPlace() bool { return !r.Key.IsZero() }

// record is where the register stands in the store.
func (r register) record() (tag byte, rest []byte) {
	if r.isPlace() {
		return tagPlace, r.Key[:]
	}
	return tagUse, binary.BigEndian.AppendUint32(slices.Clone(r.Invite[:]), r.Slot)
}

// registerState is what one acceptor knows of a register.
type registerState struct {
	Promised uint64 `cbor:"1,keyasint"` // no lower ballot is accepted any more
	Accepted uint64 `cbor:"2,keyasint"` // the ballot of Value; 0: none
	Value    []byte `cbor:"3,keyasint"`
	Chosen   bool   `cbor:"4,keyasint"` // a majority has accepted Value
}

func (s *registerState) check() error {
	if s.Promised > maxBallot || s.Accepted > maxBallot || len(s.Value) > maxValue ||
		(s.Accepted == 0) != (len(s.Value) == 0) || s.Chosen && s.Accepted == 0 {
		return errors.New("an impossible state of a register")
	}
	return nil
}

// placeValue is what the register of a key holds. Who drew the salt, and when,
// stands there too, so that `member list` can say who admitted whom.
type placeValue struct {
	Salt peer.Salt `cbor:"1,keyasint"`
	By   peer.Key  `cbor:"2,keyasint"`
	Time int64     `cbor:"3,keyasint"` // Unix seconds
}

// useValue is what a use of an invitation holds.
type useValue struct {
	Key peer.Key `cbor:"1,keyasint"`
}

// checkValue returns what is wrong with a value for this register.
func (r register) checkValue(b []byte) error {
	if r.isPlace() {
		return wire.Unmarshal(b, new(placeValue))
	}
	var u useValue
	if err := wire.Unmarshal(b, &u); err != nil {
		return err
	}
	if u.Key.IsZero() {
		return errAbsent
	}
	return nil
}

// promise is the first phase at this acceptor: it promises to accept nothing
// below ballot, unless it has promised that much already. The answer is on the
// disk before it is given. A place is voted on only while the admitters are those
// of the proposer's view.
func (m *Member) promise(p *prepare) (*vote, error) {
	r, ballot := p.Register, p.Ballot
	m.votes.Lock()
	defer m.votes.Unlock()
	if err := m.viewIs(r, p.View); err != nil {
		return nil, err
	}
	s, err := m.state(r)
	if err != nil {
		return nil, err
	}
	if ballot > s.Promised {
		s.Promised = ballot
		if err := m.putState(r, s); err != nil {
			return nil, err
		}
		return &vote{Promised: ballot, Accepted: s.Accepted, Value: s.Value}, nil
	}
	// A second promise for one ballot would let two proposers share it.
	return &vote{Promised: max(s.Promised, ballot+1), Accepted: s.Accepted, Value: s.Value}, nil
}

// acceptAt is the second phase at this acceptor.
func (m *Member) acceptAt(a *accept) (*vote, error) {
	r, ballot, value := a.Register, a.Ballot, a.Value
	if err := r.checkValue(value); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConversation, err)
	}
	m.votes.Lock()
	defer m.votes.Unlock()
	if err := m.viewIs(r, a.View); err != nil {
		return nil, err
	}
	s, err := m.state(r)
	if err != nil {
		return nil, err
	}
	switch {
	case ballot < s.Promised: // a slower proposer, which learns from the vote
	case s.Chosen && !slices.Equal(s.Value, value):
		return nil, fmt.Errorf("%w: another value for a register that is decided", ErrConversation)
	default:
		s.Promised, s.Accepted, s.Value = ballot, ballot, value
		if err := m.putState(r, s); err != nil {
			return nil, err
		}
	}
	return &vote{Promised: s.Promised, Accepted: s.Accepted, Value: s.Value}, nil
}

// viewIs reports whether the admitters are those of a view. m.votes is held, as
// it is while others read the registers: who reads after the admitters have
// changed sees all that was accepted before.
func (m *Member) viewIs(r register, view id.Hash) error {
	if _, now := m.view(); r.isPlace() && now != view {
		return errView
	}
	return nil
}

// learn notes that a value is decided.
func (m *Member) learn(r register, ballot uint64, value []byte) error {
	m.votes.Lock()
	defer m.votes.Unlock()
	s, err := m.state(r)
	if err != nil || s.Chosen {
		return err
	}
	s.Promised = max(s.Promised, ballot)
	s.Accepted, s.Value, s.Chosen = max(s.Accepted, ballot), value, true
	return m.putState(r, s)
}

func (m *Member) state(r register) (registerState, error) {
	var s registerState
	tag, rest := r.record()
	_, err := m.get(tag, rest, &s)
	return s, err
}

func (m *Member) putState(r register, s registerState) error {
	tag, rest := r.record()
	return m.put(tag, rest, s)
}

// acceptor is one that votes: this node, or another at the end of a stream. An
// acceptor that failed once fails from then on.
type acceptor interface {
	prepare(ctx context.Context, m *prepare) (*vote, error)
	accept(ctx context.Context, m *accept) (*vote, error)
}

// here is this node as an acceptor.
type here struct{ m *Member }

func (h here) prepare(_ context.Context, p *prepare) (*vote, error) {
	return h.m.promise(p)
}

func (h here) accept(_ context.Context, a *accept) (*vote, error) {
	return h.m.acceptAt(a)
}

// maxRounds is how often a proposer that meets others tries again.
const maxRounds = 12

// council are the acceptors that can be asked for a decision, of all that there
// are.
type council struct {
	acceptors []acceptor
	all       int
	view      id.Hash // of the admitters, for places
}

func (c *council) majority() int { return c.all/2 + 1 }

// decide returns what a register holds, after it has seen to it that a majority
// holds it: what was decided before, or own. With a nil own it decides nothing
// new, and returns nil if nothing was there. ErrQuorum: too few answered.
func (m *Member) decide(ctx context.Context, c *council, r register, own []byte) ([]byte, error) {
	if s, err := m.state(r); err != nil || s.Chosen {
		return s.Value, err
	}
	ballot := uint64(1)
	for round := range maxRounds {
		votes, err := c.ask(func(a acceptor) (*vote, error) {
			return a.prepare(ctx, &prepare{Register: r, View: c.view, Ballot: ballot})
		})
		if err != nil {
			return nil, err
		}
		value, next := own, uint64(0)
		granted, best := 0, uint64(0)
		for _, v := range votes {
			if v.Promised == ballot {
				granted++
			}
			next = max(next, v.Promised)
			if v.Accepted > best {
				best, value = v.Accepted, v.Value
			}
		}
		if granted >= c.majority() {
			if value == nil {
				return nil, nil
			}
			if next, err = m.propose(ctx, c, r, ballot, value); next == 0 {
				return value, err
			}
		}
		ballot = max(ballot, next) + 1
		if err := pause(ctx, round); err != nil {
			return nil, err
		}
	}
	return nil, fmt.Errorf("%w: others were faster each time", ErrQuorum)
}

// propose is the second phase. It returns 0 if the value is decided, or the
// ballot that was in the way.
func (m *Member) propose(ctx context.Context, c *council, r register, ballot uint64, value []byte) (uint64, error) {
	votes, err := c.ask(func(a acceptor) (*vote, error) {
		return a.accept(ctx, &accept{Register: r, View: c.view, Ballot: ballot, Value: value})
	})
	if err != nil {
		return 0, err
	}
	accepted, next := 0, uint64(0)
	for _, v := range votes {
		if v.Accepted == ballot {
			accepted++
		}
		next = max(next, v.Promised)
	}
	if accepted < c.majority() {
		return max(next, ballot), nil
	}
	return 0, m.learn(r, ballot, value)
}

// ask gets the answers of a majority at least; acceptors that fail are left out
// from then on.
func (c *council) ask(f func(acceptor) (*vote, error)) ([]*vote, error) {
	if len(c.acceptors) < c.majority() {
		return nil, fmt.Errorf("%w (%d of %d answer, %d are needed)", ErrQuorum, len(c.acceptors), c.all, c.majority())
	}
	answers := make([]*vote, len(c.acceptors))
	errs := make([]error, len(c.acceptors))
	var wg sync.WaitGroup
	for i, a := range c.acceptors {
		wg.Go(func() { answers[i], errs[i] = f(a) })
	}
	wg.Wait()
	var votes []*vote
	var left []acceptor
	for i, v := range answers {
		if errs[i] == nil {
			votes, left = append(votes, v), append(left, c.acceptors[i])
		}
	}
	c.acceptors = left
	if len(votes) < c.majority() {
		why := errors.Join(errs...)
		err := fmt.Errorf("%w (%d of %d answer, %d are needed): %v", ErrQuorum, len(votes), c.all, c.majority(), why)
		if errors.Is(why, errView) {
			err = fmt.Errorf("%w: %w", err, errView)
		}
		return nil, err
	}
	return votes, nil
}

// pause waits a random while, longer each time, so that one of several proposers
// gets through.
func pause(ctx context.Context, round int) error {
	return wait(ctx, time.Millisecond+rand.N(time.Duration(5<<min(round, 6))*time.Millisecond))
}

// wait lets a while pass, or returns the context's error.
func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
