package member

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/member/book"
	"github.com/phyllo-net/phyllo/member/invite"
	"github.com/phyllo-net/phyllo/member/msg"
	"github.com/phyllo-net/phyllo/member/register"
	"github.com/phyllo-net/phyllo/member/talk"
	"github.com/phyllo-net/phyllo/peer"
)

// remember takes an admission, which is checked here, and where its holder may be
// found. What an admitter says of itself replaces what others said.
func (m *Member) remember(ring id.Hash, a *invite.Admitter, itself bool) error {
	m.mu.Lock()
	if m.self == nil || m.self.Ring != ring {
		m.mu.Unlock()
		return ErrNoRing
	}
	have := m.roll.Admitter(a.Key)
	m.mu.Unlock()
	if have == nil || !reflect.DeepEqual(have.Admission, a.Admission) {
		if err := a.Admission.Check(ring, m.cfg.Verifier); err != nil {
			return err
		}
	}
	m.mu.Lock()
	known, news, room := m.roll.With(a, itself)
	m.mu.Unlock()
	switch {
	case !room:
		return ErrTooMany
	case !news:
		return nil
	}
	// Durable first: what a node has told others it must know after a crash.
	if err := m.book.Put(ring, book.TagAdmitter, a.Key[:], book.Admitter{Admission: known.Admission, Node: known.Node, Addrs: known.Addrs}); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.roll.Put(known)
	return nil
}

// ours is what this node tells other admitters, and newcomers, of the admitters.
func (m *Member) ours() *msg.Share {
	addrs := m.addrs()
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.roll.Share(&invite.Admitter{Key: m.key, Node: m.self.Certificate.Node, Addrs: addrs})
}

// heard takes in what another admitter told.
func (m *Member) heard(ring id.Hash, from peer.Key, s *msg.Share) error {
	for _, c := range s.Admitters {
		a := &invite.Admitter{Node: c.Node, Key: c.Admission.Admitter, Addrs: c.Addrs, Admission: c.Admission}
		if a.Key == m.key {
			a.Addrs, a.Node = nil, id.ID{}
		}
		if err := m.remember(ring, a, a.Key == from); err != nil {
			return err
		}
	}
	return m.Merge(s.Expelled)
}

// talk begins a conversation with another admitter: both tell what they know of
// the admitters.
func (m *Member) talk(ctx context.Context, ring id.Hash, a *invite.Admitter) (*talk.Session, error) {
	c, err := m.meet(ctx, ring, id.ID{}, a.Key, m.addrsOf(a.Key, a.Addrs))
	if err != nil {
		return nil, err
	}
	stop := c.Watch(ctx)
	defer stop()
	theirs, err := talk.Ask[*msg.Share](c, talk.StepTime, m.ours())
	if err == nil {
		err = m.heard(ring, a.Key, theirs)
	}
	if err == nil {
		err = m.note(c.Hello.Certificate, nil)
	}
	if err != nil {
		c.Stream.Reset()
		return nil, err
	}
	return c, nil
}

// talkAll begins conversations with several admitters at once; where one fails
// the session is nil and the error says why.
func (m *Member) talkAll(ctx context.Context, ring id.Hash, as []*invite.Admitter) ([]*talk.Session, []error) {
	cs, errs := make([]*talk.Session, len(as)), make([]error, len(as))
	var wg sync.WaitGroup
	for i, a := range as {
		wg.Go(func() { cs[i], errs[i] = m.talk(ctx, ring, a) })
	}
	wg.Wait()
	return cs, errs
}

// assembleAll gets all admitters in force that answer into a council, after this
// node has read their registers. What it learns of the admitters on the way may
// change who they are; then it begins again, a moment later each time. register.ErrQuorum: they
// are no majority.
func (m *Member) assembleAll(ctx context.Context, ring id.Hash) (*talk.Assembly, error) {
	for again := range newViews {
		err := m.sync(ctx)
		switch {
		case errors.Is(err, register.ErrView):
			if err := register.Pause(ctx, again); err != nil {
				return nil, err
			}
			continue
		case err != nil:
			return nil, err
		}
		as, view := m.view()
		a := m.assemble(ctx, ring, as)
		a.View = view
		_, now := m.view()
		if now == view && len(a.Acceptors) >= a.Majority() {
			return a, nil
		}
		a.Close()
		if now == view {
			return nil, fmt.Errorf("%w (%d of %d answer, %d are needed)", register.ErrQuorum, len(a.Acceptors), a.All, a.Majority())
		}
	}
	return nil, fmt.Errorf("%w: %w", register.ErrQuorum, register.ErrView)
}

func (m *Member) assemble(ctx context.Context, ring id.Hash, as []*invite.Admitter) *talk.Assembly {
	a := &talk.Assembly{Open: map[peer.Key]*talk.Session{}}
	others := m.withoutMe(as)
	named := []peer.Key{m.key}
	cs, errs := m.talkAll(ctx, ring, others)
	for i, c := range cs {
		named = append(named, others[i].Key)
		if c == nil {
			m.cfg.Log.Info("an admitter does not answer", "node", others[i].Node.Short(), "why", errs[i])
			continue
		}
		a.Open[others[i].Key] = c
	}
	a.Council = *a.Of(named, m.key, m.registers)
	return a
}

func (m *Member) withoutMe(as []*invite.Admitter) []*invite.Admitter {
	return slices.DeleteFunc(slices.Clone(as), func(a *invite.Admitter) bool { return a.Key == m.key })
}
