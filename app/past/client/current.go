package client

import (
	"bytes"
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
func (cl *Client) Current(t *task.T, n Name) (Found, error) { return cl.read(t, n, false) }

// Latest is Current; but where a majority of the holders has been away for half a minute it reads what those who
// are there have, and Found.Apart tells of it.
func (cl *Client) Latest(t *task.T, n Name) (Found, error) { return cl.read(t, n, true) }

func (cl *Client) read(t *task.T, n Name, apart bool) (Found, error) {
	end := cl.asker.ep.Now().Add(3 * cl.cfg.Patience)
	why := ErrNotReachable
	for {
		s, err := cl.settled(t, n, apart)
		if err != nil && !errors.Is(err, ErrNotReachable) {
			return Found{}, err
		}
		if err == nil {
			seen, err := cl.seen(t, n.ID(), s.sighting(cl.cfg.Ring))
			switch highest := seen.Version; {
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

// Sighting is a version of a mutable object that a reader saw. The zero Sighting is that
// there was none.
type Sighting struct {
	Version     uint64
	Certificate id.Hash // where branches met, there are two of one version; zero: not known
}

// seen notes that this node has seen a version of an object, and returns the highest that
// it has.
func (cl *Client) seen(t *task.T, o id.Hash, s Sighting) (highest Sighting, err error) {
	if cl.cfg.Seen == nil {
		return s, nil
	}
	return cl.cfg.Seen(t, o, s)
}

// settled asks the holders what is current. Where something is half done, or nobody has the
// object, the root completes it, or says so: then there is no latest version. The error is
// ErrNotReachable if it is not known, or only apart from a majority and that will not do.
func (cl *Client) settled(t *task.T, n Name, apart bool) (*sight, error) {
	s, err := cl.peek(t, n)
	if err != nil || s.settled(apart) {
		return s, err
	}
	m, _, err := cl.askRoot(t, n, &msg.Settle{Object: n.ID(), Copies: n.Copies, Apart: apart})
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
	if s, err = cl.peek(t, n); err == nil && !s.settled(apart) && !s.overrule() {
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

// settled reports whether it is known what is current.
func (s *sight) settled(apart bool) bool {
	return s.agreed && (apart || s.latest.Ruling.Apart() == 0)
}

// version is the number of the latest version, 0 if nobody has one.
func (s *sight) version() uint64 {
	if s.latest == nil {
		return 0
	}
	return s.latest.Certificate.Version
}

// sighting is the latest version as something to be remembered.
func (s *sight) sighting(ring id.Hash) Sighting {
	if s.latest == nil {
		return Sighting{}
	}
	return Sighting{s.latest.Certificate.Version, s.latest.Certificate.Hash(ring)}
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
		if s.got[i] = v; s.latest == nil || v.Ruling.Over(s.latest.Ruling) {
			s.latest = v
		}
	}
	s.agreed = s.latest != nil && s.complete(s.latest.Ruling, func(r *certificate.Ruling) bool {
		return r.Origin == s.latest.Ruling.Origin && !s.latest.Ruling.After(r)
	})
	return s, nil
}

// overrule takes the version for the latest of which a majority of the holders that its ruling names shows just
// this ruling, if no more than a minority of the nearest shows later ones: one of these may be half done, or a liar's. It
// reports whether there is such a version. What was current when the question was asked it is in any case: of a later
// one that was complete by then a majority of these holders would have had a later ruling. But that is true of a
// majority of which nobody was taken for lost: so a root is to have settled what it found before, or made this version.
func (s *sight) overrule() bool {
	for _, v := range s.got {
		if v == nil || v.Ruling.Apart() > 0 || !s.complete(v.Ruling, func(r *certificate.Ruling) bool { return bytes.Equal(r.Sig, v.Ruling.Sig) }) {
			continue
		}
		later := 0
		for _, u := range s.got {
			if u != nil && u.Ruling.Over(v.Ruling) {
				later++
			}
		}
		if later <= (len(s.near)-1)/2 {
			s.latest, s.agreed = v, true
			return true
		}
	}
	return false
}

// complete reports whether a majority of the holders that a ruling names has it, or what counts as much.
// A draft may come to nothing. While the object moves, others are holders too. And who names fewer holders than
// there are nodes is no root of now: a ruling of one holder would be agreed to by one liar.
func (s *sight) complete(r *certificate.Ruling, counts func(*certificate.Ruling) bool) bool {
	have := 0
	for i, v := range s.got {
		if v == nil || !counts(v.Ruling) {
			continue
		}
		if m, ok := s.answers[i].Value.(*msg.Object); ok && r.Holders.Has(certificate.Member{Node: s.near[i].ID, Life: m.Life}) {
			have++
		}
	}
	return r.Settled() && !r.Draft && len(r.Holders) >= len(s.near) && have >= r.Holders.Majority()
}

// repair gives the latest version to those who answered and have an older one, or none. It
// waits for nothing: they verify it as they do what a root tells them.
func (cl *Client) repair(s *sight) {
	for i, v := range s.got {
		if s.answers[i].Err != nil || v != nil && !s.latest.Ruling.Over(v.Ruling) {
			continue
		}
		cl.Repaired++
		cl.asker.Ask(s.near[i], &msg.Accept{Cert: s.latest.Certificate, Content: s.latest.Content, Ruling: s.latest.Ruling}, func(wire.Message, error) {})
	}
}

// Rival reads a version of a mutable object that is kept besides the current one, by the hash of
// its certificate (Found.Rivals): it was acknowledged in a part of the ring that had lost
// sight of the others. Edit.Resolves ends that.
//
// Errors: ErrNotFound, ErrNotReachable, task.ErrStopped.
func (cl *Client) Rival(t *task.T, n Name, hash id.Hash) (Found, error) {
	near, err := cl.asker.Near(t, n.ID().Place(), int(n.Copies))
	if err != nil {
		return Found{}, err
	}
	rs, err := cl.asker.All(t, near, func() wire.Message { return &msg.Get{Object: certificate.RivalID(n.ID(), hash)} }, nil)
	if err != nil {
		return Found{}, err
	}
	absent := 0
	for _, r := range rs {
		switch m := r.Value.(type) {
		case *msg.Absent:
			absent++
		case *msg.Object:
			v := &certificate.Version{Certificate: m.Cert, Content: m.Content, Ruling: m.Ruling}
			switch err := cl.verify(t, n.ID(), v); {
			case errors.Is(err, task.ErrStopped):
				return Found{}, err
			case err == nil && v.Ruling.Certificate == hash:
				return found(v), nil
			}
			cl.asker.BadInput++
		}
	}
	if absent > len(near)/2 {
		return Found{}, ErrNotFound
	}
	return Found{}, ErrNotReachable
}
