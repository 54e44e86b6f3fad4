package member

import (
	"context"
	"fmt"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/member/book"
	"github.com/phyllo-net/phyllo/member/clock"
	"github.com/phyllo-net/phyllo/member/invite"
	"github.com/phyllo-net/phyllo/member/msg"
	"github.com/phyllo-net/phyllo/member/register"
	"github.com/phyllo-net/phyllo/member/talk"
	"github.com/phyllo-net/phyllo/peer"
)

// sync reads the registers of places from a majority of the admitters (this node
// counts), unless that was done since the admitters changed last. Before it has,
// an admitter does not vote on places.
//
// Why that is enough: let n admitters become n+1. A place that the n decided is
// known to a majority of them, n/2+1. Whoever reads from a majority of the n+1
// reads from n/2 others at least (rounded up), so from one that knows it. The
// same holds where one of n+1 goes.
func (m *Member) sync(ctx context.Context) error {
	m.reading.Lock()
	defer m.reading.Unlock()
	for range 4 {
		ring, _, err := m.inRing()
		if err != nil {
			return err
		}
		as, view := m.view()
		m.mu.Lock()
		ready := m.synced == view
		m.mu.Unlock()
		if ready {
			return nil
		}
		if err := m.readFrom(ctx, ring, m.withoutMe(as)); err != nil {
			return err
		}
		if _, now := m.view(); now != view {
			continue // what the others told has changed who they are
		}
		if err := m.book.Put(ring, book.TagSynced, nil, book.Synced{View: view}); err != nil {
			return err
		}
		m.mu.Lock()
		m.synced = view
		m.mu.Unlock()
	}
	return register.ErrView
}

func (m *Member) readFrom(ctx context.Context, ring id.Hash, others []*invite.Admitter) error {
	cs, errs := m.talkAll(ctx, ring, others)
	read := 1 // ourselves
	var why error
	for i, c := range cs {
		if c == nil {
			why = errs[i]
			continue
		}
		if err := m.pullFrom(ctx, c); err != nil {
			why = err
			c.Stream.Reset()
			continue
		}
		c.Stream.Close()
		read++
	}
	if all := len(others) + 1; read < all/2+1 {
		return fmt.Errorf("%w (%d of %d answer, %d are needed): %v", register.ErrQuorum, read, all, all/2+1, why)
	}
	return nil
}

// pullFrom copies the registers that the other end knows more of, and the members
// that it knows: a member whose admitter is expelled one day can renew its
// certificate only where it was known before.
func (m *Member) pullFrom(ctx context.Context, c *talk.Session) error {
	stop := c.Watch(ctx)
	defer stop()
	var after peer.Key
	for {
		p, err := talk.Ask[*msg.Page](c, talk.StepTime, &msg.Pull{After: after})
		if err != nil {
			return err
		}
		for _, pl := range p.Places {
			if err := m.registers.Adopt(msg.Register{Key: pl.Key}, pl.State); err != nil {
				return err
			}
			after = pl.Key
		}
		if !p.More || len(p.Places) == 0 {
			return m.pullKnownFrom(c)
		}
	}
}

func (m *Member) pullKnownFrom(c *talk.Session) error {
	ring, _, err := m.inRing()
	if err != nil {
		return err
	}
	var after id.ID
	for {
		p, err := talk.Ask[*msg.KnownPage](c, talk.StepTime, &msg.PullKnown{After: after})
		if err != nil {
			return err
		}
		for _, k := range p.Known {
			after = k.Certificate.Node
			if err := m.meetKnown(ring, k); err != nil {
				return err
			}
		}
		if !p.More || len(p.Known) == 0 {
			return nil
		}
	}
}

func (m *Member) meetKnown(ring id.Hash, k *msg.Acquaintance) error {
	var known book.Known
	node := k.Certificate.Node.Bytes()
	have, err := m.get(book.TagKnown, node[:], &known)
	if err != nil || have && k.Certificate.NotBefore <= known.Certificate.NotBefore || clock.Early(k.Certificate, m.cfg.Now()) {
		return err
	}
	// It may have ended: that its bearer was a member counts.
	if err := k.Certificate.Check(ring, time.Unix(k.Certificate.NotBefore, 0), m.cfg.Verifier); err != nil {
		return err
	}
	return m.note(k.Certificate, k.Addrs)
}

// places is the answer to Pull.
func (m *Member) places(ring id.Hash, after peer.Key) (p *msg.Page, err error) {
	err = m.registers.Still(func() error {
		p, err = m.book.Places(ring, after)
		return err
	})
	return p, err
}

// inRing returns the present ring, and our own record of it.
func (m *Member) inRing() (id.Hash, *book.Self, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.self == nil {
		return id.Hash{}, nil, ErrNoRing
	}
	return m.self.Ring, m.self, nil
}
