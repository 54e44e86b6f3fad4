package dag_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/phyllo-net/phyllo/app/room/dag"
	"github.com/phyllo-net/phyllo/app/room/entry"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/sim/simtest"
	"github.com/phyllo-net/phyllo/sim/standin"
	"github.com/phyllo-net/phyllo/wire"
)

// person is a member with his copy of the log.
type person struct {
	t      *testing.T
	signer *standin.Signer
	stream id.ID
	log    *dag.Log
	all    map[id.Hash]*entry.Entry
}

func (p *person) key() peer.Key { return p.signer.Public() }

// people returns a room's founder, and others who have nothing but its founding.
func people(t *testing.T, n int, public bool) []*person {
	t.Helper()
	first := (&entry.Entry{Stream: id.Tiny(1), Seq: 1, Depth: 1, Kind: entry.FoundingKind, Time: 1,
		Body: wire.MustMarshal(&entry.Founding{Title: "garden", Public: public})}).Sign(standin.NewSigner(1, 1))
	var list []*person
	for i := range n {
		l, err := dag.New(first)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, &person{t, standin.NewSigner(1, uint64(i+1)), id.Tiny(byte(i + 1)), l, map[id.Hash]*entry.Entry{first.Hash(): first}})
	}
	return list
}

// write adds an entry of p's to his log.
func (p *person) write(kind entry.Kind, body any) *entry.Entry {
	p.t.Helper()
	e := p.log.Next(p.key(), p.stream)
	e.Kind, e.Time, e.Body = kind, 1, wire.MustMarshal(body)
	e = e.Sign(p.signer)
	p.add(e)
	return e
}

func (p *person) add(e *entry.Entry) {
	p.t.Helper()
	if err := e.Verify(standin.Verifier{}); err != nil {
		p.t.Fatal(err)
	}
	if _, err := p.log.Add(e); err != nil {
		p.t.Fatal(err)
	}
	p.all[e.Hash()] = e
}

func (p *person) say(text string) *entry.Entry {
	p.t.Helper()
	return p.write(entry.WordsKind, &entry.Words{Text: text})
}

func (p *person) change(who *person, r entry.Role) *entry.Entry {
	p.t.Helper()
	c := &entry.Change{Who: who.key(), Role: r, Number: p.log.State().Find(who.key()).Number + 1}
	switch r {
	case entry.Out:
		c.Cut = p.log.Cut(who.key())
	case entry.Owner:
		c.Cut = p.log.Cut(p.key())
	}
	return p.write(entry.ChangeKind, c)
}

func (p *person) epoch() *entry.Entry {
	p.t.Helper()
	s := p.log.State()
	return p.write(entry.EpochKind, &entry.Epoch{Number: s.Epochs + 1, Readers: s.Readers()})
}

// send gives all that p has to o, as two members do it.
func (p *person) send(o *person) {
	p.t.Helper()
	p.log.Beyond(o.log.Marks(), func(h id.Hash) bool {
		if missing := o.log.Missing(p.all[h]); len(missing) != 0 {
			p.t.Fatalf("%d entries are missing before one that was sent in order", len(missing))
		}
		o.add(p.all[h])
		return true
	})
}

func meet(list ...*person) {
	for range 2 {
		for _, a := range list {
			for _, b := range list {
				a.send(b)
			}
		}
	}
}

// texts are the words that p is shown, the first first.
func (p *person) texts() []string {
	var list []string
	p.log.Shown(func(l dag.Line) bool {
		var w entry.Words
		if e := p.all[l.Hash]; e.Kind == entry.WordsKind {
			if err := entry.Body(e, &w); err != nil {
				p.t.Fatal(err)
			}
			list = append(list, w.Text)
		}
		return true
	})
	slices.Reverse(list)
	return list
}

func (p *person) role(who *person) entry.Role { return p.log.State().Role(who.key()) }

func want[T any](t *testing.T, what string, got, want T) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// Whoever has the same entries sees the same room, whatever came first; who reads the log
// from top to bottom sees each line after those that its author had seen.
func TestConverge(t *testing.T) {
	simtest.Seeds(t, 200, func(t *testing.T, seed uint64) {
		r := rand.New(rand.NewPCG(seed, 1))
		list := people(t, 6, seed%3 == 0)
		for i := range 80 {
			p, o := list[r.IntN(len(list))], list[r.IntN(len(list))]
			switch r.IntN(12) {
			case 0:
				p.change(o, entry.Role(1+r.IntN(4)))
			case 1:
				if s := p.log.State(); len(s.Readers()) > 0 {
					p.epoch()
				}
			case 2:
				p.write(entry.TitleKind, &entry.Title{Title: fmt.Sprint("title ", i), Number: p.log.State().TitleNumber + 1})
			case 3, 4, 5:
				p.say(fmt.Sprint(i))
			case 6:
				if seed%2 == 0 { // some write as if they had not seen all
					p.fork(r)
				}
			default:
				p.send(o)
			}
		}
		for range 3 {
			meet(list...)
		}
		for _, p := range list {
			p.fetch(list)
		}
		for _, p := range list[1:] {
			want(t, "entries", p.log.Len(), list[0].log.Len())
			want(t, "heads", p.log.Heads(), list[0].log.Heads())
			want(t, "state", p.log.State(), list[0].log.State())
			want(t, "texts", p.texts(), list[0].texts())
			want(t, "forked", p.log.Forked(), list[0].log.Forked())
		}
		inOrder(t, list[0])
		before(t, list[0].log, r)
		again(t, list[0], r)
	})
}

// before checks what a log says of what comes before an entry.
func before(t *testing.T, l *dag.Log, r *rand.Rand) {
	t.Helper()
	var all []id.Hash
	l.Beyond(nil, func(h id.Hash) bool { all = append(all, h); return true })
	x := all[r.IntN(len(all))]
	beside := l.Beside([]id.Hash{x})
	want(t, "an entry, what comes before it, and the rest", len(l.Among(x))+len(beside), l.Len())
	want(t, "the last", l.Among(x)[len(l.Among(x))-1], x)
	var beyond []id.Hash
	l.Beyond(l.MarksBefore(x), func(h id.Hash) bool { beyond = append(beyond, h); return true })
	if len(l.Forked()) == 0 {
		want(t, "beyond what comes before it", beyond, beside)
	}
	for _, h := range beside {
		if !slices.Contains(beyond, h) {
			t.Errorf("%v comes not before %v, and its mark is told", h, x)
		}
	}
}

// fork adds an entry in place of the last of p's stream.
func (p *person) fork(r *rand.Rand) {
	p.t.Helper()
	var mine []*entry.Entry
	for _, e := range p.all {
		if e.Author == p.key() && e.Seq > 1 {
			mine = append(mine, e)
		}
	}
	if len(mine) == 0 {
		return
	}
	slices.SortFunc(mine, func(a, b *entry.Entry) int { return int(a.Depth) - int(b.Depth) })
	e := *mine[r.IntN(len(mine))]
	e.Kind, e.Body = entry.WordsKind, wire.MustMarshal(&entry.Words{Text: fmt.Sprint("fork ", r.IntN(1000))})
	s := e.Sign(p.signer)
	_, err := p.log.Add(s)
	switch {
	case err == nil:
		p.all[s.Hash()] = s
	case !errors.Is(err, dag.ErrForks):
		p.t.Fatal(err)
	}
}

// fetch asks others for the heads that p lacks, and for what comes before them, until
// nothing is missing: what marks do not tell of forks.
func (p *person) fetch(list []*person) {
	p.t.Helper()
	var get func(from *person, h id.Hash)
	get = func(from *person, h id.Hash) {
		if p.log.Has(h) {
			return
		}
		e := from.all[h]
		for _, m := range p.log.Missing(e) {
			get(from, m)
		}
		p.add(e)
	}
	for _, o := range list {
		for _, h := range slices.Clone(o.log.Heads()) {
			get(o, h)
		}
	}
}

func inOrder(t *testing.T, p *person) {
	t.Helper()
	seen := map[id.Hash]bool{}
	var order []id.Hash
	p.log.Beyond(nil, func(h id.Hash) bool { order = append(order, h); return true })
	for _, h := range order {
		for _, b := range p.all[h].Before() {
			if !seen[b] {
				t.Fatal("an entry stands before one that it names")
			}
		}
		seen[h] = true
	}
}

// again builds the log anew in another order and compares.
func again(t *testing.T, p *person, r *rand.Rand) {
	t.Helper()
	fresh := people(t, 1, p.log.Founding().Public)[0]
	var waiting []*entry.Entry
	for _, e := range p.all {
		waiting = append(waiting, e)
	}
	slices.SortFunc(waiting, func(a, b *entry.Entry) int { ha, hb := a.Hash(), b.Hash(); return slices.Compare(ha[:], hb[:]) })
	r.Shuffle(len(waiting), func(i, j int) { waiting[i], waiting[j] = waiting[j], waiting[i] })
	for len(waiting) > 0 {
		waiting = slices.DeleteFunc(waiting, func(e *entry.Entry) bool {
			if len(fresh.log.Missing(e)) != 0 {
				return false
			}
			fresh.add(e)
			return true
		})
	}
	want(t, "state of a log built in another order", fresh.log.State(), p.log.State())
	want(t, "its texts", fresh.texts(), p.texts())
}

// What somebody wrote before he was put out stays; what he writes as if he did not know of
// it is not shown, though it names only entries that came before.
func TestPutOut(t *testing.T) {
	l := people(t, 3, false)
	alice, bob, carol := l[0], l[1], l[2]
	alice.change(bob, entry.Member)
	alice.change(carol, entry.Member)
	meet(l...)
	bob.say("one")
	meet(l...)
	alice.change(bob, entry.Out)
	bob.say("two")
	bob.stream = id.Tiny(99)
	bob.say("three")
	carol.say("four")
	meet(l...)
	want(t, "texts", carol.texts(), []string{"one", "four"})
	want(t, "bob", carol.role(bob), entry.Out)
	alice.change(bob, entry.Member)
	bob.stream = id.Tiny(98)
	meet(l...)
	bob.say("five")
	meet(l...)
	if got := carol.texts(); got[len(got)-1] != "five" || slices.Contains(got, "two") {
		t.Errorf("after he was taken back: %v", got)
	}
	want(t, "bob", carol.role(bob), entry.Member)
}

// Members have no say in who is a member, and strangers are not heard.
func TestRights(t *testing.T) {
	l := people(t, 4, false)
	alice, bob, carol, dave := l[0], l[1], l[2], l[3]
	alice.change(bob, entry.Member)
	meet(l...)
	bob.change(carol, entry.Member)
	bob.change(alice, entry.Out)
	bob.change(bob, entry.Admin)
	bob.write(entry.TitleKind, &entry.Title{Title: "bob's", Number: 1})
	bob.epoch()
	dave.say("hello?")
	dave.change(dave, entry.Member)
	meet(l...)
	want(t, "carol", alice.role(carol), entry.Out)
	want(t, "alice", alice.role(alice), entry.Owner)
	want(t, "bob", alice.role(bob), entry.Member)
	want(t, "dave", alice.role(dave), entry.Out)
	want(t, "title", alice.log.State().Title, "garden")
	want(t, "texts", alice.texts(), nil)
	if alice.log.State().Epoch.Epoch != nil {
		t.Error("a member began an epoch")
	}
}

// Only the owner makes admins, and what one does who is no admin any more has no effect,
// though he writes it as if he did not know.
func TestAdmins(t *testing.T) {
	l := people(t, 4, false)
	alice, bob, carol, dave := l[0], l[1], l[2], l[3]
	alice.change(bob, entry.Admin)
	alice.change(carol, entry.Admin)
	meet(l...)
	bob.change(dave, entry.Member)
	meet(l...)
	want(t, "dave", alice.role(dave), entry.Member)
	carol.change(bob, entry.Out) // an admin cannot
	meet(l...)
	want(t, "bob", alice.role(bob), entry.Admin)
	alice.change(bob, entry.Out)
	bob.change(dave, entry.Out)
	bob.change(carol, entry.Out)
	meet(l...)
	want(t, "bob", carol.role(bob), entry.Out)
	want(t, "dave", carol.role(dave), entry.Member)
	want(t, "carol", carol.role(carol), entry.Admin)
	carol.change(carol, entry.Out) // who leaves is no admin either
	carol.change(dave, entry.Out)
	meet(l...)
	want(t, "carol", alice.role(carol), entry.Out)
	want(t, "dave", alice.role(dave), entry.Member)
}

// Numbers that lead nowhere do not count: nobody can be made to stay in or out for good.
func TestHugeNumber(t *testing.T) {
	l := people(t, 3, false)
	alice, bob, carol := l[0], l[1], l[2]
	alice.change(bob, entry.Admin)
	alice.change(carol, entry.Member)
	meet(l...)
	bob.write(entry.ChangeKind, &entry.Change{Who: carol.key(), Role: entry.Out, Number: entry.MaxNumber})
	meet(l...)
	want(t, "carol", alice.role(carol), entry.Member)
	bob.write(entry.ChangeKind, &entry.Change{Who: carol.key(), Role: entry.Out, Number: 5})
	for range 2 {
		alice.write(entry.TitleKind, &entry.Title{Title: "x", Number: alice.log.State().TitleNumber + 1})
	}
	meet(l...)
	want(t, "carol", alice.role(carol), entry.Out)
	alice.change(carol, entry.Member)
	meet(l...)
	want(t, "carol", bob.role(carol), entry.Member)
}

// Of two that begin an epoch at once one is current for all, and whoever is out reads it
// not: an epoch whose readers are all members goes before one with a higher number.
func TestEpochs(t *testing.T) {
	l := people(t, 3, false)
	alice, bob, carol := l[0], l[1], l[2]
	if !alice.log.State().Stale() {
		t.Error("a room for invited people needs a first epoch")
	}
	alice.change(bob, entry.Admin)
	alice.change(carol, entry.Member)
	alice.epoch()
	meet(l...)
	one, two := alice.epoch().Hash(), bob.epoch().Hash()
	meet(l...)
	s := alice.log.State()
	want(t, "epochs", s.Epochs, 2)
	want(t, "the smaller hash", s.Epoch.Entry, slices.MinFunc([]id.Hash{one, two}, func(a, b id.Hash) int { return slices.Compare(a[:], b[:]) }))
	want(t, "current", s.Epoch, carol.log.State().Epoch)
	alice.change(carol, entry.Out)
	without := alice.epoch()
	bob.epoch()
	bob.epoch()
	meet(l...)
	s = bob.log.State()
	want(t, "epochs", s.Epochs, 4)
	want(t, "current", s.Epoch.Entry, without.Hash())
	want(t, "stale", s.Stale(), false)
	want(t, "carol reads", s.Epoch.Epoch.Reads(carol.key()), false)
}

// Who comes when an epoch has begun has its key from any member, so no other begins; when he
// is out again one does that comes after that, also where its author had not heard that he
// ever was in. To leave twice begins none.
func TestEpochOfNewcomers(t *testing.T) {
	l := people(t, 4, false)
	alice, bob, carol, dave := l[0], l[1], l[2], l[3]
	alice.change(bob, entry.Admin)
	alice.change(dave, entry.Member)
	alice.epoch()
	meet(l...)
	alice.change(carol, entry.Member)
	want(t, "stale when somebody has come", alice.log.State().Stale(), false)
	alice.send(carol)
	alice.change(carol, entry.Out)
	want(t, "stale when she is out", alice.log.State().Stale(), true)
	want(t, "split when nobody has begun without her", alice.log.State().Split(), false)
	without := alice.epoch()
	want(t, "stale", alice.log.State().Stale(), false)
	want(t, "current", alice.log.State().Epoch.Entry, without.Hash())

	// Bob, who knows nothing of carol, puts dave out; his epochs are of no use to the others.
	bob.change(dave, entry.Out)
	bob.epoch()
	bob.epoch()
	want(t, "stale for bob", bob.log.State().Stale(), false)
	meet(l...)
	want(t, "stale when they meet", bob.log.State().Stale(), true)
	want(t, "split when they meet", carol.log.State().Split(), true)
	last := bob.epoch()
	meet(l...)
	want(t, "split when one was made of both", carol.log.State().Split(), false)
	for _, p := range l {
		want(t, "current for all", p.log.State().Epoch.Entry, last.Hash())
		want(t, "stale for all", p.log.State().Stale(), false)
	}
	dave.change(dave, entry.Out)
	meet(l...)
	want(t, "stale when somebody leaves who is out", alice.log.State().Stale(), false)
	alice.change(carol, entry.Member)
	want(t, "stale when somebody is back", alice.log.State().Stale(), false)
	alice.change(carol, entry.Out)
	want(t, "stale when she is out again", alice.log.State().Stale(), true)
}

// Who came after an epoch is told from who came while it began elsewhere, who was there before it and is back, or has
// another role since.
func TestNewcomers(t *testing.T) {
	l := people(t, 5, false)
	alice, bob, carol, dave, erin := l[0], l[1], l[2], l[3], l[4]
	alice.change(bob, entry.Admin)
	alice.change(carol, entry.Member)
	first := alice.epoch()
	meet(l...)
	bob.change(dave, entry.Member)
	alice.change(carol, entry.Out)
	second := alice.epoch()
	alice.change(carol, entry.Member)
	alice.change(bob, entry.Member)
	alice.change(bob, entry.Admin)
	alice.change(erin, entry.Member)
	alice.change(erin, entry.Admin)
	meet(l...)
	for i, epoch := range []*entry.Entry{first, second} {
		for j, who := range l {
			want(t, fmt.Sprintf("person %d came after epoch %d", j, i), carol.log.Newcomers(epoch.Hash())[who.key()], who == erin || who == dave && epoch == first)
		}
	}
	want(t, "who came after an entry that is not there", len(carol.log.Newcomers(id.HashOf("another"))), 0)
}

// To know of sixty who came after an entry takes no more than twice what it takes to know it of one, in logs of one length.
func TestManyNewcomers(t *testing.T) {
	cost := func(newcomers int) float64 {
		l := people(t, 61, false)
		alice := l[0]
		first := alice.epoch().Hash()
		for i := range 300 {
			if i < newcomers {
				alice.change(l[i+1], entry.Member)
			} else {
				alice.write(entry.TitleKind, &entry.Title{Title: "x", Number: uint64(i)})
			}
		}
		var came map[peer.Key]bool
		allocs := testing.AllocsPerRun(5, func() { came = alice.log.Newcomers(first) })
		for i, p := range l {
			want(t, fmt.Sprintf("person %d of %d newcomers came after", i, newcomers), came[p.key()], i > 0 && i <= newcomers)
		}
		return allocs
	}
	if one, many := cost(1), cost(60); many > 2*one {
		t.Errorf("%v allocations for sixty, %v for one", many, one)
	}
}

// An epoch comes before what was written by who knew it, and not before what was written at once.
func TestEpochsBefore(t *testing.T) {
	l := people(t, 2, false)
	alice, bob := l[0], l[1]
	alice.change(bob, entry.Admin)
	first := alice.epoch().Hash()
	meet(l...)
	mine, his := alice.epoch().Hash(), bob.epoch().Hash()
	words := bob.say("one").Hash()
	meet(l...)
	last := alice.epoch().Hash()
	for x, before := range map[id.Hash][]id.Hash{first: nil, mine: {first}, his: {first}, words: {first, his}, last: {first, mine, his}} {
		got := alice.log.EpochsBefore(x)
		for _, e := range []id.Hash{first, mine, his, last} {
			want(t, "an epoch comes before an entry", got[e], slices.Contains(before, e))
		}
	}
	want(t, "epochs before an entry that is not there", len(alice.log.EpochsBefore(id.HashOf("another"))), 0)
}

func TestHandOver(t *testing.T) {
	l := people(t, 4, false)
	alice, bob, carol, dave := l[0], l[1], l[2], l[3]
	alice.change(dave, entry.Admin)
	alice.change(bob, entry.Owner)
	meet(l...)
	want(t, "dave", carol.role(dave), entry.Admin)
	want(t, "owner", carol.log.State().Owner, bob.key())
	want(t, "bob", carol.role(bob), entry.Owner)
	want(t, "alice", carol.role(alice), entry.Admin)
	alice.change(carol, entry.Admin) // no right any more
	meet(l...)
	want(t, "carol", bob.role(carol), entry.Out)
	bob.change(alice, entry.Member)
	meet(l...)
	want(t, "alice", carol.role(alice), entry.Member)
	bob.change(alice, entry.Owner)
	meet(l...)
	want(t, "owner", carol.log.State().Owner, alice.key())
	alice.change(carol, entry.Owner)
	meet(l...)
	want(t, "owner", carol.log.State().Owner, carol.key())
	want(t, "disputed", carol.log.State().Disputed, false)
	alice.change(bob, entry.Owner)
	meet(l...)
	want(t, "owner", bob.log.State().Owner, carol.key())
	want(t, "disputed", bob.log.State().Disputed, true)
}

// A public room is joined by writing; who was put out does not come back by himself.
func TestPublic(t *testing.T) {
	l := people(t, 3, true)
	alice, bob, carol := l[0], l[1], l[2]
	bob.say("hello")
	carol.change(carol, entry.Member)
	carol.say("me too")
	meet(l...)
	want(t, "texts", len(alice.texts()), 2)
	want(t, "stale", alice.log.State().Stale(), false)
	alice.change(bob, entry.Out)
	meet(l...)
	bob.change(bob, entry.Member)
	bob.say("back")
	carol.change(carol, entry.Out)
	carol.change(carol, entry.Member)
	meet(l...)
	want(t, "bob", carol.role(bob), entry.Out)
	want(t, "carol", carol.role(carol), entry.Member)
	want(t, "texts", len(alice.texts()), 2)
}

// What does not fit is refused and changes nothing.
func TestRefused(t *testing.T) {
	l := people(t, 3, false)
	alice, bob := l[0], l[1]
	first := alice.say("one")
	alice.say("two")
	sign := func(p *person, change func(*entry.Entry)) *entry.Entry {
		e := alice.log.Next(p.key(), p.stream)
		e.Kind, e.Time, e.Body = entry.WordsKind, 1, (&entry.Words{Text: "x"}).Open()
		change(e)
		return e.Sign(p.signer)
	}
	for name, e := range map[string]*entry.Entry{
		"another room":         sign(alice, func(e *entry.Entry) { e.Room = id.HashOf("other") }),
		"unknown before":       sign(alice, func(e *entry.Entry) { e.Parents = entry.Join([]id.Hash{id.HashOf("x")}) }),
		"deeper":               sign(alice, func(e *entry.Entry) { e.Depth++ }),
		"less deep":            sign(alice, func(e *entry.Entry) { e.Depth-- }),
		"skips a number":       sign(alice, func(e *entry.Entry) { e.Seq++ }),
		"in another's stream":  sign(bob, func(e *entry.Entry) { e.Seq, e.Prev, e.Depth, e.Parents = 3, first.Hash(), 3, nil }),
		"stream without start": sign(bob, func(e *entry.Entry) { e.Seq, e.Prev, e.Depth, e.Parents = 2, first.Hash(), 3, nil }),
	} {
		before := alice.log.Len()
		if _, err := alice.log.Add(e); !errors.Is(err, dag.ErrWrong) {
			t.Errorf("%s: %v", name, err)
		}
		want(t, name, alice.log.Len(), before)
	}
	if added, err := alice.log.Add(first); added || err != nil {
		t.Errorf("a known entry: %v, %v", added, err)
	}
	if _, err := dag.New(first); !errors.Is(err, dag.ErrWrong) {
		t.Errorf("a log that begins with words: %v", err)
	}
	// Somebody takes the id of another's stream: both go on.
	bob.stream = alice.stream
	bob.say("mine")
	meet(alice, bob)
	want(t, "streams", len(bob.log.Marks()), 2)
}

// An author who floods a log with forks and streams is stopped, others are not.
func TestFlood(t *testing.T) {
	l := people(t, 2, true)
	alice, bob := l[0], l[1]
	bob.say("x")
	r := rand.New(rand.NewPCG(1, 1))
	bob.say("y")
	for range 3 * dag.MaxForks {
		bob.fork(r)
	}
	if n := bob.log.Len(); n > 3+dag.MaxForks {
		t.Errorf("%d entries", n)
	}
	want(t, "forked", bob.log.Forked(), []peer.Key{bob.key()})
	var err error
	for i := range 2 * dag.MaxStreams {
		e := bob.log.Next(bob.key(), id.FromBytes(append(make([]byte, 14), 1, byte(i))))
		e.Kind, e.Time, e.Body = entry.WordsKind, 1, (&entry.Words{Text: "x"}).Open()
		if _, err = bob.log.Add(e.Sign(bob.signer)); err != nil {
			break
		}
	}
	if !errors.Is(err, dag.ErrFull) {
		t.Errorf("without end of streams: %v", err)
	}
	e := bob.log.Next(alice.key(), alice.stream)
	e.Kind, e.Time, e.Body = entry.WordsKind, 1, (&entry.Words{Text: "x"}).Open()
	if _, err := bob.log.Add(e.Sign(alice.signer)); err != nil {
		t.Errorf("somebody else: %v", err)
	}
}
