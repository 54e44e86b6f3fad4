package upkeep

import (
	"errors"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/app/room/entry"
	"github.com/phyllo-net/phyllo/app/room/shelf"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/task"
)

// Day is that of clocks.
const Day = 24 * time.Hour

// Renewed is how much is left of a pack, or of letters, of storedFor days when it is first made anew: by the first of
// those in the room who look after it, by the next of them where less than nextRenews less is left, and so on, by all
// that come after renewers of them at one time. So whoever was there last leaves packs for 90 days and more.
const Renewed = 120 * Day

const (
	storedFor  = 200 * Day
	nextRenews = 2 * Day
	renewers   = 14
	// maxEnds is how many ends are remembered of which heads say nothing, and askedAtOnce for how many
	// storage is asked before the head is written.
	maxEnds, askedAtOnce = 1 << 10, 32
)

// renew makes packs anew that end soon, if it is the user's turn. That some cannot be made anew does not keep the
// head from being written, and the next look begins behind those that cannot be read or hold nothing of the
// log: so they stand in no other's way.
func (u *Upkeep) renew(t *task.T, head *shelf.Head, p *Packing) error {
	if !u.Log.HasAll(entry.Hashes(head.Packed)) {
		return nil // what they hold is not known
	}
	packs, known, err := u.dated(t, head.Packs, p)
	if err != nil {
		return err
	}
	first := u.renewed
	for i := range packs {
		at := (first + i) % len(packs)
		r := packs[at]
		if known[at] && p.anew[r.Object] == nil && p.late == nil && len(p.anew)+p.unfit < packsAtOnce && u.renews(r) {
			anew, err := u.renewPack(t, packs[at:at+1])
			switch {
			case errors.Is(err, task.ErrStopped):
				return err
			case err != nil:
				p.late = err
			case anew == nil:
				u.renewed, p.unfit = at+1, p.unfit+1
			default:
				p.anew[r.Object] = anew
			}
		}
		if anew := p.anew[r.Object]; anew != nil {
			packs[at] = anew
		}
	}
	head.Packs = packs
	return nil
}

// renewPack puts what one pack holds of the log into a new one; nil: it cannot be read now, or holds nothing.
func (u *Upkeep) renewPack(t *task.T, one []*shelf.Ref) (*shelf.Ref, error) {
	list, err := u.unpack(t, one)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return u.putPack(t, list)
}

// renews reports whether the user is to make a pack anew now.
func (u *Upkeep) renews(r *shelf.Ref) bool { return u.Due(r.Object, r.Ends) }

// Due reports whether it is the user's turn to make something anew that ends by itself. Where no end is known
// whose turn that is changes with time, as he may be away.
func (u *Upkeep) Due(object id.Hash, ends int64) bool {
	now := u.Env.Wall()
	if ends == 0 {
		return u.Order(id.HashOf("room renew", object, now.Unix()/int64(nextRenews/time.Second))) == 0
	}
	left := time.UnixMilli(ends).Sub(now)
	return left < Renewed && left < Renewed-nextRenews*time.Duration(min(u.Order(object), renewers))
}

// dated are packs with their ends. Where an older program has written the head since, that does not say them: they are
// remembered, or storage is asked; known tells of which it is known then whether they end. Where storage was asked for
// as many as it is for one look, and answers, another look follows soon; it begins behind those that were asked for.
func (u *Upkeep) dated(t *task.T, packs []*shelf.Ref, p *Packing) (dated []*shelf.Ref, known []bool, err error) {
	dated, known = slices.Clone(packs), make([]bool, len(packs))
	first := u.asked
	for i := range packs {
		at := (first + i) % len(packs)
		r := packs[at]
		if r.Ends != 0 {
			known[at] = true
			continue
		}
		_, had := u.endings[r.Object]
		if !had && p.asked >= askedAtOnce {
			if p.answered {
				u.Again()
			}
			continue
		}
		ends, answered, err := u.EndOf(t, r.Object)
		if err != nil {
			return nil, nil, err
		}
		if !had {
			u.asked, p.asked, p.answered = at+1, p.asked+1, p.answered || answered
		}
		if known[at] = answered; ends != 0 {
			with := *r
			with.Ends, dated[at] = ends, &with
		}
	}
	return dated, known, nil
}

// Ends is when what is put into storage now ends: at the end of a day, so that nobody who keeps it
// learns from that when it was said.
func (u *Upkeep) Ends() time.Time { return u.Env.Wall().Add(storedFor).Truncate(Day) }

// EndOf returns when something in storage ends, of which a head does not say it, Unix milliseconds; 0: not by itself, or
// it is not there, or, where it is not known, storage cannot be asked for now. The error is task.ErrStopped.
func (u *Upkeep) EndOf(t *task.T, object id.Hash) (ends int64, known bool, err error) {
	if ends, ok := u.endings[object]; ok {
		return ends, true, nil
	}
	at, err := u.Shelf.Storage.Ends(t, object)
	switch {
	case errors.Is(err, task.ErrStopped):
		return 0, false, err
	case err == nil && !at.IsZero():
		ends = at.UnixMilli()
	case err != nil && !errors.Is(err, shelf.ErrNothing):
		return 0, false, nil
	}
	if u.endings == nil || len(u.endings) >= maxEnds {
		u.endings = map[id.Hash]int64{}
	}
	u.endings[object] = ends
	return ends, true, nil
}
