package member

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/store"
	"github.com/phyllo-net/phyllo/wire"
)

// due reports whether a certificate is to be renewed now: it is 60 days old, or
// its admitter was expelled. m.mu is held.
func (m *Member) due(cert *peer.Certificate) bool {
	_, out := m.out.AdmitterExpelled(cert.Admission.Admitter)
	return out || !m.cfg.Now().Before(cert.RenewAt())
}

// Renew gets a new certificate with the same id and salt: an admitter signs its
// own, others ask one admitter after the other. Errors: ErrTooEarly,
// ErrUnreachable, peer.ErrIsExpelled, or peer.ErrExpired where the old one has
// ended, and a new invitation is needed (the place on the ring stays).
func (m *Member) Renew(ctx context.Context) error {
	m.change.Lock()
	defer m.change.Unlock()
	self, adm, err := m.office()
	switch {
	case err == nil:
		m.mu.Lock()
		due := m.due(self.Certificate)
		m.mu.Unlock()
		if !due {
			return ErrTooEarly
		}
		return m.signOwn(self, adm)
	case !errors.Is(err, ErrNotAdmitter):
		return err
	}
	_, self, err = m.inRing()
	if err != nil {
		return err
	}
	var errs []error
	as, _ := m.view()
	for _, a := range as {
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
func (m *Member) signOwn(self *selfRecord, adm *peer.Admission) error {
	m.mu.Lock()
	out := m.out.Expelled(self.Certificate.Node)
	m.mu.Unlock()
	if out {
		return fmt.Errorf("this node is %w", peer.ErrIsExpelled)
	}
	renewed := *self
	renewed.Certificate = peer.NewCertificate(m.cfg.Node, adm, m.key, self.Certificate.Salt, m.cfg.Now())
	return m.renewed(&renewed)
}

func (m *Member) renewed(self *selfRecord) error {
	var b store.Batch
	b.Put(Table, selfKey, wire.MustMarshal(self))
	if err := m.cfg.Store.Apply(&b); err != nil {
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

func (m *Member) renewAt(ctx context.Context, self *selfRecord, a *Admitter) error {
	c, err := m.meet(ctx, self.Ring, a.Node, a.Key, m.addrsOf(a.Key, a.Addrs))
	if err != nil {
		return err
	}
	defer c.s.Close()
	stop := c.watch(ctx)
	defer stop()
	w, err := ask[*welcome](c, decideTime, &renew{Certificate: self.Certificate, Addrs: m.addrs()})
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
	return m.heard(self.Ring, a.Key, &share{Admitters: w.Admitters})
}

// answerRenew renews the certificate of the key at the other end, whoever had
// given it. It holds no quorum: id and salt stay what they are.
func (m *Member) answerRenew(c *session, q *renew) error {
	self, adm, err := m.office()
	if err != nil {
		return err
	}
	old := q.Certificate
	if err := m.good(self.Ring, old); err != nil {
		return err
	}
	if old.Key != c.s.Remote() {
		return fmt.Errorf("%w: another node's certificate", peer.ErrForged)
	}
	m.mu.Lock()
	due := m.due(old)
	m.mu.Unlock()
	if !due {
		return ErrTooEarly
	}
	cert := peer.NewCertificate(m.cfg.Node, adm, old.Key, old.Salt, m.cfg.Now())
	if err := m.knowPlace(cert); err != nil {
		return err
	}
	if err := m.note(cert, q.Addrs); err != nil {
		return err
	}
	if err := c.within(stepTime); err != nil {
		return err
	}
	return c.send(&welcome{Certificate: cert, Admitters: m.ours().Admitters})
}

// knowPlace sees to it that this admitter knows the place of a certificate that
// was checked: a key that is renewed for years keeps its place, whoever of the
// admitters of its first day is left.
func (m *Member) knowPlace(cert *peer.Certificate) error {
	r := register{Key: cert.Key}
	s, err := m.state(r)
	if err != nil || s.Chosen {
		return err
	}
	v := placeValue{Salt: cert.Salt, By: cert.Admission.Admitter, Time: cert.NotBefore}
	if s.Accepted > 0 {
		var have placeValue
		if err := wire.Unmarshal(s.Value, &have); err != nil {
			return err
		}
		if have.Salt != cert.Salt {
			return nil // what was accepted here was not chosen; the majority knows
		}
		v = have
	}
	return m.learn(r, max(1, s.Accepted), wire.MustMarshal(v))
}

// Upkeep does what is due: it renews the certificate, and, where the authority's
// key is, appoints the ring's first two members as admitters (both, as two
// admitters could only act together). The owner calls it at the start, when the
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
	if due {
		if err := m.Renew(ctx); err != nil {
			return often, err
		}
	}
	if err := m.appointFirst(ctx); err != nil {
		return often, err
	}
	return seldom, nil
}
