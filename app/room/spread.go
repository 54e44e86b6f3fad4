package room

import (
	"bytes"
	"errors"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/app/room/dag"
	"github.com/phyllo-net/phyllo/app/room/entry"
	"github.com/phyllo-net/phyllo/app/room/msg"
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
	// toldByOne is how many others there may be in a room in which its author pushes what is said to each.
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
	// log may be than one that was here before and still is: so each is passed on once, however often
	// it comes. One that is new here is passed on whatever its depth: its author may have just come back.
	maxPassed, recent = 256, 64
	// catchUpAfter is how long entries that others name and that are on other ways are waited for.
	catchUpAfter = 2 * time.Second
)

// spreading is what a hall knows of entries that are on their way.
type spreading struct {
	passed []id.Hash // the latest last
	// waiting are entries that wait for those that they name, to be passed on to who sits before a
	// seat when these are here: only with them it is known who is still in the room.
	waiting  map[id.Hash]id.Hash
	unsure   []unsure // the earliest first
	looking  bool
	lacking  []device // that lack something, to compare logs with
	catching bool
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
	if e.Kind != entry.WordsKind || len(others) <= toldByOne+1 { // the user is one of them
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
// before. One that nobody is to be told of is not remembered: whoever asks for that hinders no other.
func (h *hall) passOn(e *entry.Entry, after, before id.Hash) {
	x := e.Hash()
	if slices.Contains(h.spreading.passed, x) {
		return
	}
	var list []seat
	for _, p := range h.people() {
		at := seatOf(x, p)
		if p.Key != h.acc.key && p.Key != e.Author && bytes.Compare(after[:], at[:]) < 0 && bytes.Compare(at[:], before[:]) < 0 {
			list = append(list, seat{at, p})
		}
	}
	if len(list) == 0 {
		return
	}
	h.spreading.passed = append(h.spreading.passed, x)
	if n := len(h.spreading.passed); n > maxPassed {
		h.spreading.passed = slices.Delete(h.spreading.passed, 0, n-maxPassed)
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

// catchUpWith compares logs in a moment with a device that lacks something: by then most of what was
// on other ways is there.
func (h *hall) catchUpWith(d device) {
	s := &h.spreading
	if slices.Contains(s.lacking, d) {
		return
	}
	s.lacking = append(s.lacking, d)
	if s.catching {
		return
	}
	s.catching = true
	h.rooms().ep.Go(func(t *task.T) error {
		for len(s.lacking) > 0 {
			if err := t.Sleep(catchUpAfter); err != nil {
				return err
			}
			list := s.lacking
			s.lacking = nil
			for _, d := range list {
				h.compareLater(t, d)
			}
		}
		return nil
	}, func(error) { s.catching = false })
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
func (h *hall) tellEntries(t *task.T, d device, list []*entry.Entry, before id.Hash) (*msg.Took, error) {
	ans, err := h.ask(t, d, func(a *msg.About) wire.Message { return &msg.Push{About: a, Entries: list, Before: before} })
	if refusal := new(kbr.RefusedError); errors.As(err, &refusal) && refusal.Code == msg.RefusedUnknown {
		h.tellOf(t, d)
	}
	if err != nil {
		return nil, err
	}
	said, ok := ans.(*msg.Took)
	if !ok {
		return nil, wire.ErrMalformed
	}
	return said, nil
}

// compareLater compares logs with a device; in a moment, where that is done with another one now.
func (h *hall) compareLater(t *task.T, d device) {
	if h.comparing {
		h.catchUpWith(d)
		return
	}
	h.comparing = true
	_ = h.compare(t, d)
	h.comparing = false
}

// takePush takes entries from a member's node. They are believed for their signatures.
func (h *hall) takePush(t *task.T, d *kbr.Delivery, p *msg.Push) error {
	// Each is a signature to be checked.
	for range len(p.Entries) - 1 {
		if m := h.rooms(); !m.served.Take(d.Via.ID, m.ep.Now()) {
			return &kbr.RefusedError{Code: msg.RefusedBusy, Text: "too many entries in a minute"}
		}
	}
	known := len(p.Entries) == 1 && h.log.Has(p.Entries[0].Hash())
	lacks, err := h.take(t, p.Entries)
	if err != nil {
		return err
	}
	d.Reply(msg.Encode(&msg.Took{Lacks: lacks}))
	if p.Before.IsZero() {
		return nil
	}
	e, s := p.Entries[0], &h.spreading
	switch x := e.Hash(); {
	case e.Kind != entry.WordsKind || known && e.Depth+recent < h.log.Depth():
	case h.pending[x] != nil:
		if last := s.waiting[x]; bytes.Compare(last[:], p.Before[:]) < 0 {
			s.waiting[x] = p.Before
		}
	case h.log.Has(x) && !slices.Contains(s.passed, x):
		// What is kept has its author's signature, and this copy may have another.
		list, err := h.read(t, []id.Hash{x})
		if err != nil || len(list) == 0 {
			return err
		}
		h.passMine(list[0], p.Before)
	}
	return nil
}

// passMine passes an entry on to those of the user's share.
func (h *hall) passMine(e *entry.Entry, before id.Hash) {
	if h.in() {
		h.passOn(e, seatOf(e.Hash(), h.me()), before)
	}
}

// passWaiting passes on an entry that has waited for those that it names, if it was to be.
func (h *hall) passWaiting(e *entry.Entry) {
	x := e.Hash()
	before, ok := h.spreading.waiting[x]
	if !ok {
		return
	}
	delete(h.spreading.waiting, x)
	if h.log.Has(x) {
		h.passMine(e, before)
	}
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
	for i, r := range h.told.Reached(list) {
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
		h.push(t, d, fill(theirs[:min(len(theirs), msg.MaxEntries)]))
	})
	return nil
}
