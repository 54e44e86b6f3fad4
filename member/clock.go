package member

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/member/book"
	"github.com/phyllo-net/phyllo/peer"
)

// maxWitnesses is how many others an admitter asks for the time of day before it
// signs its own certificate.
const maxWitnesses = 8

// maxBackdate is how far an admitter dates a certificate back for a node whose clock
// is behind its own: time zones that were set wrong are forgiven, whichever of the
// two has it, a clock that lost its battery is not.
const maxBackdate = 24 * time.Hour

// beginning is from when a certificate is valid that this admitter signs for a node
// whose clock says theirs (Unix seconds, zero: it does not say). A date that is ahead
// of the bearer's clock he would refuse; an earlier one makes it end earlier, too.
func (m *Member) beginning(theirs int64) time.Time {
	now := m.cfg.Now()
	if at := time.Unix(theirs, 0); theirs > 0 && at.Before(now) && now.Sub(at) <= maxBackdate {
		return at
	}
	return now
}

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
	if !admitterOut && !(aged(old, now) && aged(old, theirs)) && !(early(old, now) && early(old, theirs)) {
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
	out = slices.DeleteFunc(out, func(r *book.Known) bool { return m.roll.Out.Expelled(r.Certificate.Node) })
	slices.SortStableFunc(out, func(a, b *book.Known) int {
		if x, y := m.roll.InOffice(a.Certificate.Key), m.roll.InOffice(b.Certificate.Key); x != y {
			if x {
				return -1
			}
			return 1
		}
		return int(b.Certificate.NotBefore - a.Certificate.NotBefore)
	})
	return out[:min(len(out), maxWitnesses)], nil
}

// compareClocks asks others for their time of day. ahead is by how much this node's
// clock is ahead of the middle one of those who told theirs.
func (m *Member) compareClocks(ctx context.Context, ring id.Hash, others []*book.Known) (ahead time.Duration, told int) {
	offs := make([]*time.Duration, len(others))
	var wg sync.WaitGroup
	for i, r := range others {
		wg.Go(func() {
			key := r.Certificate.Key
			c, err := m.open(ctx, key, m.addrsOf(key, r.Addrs))
			if err != nil {
				return
			}
			now := m.cfg.Now()
			c.Stream.Close()
			// Whose own certificate does not hold by his clock tells no time: his
			// clock is wrong, or he is no member. Dates by our clock are not asked.
			theirs := time.Unix(c.Hello.Time, 0)
			if c.Hello.Time == 0 || c.Hello.Certificate.Key != key || c.Hello.Certificate.Check(ring, theirs, m.cfg.Verifier) != nil {
				return
			}
			d := now.Truncate(time.Second).Sub(theirs)
			offs[i] = &d
		})
	}
	wg.Wait()
	return MiddleOffset(offs)
}

// MiddleOffset is the middle of the clock offsets that are not nil, which stand for who did
// not answer, and their number. Of an even number it is the lower one of the two.
func MiddleOffset(offs []*time.Duration) (middle time.Duration, of int) {
	var list []time.Duration
	for _, d := range offs {
		if d != nil {
			list = append(list, *d)
		}
	}
	if len(list) == 0 {
		return 0, 0
	}
	slices.Sort(list)
	return list[(len(list)-1)/2], len(list)
}

// aged reports whether a certificate is so old at a time that it is to be renewed.
func aged(cert *peer.Certificate, now time.Time) bool { return !now.Before(cert.RenewAt()) }

// early reports whether an admitter's own signature is from a time that has not come:
// its clock was ahead when it signed, or is behind now. No other certificate can be,
// as its bearer would not have taken it.
func early(cert *peer.Certificate, now time.Time) bool {
	return cert.Admission.Admitter == cert.Key && now.Add(peer.ClockSkew).Unix() < cert.NotBefore
}
