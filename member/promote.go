package member

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/member/book"
	"github.com/phyllo-net/phyllo/member/invite"
	"github.com/phyllo-net/phyllo/member/msg"
	"github.com/phyllo-net/phyllo/member/register"
	"github.com/phyllo-net/phyllo/member/silence"
	"github.com/phyllo-net/phyllo/member/talk"
	"github.com/phyllo-net/phyllo/peer"
)

// Promote makes a member an admitter. The node must be up, as it reads the other
// admitters' registers before it counts. With two admitters both must be up to
// admit anybody, so promote two. Errors: ErrNoAuthority, ErrUnknownNode,
// ErrTooMany, ErrDeclined, register.ErrQuorum, or why the node cannot be reached.
func (m *Member) Promote(ctx context.Context, node id.ID) error {
	m.change.Lock()
	defer m.change.Unlock()
	return m.promote(ctx, node)
}

func (m *Member) promote(ctx context.Context, node id.ID) error {
	ring, _, err := m.inRing()
	if err != nil {
		return err
	}
	m.mu.Lock()
	authority := m.authority
	m.mu.Unlock()
	if authority == nil {
		return ErrNoAuthority
	}
	var known book.Known
	b := node.Bytes()
	switch have, err := m.get(book.TagKnown, b[:], &known); {
	case err != nil:
		return err
	case !have:
		return ErrUnknownNode
	}
	key := known.Certificate.Key
	as, view := m.view()
	if slices.ContainsFunc(as, func(a *invite.Admitter) bool { return a.Key == key }) {
		return nil
	}
	if len(as) >= msg.MaxAdmitters {
		return ErrTooMany
	}
	m.mu.Lock()
	_, wasOut := m.roll.Out.AdmitterExpelled(key)
	out := wasOut || m.roll.Out.Expelled(node)
	m.mu.Unlock()
	if out {
		return fmt.Errorf("node %s: %w", node.Short(), peer.ErrIsExpelled)
	}
	// The next step must not begin before a majority stands on this one.
	if err := m.settled(ctx, ring, view, as); err != nil {
		return err
	}
	return m.appoint(ctx, ring, authority, &known)
}

// settled sees to it that a majority of the admitters has read the registers of
// the present view.
func (m *Member) settled(ctx context.Context, ring, view id.Hash, as []*invite.Admitter) error {
	ready := 0
	others := m.withoutMe(as)
	if len(others) < len(as) {
		if err := m.sync(ctx); err != nil {
			return err
		}
		ready++
	}
	cs, errs := m.talkAll(ctx, ring, others)
	var why error
	for i, c := range cs {
		if c == nil {
			why = errs[i]
			continue
		}
		stop := c.Watch(ctx)
		_, err := talk.Ask[*msg.Done](c, 2*talk.StepTime, &msg.Settle{View: view})
		stop()
		c.Stream.Close()
		if err != nil {
			why = err
			continue
		}
		ready++
	}
	if need := len(as)/2 + 1; ready < need {
		return fmt.Errorf("%w (%d of %d answer, %d are needed): %v", register.ErrQuorum, ready, len(as), need, why)
	}
	return nil
}

// appoint signs an admission and brings it to the member; only when the member
// has it does it count here.
func (m *Member) appoint(ctx context.Context, ring id.Hash, authority peer.Signer, known *book.Known) error {
	key := known.Certificate.Key
	adm := peer.NewAdmission(authority, key, m.cfg.Now())
	c, err := m.open(ctx, key, m.addrsOf(key, known.Addrs))
	if err != nil {
		return fmt.Errorf("node %s: %w", known.Certificate.Node.Short(), err)
	}
	defer c.Stream.Close()
	stop := c.Watch(ctx)
	defer stop()
	if err := m.good(ring, c.Hello.Certificate); err != nil {
		return err
	}
	if c.Hello.Certificate.Key != key {
		return fmt.Errorf("%w: another node's certificate", peer.ErrForged)
	}
	if _, err := talk.Ask[*msg.Done](c, talk.StepTime, &msg.Appoint{Admission: adm, Share: *m.ours()}); err != nil {
		return err
	}
	a := &invite.Admitter{Key: key, Node: known.Certificate.Node, Addrs: known.Addrs, Admission: adm}
	if err := m.remember(ring, a, true); err != nil {
		return err
	}
	as, view := m.view()
	return m.settled(ctx, ring, view, as)
}

// answerAppoint makes this node an admitter, by the authority's word.
func (m *Member) answerAppoint(c *talk.Session, ring id.Hash, q *msg.Appoint) error {
	if m.cfg.Decline {
		return ErrDeclined
	}
	if q.Admission.Admitter != m.key {
		return fmt.Errorf("%w: another node's admission", peer.ErrForged)
	}
	if err := q.Admission.Check(ring, m.cfg.Verifier); err != nil {
		return err
	}
	// Whoever brings it, the authority has signed it.
	if err := m.heard(ring, c.Stream.Remote(), &q.Share); err != nil {
		return err
	}
	_, self, err := m.inRing()
	if err != nil {
		return err
	}
	if err := m.appointed(self, q.Admission); err != nil {
		return err
	}
	return c.Send(&msg.Done{})
}

// appointed takes up the office, with a place of our own that we know.
func (m *Member) appointed(self *book.Self, adm *peer.Admission) error {
	if err := m.knowPlace(self.Certificate); err != nil {
		return err
	}
	return m.remember(self.Ring, &invite.Admitter{Key: m.key, Node: self.Certificate.Node, Admission: adm}, true)
}

// appointMore appoints members that are up and willing where the ring has fewer admitters
// than it should and this node holds its authority. There is an odd number of them
// afterwards, as one more would let no more of them be off.
func (m *Member) appointMore(ctx context.Context) error {
	m.mu.Lock()
	held := m.self != nil && m.authority != nil && m.roll.InOffice(m.key)
	m.mu.Unlock()
	if m.cfg.NoAppoint || !held {
		return nil
	}
	m.change.Lock()
	defer m.change.Unlock()
	ring, _, err := m.inRing()
	if err != nil {
		return err
	}
	members, err := m.laymen(ring)
	if err != nil {
		return err
	}
	as, _ := m.view()
	silent, err := m.lookForSilent(ctx, ring, as)
	if err != nil {
		return err
	}
	odd := func(n int) int { return n - (len(as)+n+1)%2 }
	need := min(silence.Missing(len(as), len(silent), len(members)), msg.MaxAdmitters-len(as))
	if odd(min(need, len(members))) <= 0 {
		return nil
	}
	willing := m.willing(ctx, members, need)
	willing = willing[:max(0, odd(len(willing)))]
	for _, node := range willing {
		if err := m.promote(ctx, node); err != nil {
			return err
		}
		m.cfg.Log.Info("a member is an admitter now", "node", node.Short())
	}
	return nil
}

// laymen returns the members in good standing that are no admitters, the oldest first.
func (m *Member) laymen(ring id.Hash) ([]*book.Known, error) {
	var out []*book.Known
	err := book.Each(m.book, ring, book.TagKnown, nil, func(_ []byte, r *book.Known) bool {
		if !m.isAdmitter(r.Certificate.Key) && m.good(ring, r.Certificate) == nil {
			out = append(out, r)
		}
		return true
	})
	slices.SortFunc(out, func(a, b *book.Known) int {
		return cmp.Or(cmp.Compare(a.Since, b.Since), a.Certificate.Node.Cmp(b.Certificate.Node))
	})
	return out, err
}

// willing returns the first n members that are up and would be admitters.
func (m *Member) willing(ctx context.Context, members []*book.Known, n int) []id.ID {
	const tries = 8
	var out []id.ID
	for _, r := range members[:min(len(members), tries)] {
		c, err := m.open(ctx, r.Certificate.Key, m.addrsOf(r.Certificate.Key, r.Addrs))
		if err != nil {
			m.cfg.Log.Debug("a member that could be an admitter is not up", "node", r.Certificate.Node.Short(), "why", err)
			continue
		}
		if !c.Hello.Decline && len(out) < n {
			out = append(out, r.Certificate.Node)
		}
		c.Stream.Close()
	}
	return out
}

// Office is how a ring's admitters stand.
type Office struct {
	All int // admitters in good standing
	Up  int // those of them that answer now, this node included if it is one
	// Silent are those that have not answered for silence.For, the longest first, where this node
	// holds the authority and appoints others in their place.
	Silent []silence.Admitter
}

// Needed is how many admitters have to answer before anybody is let in or is made an admitter. To
// renew a certificate takes one.
func (o Office) Needed() int { return o.All/2 + 1 }

// Office calls all admitters, for 3 s at most. Error: ErrNoRing.
func (m *Member) Office(ctx context.Context) (Office, error) {
	if _, err := m.ring(); err != nil {
		return Office{}, err
	}
	as, _ := m.view()
	others := m.withoutMe(as)
	o := Office{All: len(as), Up: len(as) - len(others)}
	for _, is := range m.answering(ctx, others) {
		if is {
			o.Up++
		}
	}
	o.Silent = m.silence.Long(as)
	return o, nil
}

// answering calls admitters, for 3 s at most, and returns which of them answer.
func (m *Member) answering(ctx context.Context, as []*invite.Admitter) []bool {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	up := make([]bool, len(as))
	var all sync.WaitGroup
	for i, a := range as {
		all.Go(func() {
			if c, err := m.open(ctx, a.Key, m.addrsOf(a.Key, a.Addrs)); err == nil {
				c.Stream.Close()
				up[i] = true
			}
		})
	}
	all.Wait()
	return up
}

// lookForSilent looks which of the other admitters answer, and returns those that have been silent
// for silence.For. change is held.
func (m *Member) lookForSilent(ctx context.Context, ring id.Hash, as []*invite.Admitter) ([]silence.Admitter, error) {
	others := m.withoutMe(as)
	return m.silence.Look(m.book, ring, m.cfg.Now(), as, others, func() ([]bool, error) { return m.answering(ctx, others), ctx.Err() })
}
