package account

import (
	"encoding/binary"
	"errors"
	"time"

	"github.com/phyllo-net/phyllo/app/past/certificate"
	"github.com/phyllo-net/phyllo/app/past/voucher"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/store"
	"github.com/phyllo-net/phyllo/task"
)

// What a holder has released before the voucher's end it must not take again while the voucher is good: the
// charge was given back. Of what was reclaimed its slip says so. When the object is paid for anew another slip takes
// its place; so then the debit before is written down beside it, in PaidTable under object and debit, until its
// voucher is over. Whoever knows that it was reclaimed and may have missed something asks those who keep the account;
// and so does who has not heard from its fellows since its start what it should have, as its disk may have been lost.

// fresh returns nil if an object is not to be kept for the second time for one charge, of a payment that was voted for. The error is ErrUsed,
// task.ErrStopped, or the disk's. A mutable object is never reclaimed, so nothing of it is released
// before its voucher is over.
func (a *Accounts) fresh(t *task.T, p *voucher.Payment, c *certificate.Certificate) error {
	object, s := p.Path.Charge.Object, a.cfg.Storage.State(p.Path.Charge.Object)
	if c.Kind == certificate.Mutable || s == Absent || s == Unsure && a.cfg.Storage.Heard() {
		return nil
	}
	slip, st := a.Slip(p), a.cfg.Store
	used, err := task.Work(t, disk, func() (bool, error) {
		_, err := st.Get(PaidTable, pairKey(object, slip.Debit))
		if errors.Is(err, store.ErrNotFound) {
			return false, nil
		}
		return err == nil || errors.Is(err, store.ErrCorrupt), err
	})
	switch {
	case used:
		return ErrUsed
	case err != nil || s == Kept:
		return err
	}
	by, err := a.paid(t, object)
	switch {
	case err != nil:
		return err
	case s == Gone && by != nil && by.Debit == slip.Debit:
		return ErrUsed
	}
	verdicts, err := a.Verify(t, []*voucher.Slip{slip}, noteTime)
	switch {
	case err != nil:
		return err
	case verdicts[0] == voucher.Unpaid:
		return ErrUsed
	case s == Gone && by != nil && a.ep.Wall().Before(usedUntil(by)):
		return a.put(t, func(b *store.Batch) {
			b.Put(PaidTable, pairKey(object, by.Debit), binary.BigEndian.AppendUint64(nil, uint64(usedUntil(by).UnixMilli())))
		})
	}
	return nil
}

// usedUntil is when nobody takes the voucher any more that a slip came with: see voucher.Debit.Over.
func usedUntil(s *voucher.Slip) time.Time {
	return time.UnixMilli(s.Date).Add(voucher.MaxLife + 2*peer.ClockSkew)
}

// outdated reports whether a record of PaidTable says that a voucher was used which is over.
func outdated(key, value []byte, now time.Time) bool {
	return len(key) == 2*hashSize && (len(value) != 8 || uint64(now.UnixMilli()) >= binary.BigEndian.Uint64(value))
}

// pairKey is the place of what is known of an object and a debit.
func pairKey(object, debit id.Hash) []byte { return append(object[:], debit[:]...) }
