package member

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/member/invite"
	"github.com/phyllo-net/phyllo/member/msg"
	"github.com/phyllo-net/phyllo/member/register"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/wire"
)

// maxKept is how many admitters are remembered, those that were expelled
// included.
const maxKept = 64

// remember takes an admission, which is checked here, and where its holder may be
// found. What an admitter says of itself replaces what others said.
func (m *Member) remember(ring id.Hash, a *invite.Admitter, itself bool) error {
	m.mu.Lock()
	if m.self == nil || m.self.Ring != ring {
		m.mu.Unlock()
		return ErrNoRing
	}
	i, have := m.findAdmitter(a.Key)
	checked := have && reflect.DeepEqual(m.admitters[i].Admission, a.Admission)
	m.mu.Unlock()
	if !checked {
		if err := a.Admission.Check(ring, m.cfg.Verifier); err != nil {
			return err
		}
	}
	m.mu.Lock()
	i, have = m.findAdmitter(a.Key)
	known := &invite.Admitter{Key: a.Key, Admission: a.Admission}
	if have {
		*known = *m.admitters[i]
	} else if len(m.admitters) >= maxKept {
		m.mu.Unlock()
		return ErrTooMany
	}
	if !a.Node.IsZero() && (itself || known.Node.IsZero()) {
		known.Node = a.Node
	}
	if len(a.Addrs) > 0 && (itself || len(known.Addrs) == 0) {
		known.Addrs = a.Addrs
	}
	same := have && known.Node == m.admitters[i].Node && slices.Equal(known.Addrs, m.admitters[i].Addrs)
	m.mu.Unlock()
	if same {
		return nil
	}
	// Durable first: what a node has told others it must know after a crash.
	if err := m.putIn(ring, tagAdmitter, a.Key[:], admitterRecord{Admission: known.Admission, Node: known.Node, Addrs: known.Addrs}); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if i, have := m.findAdmitter(a.Key); have {
		m.admitters[i] = known
	} else {
		m.admitters = slices.Insert(m.admitters, i, known)
	}
	m.out.Saw(known.Admission)
	return nil
}

// ours is what this node tells other admitters, and newcomers, of the admitters.
func (m *Member) ours() *msg.Share {
	addrs := m.addrs()
	m.mu.Lock()
	defer m.mu.Unlock()
	as, _ := m.inForce()
	s := &msg.Share{}
	for _, a := range as {
		if len(s.Admitters) == msg.MaxCards {
			break
		}
		c := &msg.Card{Admission: a.Admission, Node: a.Node, Addrs: invite.FirstAddrs(a.Addrs)}
		if a.Key == m.key {
			c.Addrs, c.Node = addrs, m.self.Certificate.Node
		}
		s.Admitters = append(s.Admitters, c)
	}
	for _, e := range m.out.All() {
		if !e.Admitter.IsZero() {
			s.Expelled = append(s.Expelled, e)
		}
	}
	// The newest count most, and a frame holds only so many.
	slices.SortStableFunc(s.Expelled, func(a, b *peer.Expulsion) int { return int(b.Time - a.Time) })
	s.Expelled = s.Expelled[:min(len(s.Expelled), maxShared)]
	return s
}

// maxShared is how many expulsions of admitters one share holds: with the cards
// they stay below MaxFrame.
const maxShared = 16

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
func (m *Member) talk(ctx context.Context, ring id.Hash, a *invite.Admitter) (*session, error) {
	c, err := m.meet(ctx, ring, id.ID{}, a.Key, m.addrsOf(a.Key, a.Addrs))
	if err != nil {
		return nil, err
	}
	stop := c.watch(ctx)
	defer stop()
	theirs, err := ask[*msg.Share](c, stepTime, m.ours())
	if err == nil {
		err = m.heard(ring, a.Key, theirs)
	}
	if err == nil {
		err = m.note(c.hello.Certificate, nil)
	}
	if err != nil {
		c.s.Reset()
		return nil, err
	}
	return c, nil
}

// talkAll begins conversations with several admitters at once; where one fails
// the session is nil and the error says why.
func (m *Member) talkAll(ctx context.Context, ring id.Hash, as []*invite.Admitter) ([]*session, []error) {
	cs, errs := make([]*session, len(as)), make([]error, len(as))
	var wg sync.WaitGroup
	for i, a := range as {
		wg.Go(func() { cs[i], errs[i] = m.talk(ctx, ring, a) })
	}
	wg.Wait()
	return cs, errs
}

// there is another admitter as an acceptor.
type there struct{ c *session }

func (t there) Prepare(ctx context.Context, p *msg.Prepare) (*msg.Vote, error) { return t.vote(ctx, p) }

func (t there) Accept(ctx context.Context, a *msg.Accept) (*msg.Vote, error) { return t.vote(ctx, a) }

func (t there) vote(ctx context.Context, question wire.Message) (*msg.Vote, error) {
	stop := t.c.watch(ctx)
	defer stop()
	return ask[*msg.Vote](t.c, stepTime, question)
}

// assembly is a council and the conversations that it is made of.
type assembly struct {
	register.Council
	open map[peer.Key]*session
}

// close ends the conversations.
func (a *assembly) close() {
	for _, c := range a.open {
		c.s.Close()
	}
}

// of returns the council of some admitters only, out of those that answer.
func (a *assembly) of(m *Member, named []peer.Key) *register.Council {
	c := &register.Council{All: len(named)}
	for _, k := range named {
		if k == m.key {
			c.Acceptors = append(c.Acceptors, m.registers)
		} else if s := a.open[k]; s != nil {
			c.Acceptors = append(c.Acceptors, there{s})
		}
	}
	return c
}

// assembleAll gets all admitters in force that answer into a council, after this
// node has read their registers. What it learns of the admitters on the way may
// change who they are; then it begins again, a moment later each time. register.ErrQuorum: they
// are no majority.
func (m *Member) assembleAll(ctx context.Context, ring id.Hash) (*assembly, error) {
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
		a.close()
		if now == view {
			return nil, fmt.Errorf("%w (%d of %d answer, %d are needed)", register.ErrQuorum, len(a.Acceptors), a.All, a.Majority())
		}
	}
	return nil, fmt.Errorf("%w: %w", register.ErrQuorum, register.ErrView)
}

func (m *Member) assemble(ctx context.Context, ring id.Hash, as []*invite.Admitter) *assembly {
	a := &assembly{open: map[peer.Key]*session{}}
	others := m.withoutMe(as)
	named := []peer.Key{m.key}
	cs, errs := m.talkAll(ctx, ring, others)
	for i, c := range cs {
		named = append(named, others[i].Key)
		if c == nil {
			m.cfg.Log.Info("an admitter does not answer", "node", others[i].Node.Short(), "why", errs[i])
			continue
		}
		a.open[others[i].Key] = c
	}
	a.Council = *a.of(m, named)
	return a
}

func (m *Member) withoutMe(as []*invite.Admitter) []*invite.Admitter {
	return slices.DeleteFunc(slices.Clone(as), func(a *invite.Admitter) bool { return a.Key == m.key })
}
