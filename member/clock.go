package member

import (
	"context"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/member/book"
	"github.com/phyllo-net/phyllo/member/clock"
	"github.com/phyllo-net/phyllo/peer"
)

// signingTime is from when a certificate is valid that an admitter signs for itself
// in place of one that is due: now, by whichever is behind, its own clock or that of
// the others. Nobody would take one that begins later, and the admitter would be out
// of its own ring until then. Errors: ErrClock, where by the others' clocks nothing is
// due; ErrNoWitness, where none of them answers. A certificate that has ended is worth
// nothing, so a new one may then be signed without them.
func (m *Member) signingTime(ctx context.Context, ring id.Hash, old *peer.Certificate) (time.Time, error) {
	others, err := m.othersOf(ring)
	if err != nil {
		return time.Time{}, err
	}
	now := m.cfg.Now()
	if len(others) == 0 {
		return now, nil
	}
	ahead, told := m.compareClocks(ctx, ring, others)
	if told == 0 {
		if now.Unix() > old.NotAfter {
			return now, nil
		}
		return time.Time{}, ErrNoWitness
	}
	theirs := now.Add(-ahead)
	m.mu.Lock()
	_, admitterOut := m.roll.Out.AdmitterExpelled(old.Admission.Admitter)
	m.mu.Unlock()
	if !admitterOut && !(clock.Aged(old, now) && clock.Aged(old, theirs)) && !(clock.Early(old, now) && clock.Early(old, theirs)) {
		return time.Time{}, ErrClock
	}
	if ahead > 0 {
		return theirs, nil
	}
	return now, nil
}

// othersOf are those who may tell the time: the other admitters, then the members with
// the newest certificates, who are the likeliest to be up.
func (m *Member) othersOf(ring id.Hash) ([]*book.Known, error) {
	var out []*book.Known
	err := book.Each(m.book, ring, book.TagKnown, nil, func(_ []byte, r *book.Known) bool {
		if r.Certificate.Key != m.key {
			out = append(out, r)
		}
		return true
	})
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return clock.Witnesses(out, m.roll.Out.Expelled, m.roll.InOffice), nil
}

// compareClocks asks others for their time of day. ahead is by how much this node's
// clock is ahead of the middle one of those who told theirs.
func (m *Member) compareClocks(ctx context.Context, ring id.Hash, others []*book.Known) (ahead time.Duration, told int) {
	return clock.Compare(others, func(r *book.Known) *time.Duration { return m.offset(ctx, ring, r) })
}

// offset is by how much this node's clock is ahead of another member's; nil: he does not tell.
func (m *Member) offset(ctx context.Context, ring id.Hash, r *book.Known) *time.Duration {
	key := r.Certificate.Key
	c, err := m.open(ctx, key, m.addrsOf(key, r.Addrs))
	if err != nil {
		return nil
	}
	now := m.cfg.Now()
	c.Stream.Close()
	// Whose own certificate does not hold by his clock tells no time: his
	// clock is wrong, or he is no member. Dates by our clock are not asked.
	theirs := time.Unix(c.Hello.Time, 0)
	if c.Hello.Time == 0 || c.Hello.Certificate.Key != key || c.Hello.Certificate.Check(ring, theirs, m.cfg.Verifier) != nil {
		return nil
	}
	d := now.Truncate(time.Second).Sub(theirs)
	return &d
}
