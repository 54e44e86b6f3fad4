package directory

import (
	"errors"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/app/directory/msg"
	"github.com/phyllo-net/phyllo/app/directory/record"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// Put claims the record's name for its key, or, if the key has it already, puts the
// record in place of an older version. It returns nil when a majority of the holders
// has it, durably, as a claim that stands. rec must be signed (Record.Sign) for the
// ring. It tries for three times Config.Patience.
//
// Errors: ErrRecord, a *TakenError, a *StaleError, ErrContested, ErrLimit, ErrClock,
// ErrNotReachable (the claim may stand all the same: put it again), task.ErrStopped.
func (d *Directory) Put(t *task.T, rec *Record) error {
	if err := rec.Verify(d.cfg.Ring, d.cfg.Verifier); err != nil {
		return err
	}
	c := &record.Claim{Record: rec}
	end := d.ep.Now().Add(3 * d.cfg.Patience)
	for {
		wait, err := d.putOnce(t, c)
		if err == nil {
			return nil
		}
		if wait < 0 || errors.Is(err, task.ErrStopped) || !d.ep.Now().Add(wait).Before(end) {
			return err
		}
		if wait > 0 {
			if err := t.Sleep(wait); err != nil {
				return err
			}
		}
	}
}

// final is the wait after an outcome that another try would not change.
const final = time.Duration(-1)

// putOnce asks all holders once. It gathers receipts in c. After an error it returns
// how long to wait before the next try.
func (d *Directory) putOnce(t *task.T, c *record.Claim) (time.Duration, error) {
	s, err := d.seats(t, c.Record.Name.Key())
	if err != nil {
		return pause, err
	}
	sent := &record.Claim{Record: c.Record, Receipts: slices.Clone(c.Receipts)}
	votes, err := d.poll(t, s, func() wire.Message { return &msg.Put{Claim: sent} }, nil, nil)
	if err != nil {
		return final, err
	}
	p := puts{known: record.MaxReplicas}
	for _, v := range votes {
		if err := d.countPut(t, &p, c, v); err != nil {
			return final, err
		}
	}
	need := record.Majority(s.of)
	have := len(c.Receipts)
	switch {
	case p.stale != nil:
		return final, &StaleError{Current: p.stale}
	case p.stand >= need && (p.known >= min(have, d.cfg.Replicas) || have == len(sent.Receipts)):
		d.cache.put(c.Record.Name, Found{Record: c.Record, Agree: p.stand, Of: s.of, At: d.ep.Now()}, id.Hash{})
		return 0, nil
	case p.rival != nil && (p.rivals >= need || len(p.rival.Receipts) >= max(need, have)):
		return final, &TakenError{Name: c.Record.Name, By: p.rival.Record.Identity}
	case have >= need && have > len(sent.Receipts):
		return 0, ErrNotReachable // tell the holders of each other's receipts, at once
	case p.limit >= need:
		return final, ErrLimit
	case p.clock >= need:
		return final, ErrClock
	case p.refused >= need:
		return final, ErrRecord
	case p.contest != nil && p.contest.Stronger(&record.Claim{Record: c.Record, Receipts: p.contest.Receipts}, d.cfg.Ring):
		// Two claims at one moment, none with a majority: the one with the larger
		// hash holds back until both are forgotten where they do not stand.
		return d.cfg.Tentative + d.some(), ErrContested
	case p.contest != nil:
		return d.some(), ErrContested
	}
	return d.some(), ErrNotReachable
}

// some is a random time about pause.
func (d *Directory) some() time.Duration {
	return pause/2 + time.Duration(d.ep.Rand().Int64N(int64(pause)))
}

// puts counts the answers to a put.
type puts struct {
	stand                 int           // holders where the claim stands now
	known                 int           // the fewest receipts that one of those knows
	rivals                int           // holders that keep another key's claim, which stands
	rival                 *record.Claim // the strongest of these
	contest               *record.Claim // another key's claim that does not stand
	stale                 *Record       // a newer record of this key
	limit, clock, refused int
}

// countPut counts one answer. What it says about other claims is verified.
func (d *Directory) countPut(t *task.T, p *puts, c *record.Claim, v vote) error {
	var r *kbr.RefusedError
	if errors.As(v.err, &r) {
		switch r.Code {
		case msg.RefusedLimit:
			p.limit++
		case msg.RefusedClock:
			p.clock++
		case msg.RefusedRecord:
			p.refused++
		}
	}
	if v.err != nil {
		return nil
	}
	ring, ver, until := d.cfg.Ring, d.cfg.Verifier, d.ep.Wall().Add(d.cfg.Skew)
	switch m := v.msg.(type) {
	case *msg.Kept:
		name, identity := c.Record.Name.Hash(), c.Record.Identity
		if m.Receipt.Holder() != v.from.ID || m.Receipt.Verify(ring, name, identity, ver) != nil {
			d.stats.BadInput++
			return nil
		}
		c.Add(m.Receipt, d.cfg.Replicas)
		if m.Stands {
			p.stand++
			p.known = min(p.known, int(m.Known))
		}
	case *msg.Taken:
		if m.Claim.Record.Name != c.Record.Name {
			d.stats.BadInput++
			return nil
		}
		other, err := task.Work(t, disk, func() (*record.Claim, error) { return m.Claim.Verified(ring, ver, until) })
		if errors.Is(err, task.ErrStopped) {
			return err
		} else if err != nil {
			d.stats.BadInput++
			return nil
		}
		p.other(c, other, m.Stands, ring)
	}
	return nil
}

// other notes another claim on the name that is put.
func (p *puts) other(c, other *record.Claim, stands bool, ring id.Hash) {
	switch {
	case other.Record.Identity == c.Record.Identity:
		if !follows(c.Record, other.Record) && (p.stale == nil || other.Record.Newer(p.stale)) {
			p.stale = other.Record
		}
	case stands:
		p.rivals++
		if p.rival == nil || other.Stronger(p.rival, ring) {
			p.rival = other
		}
	case p.contest == nil || other.Stronger(p.contest, ring):
		p.contest = other
	}
}
