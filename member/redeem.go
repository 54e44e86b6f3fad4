package member

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/member/book"
	"github.com/phyllo-net/phyllo/member/invite"
	"github.com/phyllo-net/phyllo/member/msg"
	"github.com/phyllo-net/phyllo/member/register"
	"github.com/phyllo-net/phyllo/member/silence"
	"github.com/phyllo-net/phyllo/member/talk"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/transport"
)

// Joined says where a node has come to be a member.
type Joined struct {
	Ring        id.Hash
	Name        string // the ring's
	Certificate *peer.Certificate
	// Contacts are the admitters that were named to us, through which the
	// overlay can be joined. Their incarnations are not known and zero.
	Contacts []*peer.Handle
}

// Redeem joins a ring by an invitation, and returns when the certificate is on
// the disk. The same node may redeem it again, if the answer was lost: it costs
// nothing and gives the same place. A node that is in another ring gets
// ErrInRing, unless it is alone there; then it leaves that ring. Other errors:
// ErrUsed, ErrInviteEnded, ErrInviteLost, register.ErrQuorum, ErrUnreachable, ErrBusy, or
// that of a certificate that does not fit.
func (m *Member) Redeem(ctx context.Context, v *invite.Invitation) (*Joined, error) {
	m.change.Lock()
	defer m.change.Unlock()
	if err := m.mayLeave(v.Ring); err != nil {
		return nil, err
	}
	j, err := m.redeemAnywhere(ctx, v)
	for again := 0; again < redeemAgain && errors.Is(err, register.ErrQuorum); again++ {
		m.cfg.Log.Info("the admitters do not agree yet: they are asked again", "why", err)
		if register.Wait(ctx, redeemWait) != nil {
			break
		}
		j, err = m.redeemAnywhere(ctx, v)
	}
	return j, err
}

// While admitters are appointed, those there are do not agree for a moment on who they
// are, and a place needs a majority that does. Whoever comes then asks again, so seldom
// that the admitters' limits on strangers are far.
const (
	redeemAgain = 2
	redeemWait  = time.Second
)

// redeemAnywhere asks the admitters that the invitation names, one after another.
func (m *Member) redeemAnywhere(ctx context.Context, v *invite.Invitation) (*Joined, error) {
	var errs []error
	for _, a := range v.Admitters {
		j, err := m.redeemAt(ctx, v, a)
		if err == nil {
			return j, nil
		}
		errs = append(errs, fmt.Errorf("admitter %s: %w", a.Node.Short(), err))
		if isFinal(err) || ctx.Err() != nil {
			break
		}
	}
	return nil, worst(errs)
}

// isFinal reports whether the other admitters would say the same.
func isFinal(err error) bool {
	for _, e := range []error{ErrUsed, ErrInviteEnded, peer.ErrIsExpelled, transport.ErrVersion, ErrInRing} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// worst returns the error that tells most: one that came from a conversation, or
// ErrUnreachable with the reasons why there was none.
func worst(errs []error) error {
	for _, known := range refusals {
		for _, err := range errs {
			if errors.Is(err, known.err) {
				return err
			}
		}
	}
	return fmt.Errorf("%w (%w)", ErrUnreachable, errors.Join(errs...))
}

func (m *Member) redeemAt(ctx context.Context, v *invite.Invitation, a invite.Admitter) (*Joined, error) {
	c, err := m.meet(ctx, v.Ring, a.Node, a.Key, m.addrsOf(a.Key, a.Addrs))
	if err != nil {
		return nil, err
	}
	defer c.Stream.Close()
	stop := c.Watch(ctx)
	defer stop()
	w, err := talk.Ask[*msg.Welcome](c, talk.DecideTime, &msg.Redeem{Secret: v.Secret, Addrs: m.addrs(), Time: m.cfg.Now().Unix()})
	if err != nil {
		return nil, err
	}
	return m.join(c, v.Ring, w)
}

// join enters the ring by a certificate that an admitter has just given.
func (m *Member) join(c *talk.Session, ring id.Hash, w *msg.Welcome) (*Joined, error) {
	if err := m.checkWelcome(c, ring, w); err != nil {
		return nil, err
	}
	if err := msg.CheckName(c.Hello.Name); err != nil {
		return nil, err
	}
	var b book.Batch
	for _, card := range w.Admitters {
		if card.Admission.Check(ring, m.cfg.Verifier) != nil {
			return nil, fmt.Errorf("%w: an admission of another admitter", peer.ErrForged)
		}
		b.Put(ring, book.TagAdmitter, card.Admission.Admitter[:], book.Admitter{
			Admission: card.Admission, Node: card.Node, Addrs: card.Addrs})
	}
	self := &book.Self{Ring: ring, Name: c.Hello.Name, Certificate: w.Certificate}
	if old, now, err := m.inRing(); err == nil && old == ring {
		self.Founded = now.Founded
	}
	if err := m.settleIn(self, &b); err != nil {
		return nil, err
	}
	if err := m.note(c.Hello.Certificate, nil); err != nil {
		return nil, err
	}
	return &Joined{Ring: ring, Name: self.Name, Certificate: self.Certificate, Contacts: m.Contacts()}, nil
}

// checkWelcome reports whether an admitter gave what it should.
func (m *Member) checkWelcome(c *talk.Session, ring id.Hash, w *msg.Welcome) error {
	if err := w.Certificate.Check(ring, m.cfg.Now(), m.cfg.Verifier); err != nil {
		return err
	}
	if w.Certificate.Key != m.key || w.Certificate.Admission.Admitter != c.Stream.Remote() {
		return fmt.Errorf("%w: a certificate for another key, or by another admitter", peer.ErrForged)
	}
	return nil
}

// Contacts are the admitters in good standing whose addresses are known, and in a young
// ring the members known to this node, without itself: through them the overlay can be
// joined, also by a founder who ends before the overlay kept anything of the first
// members. Their incarnations are not known and zero.
func (m *Member) Contacts() []*peer.Handle {
	as, _ := m.view()
	var out []*peer.Handle
	take := func(node id.ID, key peer.Key, told []string) {
		addrs := m.addrsOf(key, told)
		if key != m.key && !node.IsZero() && len(addrs) > 0 {
			out = append(out, &peer.Handle{ID: node, Key: key, Addrs: addrs[:min(len(addrs), peer.MaxAddrs)]})
		}
	}
	for _, a := range as {
		take(a.Node, a.Key, a.Addrs)
	}
	ring, _, err := m.inRing()
	if err != nil || len(as) >= silence.First {
		return out
	}
	err = book.Each(m.book, ring, book.TagKnown, nil, func(_ []byte, r *book.Known) bool {
		if !m.isAdmitter(r.Certificate.Key) && m.good(ring, r.Certificate) == nil {
			take(r.Certificate.Node, r.Certificate.Key, r.Addrs)
		}
		return len(out) < maxContacts
	})
	if err != nil {
		m.cfg.Log.Warn("the members known here cannot be read: the ring is joined through its admitters alone", "error", err)
	}
	return out
}

// maxContacts bounds how many members are asked for their ring at a start.
const maxContacts = 64
