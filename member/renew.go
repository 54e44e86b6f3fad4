package member

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/phyllo-net/phyllo/member/book"
	"github.com/phyllo-net/phyllo/member/clock"
	"github.com/phyllo-net/phyllo/member/invite"
	"github.com/phyllo-net/phyllo/member/msg"
	"github.com/phyllo-net/phyllo/member/talk"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/wire"
)

// due reports whether a certificate is to be renewed now: it is 60 days old, or
// its admitter was expelled, or is its bearer, whose clock was ahead. m.mu is held.
func (m *Member) due(cert *peer.Certificate) bool {
	_, out := m.roll.Out.AdmitterExpelled(cert.Admission.Admitter)
	now := m.cfg.Now()
	return out || clock.Aged(cert, now) || clock.Early(cert, now)
}

// Renew gets a new certificate with the same id and salt from one of the admitters,
// who are asked one after the other. An admitter whom no other one serves signs its
// own, after it has compared clocks with other members. Errors: ErrTooEarly,
// ErrUnreachable, peer.ErrIsExpelled, or peer.ErrExpired where the old one has
// ended, and a new invitation is needed (the place on the ring stays); an admitter's
// also ErrClock and ErrNoWitness.
func (m *Member) Renew(ctx context.Context) error {
	m.change.Lock()
	defer m.change.Unlock()
	self, adm, err := m.office()
	inOffice := err == nil
	switch {
	case inOffice:
		m.mu.Lock()
		due := m.due(self.Certificate)
		m.mu.Unlock()
		if !due {
			return ErrTooEarly
		}
	case !errors.Is(err, ErrNotAdmitter):
		return err
	default:
		if _, self, err = m.inRing(); err != nil {
			return err
		}
	}
	err = m.renewElsewhere(ctx, self)
	if err == nil || !inOffice {
		return err
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return m.signOwn(ctx, self, adm)
}

// renewElsewhere asks the other admitters.
func (m *Member) renewElsewhere(ctx context.Context, self *book.Self) error {
	var errs []error
	as, _ := m.view()
	for _, a := range m.withoutMe(as) {
		err := m.renewAt(ctx, self, a)
		if err == nil {
			return nil
		}
		errs = append(errs, fmt.Errorf("admitter %s: %w", a.Node.Short(), err))
		if ctx.Err() != nil {
			break
		}
	}
	return worst(errs)
}

// signOwn renews an admitter's certificate by its own hand.
func (m *Member) signOwn(ctx context.Context, self *book.Self, adm *peer.Admission) error {
	m.mu.Lock()
	out := m.roll.Out.Expelled(self.Certificate.Node)
	m.mu.Unlock()
	if out {
		return fmt.Errorf("this node is %w", peer.ErrIsExpelled)
	}
	at, err := m.signingTime(ctx, self.Ring, self.Certificate)
	if err != nil {
		return err
	}
	renewed := *self
	renewed.Certificate = peer.NewCertificate(m.cfg.Node, adm, m.key, self.Certificate.Salt, at)
	return m.renewed(&renewed)
}

func (m *Member) renewed(self *book.Self) error {
	var b book.Batch
	b.Self(self)
	if err := m.book.Apply(&b); err != nil {
		return err
	}
	m.mu.Lock()
	m.self = self
	m.mu.Unlock()
	if err := m.note(self.Certificate, nil); err != nil {
		return err
	}
	m.cfg.Changed()
	return nil
}

func (m *Member) renewAt(ctx context.Context, self *book.Self, a *invite.Admitter) error {
	c, err := m.meet(ctx, self.Ring, a.Node, a.Key, m.addrsOf(a.Key, a.Addrs))
	if err != nil {
		return err
	}
	defer c.Stream.Close()
	stop := c.Watch(ctx)
	defer stop()
	w, err := talk.Ask[*msg.Welcome](c, talk.DecideTime, &msg.Renew{Certificate: self.Certificate, Addrs: m.addrs(), Time: m.cfg.Now().Unix()})
	if err != nil {
		return err
	}
	if err := m.checkWelcome(c, self.Ring, w); err != nil {
		return err
	}
	if w.Certificate.Salt != self.Certificate.Salt {
		return fmt.Errorf("%w: a certificate for another place", peer.ErrForged)
	}
	renewed := *self
	renewed.Certificate = w.Certificate
	if err := m.renewed(&renewed); err != nil {
		return err
	}
	return m.heard(self.Ring, a.Key, &msg.Share{Admitters: w.Admitters})
}

// answerRenew renews the certificate of the key at the other end, whoever had
// given it. It holds no quorum: id and salt stay what they are.
func (m *Member) answerRenew(c *talk.Session, q *msg.Renew) error {
	self, adm, err := m.office()
	if err != nil {
		return err
	}
	old := q.Certificate
	if err := m.good(self.Ring, old); err != nil {
		return err
	}
	if old.Key != c.Stream.Remote() {
		return fmt.Errorf("%w: another node's certificate", peer.ErrForged)
	}
	m.mu.Lock()
	due := m.due(old)
	m.mu.Unlock()
	if !due {
		return ErrTooEarly
	}
	cert := peer.NewCertificate(m.cfg.Node, adm, old.Key, old.Salt, clock.Beginning(m.cfg.Now(), q.Time))
	if err := m.knowPlace(cert); err != nil {
		return err
	}
	if err := m.note(cert, q.Addrs); err != nil {
		return err
	}
	if err := c.Within(talk.StepTime); err != nil {
		return err
	}
	return c.Send(&msg.Welcome{Certificate: cert, Admitters: m.ours().Admitters})
}

// knowPlace sees to it that this admitter knows the place of a certificate that
// was checked: a key that is renewed for years keeps its place, whoever of the
// admitters of its first day is left.
func (m *Member) knowPlace(cert *peer.Certificate) error {
	r := msg.Register{Key: cert.Key}
	s, err := shelf{m}.State(r)
	if err != nil || s.Chosen {
		return err
	}
	v := msg.PlaceValue{Salt: cert.Salt, By: cert.Admission.Admitter, Time: cert.NotBefore}
	if s.Accepted > 0 {
		var have msg.PlaceValue
		if err := wire.Unmarshal(s.Value, &have); err != nil {
			return err
		}
		if have.Salt != cert.Salt {
			return nil // what was accepted here was not chosen; the majority knows
		}
		v = have
	}
	return m.registers.Learn(r, max(1, s.Accepted), wire.MustMarshal(v))
}

// Upkeep does what is due: it renews the certificate, and, where the authority's
// key is, appoints members as admitters where the ring has too few of them: the first
// two (both, as two admitters could only act together), two more in a ring of 12, and two beside each
// that has been silent for silence.For. The owner calls it at the start, when the
// set of expulsions has changed, and a few times an hour. It returns how long it
// may wait at most, and what went wrong.
func (m *Member) Upkeep(ctx context.Context) (time.Duration, error) {
	const often, seldom = time.Minute, 10 * time.Minute
	_, self, err := m.inRing()
	if err != nil {
		return seldom, nil // nothing is due in no ring
	}
	m.mu.Lock()
	due := m.due(self.Certificate)
	m.mu.Unlock()
	var failed error
	if due {
		failed = m.Renew(ctx)
	}
	// Whoever cannot renew here may still see who of the admitters is silent.
	if err := m.appointMore(ctx); failed == nil {
		failed = err
	}
	if failed != nil {
		return often, failed
	}
	return seldom, nil
}
