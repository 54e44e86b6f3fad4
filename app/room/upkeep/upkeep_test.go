package upkeep_test

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/room/books"
	"github.com/phyllo-net/phyllo/app/room/dag"
	"github.com/phyllo-net/phyllo/app/room/entry"
	"github.com/phyllo-net/phyllo/app/room/shelf"
	"github.com/phyllo-net/phyllo/app/room/upkeep"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr/kbrtest"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/sim/standin"
	"github.com/phyllo-net/phyllo/store/mem"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// vault is storage for objects that do not change.
type vault struct {
	shelf.Storage // for those that do: nobody here asks for one
	objects       map[id.Hash][]byte
	ends          map[id.Hash]time.Time
	count         int
}

func (v *vault) Put(_ *task.T, content []byte, ends time.Time, _ peer.Signer) (id.Hash, error) {
	v.count++
	x := id.HashOf("test object", v.count)
	v.objects[x], v.ends[x] = bytes.Clone(content), ends
	return x, nil
}

func (v *vault) Get(_ *task.T, object id.Hash) ([]byte, error) {
	b, ok := v.objects[object]
	if !ok {
		return nil, shelf.ErrNothing
	}
	return b, nil
}

func (v *vault) Ends(_ *task.T, object id.Hash) (time.Time, error) { return v.ends[object], nil }

func (v *vault) Remove(_ *task.T, object id.Hash, _ peer.Signer) error {
	delete(v.objects, object)
	return nil
}

// member is one of those in a public room, with his computer and the log.
type member struct {
	*testing.T
	node   *kbrtest.Node
	net    *kbrtest.Net
	signer *standin.Signer
	log    *dag.Log
	book   books.Book
	vault  *vault
	again  int // how often there was more to do
	*upkeep.Upkeep
}

// people returns the members of a room, who have one log, one disk each, and one storage.
func people(t *testing.T, n int) (list []*member) {
	net := kbrtest.New(kbrtest.Config{Seed: 1})
	t.Cleanup(net.Close)
	founding := (&entry.Entry{Stream: id.Tiny(1), Seq: 1, Depth: 1, Kind: entry.FoundingKind, Time: 1,
		Body: wire.MustMarshal(&entry.Founding{Title: "garden", Public: true})}).Sign(standin.NewSigner(1, 1))
	log, err := dag.New(founding)
	if err != nil {
		t.Fatal(err)
	}
	v := &vault{objects: map[id.Hash][]byte{}, ends: map[id.Hash]time.Time{}}
	for i := range n {
		m := &member{T: t, net: net, log: log, vault: v, node: net.Add(kbrtest.Handle(id.Tiny(byte(i + 1)))), signer: standin.NewSigner(1, uint64(i+1))}
		m.book = books.Book{Store: mem.New(), User: m.signer.Public(), Room: founding.Hash()}
		locker, packer := standin.NewLocker(uint64(i)), standin.NewSigner(2, uint64(i))
		m.Upkeep = upkeep.New(upkeep.Deps{Env: m.node, Shelf: &shelf.Shelf{Storage: v, Locker: locker, Verifier: standin.Verifier{}}, Book: m.book,
			Founding: founding, Log: log, Packer: func(*task.T) (peer.Signer, error) { return packer, nil }, Again: func() { m.again++ }, Look: func(time.Duration) {},
			Every: time.Minute, TakeHead: func(*task.T, *shelf.Head) error { return nil }, Changed: func() {},
			Moment: func(time.Duration) time.Duration { return 0 }, Key: func(id.Hash) peer.Secret { return peer.Secret{} },
			Seal: func(*task.T, id.Hash, dag.Person) (*shelf.Letter, error) { return nil, shelf.ErrNothing }}, nil)
		list = append(list, m)
	}
	for _, m := range list {
		if m != list[0] {
			list[0].write(entry.ChangeKind, &entry.Change{Who: m.signer.Public(), Name: "x", Role: entry.Member, Number: 1})
		}
	}
	return list
}

// write adds an entry of m's to the log and his book.
func (m *member) write(kind entry.Kind, body any) {
	m.Helper()
	e := m.log.Next(m.signer.Public(), id.Tiny(1))
	e.Kind, e.Time, e.Body = kind, 1, wire.MustMarshal(body)
	e = e.Sign(m.signer)
	if _, err := m.log.Add(e); err != nil {
		m.Fatal(err)
	}
	if err := m.book.Save([]*entry.Entry{e}); err != nil {
		m.Fatal(err)
	}
}

func (m *member) must(f func(*task.T) error) {
	m.Helper()
	if err := m.node.Call(time.Minute, f); err != nil {
		m.Fatal(err)
	}
}

func (m *member) amend(head *shelf.Head) {
	m.Helper()
	m.must(func(t *task.T) error { return m.Amend(t, head, upkeep.Begin()) })
}

// TestTurns holds that members look after each thing in an order, in which each has a place of his own.
func TestTurns(t *testing.T) {
	list := people(t, 20)
	first := map[int]bool{}
	for n := range 10 {
		x, standIns := id.HashOf("test", n), 0
		var order []int
		for i, m := range list {
			o := m.Order(x)
			order = append(order, o)
			if m.StandsIn(x) {
				standIns++
			}
			if o == 0 {
				first[i] = true
			}
		}
		slices.Sort(order)
		for i, o := range order {
			if i != o {
				t.Fatalf("places %v: not each has his own", order)
			}
		}
		if standIns != 3 {
			t.Errorf("%d stand in, want 3", standIns)
		}
	}
	if len(first) < 4 {
		t.Errorf("of ten things %d members of 20 are the first: the order hardly differs", len(first))
	}
}

// TestDue holds when what ends is made anew, by the first and by those after him.
func TestDue(t *testing.T) {
	list := people(t, 5)
	x := id.HashOf("test")
	for left, want := range map[time.Duration]int{121 * upkeep.Day: 0, 119 * upkeep.Day: 1, 117 * upkeep.Day: 2, 111 * upkeep.Day: 5, -upkeep.Day: 5} {
		due := 0
		for _, m := range list {
			if m.Due(x, m.node.Wall().Add(left).UnixMilli()) {
				due++
			}
		}
		if due != want {
			t.Errorf("%v before the end it is the turn of %d, want %d", left, due, want)
		}
	}
	turns := 0
	for _, m := range list {
		if m.Due(x, 0) {
			turns++
		}
	}
	if turns != 1 {
		t.Errorf("what has no known end is made anew by %d at once, want 1", turns)
	}
}

// TestPacks packs a log, which grows, joins its packs, and gives back those that no head names.
func TestPacks(t *testing.T) {
	m := people(t, 1)[0]
	head := shelf.Empty(m.Founding, nil)
	for n := range 30 {
		m.write(entry.TitleKind, &entry.Title{Title: "x", Number: uint64(n + 1)})
		m.amend(head)
		if lacks := m.log.Beside(entry.Hashes(head.Packed)); len(lacks) > 0 {
			t.Fatalf("%d entries are in no pack", len(lacks))
		}
		if len(head.Packs) > 24 {
			t.Fatalf("%d packs of one entry each stay apart", len(head.Packs))
		}
	}
	there := map[id.Hash]bool{}
	m.must(func(t *task.T) error {
		for _, r := range head.Packs {
			list, err := m.Shelf.Unpack(t, m.book.Room, r)
			if err != nil {
				return err
			}
			for _, e := range list {
				there[e.Hash()] = true
			}
		}
		return nil
	})
	if len(there) != m.log.Len() {
		t.Errorf("%d entries in packs, want %d", len(there), m.log.Len())
	}

	spare := len(m.Spare(head))
	if all := len(m.vault.objects); spare == 0 || spare != all-len(head.Packs) {
		t.Errorf("%d packs of %d are spare, the head names %d", spare, all, len(head.Packs))
	}
	m.must(func(t *task.T) error { return m.GiveBack(t, head) })
	if got := len(m.Spare(head)); got != spare {
		t.Errorf("%d of %d are spare at once: who reads an older head finds nothing", got, spare)
	}
	m.net.Run(upkeep.Grace + time.Second)
	m.must(func(t *task.T) error { return m.GiveBack(t, head) })
	if got, all := len(m.Spare(head)), len(m.vault.objects); got != 0 || all != len(head.Packs) {
		t.Errorf("after the grace %d are spare, %d are stored", got, all)
	}
}

// TestOpen holds that a pack is read until what it has is in the log, and that one that is torn is packed anew.
func TestOpen(t *testing.T) {
	list := people(t, 2)
	ann, bob := list[0], list[1]
	head := shelf.Empty(ann.Founding, nil)
	ann.amend(head)
	pack := head.Packs[0]
	open := func(m *member) (n int) {
		m.Helper()
		m.must(func(t *task.T) error {
			list, err := m.Open(t, pack)
			n = len(list)
			return err
		})
		return n
	}
	if n := open(bob); n != ann.log.Len() {
		t.Errorf("bob reads %d entries, want %d", n, ann.log.Len())
	}
	if bob.Seen(pack); open(bob) != 0 {
		t.Error("what was seen is read again")
	}
	delete(ann.vault.objects, pack.Object)
	ann.amend(head)
	if head.Packs[0].Object != pack.Object {
		t.Error("all is packed anew before anybody has seen that a pack is gone")
	}
	fresh := upkeep.New(ann.Deps, nil)
	ann.Upkeep = fresh
	if n := open(ann); n != 0 {
		t.Errorf("%d entries of a pack that is gone", n)
	}
	ann.amend(head)
	if len(head.Packs) != 1 || head.Packs[0].Object == pack.Object {
		t.Errorf("the torn pack is named: %v", head.Packs)
	}
}

// The heads of older epochs all have their turn within 11 of a member's looks, or one for each eight of them and a few
// more, whether he comes every day or only on one day of a week or a month; no day has more than 8 of them.
func TestTurnsOfOlderHeads(t *testing.T) {
	const always = 8
	for older := range 200 {
		for _, rhythm := range []int{1, 2, 3, 5, 7, 8, 14, 28, 30, 365} {
			most := older/8 + 11
			seen := map[int]bool{}
			for look := range most {
				n := 0
				for i := range older + always {
					if upkeep.InTurn(i, older+always, 20786+look*rhythm) {
						seen[i] = true
						n++
					}
				}
				if n > 2*always {
					t.Fatalf("%d heads are looked at on one day", n)
				}
			}
			if len(seen) < older+always {
				t.Errorf("every %d days %d of %d heads are looked at", rhythm, len(seen), older+always)
			}
		}
	}
}
