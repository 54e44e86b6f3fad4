package member

import (
	"context"
	"fmt"
	"slices"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/member/book"
	"github.com/phyllo-net/phyllo/member/msg"
	"github.com/phyllo-net/phyllo/member/talk"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/wire"
)

// maxWishes is how many expulsions may wait for their second signature.
const maxWishes = 64

// Expel puts a member out of the ring. Where the authority is, at once; an admitter
// needs another one to agree, whose people do so by the same command there:
// until then the error is ErrNeedsSecond, and the wish is kept and known to the
// other admitters. The ring's only admitter acts alone. An admitter is put out by
// the authority. Other errors: ErrNotAdmitter, ErrNoAuthority, ErrUnknownNode.
func (m *Member) Expel(ctx context.Context, node id.ID) error {
	return m.judge(ctx, node, false)
}

// Pardon takes an expulsion back; only the authority can.
func (m *Member) Pardon(ctx context.Context, node id.ID) error {
	return m.judge(ctx, node, true)
}

func (m *Member) judge(ctx context.Context, node id.ID, pardon bool) error {
	m.change.Lock()
	defer m.change.Unlock()
	ring, self, err := m.inRing()
	if err != nil {
		return err
	}
	if node == self.Certificate.Node {
		return fmt.Errorf("a node does not expel itself: stop it with `phyllo down`, or let another admitter do it")
	}
	key, err := m.keyOf(node)
	if err != nil {
		return err
	}
	m.mu.Lock()
	authority, isAdmitter := m.authority, m.roll.Admitter(key) != nil && !key.IsZero()
	m.mu.Unlock()
	if authority != nil {
		return m.judgeAsAuthority(ctx, ring, authority, node, key, isAdmitter, pardon)
	}
	if pardon || isAdmitter {
		return ErrNoAuthority
	}
	return m.expelAsAdmitter(ctx, ring, node)
}

// keyOf returns the key of a member. Errors: ErrUnknownNode.
func (m *Member) keyOf(node id.ID) (peer.Key, error) {
	var known book.Known
	b := node.Bytes()
	have, err := m.get(book.TagKnown, b[:], &known)
	if err != nil {
		return peer.Key{}, err
	}
	if !have {
		return peer.Key{}, ErrUnknownNode
	}
	return known.Certificate.Key, nil
}

func (m *Member) judgeAsAuthority(ctx context.Context, ring id.Hash, authority peer.Signer, node id.ID, key peer.Key, isAdmitter, pardon bool) error {
	now := m.cfg.Now().Unix()
	m.mu.Lock()
	list := []*peer.Expulsion{{Node: node, Number: m.roll.Out.Number(node, peer.Key{}) + 1, Time: now, Pardon: pardon}}
	if isAdmitter {
		list = append(list, &peer.Expulsion{Admitter: key, Number: m.roll.Out.Number(id.ID{}, key) + 1, Time: now, Pardon: pardon})
	}
	m.mu.Unlock()
	for _, e := range list {
		e.Sign(ring, authority, nil)
	}
	return m.proclaim(ctx, ring, list)
}

// proclaim takes entries and tells the other admitters; the overlay brings them
// to everybody.
func (m *Member) proclaim(ctx context.Context, ring id.Hash, list []*peer.Expulsion) error {
	if err := m.Merge(list); err != nil {
		return err
	}
	for _, e := range list {
		if !e.Node.IsZero() {
			if err := m.dropWish(ring, e.Node); err != nil {
				return err
			}
		}
	}
	as, _ := m.view()
	cs, _ := m.talkAll(ctx, ring, m.withoutMe(as)) // the entries on admitters go with the cards
	for _, c := range cs {
		if c == nil {
			continue
		}
		for _, e := range list {
			if !e.Node.IsZero() {
				stop := c.Watch(ctx)
				_, _ = talk.Ask[*msg.Done](c, talk.StepTime, &msg.Cosign{Expulsion: e}) // the overlay would bring it too
				stop()
			}
		}
		c.Stream.Close()
	}
	return nil
}

func (m *Member) expelAsAdmitter(ctx context.Context, ring id.Hash, node id.ID) error {
	_, adm, err := m.office()
	if err != nil {
		return err
	}
	as, _ := m.view()
	m.mu.Lock()
	number, out := m.roll.Out.Number(node, peer.Key{})+1, m.roll.Out.Expelled(node)
	m.mu.Unlock()
	if out {
		return nil
	}
	e := &peer.Expulsion{Node: node, Number: number, Time: m.cfg.Now().Unix(), Sole: len(as) == 1}
	var wish book.Wish
	b := node.Bytes()
	have, err := m.get(book.TagWish, b[:], &wish)
	if err != nil {
		return err
	}
	if theirs := wish.Expulsion; have && !wish.Mine && theirs.Number == number {
		e = &peer.Expulsion{Node: node, Number: number, Time: theirs.Time, By: slices.Clone(theirs.By)}
	}
	e.Sign(ring, m.cfg.Node, adm)
	if e.Check(ring, m.cfg.Verifier) == nil {
		return m.proclaim(ctx, ring, []*peer.Expulsion{e})
	}
	if err := m.book.Put(ring, book.TagWish, b[:], book.Wish{Expulsion: e, Mine: true}); err != nil {
		return err
	}
	return m.seekSecond(ctx, ring, e)
}

// seekSecond tells the other admitters of a wish. If one has the same, it signs.
func (m *Member) seekSecond(ctx context.Context, ring id.Hash, e *peer.Expulsion) error {
	as, _ := m.view()
	cs, _ := m.talkAll(ctx, ring, m.withoutMe(as))
	var full *peer.Expulsion
	for _, c := range cs {
		if c == nil {
			continue
		}
		stop := c.Watch(ctx)
		if c.Within(talk.StepTime) == nil && c.Send(&msg.Cosign{Expulsion: e}) == nil {
			if a, err := c.Receive(); err == nil {
				if signed, is := a.(*msg.Cosigned); is && signed.Expulsion.Node == e.Node && signed.Expulsion.Check(ring, m.cfg.Verifier) == nil {
					full = signed.Expulsion
				}
			}
		}
		stop()
		c.Stream.Close()
	}
	if full == nil {
		return ErrNeedsSecond
	}
	return m.proclaim(ctx, ring, []*peer.Expulsion{full})
}

// answerCosign takes an expulsion that is complete; signs one that people here
// wish too; or keeps it until they do. A program does not agree by itself: then
// one admitter's word would be enough.
func (m *Member) answerCosign(ring id.Hash, from peer.Key, q *msg.Cosign) (wire.Message, error) {
	e := q.Expulsion
	if e.Check(ring, m.cfg.Verifier) == nil {
		if err := m.Merge([]*peer.Expulsion{e}); err != nil {
			return nil, err
		}
		return &msg.Done{}, m.dropWish(ring, e.Node)
	}
	if err := e.CheckPart(ring, m.cfg.Verifier); err != nil {
		return nil, err
	}
	if len(e.By) != 1 || e.Node.IsZero() || e.Pardon || e.By[0].Admission == nil || e.By[0].Admission.Admitter != from {
		return nil, fmt.Errorf("%w: a wish that is not the asker's own", msg.ErrConversation)
	}
	_, adm, err := m.office()
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	old := m.roll.Out.Number(e.Node, peer.Key{}) >= e.Number
	m.mu.Unlock()
	if old {
		return &msg.Done{}, nil
	}
	var wish book.Wish
	b := e.Node.Bytes()
	have, err := m.get(book.TagWish, b[:], &wish)
	switch {
	case err != nil:
		return nil, err
	case have && wish.Mine:
		both := &peer.Expulsion{Node: e.Node, Number: e.Number, Time: e.Time, By: slices.Clone(e.By)}
		both.Sign(ring, m.cfg.Node, adm)
		if err := m.Merge([]*peer.Expulsion{both}); err != nil {
			return nil, err
		}
		return &msg.Cosigned{Expulsion: both}, m.dropWish(ring, e.Node)
	case !have:
		n, err := m.book.Wishes(ring)
		if err != nil {
			return nil, err
		}
		if n >= maxWishes {
			return nil, ErrBusy
		}
	}
	if err := m.book.Put(ring, book.TagWish, b[:], book.Wish{Expulsion: e}); err != nil {
		return nil, err
	}
	m.cfg.Log.Info("another admitter asks to expel a member: `phyllo member expel` agrees", "node", e.Node.String())
	return &msg.Done{}, nil
}

func (m *Member) dropWish(ring id.Hash, node id.ID) error {
	b := node.Bytes()
	return m.book.Drop(ring, book.TagWish, b[:])
}
