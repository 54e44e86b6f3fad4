package room

import (
	"bytes"
	"errors"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/app/room/dag"
	"github.com/phyllo-net/phyllo/app/room/entry"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// This file is how a new entry comes to all. Whoever wrote it pushes it to all in a small room. In a
// large one what is said is passed on: its author pushes it to fan members, each of whom is to pass
// it on to a share of the others, in an order that is another one for each entry, so that no member is
// on all ways. Who cannot be reached is passed over at once. One who takes it and passes nothing on
// costs his share a while: the author looks who has told no receipt, and pushes it to these himself;
// and where the author has gone they learn it when they compare logs, as everything. Who is in the
// room, and its keys, are pushed to each by their author in any room: these are few, and are not to wait.

const (
	// toldByOne is how many others may be in a room in which its author pushes what is said to each.
	toldByOne = 32
	// fan is to how many members each pushes it in a larger one.
	fan = 8
	// pushes is how many nodes one entry is pushed to at a time.
	pushes = 16
	// lookAgain is how many times ReceiptAfter an author waits before he pushes an entry himself to
	// those who have told no receipt of it, and maxUnsure of how many entries he does.
	lookAgain = 5
	maxUnsure = 256
	// maxPassed is how many entries are remembered that were passed on, and recent how much deeper the
	// log may be than one that still is: so each is passed on once, however often it comes.
	maxPassed, recent = 256, 64
	// catchUpAfter is how long entries that others name and that are on other ways are waited for.
	catchUpAfter = 2 * time.Second
)

// spreading is what a hall knows of entries that are on their way.
type spreading struct {
	passed  []id.Hash // the latest last
	unsure  []unsure  // the earliest first
	looking bool
}

// unsure is an entry of the user's that is looked after.
type unsure struct {
	entry id.Hash
	due   task.Instant
}

// spread brings a new entry of the user's to all devices of all members, and of who is put out by
// it; who cannot be found now compares his log later.
func (h *hall) spread(e *entry.Entry) {
	others := h.people()
	if e.Kind != entry.WordsKind || len(others) <= toldByOne {
		var c entry.Change
		if e.Kind == entry.ChangeKind && entry.Body(e, &c) == nil && c.Role == entry.Out && c.Name != "" {
			others = append(others, dag.Person{Key: c.Who, Name: c.Name})
		}
		h.each(others, func(t *task.T, d device) { h.push(t, d, []*entry.Entry{e}) })
		return
	}
	mine := slices.IndexFunc(others, func(p dag.Person) bool { return p.Key == h.acc.key })
	if mine >= 0 {
		h.each(others[mine:mine+1], func(t *task.T, d device) { h.push(t, d, []*entry.Entry{e}) })
	}
	h.passOn(e, id.Hash{}, lastSeat)
	h.lookAfter(e.Hash())
}

// seat is the place of a person in the order in which an entry is passed on.
type seat struct {
	at  id.Hash
	who dag.Person
}

func seatOf(x id.Hash, p dag.Person) id.Hash { return id.HashOf("room seat", x, p.Key[:]) }

// lastSeat comes after all seats.
var lastSeat = id.Hash(bytes.Repeat([]byte{0xff}, len(id.Hash{})))

// share is a part of those who are to be told of an entry: the first of them is pushed it, and is
// to pass it on to who else sits before a seat.
type share struct {
	seats  []seat
	before id.Hash
}

// shares divides seats into at most fan shares of about the same size.
func shares(list []seat, before id.Hash) (parts []share) {
	for left := fan; len(list) > 0; left-- {
		n := (len(list) + left - 1) / left
		s := share{list[:n], before}
		if list = list[n:]; len(list) > 0 {
			s.before = list[0].at
		}
		parts = append(parts, s)
	}
	return parts
}

// passing is an entry that is being passed on.
type passing struct {
	hall  *hall
	entry *entry.Entry
	queue []share
	hands int // tasks
}

// passOn passes an entry on to who sits after one seat and before another, unless it was passed on
// before, or so much was said since that it is no news.
func (h *hall) passOn(e *entry.Entry, after, before id.Hash) {
	x := e.Hash()
	if slices.Contains(h.spreading.passed, x) || e.Depth+recent < h.log.Depth() {
		return
	}
	h.spreading.passed = append(h.spreading.passed, x)
	if n := len(h.spreading.passed); n > maxPassed {
		h.spreading.passed = slices.Delete(h.spreading.passed, 0, n-maxPassed)
	}
	var list []seat
	for _, p := range h.people() {
		at := seatOf(x, p)
		if p.Key != h.acc.key && p.Key != e.Author && bytes.Compare(after[:], at[:]) < 0 && bytes.Compare(at[:], before[:]) < 0 {
			list = append(list, seat{at, p})
		}
	}
	slices.SortFunc(list, func(a, b seat) int { return bytes.Compare(a.at[:], b.at[:]) })
	p := &passing{hall: h, entry: e}
	p.add(list, before)
}

// add shares seats out.
func (p *passing) add(list []seat, before id.Hash) {
	p.queue = append(p.queue, shares(list, before)...)
	for range min(pushes-p.hands, len(p.queue)) {
		p.hands++
		p.hall.rooms().ep.Go(p.work, func(error) { p.hands-- })
	}
}

func (p *passing) work(t *task.T) error {
	for len(p.queue) > 0 {
		s := p.queue[0]
		p.queue = p.queue[1:]
		taken, err := p.hall.hand(t, p.entry, s)
		if err != nil {
			return err
		}
		if !taken {
			p.add(s.seats[1:], s.before)
		}
	}
	return nil
}

// hand pushes an entry to the devices of the first of a share; the first that takes it passes it on.
// It reports whether there was one. The error is task.ErrStopped.
func (h *hall) hand(t *task.T, e *entry.Entry, s share) (taken bool, err error) {
	devices, err := h.devices(t, s.seats[0].who)
	if err != nil {
		if errors.Is(err, task.ErrStopped) {
			return false, err
		}
		return false, nil
	}
	before := s.before
	for _, d := range devices {
		said, err := h.tellEntries(t, d, []*entry.Entry{e}, before)
		switch {
		case errors.Is(err, task.ErrStopped):
			return false, err
		case err != nil:
			continue
		case said.Lacks:
			h.catchUpWith(d)
		}
		taken, before = true, id.Hash{}
	}
	return taken, nil
}

// catchUpWith compares logs with a device that lacks something, unless it was on its way.
func (h *hall) catchUpWith(d device) {
	if h.comparing {
		return
	}
	h.rooms().ep.Go(func(t *task.T) error {
		if err := t.Sleep(catchUpAfter); err != nil {
			return err
		}
		h.compareLater(t, d)
		return nil
	}, nil)
}

// each runs f for all devices of people, some at a time; who cannot be found now is passed
// over.
func (h *hall) each(queue []dag.Person, f func(t *task.T, d device)) {
	for range min(pushes, len(queue)) {
		h.rooms().ep.Go(func(t *task.T) error {
			for len(queue) > 0 {
				p := queue[0]
				queue = queue[1:]
				devices, err := h.devices(t, p)
				if err != nil {
					continue
				}
				for _, d := range devices {
					f(t, d)
				}
			}
			return nil
		}, nil)
	}
}

// push brings entries to a device, and what they name that is not there.
func (h *hall) push(t *task.T, d device, list []*entry.Entry) {
	if said, err := h.tellEntries(t, d, list, id.Hash{}); err == nil && said.Lacks {
		h.compareLater(t, d)
	}
}

// tellEntries pushes entries to a device. One alone is passed on to who sits before a seat, if that is
// not zero.
func (h *hall) tellEntries(t *task.T, d device, list []*entry.Entry, before id.Hash) (*took, error) {
	ans, err := h.ask(t, d, func(a *about) wire.Message { return &push{About: a, Entries: list, Before: before} })
	if refusal := new(kbr.RefusedError); errors.As(err, &refusal) && refusal.Code == refusedUnknown {
		h.tellOf(t, d)
	}
	if err != nil {
		return nil, err
	}
	said, ok := ans.(*took)
	if !ok {
		return nil, wire.ErrMalformed
	}
	return said, nil
}

// compareLater compares logs with a device, unless that is done with another one now.
func (h *hall) compareLater(t *task.T, d device) {
	if h.comparing {
		return
	}
	h.comparing = true
	_ = h.compare(t, d)
	h.comparing = false
}

// takePush takes entries from a member's node. They are believed for their signatures.
func (h *hall) takePush(t *task.T, d *kbr.Delivery, p *push) error {
	// Each is a signature to be checked.
	for range len(p.Entries) - 1 {
		if m := h.rooms(); !m.served.Take(d.Via.ID, m.ep.Now()) {
			return &kbr.RefusedError{Code: refusedBusy, Text: "too many entries in a minute"}
		}
	}
	lacks, err := h.take(t, p.Entries)
	if err != nil {
		return err
	}
	d.Reply(encode(&took{Lacks: lacks}))
	if p.Before.IsZero() || !h.in() {
		return nil
	}
	// Also one that waits for those that it names: they are on other ways.
	if e := p.Entries[0]; e.Kind == entry.WordsKind && (h.log.Has(e.Hash()) || h.pending[e.Hash()] != nil) {
		h.passOn(e, seatOf(e.Hash(), h.me()), p.Before)
	}
	return nil
}

// lookAfter has it looked later who has told no receipt of an entry of the user's.
func (h *hall) lookAfter(x id.Hash) {
	m, s := h.rooms(), &h.spreading
	if len(s.unsure) < maxUnsure {
		s.unsure = append(s.unsure, unsure{x, m.ep.Now().Add(lookAgain * m.cfg.ReceiptAfter)})
	}
	if s.looking {
		return
	}
	s.looking = true
	m.ep.Go(func(t *task.T) error {
		for len(s.unsure) > 0 {
			if err := t.Sleep(s.unsure[0].due.Sub(m.ep.Now())); err != nil {
				return err
			}
			var list []id.Hash
			for len(s.unsure) > 0 && !m.ep.Now().Before(s.unsure[0].due) {
				list = append(list, s.unsure[0].entry)
				s.unsure = s.unsure[1:]
			}
			if err := h.pushAgain(t, list); err != nil {
				return err
			}
		}
		return nil
	}, func(error) { s.looking = false })
}

// pushAgain pushes entries to those who have told no receipt of them.
func (h *hall) pushAgain(t *task.T, list []id.Hash) error {
	lack := map[peer.Key][]id.Hash{}
	people := h.others()
	for i, r := range h.reached(list) {
		for _, p := range people {
			if !slices.ContainsFunc(r.Has, func(o dag.Person) bool { return o.Key == p.Key }) {
				lack[p.Key] = append(lack[p.Key], list[i])
			}
		}
	}
	people = slices.DeleteFunc(people, func(p dag.Person) bool { return len(lack[p.Key]) == 0 })
	if len(people) == 0 || !h.in() {
		return nil
	}
	entries, err := h.read(t, list)
	if err != nil {
		return err
	}
	h.each(people, func(t *task.T, d device) {
		theirs := slices.DeleteFunc(slices.Clone(entries), func(e *entry.Entry) bool { return !slices.Contains(lack[d.who.Key], e.Hash()) })
		h.push(t, d, fill(theirs[:min(len(theirs), maxEntries)]))
	})
	return nil
}
