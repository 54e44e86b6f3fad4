package upkeep_test

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
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

var errAway = errors.New("away")

// vault is the ring's storage.
type vault struct {
	objects map[id.Hash][]byte
	ends    map[id.Hash]time.Time
	heads   map[peer.Key]shelf.Found
	away    peer.Key // whose head cannot be read now
	apart   peer.Key // and of those who keep whose most are away
	broken  peer.Key // whose head is changed, and that is not told
	changed func()   // is called when a head has changed, and read before one is read; nil: nothing is
	read    func()
	count   int
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

func (v *vault) Current(_ *task.T, owner peer.Key, _ string) (shelf.Found, error) {
	if v.read != nil {
		v.read()
	}
	f, ok := v.heads[owner]
	switch {
	case owner == v.away:
		return shelf.Found{}, errAway
	case !ok:
		return shelf.Found{}, shelf.ErrNothing
	}
	f.Apart = owner == v.apart
	return f, nil
}

func (v *vault) Change(_ *task.T, owner peer.Signer, _ string, e shelf.Edit) error {
	k := owner.Public()
	if v.heads[k].Version != e.Replaces {
		return shelf.ErrConflict
	}
	v.heads[k] = shelf.Found{Content: bytes.Clone(e.Content), Version: e.Replaces + 1}
	if v.changed != nil {
		v.changed()
	}
	if k == v.broken {
		return errAway
	}
	return nil
}

// world is a room whose members have one log, one disk each, and one storage.
type world struct {
	*testing.T
	net     *kbrtest.Net
	log     *dag.Log
	vault   *vault
	locker  peer.Locker
	keys    map[id.Hash]peer.Secret // of epochs
	hidden  map[peer.Key]bool       // who cannot be found
	members []*member
}

// member is one of those in a room, with his computer.
type member struct {
	*world
	node   *kbrtest.Node
	signer *standin.Signer
	book   books.Book
	again  int // how often there was more to do
	*upkeep.Upkeep
}

// people returns the members of a room.
func people(t *testing.T, n int) []*member {
	founding := (&entry.Entry{Stream: id.Tiny(1), Seq: 1, Depth: 1, Kind: entry.FoundingKind, Time: 1,
		Body: wire.MustMarshal(&entry.Founding{Title: "garden", Name: "x"})}).Sign(standin.NewSigner(1, 1))
	log, err := dag.New(founding)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{T: t, net: kbrtest.New(kbrtest.Config{Seed: 1}), log: log, locker: standin.NewLocker(99), keys: map[id.Hash]peer.Secret{},
		hidden: map[peer.Key]bool{}, vault: &vault{objects: map[id.Hash][]byte{}, ends: map[id.Hash]time.Time{}, heads: map[peer.Key]shelf.Found{}}}
	t.Cleanup(w.net.Close)
	for i := range n {
		m := &member{world: w, node: w.net.Add(kbrtest.Handle(id.Tiny(byte(i + 1)))), signer: standin.NewSigner(1, uint64(i+1))}
		m.book = books.Book{Store: mem.New(), User: m.signer.Public(), Room: founding.Hash()}
		locker, packer := standin.NewLocker(uint64(i)), standin.NewSigner(2, uint64(i))
		m.Upkeep = upkeep.New(upkeep.Deps{Env: m.node, Shelf: &shelf.Shelf{Storage: w.vault, Locker: locker, Verifier: standin.Verifier{}}, Book: m.book,
			Founding: founding, Log: log, Packer: func(*task.T) (peer.Signer, error) { return packer, nil }, Again: func() { m.again++ }, Look: func(time.Duration) {},
			Every: time.Minute, TakeHead: func(*task.T, *shelf.Head) error { return nil }, Changed: func() {},
			Moment: func(time.Duration) time.Duration { return 0 }, Key: func(x id.Hash) peer.Secret { return w.keys[x] }, Seal: w.seal}, nil)
		w.members = append(w.members, m)
	}
	for _, m := range w.members[1:] {
		w.members[0].change(m.signer.Public(), entry.Member)
	}
	return w.members
}

// seal seals a key to somebody who can be found.
func (w *world) seal(_ *task.T, _ id.Hash, to dag.Person) (*shelf.Letter, error) {
	if w.hidden[to.Key] {
		return nil, shelf.ErrNothing
	}
	return &shelf.Letter{To: to.Key, Number: 1, Sealed: []byte{1}}, nil
}

// write adds an entry of m's to the log and to all books.
func (m *member) write(kind entry.Kind, body any) *entry.Entry {
	m.Helper()
	e := m.log.Next(m.signer.Public(), id.Tiny(1))
	e.Kind, e.Time, e.Body = kind, 1, wire.MustMarshal(body)
	e = e.Sign(m.signer)
	if _, err := m.log.Add(e); err != nil {
		m.Fatal(err)
	}
	for _, o := range m.members {
		if err := o.book.Save([]*entry.Entry{e}); err != nil {
			m.Fatal(err)
		}
	}
	return e
}

// change says what somebody is from now on.
func (m *member) change(who peer.Key, role entry.Role) {
	m.Helper()
	m.write(entry.ChangeKind, &entry.Change{Who: who, Name: "x", Role: role, Number: m.log.State().Find(who).Number + 1})
}

// begin begins a key.
func (m *member) begin() id.Hash {
	m.Helper()
	s, fresh := m.log.State(), m.locker.NewSecret()
	x := m.write(entry.EpochKind, entry.NewEpoch(m.book.Room, s.Epochs+1, s.Readers(), s.Epoch.Entry, m.keys[s.Epoch.Entry], fresh, m.locker)).Hash()
	m.keys[x] = fresh
	if m.log.State().Epoch.Entry != x {
		m.Fatal("the key that was begun is not current")
	}
	return x
}

// keep has a member keep the head of the current epoch.
func (m *member) keep(t *task.T) error {
	late, err := m.KeepHead(t, m.keys[m.log.State().Epoch.Entry], nil)
	return cmp.Or(err, late)
}

// look is one look of a member's at what is in storage.
func (m *member) look() error {
	return m.node.Call(time.Minute, func(t *task.T) error {
		late := m.keep(t)
		return cmp.Or(m.LeadOn(t), late)
	})
}

// looks has a member look so many times.
func (m *member) looks(n int) {
	m.Helper()
	for range n {
		if err := m.look(); err != nil {
			m.Fatal(err)
		}
	}
}

// rewrite changes the head of an epoch.
func (m *member) rewrite(epoch id.Hash, change func(h *shelf.Head)) {
	m.Helper()
	m.must(func(t *task.T) error {
		h, err := m.Shelf.Read(t, m.book.Room, m.keys[epoch])
		if err != nil {
			return err
		}
		h = h.After()
		change(h)
		return m.Shelf.Write(t, m.book.Room, m.keys[epoch], h)
	})
}

// left is how many of these packs are in storage.
func (w *world) left(packs []id.Hash) (n int) {
	for _, x := range packs {
		if _, ok := w.vault.objects[x]; ok {
			n++
		}
	}
	return n
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
	m.must(func(t *task.T) error { return m.GiveBack(t, id.Hash{}, head) })
	if got := len(m.Spare(head)); got != spare {
		t.Errorf("%d of %d are spare at once: who reads an older head finds nothing", got, spare)
	}
	m.net.Run(upkeep.Grace + time.Second)
	m.must(func(t *task.T) error { return m.GiveBack(t, id.Hash{}, head) })
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

// replaced returns members of a room whose log is stored: packs are those of the first of them that the head of the key before
// the current one names alone, as the second, who has begun that, has packed all anew. Nobody finds the third. leads tells that
// the head before leads on.
func replaced(t *testing.T, leads bool) (alice, bob, carol *member, before id.Hash, packs []id.Hash) {
	t.Helper()
	list := people(t, 20)
	alice, bob, carol = list[0], list[1], list[2]
	alice.change(bob.signer.Public(), entry.Admin)
	alice.write(entry.StoringKind, &entry.Storing{On: true, Number: 1})
	before = alice.begin()
	alice.looks(1)
	packs = alice.Spare(new(shelf.Head))
	alice.hidden[carol.signer.Public()] = true
	bob.change(list[3].signer.Public(), entry.Out)
	bob.replace(bob.begin())
	if leads {
		bob.looks(1)
	}
	alice.net.Run(upkeep.Grace + time.Second)
	if alice.left(packs) == 0 || alice.StandsIn(alice.log.State().Epoch.Entry) {
		t.Fatal("alice has no packs, or is to lead on herself")
	}
	return alice, bob, carol, before, packs
}

// replace packs all anew under a key that is current.
func (m *member) replace(epoch id.Hash) {
	m.Helper()
	m.must(m.keep)
	m.rewrite(epoch, func(h *shelf.Head) { h.Packs, h.Packed = nil, nil })
	m.must(m.keep)
}

// Who has made packs that the head of a key before names alone does not give them back as long as somebody needs them,
// though he looks at no head before, as it is not his turn to lead on; afterwards he does.
func TestPacksThatSomebodyNeeds(t *testing.T) {
	alice, bob, carol, _, packs := replaced(t, true)
	alice.looks(2)
	if n := alice.left(packs); n != len(packs) {
		t.Errorf("%d packs of %d are left while carol needs them", n, len(packs))
	}
	delete(alice.hidden, carol.signer.Public())
	alice.net.Run(upkeep.Day)
	bob.looks(1)   // carol gets her letter
	alice.looks(2) // the first sees it
	if n := alice.left(packs); n != 0 {
		t.Errorf("%d packs are left that nobody needs", n)
	}
}

// A head before holds the packs that it names as long as it leads nowhere, or somebody lacks his letter by the last way on.
func TestWaysThatHoldPacks(t *testing.T) {
	for _, c := range []struct {
		lacks []uint32 // by each way on
		held  bool
	}{{nil, true}, {[]uint32{1}, true}, {[]uint32{0}, false}, {[]uint32{1, 0}, false}, {[]uint32{0, 1}, true}} {
		alice, _, _, before, packs := replaced(t, false)
		alice.rewrite(before, func(h *shelf.Head) {
			for i, n := range c.lacks {
				h.Lead(&shelf.Next{Epoch: id.HashOf("epoch", i), Letters: id.HashOf("letters", i), Ends: 1 << 45, Lacks: n})
			}
		})
		alice.looks(2)
		want := 0
		if c.held {
			want = len(packs)
		}
		if n := alice.left(packs); n != want {
			t.Errorf("by ways that %v lack %d packs are left, want %d", c.lacks, n, want)
		}
	}
}

// restart is a member's computer that starts again, after a time in which no pack of his was made.
func (m *member) restart(packs []id.Hash) {
	own := map[id.Hash]int64{}
	for _, x := range packs {
		own[x] = 0
	}
	m.Upkeep = upkeep.New(m.Deps, own)
}

// As long as the head of a key before cannot be read after a start, or not all who keep it are there, nothing is given back.
func TestHeadsThatCannotBeRead(t *testing.T) {
	alice, bob, carol, before, packs := replaced(t, true)
	owner := alice.owner(before)
	alice.restart(packs)
	alice.vault.away = owner
	for range 3 {
		if err := alice.look(); !errors.Is(err, errAway) {
			t.Errorf("a look while a head cannot be read: %v", err)
		}
	}
	if n := alice.left(packs); n != len(packs) {
		t.Errorf("%d packs of %d are left while the head cannot be read", n, len(packs))
	}
	alice.vault.away = peer.Key{}
	delete(alice.hidden, carol.signer.Public())
	alice.net.Run(upkeep.Day)
	bob.looks(1) // carol gets her letter
	alice.restart(packs)
	alice.vault.apart = owner
	alice.looks(3)
	if n := alice.left(packs); n != len(packs) {
		t.Errorf("%d packs of %d are left while most who keep the head are away", n, len(packs))
	}
	alice.vault.apart = peer.Key{}
	alice.looks(1)
	if n := alice.left(packs); n != 0 {
		t.Errorf("%d packs are left that nobody needs", n)
	}
}

// Of more keys than are looked at on one day all heads are read before anything is given back, some at a time.
func TestPacksOfManyHeads(t *testing.T) {
	alice, bob, _, _, packs := replaced(t, true)
	const heads = 21
	for range heads - 1 {
		bob.begin()
		bob.looks(1)
	}
	for upkeep.InTurn(0, heads, int(alice.node.Wall().Unix()/int64(upkeep.Day/time.Second))) {
		alice.net.Run(upkeep.Day)
	}
	alice.restart(packs)
	alice.looks(3)
	if n := alice.left(packs); n != len(packs) {
		t.Errorf("%d packs of %d are left while carol needs them", n, len(packs))
	}
	if alice.again != 1 {
		t.Errorf("for %d heads alice looked again %d times, want once", heads, alice.again)
	}
}

// owner is whose head that of an epoch is.
func (m *member) owner(epoch id.Hash) peer.Key {
	return m.Shelf.Signer(m.book.Room, m.keys[epoch]).Public()
}

// lacks changes a head so that so many lack their letters by its way on.
func lacks(n uint32) func(*shelf.Head) {
	return func(h *shelf.Head) {
		way := *h.Next[0]
		way.Lacks, h.Next = n, []*shelf.Next{&way}
	}
}

// What a head said before another key came to be current, a day ago, or before it was changed, perhaps, does not count any more.
func TestHeadsAreReadAnew(t *testing.T) {
	for since, happens := range map[string]func(alice, bob *member, before id.Hash){
		"a day": func(alice, _ *member, before id.Hash) {
			alice.rewrite(before, lacks(1))
			alice.net.Run(upkeep.Day)
		},
		"another key": func(_, bob *member, _ id.Hash) {
			bob.begin()
			bob.looks(1)
		},
		"a change that was not told": func(alice, _ *member, before id.Hash) {
			alice.begin()
			alice.vault.broken = alice.owner(before)
			if err := alice.look(); !errors.Is(err, errAway) {
				t.Errorf("a head is changed, and that is not told: %v", err)
			}
		},
	} {
		alice, bob, _, before, packs := replaced(t, true)
		alice.rewrite(before, lacks(0))
		other := id.HashOf("another pack")
		own := map[id.Hash]int64{other: 0}
		for _, x := range packs {
			own[x] = alice.node.Wall().UnixMilli()
		}
		alice.Upkeep = upkeep.New(alice.Deps, own)
		alice.looks(2)
		if list := alice.Spare(new(shelf.Head)); slices.Contains(list, other) || len(list) != len(packs) {
			t.Fatalf("alice has packs %v, want %v", list, packs)
		}
		happens(alice, bob, before)
		alice.net.Run(upkeep.Grace + time.Second)
		alice.must(alice.keep)
		if n := alice.left(packs); n != len(packs) {
			t.Errorf("since %s %d packs of %d are left that are needed", since, n, len(packs))
		}
	}
}

// While a key begins nothing is given back by what the head under the key before it says.
func TestKeyThatBeginsMeanwhile(t *testing.T) {
	alice, bob, _, before, packs := replaced(t, true)
	alice.rewrite(before, lacks(0))
	reads := 0
	alice.vault.read = func() {
		if reads++; reads == 2 { // the current head is read first
			bob.begin()
		}
	}
	alice.must(alice.keep)
	if n := alice.left(packs); reads != 2 || n != len(packs) {
		t.Errorf("after %d reads %d packs of %d are left", reads, n, len(packs))
	}
}

// Where a key becomes current again its head alone says which packs under it are needed.
func TestKeyThatIsCurrentAgain(t *testing.T) {
	alice, bob, _, before, packs := replaced(t, true)
	alice.looks(2)
	alice.change(bob.signer.Public(), entry.Member) // nothing counts that he wrote as an admin
	if alice.log.State().Epoch.Entry != before {
		t.Fatal("the key before is not current again")
	}
	alice.replace(before)
	alice.net.Run(upkeep.Grace + time.Second)
	alice.looks(2)
	if n := alice.left(packs); n != 0 {
		t.Errorf("%d packs are left that the current head does not name", n)
	}
}

// Who comes as a newcomer while heads are led on counts as one for those that follow: they are slimmed, though he cannot be found.
func TestNewcomerWithinALook(t *testing.T) {
	list := people(t, 5)
	alice, erin := list[0], list[1].signer.Public()
	alice.write(entry.StoringKind, &entry.Storing{On: true, Number: 1})
	newcomer := func(n uint64) {
		k := standin.NewSigner(3, n).Public()
		alice.hidden[k] = true
		alice.change(k, entry.Member)
	}
	alice.hidden[erin] = true // so the heads before have packs
	var heads []id.Hash
	for range 3 {
		heads = append(heads, alice.begin())
		alice.looks(1)
	}
	delete(alice.hidden, erin)
	alice.begin()
	newcomer(1)
	alice.must(alice.keep)
	alice.vault.changed = func() {
		alice.vault.changed = nil
		newcomer(2)
	}
	alice.looks(1)
	for i, x := range heads[:2] { // the last is that of the key before, and has what it had until the next
		alice.must(func(t *task.T) error {
			h, err := alice.Shelf.Read(t, alice.book.Room, alice.keys[x])
			if err == nil && (len(h.Packs) != 0 || h.Next[len(h.Next)-1].Lacks != uint32(i+1)) {
				err = fmt.Errorf("head %d has %d packs, %d lack a letter", i, len(h.Packs), h.Next[len(h.Next)-1].Lacks)
			}
			return err
		})
	}
}

// The heads of older epochs all have their turn within 11 of a member's looks, or one for each eight of them and a few
// more, whether he comes every day or only on one day of a week or a month; no day has more than 8 of them and the 8 of
// every day.
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
