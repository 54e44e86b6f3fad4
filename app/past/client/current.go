package client

import (
	"errors"
	"fmt"

	"github.com/phyllo-net/phyllo/app/past/certificate"
	"github.com/phyllo-net/phyllo/app/past/msg"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// Current reads a mutable object: what a majority of its holders has on their disks, so
// that no reader goes back in time. What this node has seen once it remembers for good, so
// that it does not do so either when a majority of the holders has lost or gives up what it
// had: then the error, an ErrNotReachable, tells of both versions. Holders that gave an older
// version are given this one.
//
// Errors: ErrNotFound, ErrNotReachable, task.ErrStopped.
func (cl *Client) Current(t *task.T, n Name) (Found, error) {
	end := cl.asker.ep.Now().Add(3 * cl.cfg.Patience)
	why := ErrNotReachable
	for {
		s, err := cl.settled(t, n)
		if err != nil && !errors.Is(err, ErrNotReachable) {
			return Found{}, err
		}
		if err == nil {
			highest, err := cl.seen(t, n.ID(), s.version())
			switch {
			case err != nil:
				return Found{}, err
			case highest > s.version(): // or another task saw a later one meanwhile
				why = fmt.Errorf("%w: they give version %d, and this node has seen version %d", ErrNotReachable, s.version(), highest)
			case s.latest == nil:
				return Found{}, ErrNotFound
			default:
				cl.repair(s)
				return found(s.latest), nil
			}
		}
		if err := cl.again(t, end); errors.Is(err, ErrNotReachable) {
			return Found{}, why
		} else if err != nil {
			return Found{}, err
		}
	}
}

// seen notes that this node has seen a version of an object, and returns the highest that
// it has.
func (cl *Client) seen(t *task.T, o id.Hash, version uint64) (highest uint64, err error) {
	if cl.cfg.Seen == nil {
		return version, nil
	}
	return cl.cfg.Seen(t, o, version)
}

// settled asks the holders what is current. Where something is half done, or nobody has the
// object, the root completes it, or says so: then there is no latest version. The error is
// ErrNotReachable if it is not known.
func (cl *Client) settled(t *task.T, n Name) (*sight, error) {
	s, err := cl.peek(t, n)
	if err != nil || s.agreed {
		return s, err
	}
	m, err := cl.askRoot(t, n, &msg.Settle{Object: n.ID(), Copies: n.Copies})
	_, none := m.(*msg.Absent)
	switch {
	case errors.Is(err, task.ErrStopped):
		return nil, err
	case err != nil:
		return nil, ErrNotReachable
	case none && s.latest == nil:
		return s, nil
	case none:
		return nil, ErrNotReachable
	}
	if s, err = cl.peek(t, n); err == nil && !s.agreed {
		err = ErrNotReachable
	}
	return s, err
}

// sight is what the k nearest nodes say that they have of a mutable object.
type sight struct {
	near    []*peer.Handle
	answers []task.Result[wire.Message]
	got     []*certificate.Version // verified; nil: none
	latest  *certificate.Version
	agreed  bool // a majority of the holders that its ruling names has the latest
}

// version is the number of the latest version, 0 if nobody has one.
func (s *sight) version() uint64 {
	if s.latest == nil {
		return 0
	}
	return s.latest.Certificate.Version
}

// peek asks the k nearest nodes what they have.
func (cl *Client) peek(t *task.T, n Name) (*sight, error) {
	near, err := cl.asker.Near(t, n.ID().Place(), int(n.Copies))
	if err != nil {
		return nil, err
	}
	s := &sight{near: near[:min(int(n.Copies), len(near))]}
	if s.answers, err = cl.asker.All(t, s.near, func() wire.Message { return &msg.Get{Object: n.ID()} }, nil); err != nil {
		return nil, err
	}
	s.got = make([]*certificate.Version, len(s.near))
	for i, r := range s.answers {
		m, ok := r.Value.(*msg.Object)
		if !ok || m.Ruling == nil {
			continue
		}
		v := &certificate.Version{Certificate: m.Cert, Content: m.Content, Ruling: m.Ruling}
		switch err := cl.verify(t, n.ID(), v); {
		case errors.Is(err, task.ErrStopped):
			return nil, err
		case err != nil:
			cl.asker.BadInput++
			continue
		}
		if s.got[i] = v; s.latest == nil || v.After(s.latest) {
			s.latest = v
		}
	}
	s.agreed = s.latest != nil && s.complete(s.latest.Ruling)
	return s, nil
}

// complete reports whether a majority of the holders that a ruling names, the latest one,
// has it. While the object moves, others are holders too. And who names fewer holders than
// there are nodes is no root of now: a ruling of one holder would be agreed to by one liar.
func (s *sight) complete(r *certificate.Ruling) bool {
	have := 0
	for i, v := range s.got {
		if v == nil || r.After(v.Ruling) {
			continue
		}
		if m, ok := s.answers[i].Value.(*msg.Object); ok && r.Holders.Has(certificate.Member{Node: s.near[i].ID, Life: m.Life}) {
			have++
		}
	}
	return r.Settled() && len(r.Holders) >= len(s.near) && have >= r.Holders.Majority()
}

// repair gives the latest version to those who answered and have an older one, or none. It
// waits for nothing: they verify it as they do what a root tells them.
func (cl *Client) repair(s *sight) {
	for i, v := range s.got {
		if s.answers[i].Err != nil || v != nil && !s.latest.After(v) {
			continue
		}
		cl.Repaired++
		cl.asker.Ask(s.near[i], &msg.Accept{Cert: s.latest.Certificate, Content: s.latest.Content, Ruling: s.latest.Ruling}, func(wire.Message, error) {})
	}
}
