// Package spread is how a new entry of a room comes to all. Whoever wrote it pushes it to all in a small room. In a
// large one what is said is passed on: its author pushes it to fan members, each of whom is to pass
// it on to a share of the others, in an order that is another one for each entry, so that no member is
// on all ways. Who cannot be reached is passed over at once. One who takes it and passes nothing on
// costs his share a while: the author looks who has told no receipt, and pushes it to these himself;
// and where the author has gone they learn it when they compare logs, as everything. Who is in the
// room, and its keys, are pushed to each by their author in any room: these are few, and are not to wait.
//
// A Spread is one device's part in that for one room. Who asks whether what is said comes to all, and how often it is
// pushed, reads one room, which knows neither links nor the comparison of logs.
package spread

import (
	"bytes"
	"errors"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/app/room/dag"
	"github.com/phyllo-net/phyllo/app/room/entry"
	"github.com/phyllo-net/phyllo/app/room/msg"
	"github.com/phyllo-net/phyllo/app/room/receipts"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
)

const (
	// toldByOne is how many others there may be in a room in which its author pushes what is said to each.
	toldByOne = 32
	// fan is to how many members each pushes it in a larger one.
	fan = 8
	// pushes is how many nodes one entry is pushed to at a time.
	pushes = 16
	// lookAgain is how many times After an author waits before he pushes an entry himself to
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

// Device is a node of a member.
type Device struct {
	Who  dag.Person
	Node id.ID
}

// Loop is the node's, as this room sees it.
type Loop interface {
	task.Env
	// Go runs f as a task, and calls done with its error.
	Go(f func(*task.T) error, done func(error))
}

// Deps is what a Spread sees. All must be set.
type Deps struct {
	Loop Loop
	User peer.Key
	Log  *dag.Log
	// After is about how long receipts gather before they are told.
	After time.Duration
	// In reports whether the user is in the room. People are all who are, himself with his other devices among them, and
	// Devices those of one: the error is task.ErrStopped, or he cannot be found now.
	In      func() bool
	People  func() []dag.Person
	Devices func(t *task.T, who dag.Person) ([]Device, error)
	// Tell pushes entries to a device. One alone is passed on to who sits before a seat, if that is not zero.
	Tell func(t *task.T, d Device, list []*entry.Entry, before id.Hash) (*msg.Took, error)
	// Compare compares logs with a device; later, by CatchUpWith, where that is done with another one now.
	Compare func(t *task.T, d Device)
	// Read reads entries that are here. Waits reports whether one waits for those that it names.
	Read  func(t *task.T, list []id.Hash) ([]*entry.Entry, error)
	Waits func(x id.Hash) bool
	// Reached is how far entries are known to have come.
	Reached func(list []id.Hash) []receipts.Reached
}

// Spread is what a device knows of entries that are on their way. Not for several goroutines at once: all is called on the
// node's loop.
type Spread struct {
	Deps
	passed []id.Hash // the latest last
	// waiting are entries that wait for those that they name, to be passed on to who sits before a
	// seat when these are here: only with them it is known who is still in the room.
	waiting  map[id.Hash]id.Hash
	unsure   []unsure // the earliest first
	looking  bool
	lacking  []Device // that lack something, to compare logs with
	catching bool
}

// New returns a Spread that knows of no entry yet.
func New(d Deps) *Spread { return &Spread{Deps: d, waiting: map[id.Hash]id.Hash{}} }

// unsure is an entry of the user's that is looked after.
type unsure struct {
	entry id.Hash
	due   task.Instant
}

// Bring brings a new entry of the user's to all devices of all members, and of who is put out by
// it; who cannot be found now compares his log later.
func (s *Spread) Bring(e *entry.Entry) {
	others := s.People()
	if e.Kind != entry.WordsKind || len(others) <= toldByOne+1 { // the user is one of them
		var c entry.Change
		if e.Kind == entry.ChangeKind && entry.Body(e, &c) == nil && c.Role == entry.Out && c.Name != "" {
			others = append(others, dag.Person{Key: c.Who, Name: c.Name})
		}
		s.Each(others, func(t *task.T, d Device) { s.Push(t, d, []*entry.Entry{e}) })
		return
	}
	mine := slices.IndexFunc(others, func(p dag.Person) bool { return p.Key == s.User })
	if mine >= 0 {
		s.Each(others[mine:mine+1], func(t *task.T, d Device) { s.Push(t, d, []*entry.Entry{e}) })
	}
	s.passOn(e, id.Hash{}, lastSeat)
	s.lookAfter(e.Hash())
}

// seat is the place of a person in the order in which an entry is passed on.
type seat struct {
	at  id.Hash
	who dag.Person
}

func seatOf(x id.Hash, who peer.Key) id.Hash { return id.HashOf("room seat", x, who[:]) }

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
	of    *Spread
	entry *entry.Entry
	queue []share
	hands int // tasks
}

// passOn passes an entry on to who sits after one seat and before another, unless it was passed on
// before. One that nobody is to be told of is not remembered: whoever asks for that hinders no other.
func (s *Spread) passOn(e *entry.Entry, after, before id.Hash) {
	x := e.Hash()
	if slices.Contains(s.passed, x) {
		return
	}
	var list []seat
	for _, p := range s.People() {
		at := seatOf(x, p.Key)
		if p.Key != s.User && p.Key != e.Author && bytes.Compare(after[:], at[:]) < 0 && bytes.Compare(at[:], before[:]) < 0 {
			list = append(list, seat{at, p})
		}
	}
	if len(list) == 0 {
		return
	}
	s.passed = append(s.passed, x)
	if n := len(s.passed); n > maxPassed {
		s.passed = slices.Delete(s.passed, 0, n-maxPassed)
	}
	slices.SortFunc(list, func(a, b seat) int { return bytes.Compare(a.at[:], b.at[:]) })
	p := &passing{of: s, entry: e}
	p.add(list, before)
}

// add shares seats out.
func (p *passing) add(list []seat, before id.Hash) {
	p.queue = append(p.queue, shares(list, before)...)
	for range min(pushes-p.hands, len(p.queue)) {
		p.hands++
		p.of.Loop.Go(p.work, func(error) { p.hands-- })
	}
}

func (p *passing) work(t *task.T) error {
	for len(p.queue) > 0 {
		s := p.queue[0]
		p.queue = p.queue[1:]
		taken, err := p.of.hand(t, p.entry, s)
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
func (s *Spread) hand(t *task.T, e *entry.Entry, part share) (taken bool, err error) {
	devices, err := s.Devices(t, part.seats[0].who)
	if err != nil {
		if errors.Is(err, task.ErrStopped) {
			return false, err
		}
		return false, nil
	}
	before := part.before
	for _, d := range devices {
		said, err := s.Tell(t, d, []*entry.Entry{e}, before)
		switch {
		case errors.Is(err, task.ErrStopped):
			return false, err
		case err != nil:
			continue
		case said.Lacks:
			s.CatchUpWith(d)
		}
		taken, before = true, id.Hash{}
	}
	return taken, nil
}

// CatchUpWith compares logs in a moment with a device that lacks something: by then most of what was
// on other ways is there.
func (s *Spread) CatchUpWith(d Device) {
	if slices.Contains(s.lacking, d) {
		return
	}
	s.lacking = append(s.lacking, d)
	if s.catching {
		return
	}
	s.catching = true
	s.Loop.Go(func(t *task.T) error {
		for len(s.lacking) > 0 {
			if err := t.Sleep(catchUpAfter); err != nil {
				return err
			}
			list := s.lacking
			s.lacking = nil
			for _, d := range list {
				s.Compare(t, d)
			}
		}
		return nil
	}, func(error) { s.catching = false })
}

// Each runs f for all devices of people, some at a time; who cannot be found now is passed
// over.
func (s *Spread) Each(queue []dag.Person, f func(t *task.T, d Device)) {
	for range min(pushes, len(queue)) {
		s.Loop.Go(func(t *task.T) error {
			for len(queue) > 0 {
				p := queue[0]
				queue = queue[1:]
				devices, err := s.Devices(t, p)
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

// Push brings entries to a device, and what they name that is not there.
func (s *Spread) Push(t *task.T, d Device, list []*entry.Entry) {
	if said, err := s.Tell(t, d, list, id.Hash{}); err == nil && said.Lacks {
		s.Compare(t, d)
	}
}

// PassOn passes on an entry that was pushed to this device to be passed on to who sits before a seat, or has it wait for those
// that it names. known reports that it was here before.
func (s *Spread) PassOn(t *task.T, e *entry.Entry, known bool, before id.Hash) error {
	switch x := e.Hash(); {
	case e.Kind != entry.WordsKind || known && e.Depth+recent < s.Log.Depth():
	case s.Waits(x):
		if last := s.waiting[x]; bytes.Compare(last[:], before[:]) < 0 {
			s.waiting[x] = before
		}
	case s.Log.Has(x) && !slices.Contains(s.passed, x):
		// What is kept has its author's signature, and this copy may have another.
		list, err := s.Read(t, []id.Hash{x})
		if err != nil || len(list) == 0 {
			return err
		}
		s.passMine(list[0], before)
	}
	return nil
}

// passMine passes an entry on to those of the user's share.
func (s *Spread) passMine(e *entry.Entry, before id.Hash) {
	if s.In() {
		s.passOn(e, seatOf(e.Hash(), s.User), before)
	}
}

// Came passes on an entry that has waited for those that it names, if it was to be.
func (s *Spread) Came(e *entry.Entry) {
	x := e.Hash()
	before, ok := s.waiting[x]
	if !ok {
		return
	}
	delete(s.waiting, x)
	if s.Log.Has(x) {
		s.passMine(e, before)
	}
}

// lookAfter has it looked later who has told no receipt of an entry of the user's.
func (s *Spread) lookAfter(x id.Hash) {
	if len(s.unsure) < maxUnsure {
		s.unsure = append(s.unsure, unsure{x, s.Loop.Now().Add(lookAgain * s.After)})
	}
	if s.looking {
		return
	}
	s.looking = true
	s.Loop.Go(func(t *task.T) error {
		for len(s.unsure) > 0 {
			if err := t.Sleep(s.unsure[0].due.Sub(s.Loop.Now())); err != nil {
				return err
			}
			var list []id.Hash
			for len(s.unsure) > 0 && !s.Loop.Now().Before(s.unsure[0].due) {
				list = append(list, s.unsure[0].entry)
				s.unsure = s.unsure[1:]
			}
			if err := s.pushAgain(t, list); err != nil {
				return err
			}
		}
		return nil
	}, func(error) { s.looking = false })
}

// pushAgain pushes entries to those who have told no receipt of them.
func (s *Spread) pushAgain(t *task.T, list []id.Hash) error {
	lack := map[peer.Key][]id.Hash{}
	people := slices.DeleteFunc(s.People(), func(p dag.Person) bool { return p.Key == s.User })
	for i, r := range s.Reached(list) {
		for _, p := range people {
			if !slices.ContainsFunc(r.Has, func(o dag.Person) bool { return o.Key == p.Key }) {
				lack[p.Key] = append(lack[p.Key], list[i])
			}
		}
	}
	people = slices.DeleteFunc(people, func(p dag.Person) bool { return len(lack[p.Key]) == 0 })
	if len(people) == 0 || !s.In() {
		return nil
	}
	entries, err := s.Read(t, list)
	if err != nil {
		return err
	}
	s.Each(people, func(t *task.T, d Device) {
		theirs := slices.DeleteFunc(slices.Clone(entries), func(e *entry.Entry) bool { return !slices.Contains(lack[d.Who.Key], e.Hash()) })
		s.Push(t, d, msg.Fill(theirs[:min(len(theirs), msg.MaxEntries)]))
	})
	return nil
}
