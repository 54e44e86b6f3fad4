// Package register decides what is written once and for all, by a majority of those who vote
// about it, although several propose at the same time and each may die at any point: the
// single-decree protocol of Paxos (Lamport, "Paxos Made Simple", section 2). Which registers
// there are, what they may hold, and who votes, is package member's business.
package register

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/member/msg"
)

// Errors of deciding.
var (
	ErrQuorum = errors.New("too few of the ring's admitters answer: try again when more are up, or let the authority expel those that are gone (`phyllo member expel`)")
	// ErrView: asker and acceptor do not know the same admitters, or one of them has
	// not read the registers yet.
	ErrView = errors.New("the admitters do not know the same admitters yet: try again")
)

// Shelf is where an acceptor keeps its registers. What PutState has written is on the disk
// when it returns.
type Shelf interface {
	State(msg.Register) (msg.RegisterState, error)
	PutState(msg.Register, msg.RegisterState) error
	// View names the admitters in force.
	View() id.Hash
}

// Registers is this node as an acceptor, and as one that proposes. Its methods may be called
// from any goroutine.
type Registers struct {
	mu    sync.Mutex // one writer at a time
	shelf Shelf
}

var _ Acceptor = (*Registers)(nil)

// New returns the registers on a shelf, which is theirs from then on.
func New(s Shelf) *Registers { return &Registers{shelf: s} }

// Prepare is the first phase at this acceptor: it promises to accept nothing
// below ballot, unless it has promised that much already. The answer is on the
// disk before it is given. A place is voted on only while the admitters are those
// of the proposer's view.
func (x *Registers) Prepare(_ context.Context, p *msg.Prepare) (*msg.Vote, error) {
	r, ballot := p.Register, p.Ballot
	x.mu.Lock()
	defer x.mu.Unlock()
	if err := x.viewIs(r, p.View); err != nil {
		return nil, err
	}
	s, err := x.shelf.State(r)
	if err != nil {
		return nil, err
	}
	if ballot > s.Promised {
		s.Promised = ballot
		if err := x.shelf.PutState(r, s); err != nil {
			return nil, err
		}
		return &msg.Vote{Promised: ballot, Accepted: s.Accepted, Value: s.Value}, nil
	}
	// A second promise for one ballot would let two proposers share it.
	return &msg.Vote{Promised: max(s.Promised, ballot+1), Accepted: s.Accepted, Value: s.Value}, nil
}

// Accept is the second phase at this acceptor.
func (x *Registers) Accept(_ context.Context, a *msg.Accept) (*msg.Vote, error) {
	r, ballot, value := a.Register, a.Ballot, a.Value
	if err := r.CheckValue(value); err != nil {
		return nil, fmt.Errorf("%w: %w", msg.ErrConversation, err)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if err := x.viewIs(r, a.View); err != nil {
		return nil, err
	}
	s, err := x.shelf.State(r)
	if err != nil {
		return nil, err
	}
	switch {
	case ballot < s.Promised: // a slower proposer, which learns from the vote
	case s.Chosen && !slices.Equal(s.Value, value):
		return nil, fmt.Errorf("%w: another value for a register that is decided", msg.ErrConversation)
	default:
		s.Promised, s.Accepted, s.Value = ballot, ballot, value
		if err := x.shelf.PutState(r, s); err != nil {
			return nil, err
		}
	}
	return &msg.Vote{Promised: s.Promised, Accepted: s.Accepted, Value: s.Value}, nil
}

// viewIs reports whether the admitters are those of a view. x.mu is held, as
// it is while others read the registers: who reads after the admitters have
// changed sees all that was accepted before.
func (x *Registers) viewIs(r msg.Register, view id.Hash) error {
	if now := x.shelf.View(); r.IsPlace() && now != view {
		return ErrView
	}
	return nil
}

// Learn notes that a value is decided.
func (x *Registers) Learn(r msg.Register, ballot uint64, value []byte) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	s, err := x.shelf.State(r)
	if err != nil || s.Chosen {
		return err
	}
	s.Promised = max(s.Promised, ballot)
	s.Accepted, s.Value, s.Chosen = max(s.Accepted, ballot), value, true
	return x.shelf.PutState(r, s)
}

// Adopt merges another acceptor's state of a register into ours: the value of the
// higher ballot, and the higher promise. msg.ErrConversation: it is no value for it.
func (x *Registers) Adopt(r msg.Register, theirs msg.RegisterState) error {
	if theirs.Accepted > 0 {
		if err := r.CheckValue(theirs.Value); err != nil {
			return fmt.Errorf("%w: %w", msg.ErrConversation, err)
		}
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	s, err := x.shelf.State(r)
	if err != nil {
		return err
	}
	old := s.Promised == theirs.Promised && s.Accepted == theirs.Accepted && (s.Chosen || !theirs.Chosen)
	if s.Chosen || old {
		return nil
	}
	s.Promised = max(s.Promised, theirs.Promised)
	if theirs.Accepted > s.Accepted || theirs.Chosen {
		s.Accepted, s.Value, s.Chosen = theirs.Accepted, theirs.Value, theirs.Chosen
	}
	return x.shelf.PutState(r, s)
}

// Still lets f read registers while none changes: see viewIs.
func (x *Registers) Still(f func() error) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	return f()
}
