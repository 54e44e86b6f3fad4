package receipts_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/room/books"
	"github.com/phyllo-net/phyllo/app/room/dag"
	"github.com/phyllo-net/phyllo/app/room/entry"
	"github.com/phyllo-net/phyllo/app/room/receipts"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr/kbrtest"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/sim/standin"
	"github.com/phyllo-net/phyllo/store/mem"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// member is somebody in a room whose log all have; his receipts reach those to whom they are sent at once.
type member struct {
	*receipts.Receipts
	signer *standin.Signer
	silent bool
	read   []byte
	told   int // how many receipts he has told
	heard  int // how often it became known how far somebody is
}

type world struct {
	*testing.T
	net    *kbrtest.Net
	log    *dag.Log
	people []*member
}

func newWorld(t *testing.T, n int) *world {
	w := &world{T: t, net: kbrtest.New(kbrtest.Config{Seed: 1})}
	t.Cleanup(w.net.Close)
	founding := (&entry.Entry{Stream: id.Tiny(1), Seq: 1, Depth: 1, Kind: entry.FoundingKind, Time: 1,
		Body: wire.MustMarshal(&entry.Founding{Title: "garden", Public: true})}).Sign(standin.NewSigner(1, 1))
	log, err := dag.New(founding)
	if err != nil {
		t.Fatal(err)
	}
	w.log = log
	for i := range n {
		m := &member{signer: standin.NewSigner(1, uint64(i+1))}
		node := w.net.Add(kbrtest.Handle(id.Tiny(byte(i + 1))))
		m.Receipts = receipts.New(receipts.Deps{Loop: node.Endpoint(1), Log: log, Verifier: standin.Verifier{}, After: 2 * time.Second,
			Book:   books.Book{Store: mem.New(), User: m.signer.Public(), Room: founding.Hash()},
			Signer: func() peer.Signer { return m.signer },
			Tells:  func() bool { return !m.silent },
			Read:   func() []byte { return m.read },
			People: func() []dag.Person { return slices.Clone(log.State().People) },
			Send: func(to []dag.Person, r *entry.Receipt) {
				m.told++
				for _, p := range to {
					for _, o := range w.people {
						if o.signer.Public() == p.Key && o != m {
							w.must(o, func(t *task.T) error { return o.Take(t, []*entry.Receipt{r}) })
						}
					}
				}
			},
			Heard: func() { m.heard++ }}, nil)
		w.people = append(w.people, m)
		if i > 0 {
			w.write(w.people[0], entry.ChangeKind, &entry.Change{Who: m.signer.Public(), Name: fmt.Sprint("m", i), Role: entry.Member, Number: 1})
		}
	}
	return w
}

// must runs f as a task of a member's.
func (w *world) must(m *member, f func(*task.T) error) {
	m.Loop.Go(f, func(err error) {
		if err != nil {
			w.Error(err)
		}
	})
}

func (w *world) write(m *member, kind entry.Kind, body any) id.Hash {
	w.Helper()
	e := w.log.Next(m.signer.Public(), id.Tiny(1))
	e.Kind, e.Time, e.Body = kind, 1, wire.MustMarshal(body)
	e = e.Sign(m.signer)
	if _, err := w.log.Add(e); err != nil {
		w.Fatal(err)
	}
	return e.Hash()
}

func (w *world) say(m *member) id.Hash { return w.write(m, entry.WordsKind, &entry.Words{Text: "x"}) }

func (w *world) reached(m *member, x id.Hash) string {
	r := m.Reached([]id.Hash{x})[0]
	return fmt.Sprintf("%d of %d, read by %d", len(r.Has), r.Of, len(r.Read))
}

// One receipt is told for all that came and was read in a moment, none by who tells nothing, and none where nothing is new.
func TestOneForAll(t *testing.T) {
	w := newWorld(t, 3)
	ann, bob, carol := w.people[0], w.people[1], w.people[2]
	carol.silent = true
	w.say(ann)
	x := w.say(ann)
	for range 5 {
		bob.Tell()
		carol.Tell()
	}
	w.net.Run(10 * time.Second)
	if bob.told != 1 || carol.told != 0 {
		t.Errorf("bob has told %d receipts, want 1; carol, who tells nothing, %d", bob.told, carol.told)
	}
	if got, want := w.reached(ann, x), "1 of 2, read by 0"; got != want {
		t.Errorf("ann knows that it is with %s, want %s", got, want)
	}
	bob.Tell()
	w.net.Run(10 * time.Second)
	if bob.told != 1 {
		t.Error("a receipt that says nothing new is told")
	}
	bob.read = x[:]
	bob.Tell()
	w.net.Run(10 * time.Second)
	if got, want := w.reached(ann, x), "1 of 2, read by 1"; got != want || ann.heard != 2 {
		t.Errorf("ann knows that it is with %s, want %s, and was told %d times", got, want, ann.heard)
	}
}

// Of somebody the latest receipt stays, whatever comes later; who lacks some is given these, and no other.
func TestLatest(t *testing.T) {
	w := newWorld(t, 3)
	ann, bob, carol := w.people[0], w.people[1], w.people[2]
	room := w.log.Room()
	first, last := w.say(ann), w.say(ann)
	sign := func(number uint64, x id.Hash) *entry.Receipt {
		return (&entry.Receipt{Number: number, Has: x[:]}).Sign(room, bob.signer)
	}
	forged := *sign(9, last)
	forged.Number = 10
	w.must(ann, func(t *task.T) error {
		return ann.Take(t, []*entry.Receipt{sign(2, first), sign(1, last), &forged})
	})
	w.net.Run(time.Second)
	for x, want := range map[id.Hash]string{first: "1 of 2, read by 0", last: "0 of 2, read by 0"} {
		if got := w.reached(ann, x); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	if list := ann.Beyond(carol.Known()); len(list) != 1 || list[0].Number != 2 {
		t.Errorf("carol is given %d receipts, want bob's", len(list))
	}
	if list := ann.Beyond(ann.Known()); len(list) != 0 {
		t.Errorf("who has all of them is given %d", len(list))
	}
}

// What the user was shown on another node is no longer unread here.
func TestElsewhere(t *testing.T) {
	w := newWorld(t, 2)
	ann, bob := w.people[0], w.people[1]
	first, last := w.say(ann), w.say(ann)
	w.must(bob, func(t *task.T) error {
		return bob.Take(t, []*entry.Receipt{(&entry.Receipt{Number: 1, Has: last[:], Read: first[:]}).Sign(w.log.Room(), bob.signer)})
	})
	w.net.Run(time.Second)
	read, upTo := bob.Elsewhere(map[id.Hash]bool{first: true, last: true})
	if len(read) != 1 || read[0] != first || string(upTo) != string(first[:]) {
		t.Errorf("read elsewhere: %d entries, up to %x; want one, %v", len(read), upTo, first)
	}
	if read, _ := bob.Elsewhere(map[id.Hash]bool{last: true}); len(read) != 0 {
		t.Error("what he was not shown anywhere is taken for read")
	}
}
