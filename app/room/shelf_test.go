package room_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/directory"
	"github.com/phyllo-net/phyllo/app/room"
	"github.com/phyllo-net/phyllo/app/room/entry"
	"github.com/phyllo-net/phyllo/app/room/shelf"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/sim/simtest"
	"github.com/phyllo-net/phyllo/sim/standin"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// vault is the storage of a ring whose other nodes are never away.
type vault struct {
	objects map[id.Hash]kept
	current map[string]shelf.Found
	count   uint64
	reads   int
	world   *world
	full    error                                  // what every write fails with; nil: none does
	room    uint64                                 // how many objects are ever put there; 0: as many as come
	most    int                                    // how many bytes an object has that is put there; 0: as many as it likes
	lost    id.Hash                                // an object that cannot be read now
	away    func(what string, owner peer.Key) bool // whose objects that change cannot be read, and that late; nil: none
	mute    map[id.Hash]bool                       // objects of which cannot be told now when they end
	// before is what somebody else does before an object of an owner is changed; nil: nothing.
	before func(t *task.T, owner peer.Key) error
}

type kept struct {
	content []byte
	ends    time.Time
	owner   peer.Key
}

func newVault() *vault { return &vault{objects: map[id.Hash]kept{}, current: map[string]shelf.Found{}} }

const takes = 20 * time.Millisecond

var errFull = errors.New("full")

// wall is the time of day.
func (v *vault) wall() time.Time { return v.world.people[0].node.Wall() }

// tidy gives up what has ended.
func (v *vault) tidy() {
	maps.DeleteFunc(v.objects, func(_ id.Hash, k kept) bool { return !v.wall().Before(k.ends) })
}

func (v *vault) Put(t *task.T, content []byte, ends time.Time, owner peer.Signer) (id.Hash, error) {
	if v.full != nil {
		return id.Hash{}, v.full
	}
	if v.room > 0 && v.count == v.room || v.most > 0 && len(content) > v.most {
		return id.Hash{}, errFull
	}
	v.count++
	x := id.HashOf("test object", v.count)
	v.objects[x] = kept{bytes.Clone(content), ends, owner.Public()}
	return x, t.Sleep(takes)
}

func (v *vault) Get(t *task.T, object id.Hash) ([]byte, error) {
	v.reads++
	v.tidy()
	k, ok := v.objects[object]
	if err := t.Sleep(takes); err != nil {
		return nil, err
	}
	if !ok {
		return nil, shelf.ErrNothing
	}
	if object == v.lost {
		return nil, errors.New("away")
	}
	return bytes.Clone(k.content), nil
}

func (v *vault) Ends(t *task.T, object id.Hash) (time.Time, error) {
	v.tidy()
	if err := t.Sleep(takes); err != nil {
		return time.Time{}, err
	}
	k, ok := v.objects[object]
	switch {
	case v.mute[object]:
		return time.Time{}, errors.New("away")
	case !ok:
		return time.Time{}, shelf.ErrNothing
	}
	return k.ends, nil
}

func (v *vault) Remove(t *task.T, object id.Hash, owner peer.Signer) error {
	if k, ok := v.objects[object]; ok && k.owner != owner.Public() {
		panic("another's object is to be removed")
	}
	delete(v.objects, object)
	return t.Sleep(takes)
}

func (v *vault) Current(t *task.T, owner peer.Key, what string) (shelf.Found, error) {
	if err := t.Sleep(takes); err != nil {
		return shelf.Found{}, err
	}
	if v.away != nil && v.away(what, owner) {
		if err := t.Sleep(time.Minute); err != nil {
			return shelf.Found{}, err
		}
		return shelf.Found{}, errors.New("away")
	}
	if f, ok := v.current[what+string(owner[:])]; ok {
		return f, nil
	}
	return shelf.Found{}, shelf.ErrNothing
}

func (v *vault) Change(t *task.T, owner peer.Signer, what string, e shelf.Edit) error {
	if err := t.Sleep(takes); err != nil {
		return err
	}
	if v.full != nil {
		return v.full
	}
	k := owner.Public()
	if v.before != nil {
		if err := v.before(t, k); err != nil {
			return err
		}
	}
	at := what + string(k[:])
	if v.current[at].Version != e.Replaces {
		return shelf.ErrConflict
	}
	if len(e.Content) > shelf.MaxContent {
		panic("a content that storage does not take")
	}
	v.current[at] = shelf.Found{Content: bytes.Clone(e.Content), Version: e.Replaces + 1}
	return nil
}

// stored is a world with storage, and a room in it whose log is kept there. All but the last have
// joined it; the last one is invited.
func stored(t testing.TB, seed uint64, names ...string) (*world, id.Hash) {
	w := newWorld(t, seed)
	w.vault = newVault()
	for i, name := range names {
		w.add(name, uint64(i+1))
	}
	w.net.Run(time.Second)
	r := w.people[0].create("garden", false)
	w.people[0].store(r, true)
	w.people[0].invite(r, w.people[1:]...)
	w.net.Run(5 * time.Second)
	for _, p := range w.people[1 : len(names)-1] {
		p.join(r)
	}
	w.net.Run(5 * time.Second)
	return w, r
}

func (p *person) store(r id.Hash, on bool) {
	p.w.Helper()
	p.must(func(t *task.T) error { return p.SetStored(t, p.key(), r, on) })
}

func (w *world) kill(list ...*person) {
	for _, p := range list {
		p.kill()
	}
}

// packs is how many objects there are that do not change.
func (v *vault) packs() int {
	v.tidy()
	return len(v.objects)
}

// Who is invited to a room whose log is stored joins it while no member is there, reads all that was
// said and goes on; a member who comes back alone reads what he said.
func TestNewcomerAlone(t *testing.T) {
	w, r := stored(t, 1, "alice", "bob", "carol")
	alice, bob, carol := w.people[0], w.people[1], w.people[2]
	alice.say(r, "one")
	w.net.Run(time.Second)
	bob.say(r, "two")
	w.net.Run(time.Minute)
	want(t, "not stored yet", alice.list()[0].Unstored, 0)
	w.kill(alice, bob)
	carol.join(r)
	want(t, "carol reads", carol.texts(r), []string{"one", "two"})
	carol.say(r, "three")
	w.net.Run(time.Minute)
	carol.kill()
	alice.start()
	s := alice.list()[0]
	want(t, "it is being compared", s.Looking && s.Stored && !s.Unlisted, true)
	want(t, "of which it is not said that it lacks", s.Unstored, 0)
	alice.events = nil
	w.net.Run(5 * time.Minute)
	want(t, "it is compared", alice.list()[0].Looking, false)
	want(t, "it is told of", slices.Contains(alice.events, room.Event{Kind: room.Changed, User: alice.key(), Room: r}), true)
	want(t, "alice reads", alice.texts(r), []string{"one", "two", "three"})
	bob.start()
	carol.start()
	want(t, "all read", w.same(r, 5*time.Minute), []string{"one", "two", "three"})
	want(t, "forked", len(alice.list()[0].Forked), 0)
}

// Who was away since he was invited finds the key that began meanwhile, from head to head; who was put
// out meanwhile does not, and neither finds nor changes the head under it.
func TestKeyOnTheShelf(t *testing.T) {
	w, r := stored(t, 1, "alice", "bob", "dave", "carol")
	alice, bob, dave, carol := w.people[0], w.people[1], w.people[2], w.people[3]
	alice.say(r, "one")
	w.net.Run(time.Minute)
	w.kill(carol, dave)
	for i := range 3 { // key after key
		if err := alice.setRole(r, dave, entry.Out); err != nil {
			t.Fatal(err)
		}
		w.net.Run(30 * time.Second)
		bob.say(r, fmt.Sprint("without dave ", i))
		w.net.Run(time.Minute)
		if i < 2 {
			alice.invite(r, dave)
		}
	}
	w.kill(alice, bob)
	carol.start()
	w.net.Run(time.Second)
	carol.join(r)
	w.net.Run(time.Minute)
	want(t, "carol reads", carol.texts(r), []string{"one", "without dave 0", "without dave 1", "without dave 2"})
	carol.say(r, "four")
	w.net.Run(time.Minute)
	carol.kill()
	dave.start()
	w.net.Run(10 * time.Minute)
	for _, x := range dave.texts(r) {
		if x == "four" || x == "without dave 2" {
			t.Errorf("dave reads %q", x)
		}
	}
}

// While members are killed at any moment all that anybody was told is said comes into storage within
// minutes: who joins when all are gone has it.
func TestStoredOverDeaths(t *testing.T) {
	simtest.Seeds(t, 10, func(t *testing.T, seed uint64) {
		w, r := stored(t, seed, "alice", "bob", "carol", "dave", "erin")
		rng := rand.New(rand.NewPCG(seed, 3))
		members, last := w.people[:4], w.people[4]
		var said []string
		for i := range 20 {
			p := members[rng.IntN(len(members))]
			switch {
			case !p.up:
				p.start()
			case rng.IntN(3) == 0 && p != members[0]:
				p.kill()
			default:
				text := fmt.Sprint(i)
				if p.call(func(t *task.T) error {
					_, err := p.Say(t, p.key(), r, entry.Words{Text: text})
					return err
				}) == nil {
					said = append(said, text)
				}
			}
			w.net.Run(time.Duration(rng.IntN(20_000)) * time.Millisecond)
		}
		for _, p := range members {
			if !p.up {
				p.start()
			}
		}
		w.net.Run(10 * time.Minute)
		w.kill(members...)
		last.join(r)
		got := last.texts(r)
		slices.Sort(got)
		slices.Sort(said)
		want(t, "all that was said", got, said)
	})
}

// Who has no room left in storage is told so of his rooms, until it is mended; that their list cannot be
// read he is told of those that are not on it.
func TestNoRoomOnTheShelf(t *testing.T) {
	w, r := stored(t, 1, "alice", "bob")
	alice := w.people[0]
	w.net.Run(time.Minute)
	want(t, "trouble", alice.list()[0].StorageTrouble, nil)
	w.vault.full = errors.New("full")
	alice.say(r, "one")
	w.net.Run(time.Minute)
	s := alice.list()[0]
	if s.Unstored != 1 || !errors.Is(s.StorageTrouble, w.vault.full) {
		t.Errorf("%d entries are not stored, because of %v", s.Unstored, s.StorageTrouble)
	}
	other := alice.create("kitchen", false)
	w.net.Run(time.Minute)
	for _, s := range alice.list() {
		want(t, s.Title+" is not on the list", s.Unlisted, s.Room == other)
	}
	w.vault.full = nil
	w.net.Run(15 * time.Minute)
	for _, s := range alice.list() {
		want(t, "trouble", s.StorageTrouble, nil)
		want(t, "not stored", s.Unstored, 0)
		want(t, "not on the list", s.Unlisted, false)
	}
	w.vault.away = func(_ string, owner peer.Key) bool { return owner == alice.key() }
	cellar := alice.create("cellar", false)
	w.net.Run(30 * time.Second)
	for _, away := range []bool{true, false} {
		alice.events = nil
		w.net.Run(5 * time.Minute)
		for _, s := range alice.list() {
			want(t, s.Title+" has trouble", s.StorageTrouble != nil, away && s.Room == cellar)
		}
		told := slices.Contains(alice.events, room.Event{Kind: room.Changed, User: alice.key(), Room: cellar})
		want(t, "told of what changed", told, true)
		w.vault.away = nil
	}
}

// Who has nothing but his keys has those of his rooms at once whose heads can be read; and where a key
// began whose head was not written yet, the head before it leads him to the room. A head that answers late
// is asked for once at a time, and is no trouble of other rooms.
func TestListWithoutHeads(t *testing.T) {
	w, r := stored(t, 1, "alice", "bob", "carol")
	alice, bob := w.people[0], w.people[1]
	alice.say(r, "one")
	rooms := []id.Hash{r}
	for i := range 4 {
		rooms = append(rooms, alice.create(fmt.Sprint("room ", i), false))
	}
	w.net.Run(time.Minute)
	if err := alice.setRole(r, bob, entry.Out); err != nil { // and a new key begins
		t.Fatal(err)
	}
	w.net.Run(4 * time.Second) // the list was written since, and no head
	for _, x := range alice.list() {
		want(t, x.Title+" is not on the list", x.Unlisted, false)
	}
	lost := alice.Keys(alice.key(), rooms[1])
	w.kill(alice, bob)
	alice.disk.Wipe()
	s := &shelf.Shelf{Storage: w.vault, Locker: standin.NewLocker(99), Verifier: standin.Verifier{}}
	asked := 0
	w.vault.away = func(what string, owner peer.Key) bool {
		is := slices.ContainsFunc(lost, func(k peer.Secret) bool { return s.Signer(rooms[1], k).Public() == owner })
		if is {
			asked++
		}
		return is
	}
	alice.start()
	w.net.Run(20 * time.Second)
	want(t, "rooms that are there", len(alice.list()), len(rooms)-1)
	want(t, "alice reads", alice.texts(r), []string{"one"})
	want(t, "the head was asked for", asked, 1)
	w.net.Run(time.Minute)
	for _, x := range alice.list() {
		want(t, "trouble of "+x.Title, x.StorageTrouble, nil)
	}
	w.vault.away = nil
	w.net.Run(5 * time.Minute)
	want(t, "rooms that are there", len(alice.list()), len(rooms))
	alice.kill()
	alice.disk.Wipe()
	w.cfg.MaxRooms = len(rooms) - 2
	alice.start()
	w.net.Run(time.Minute)
	want(t, "rooms where there is place for fewer", len(alice.list()), w.cfg.MaxRooms)
}

// Many small packs become few, and who made them takes them back; so does who made packs when
// the log is not to be stored any more.
func TestPacksAreJoined(t *testing.T) {
	w, r := stored(t, 1, "alice", "bob", "carol")
	alice, bob, carol := w.people[0], w.people[1], w.people[2]
	var said []string
	for i := range 60 {
		said = append(said, fmt.Sprint(i))
		w.people[i%2].say(r, said[i])
		w.net.Run(20 * time.Second)
	}
	w.net.Run(time.Hour)
	if n := w.vault.packs(); n > 30 {
		t.Errorf("%d packs are kept", n)
	}
	w.kill(alice, bob)
	carol.join(r)
	want(t, "carol reads", carol.texts(r), said)
	alice.start()
	bob.start()
	w.net.Run(time.Minute)
	want(t, "a member has nothing stored", carol.call(func(t *task.T) error { return carol.SetStored(t, carol.key(), r, false) }), room.ErrNotAdmin)
	alice.store(r, false)
	w.net.Run(2 * time.Hour)
	want(t, "packs", w.vault.packs(), 0)
	want(t, "stored", bob.list()[0].Stored, false)
}

// Packs end by themselves, and whoever of the members is there makes them anew in time, one of them and not
// all: those of who has lost his disk are there 90 days after the last member was, for who comes then.
// What nobody makes anew goes, and a member who comes back puts the log into storage again.
func TestPacksEnd(t *testing.T) {
	const day = 24 * time.Hour
	w := newWorld(t, 1)
	w.vault, w.cfg.SyncEvery = newVault(), time.Hour
	for i, name := range []string{"alice", "bob", "carol", "dave"} {
		w.add(name, uint64(i+1))
	}
	w.net.Run(time.Second)
	alice, bob, carol, dave := w.people[0], w.people[1], w.people[2], w.people[3]
	r := alice.create("garden", false)
	alice.store(r, true)
	alice.invite(r, bob, carol, dave)
	w.net.Run(5 * time.Second)
	bob.join(r)
	carol.join(r)
	alice.say(r, "one")
	w.net.Run(30 * day)
	alice.kill()
	alice.disk.Wipe()
	w.net.Run(30 * day)
	bob.say(r, "two")
	made := w.vault.count
	w.net.Run(120 * day)
	if n := w.vault.count - made; n > 4 {
		t.Errorf("in 120 days two members have made %d packs of 2 messages", n)
	}
	w.kill(bob, carol)
	w.net.Run(89 * day)
	dave.join(r)
	w.net.Run(time.Minute)
	want(t, "dave reads after 89 days", dave.texts(r), []string{"one", "two"})
	dave.kill()
	dave.disk.Wipe()
	w.net.Run(201 * day)
	want(t, "packs that nobody makes anew", w.vault.packs(), 0)
	carol.start()
	w.net.Run(3 * day)
	carol.kill()
	dave.start()
	w.net.Run(2 * day)
	want(t, "dave reads what a member has brought back", dave.texts(r), []string{"one", "two"})

	// Who has an older program has written the head, and says of no pack when it ends.
	s := &shelf.Shelf{Storage: w.vault, Locker: standin.NewLocker(99), Verifier: standin.Verifier{}}
	rewrite(dave, s, r, noEnds)
	w.net.Run(30 * day)
	rewrite(dave, s, r, withEnds(t))
}

// rewrite changes the head that somebody has a key to.
func rewrite(p *person, s *shelf.Shelf, r id.Hash, change func(h *shelf.Head)) {
	p.w.Helper()
	p.must(func(t *task.T) error {
		key := p.Keys(p.key(), r)[0]
		h, err := s.Read(t, r, key)
		if err != nil {
			return err
		}
		h = h.After()
		h.Packs = slices.Clone(h.Packs)
		change(h)
		return s.Write(t, r, key, h)
	})
}

// A pack that is to be made anew and cannot be, as it cannot be read now, holds nothing of the log or finds
// no room, keeps nothing else from being stored, and others are made anew once.
func TestPacksThatAreNotMadeAnew(t *testing.T) {
	signer := standin.NewSigner(1, 66)
	for i, what := range []string{"it holds nothing of the log", "it cannot be read", "there is room for one pack"} {
		w, r := stored(t, 1, "alice", "bob", "carol")
		alice, bob := w.people[0], w.people[1]
		alice.say(r, "one")
		w.net.Run(time.Minute)
		bob.kill()
		s := &shelf.Shelf{Storage: w.vault, Locker: standin.NewLocker(99), Verifier: standin.Verifier{}}
		var bad *shelf.Ref
		ends := alice.node.Wall().Add(24 * time.Hour)
		alice.must(func(t *task.T) (err error) {
			foreign := change(signer, id.HashOf("another"), alice.Founding(alice.key(), r), &entry.Change{Who: signer.Public(), Role: entry.Member, Number: 1})
			bad, err = s.Pack(t, r, []*entry.Entry{foreign}, ends, signer)
			return err
		})
		good := 0
		rewrite(alice, s, r, func(h *shelf.Head) {
			good = len(h.Packs)
			for i, old := range h.Packs {
				ref := *old
				ref.Ends, h.Packs[i] = ends.UnixMilli(), &ref
			}
			if i < 2 {
				h.Packs = append(h.Packs, bad)
			}
		})
		made, most := w.vault.count, uint64(good+1)
		switch i {
		case 1:
			w.vault.lost = bad.Object
		case 2:
			w.vault.room, most = made+1, 1
		}
		alice.say(r, "two")
		w.net.Run(time.Hour)
		want(t, what+": words that are not stored", alice.list()[0].Unstored, 0)
		want(t, what+": packs that were made", w.vault.count-made, most)
		if got := alice.list()[0].StorageTrouble; i == 2 && !errors.Is(got, errFull) || i != 2 && got != nil {
			t.Errorf("%s: trouble: %v", what, got)
		}
	}
}

// Of more packs than storage is asked for at once when they end none is made anew before that is known of it, nor one
// of which storage cannot say it; those before which there are many such are asked for, too.
func TestPacksOfWhichNoEndIsKnown(t *testing.T) {
	w, r := stored(t, 1, "alice", "bob")
	alice, signer := w.people[0], standin.NewSigner(1, 66)
	w.net.Run(time.Minute)
	s := &shelf.Shelf{Storage: w.vault, Locker: standin.NewLocker(99), Verifier: standin.Verifier{}}
	var packs []*shelf.Ref
	for range 80 {
		alice.must(func(t *task.T) error {
			ref, err := s.Pack(t, r, []*entry.Entry{alice.Founding(alice.key(), r)}, alice.node.Wall().Add(199*24*time.Hour), signer)
			if err == nil {
				ref.Size, ref.Ends = shelf.MaxObject, 0 // none is made one with others
				packs = append(packs, ref)
			}
			return err
		})
	}
	rewrite(alice, s, r, func(h *shelf.Head) { h.Packs = append(h.Packs, packs...) })
	w.vault.mute = map[id.Hash]bool{}
	for _, ref := range packs[:40] { // more than it is asked for at once, and before all others
		w.vault.mute[ref.Object] = true
	}
	made := w.vault.count
	alice.say(r, "one")
	w.net.Run(10 * time.Minute)
	want(t, "packs that were made", w.vault.count-made, 1)
	known := 0
	rewrite(alice, s, r, func(h *shelf.Head) {
		for _, ref := range h.Packs {
			if ref.Ends != 0 {
				known++
			}
		}
		want(t, "packs of which no end is known", len(h.Packs)-known, len(w.vault.mute))
	})
	if known <= len(packs)-len(w.vault.mute) {
		t.Errorf("of %d packs it is known when they end", known)
	}
}

// Who makes letters and finds that another was faster leaves what that one has made of the head.
func TestLettersOfAnother(t *testing.T) {
	w, r := stored(t, 1, "alice", "bob", "carol")
	alice, bob := w.people[0], w.people[1]
	alice.say(r, "one")
	w.net.Run(2 * time.Minute)
	s := &shelf.Shelf{Storage: w.vault, Locker: standin.NewLocker(99), Verifier: standin.Verifier{}}
	before := alice.Keys(alice.key(), r)[0]
	theirs := id.HashOf("the letters of another")
	w.vault.before = func(t *task.T, owner peer.Key) error {
		current := alice.Current(alice.key(), r)
		if owner != s.Signer(r, before).Public() || alice.Keys(alice.key(), r)[0] == before {
			return nil
		}
		w.vault.before = nil
		h, err := s.Read(t, r, before)
		if err != nil {
			return err
		}
		h = h.After()
		h.Lead(&shelf.Next{Epoch: current, Letters: theirs, Ends: 1 << 45})
		return s.Write(t, r, before, h)
	}
	if err := alice.setRole(r, bob, entry.Out); err != nil {
		t.Fatal(err)
	}
	w.net.Run(5 * time.Minute)
	want(t, "another was faster", w.vault.before == nil, true)
	alice.must(func(t *task.T) error {
		h, err := s.Read(t, r, before)
		if err == nil && (len(h.Packs) == 0 || len(h.Next) != 1 || h.Next[0].Letters != theirs) {
			w.Errorf("the head has %d packs and %d ways on", len(h.Packs), len(h.Next))
		}
		return err
	})
}

// storedByFour is a world of four people in a stored room in which one thing was said, and the room's shelf.
func storedByFour(t *testing.T) (w *world, r id.Hash, s *shelf.Shelf) {
	w = newWorld(t, 1)
	w.vault, w.cfg.SyncEvery = newVault(), time.Hour
	for i, name := range []string{"alice", "bob", "carol", "dave"} {
		w.add(name, uint64(i+1))
	}
	w.net.Run(time.Second)
	r = w.room()
	w.people[0].store(r, true)
	w.people[0].say(r, "one")
	w.net.Run(time.Hour)
	return w, r, &shelf.Shelf{Storage: w.vault, Locker: standin.NewLocker(99), Verifier: standin.Verifier{}}
}

// Whoever is there of the members makes letters anew before they end, so who was away for longer finds the way by
// the key that he had, also if his name has lapsed meanwhile. The head that leads him has no packs, and what an older program, which does not know when what it
// names ends, writes in between is asked of storage and not made anew.
func TestLettersEnd(t *testing.T) {
	const day = 24 * time.Hour
	w, r, s := storedByFour(t)
	alice, bob, carol, dave := w.people[0], w.people[1], w.people[2], w.people[3]
	made := w.vault.count
	rewrite(alice, s, r, noEnds)
	w.net.Run(3 * day)
	rewrite(alice, s, r, withEnds(t))
	want(t, "packs that were made anew", w.vault.count-made, 0)

	before := bob.Keys(bob.key(), r)[0]
	bob.kill()
	if err := alice.setRole(r, carol, entry.Out); err != nil {
		t.Fatal(err)
	}
	w.net.Run(day)
	alice.kill() // who began the epoch
	alice.disk.Wipe()
	w.net.Run(180 * day)
	name := w.phone["bob"]
	delete(w.phone, "bob")
	w.net.Run(100 * day)
	dave.say(r, "two")
	w.net.Run(day)
	dave.must(func(t *task.T) error {
		h, err := s.Read(t, r, before)
		if err == nil {
			want(w, "packs of a head that leads on", len(h.Packs), 0)
			want(w, "ways on", len(h.Next), 1)
		}
		return err
	})
	dave.kill()
	w.phone["bob"] = name
	bob.start()
	w.net.Run(time.Hour)
	want(t, "bob reads after 280 days", bob.texts(r), []string{"one", "two"})
}

// Who cannot be found when an epoch begins gets his letter as soon as a member looks who finds him, be it another one
// than began it and only for a while, and is gone when he comes back; nobody makes letters anew while he is out of sight.
func TestFirstLetterLate(t *testing.T) {
	const day = 24 * time.Hour
	w, r, s := storedByFour(t)
	alice, bob, carol, dave := w.people[0], w.people[1], w.people[2], w.people[3]
	before := bob.Keys(bob.key(), r)[0]
	bob.kill()
	name := w.phone["bob"]
	delete(w.phone, "bob")
	const epochs = 5 // so the head of the first leads to all of them but the last
	for range epochs {
		for _, role := range []entry.Role{entry.Out, entry.Member} {
			if err := alice.setRole(r, carol, role); err != nil {
				t.Fatal(err)
			}
			w.net.Run(5 * time.Minute) // the letters are made while carol is out
		}
	}
	alice.say(r, "two")
	w.net.Run(2 * day) // carol, who is back, has her letters from when they are looked at
	made := w.vault.count
	w.net.Run(5 * day)
	want(t, "objects that were made while he is out of sight", w.vault.count-made, 0)
	w.kill(alice, dave)
	w.phone["bob"] = name
	dave.start()
	w.net.Run(20 * time.Minute)
	want(t, "letters that were made when he is found", w.vault.count-made, epochs)
	dave.must(func(t *task.T) error {
		h, err := s.Read(t, r, before)
		if err == nil {
			want(w, "ways on", len(h.Next), epochs)
			want(w, "how many lack a letter", h.Next[len(h.Next)-1].Lacks, 0)
			want(w, "packs of a head that leads on", len(h.Packs), 0)
		}
		return err
	})
	dave.kill()
	bob.start()
	w.net.Run(time.Hour)
	want(t, "bob reads", bob.texts(r), []string{"one", "two"})
}

// Who came when an epoch had begun and cannot be found has its key by his invitation: he keeps no head that leads on from
// being slimmed.
func TestLettersWithoutNewcomer(t *testing.T) {
	w, r, s := storedByFour(t)
	alice, bob, carol, dave := w.people[0], w.people[1], w.people[2], w.people[3]
	first := bob.Keys(bob.key(), r)[0]
	gone := carol
	for i, name := range []string{"erin", "frank"} { // the head just before an epoch has its packs until the next
		w.add(name, uint64(5+i))
		w.net.Run(time.Second)
		if err := alice.setRole(r, gone, entry.Out); err != nil {
			t.Fatal(err)
		}
		w.net.Run(time.Second)
		gone = w.people[4+i]
		alice.invite(r, gone)
		w.net.Run(time.Second)
		w.kill(alice, bob, dave) // and with them goes what they have read of the newcomer
		away := w.phone[name]
		delete(w.phone, name)
		for _, p := range []*person{alice, bob, dave} {
			p.start()
		}
		w.net.Run(10 * time.Minute)
		w.phone[name] = away
	}
	alice.must(func(t *task.T) error {
		h, err := s.Read(t, r, first)
		if err == nil {
			want(w, "ways on", len(h.Next), 2)
			for i, n := range h.Next {
				want(w, fmt.Sprintf("how many lack a letter by way %d", i), n.Lacks, 1)
			}
			want(w, "packs of a head that leads on", len(h.Packs), 0)
		}
		return err
	})
}

// twoAdmins makes a world with a stored room of alice, bob, carol and erin, in which alice has said "one", and she and bob
// are admins.
func twoAdmins(t *testing.T) (*world, id.Hash) {
	w := newWorld(t, 1)
	w.vault, w.cfg.SyncEvery = newVault(), time.Hour
	for i, name := range []string{"alice", "bob", "carol", "erin"} {
		w.add(name, uint64(i+1))
	}
	w.net.Run(time.Second)
	r := w.room()
	w.people[0].store(r, true)
	w.people[0].say(r, "one")
	if err := w.people[0].setRole(r, w.people[1], entry.Admin); err != nil {
		t.Fatal(err)
	}
	w.net.Run(time.Hour)
	return w, r
}

// Who was invited while an epoch began of which his inviter did not know has not its key: the head under the one that he
// has keeps what it had as long as he cannot be found, and he gets a letter when he is.
func TestInvitedMeanwhile(t *testing.T) {
	const day = 24 * time.Hour
	w, r := twoAdmins(t)
	alice, bob, carol, erin := w.people[0], w.people[1], w.people[2], w.people[3]
	w.add("dave", 5)
	dave := w.people[4]
	w.net.Run(time.Second)
	first := bob.Keys(bob.key(), r)[0]
	w.kill(alice, carol, erin)
	bob.invite(r, dave)
	w.net.Run(time.Minute)
	w.kill(bob, dave)
	names := map[string]*directory.Record{"bob": w.phone["bob"], "dave": w.phone["dave"]}
	hide := func(list ...string) {
		for _, name := range list {
			delete(w.phone, name)
		}
	}
	hide("bob", "dave")
	alice.start()
	if err := alice.setRole(r, carol, entry.Out); err != nil {
		t.Fatal(err)
	}
	w.net.Run(10 * time.Minute)
	s := &shelf.Shelf{Storage: w.vault, Locker: standin.NewLocker(99), Verifier: standin.Verifier{}}
	look := func(what string, packs bool, lacks uint32) {
		t.Helper()
		alice.must(func(t *task.T) error {
			h, err := s.Read(t, r, first)
			if err == nil {
				want(w, what+": packs", len(h.Packs) > 0, packs)
				want(w, what+": ways on", len(h.Next), 1)
				want(w, what+": who lacks a letter", h.Next[0].Lacks, lacks)
			}
			return err
		})
	}
	look("when it has begun", true, 2) // nor can bob be found
	bob.start()
	w.phone["bob"] = names["bob"]
	alice.say(r, "two")
	w.net.Run(2 * day)
	want(t, "dave is in the room", alice.role(r, dave), entry.Member)
	look("when bob was found", true, 1)
	w.kill(alice, bob)
	w.phone["dave"] = names["dave"]
	dave.start()
	w.net.Run(time.Second)
	dave.join(r)
	w.net.Run(time.Hour)
	want(t, "dave reads", dave.texts(r), []string{"one"})
	dave.kill()
	alice.start()
	w.net.Run(2 * day)
	look("when dave was found", false, 0)
	alice.kill()
	dave.start()
	w.net.Run(time.Hour)
	want(t, "dave reads by his letter", dave.texts(r), []string{"one", "two"})
}

// Who was invited when two epochs had begun at once may have the key of either: that of the one which is not current any
// more, as somebody was let in again whom the other leaves out. Its head keeps what it had as long as he cannot be found, though
// he came when both had begun.
func TestInvitedBetweenRivals(t *testing.T) {
	const day = 24 * time.Hour
	w, r := twoAdmins(t)
	alice, bob, carol, erin := w.people[0], w.people[1], w.people[2], w.people[3]
	first := bob.Keys(bob.key(), r)[0]
	w.kill(alice, carol, erin)
	set := func(p, who *person, role entry.Role) {
		t.Helper()
		if err := p.setRole(r, who, role); err != nil {
			t.Fatal(err)
		}
	}
	for _, role := range []entry.Role{entry.Out, entry.Member, entry.Out} {
		set(bob, erin, role)
		w.net.Run(5 * time.Minute)
	}
	his := bob.Current(bob.key(), r)
	rival := bob.Keys(bob.key(), r)[0]
	bob.kill()
	w.vault.away = func(string, peer.Key) bool { return true }
	w.cfg.EpochWithin = time.Minute
	alice.start()
	set(alice, carol, entry.Out)
	w.net.Run(5 * time.Minute)
	hers := alice.Current(alice.key(), r)
	alice.kill()
	w.add("dave", 5)
	dave := w.people[4]
	alice.start()
	bob.start()
	w.net.Run(time.Second) // neither of the two has begun an epoch without both
	want(t, "bob's epoch is current", alice.Current(alice.key(), r), his)
	bob.invite(r, dave)
	w.net.Run(time.Second)
	set(bob, erin, entry.Member)
	w.net.Run(time.Second)
	want(t, "alice's epoch is current", bob.Current(bob.key(), r), hers)
	w.kill(alice, bob, dave)
	names := maps.Clone(w.phone)
	delete(w.phone, "dave")
	delete(w.phone, "erin")
	w.vault.away = nil
	alice.start()
	bob.start()
	w.net.Run(10 * time.Minute)
	w.phone["erin"] = names["erin"]
	w.net.Run(2 * day) // the letters are made anew, as she is found
	want(t, "alice's epoch is still current", bob.Current(bob.key(), r), hers)
	s := &shelf.Shelf{Storage: w.vault, Locker: standin.NewLocker(99), Verifier: standin.Verifier{}}
	for key, packs := range map[peer.Secret]bool{first: false, rival: true} {
		alice.must(func(t *task.T) error {
			h, err := s.Read(t, r, key)
			if err == nil {
				want(w, "packs of a head that leads on", len(h.Packs) > 0, packs)
				want(w, "who lacks a letter", h.Next[len(h.Next)-1].Lacks, 1)
			}
			return err
		})
	}
	w.kill(alice, bob)
	dave.start()
	w.net.Run(time.Second)
	dave.join(r)
	w.net.Run(time.Hour)
	want(t, "dave reads", dave.texts(r), []string{"one"})
}

// Of more epochs than have their letters looked at each day those of the older heads are made anew in turn: who has only
// the key of the first reads on after 210 days.
func TestLettersOfManyEpochs(t *testing.T) {
	simtest.WithoutRace(t)
	const day = 24 * time.Hour
	w := newWorld(t, 1)
	w.vault, w.cfg.SyncEvery = newVault(), time.Hour
	for i, name := range []string{"alice", "bob", "carol"} {
		w.add(name, uint64(i+1))
	}
	w.net.Run(time.Second)
	alice, bob, carol := w.people[0], w.people[1], w.people[2]
	r := w.room()
	alice.store(r, true)
	w.net.Run(time.Hour)
	bob.kill()
	for range 14 {
		for _, role := range []entry.Role{entry.Out, entry.Member} {
			if err := alice.setRole(r, carol, role); err != nil {
				t.Fatal(err)
			}
		}
		w.net.Run(5 * time.Minute)
	}
	alice.say(r, "one")
	w.net.Run(210 * day)
	w.kill(alice, carol)
	bob.start()
	w.net.Run(time.Hour)
	want(t, "bob reads", bob.texts(r), []string{"one"})
}

// That a pack finds no room which is to be made anew keeps nobody from the key that began while he was away.
func TestLettersWithoutRoomForPacks(t *testing.T) {
	w, r := stored(t, 1, "alice", "bob", "carol")
	alice, bob, carol := w.people[0], w.people[1], w.people[2]
	said := []string{strings.Repeat("long ", 2000), "two"}
	alice.say(r, said[0])
	w.net.Run(2 * time.Minute)
	bob.kill()
	s := &shelf.Shelf{Storage: w.vault, Locker: standin.NewLocker(99), Verifier: standin.Verifier{}}
	rewrite(alice, s, r, func(h *shelf.Head) {
		for i, old := range h.Packs {
			ref := *old
			ref.Ends, h.Packs[i] = alice.node.Wall().Add(24*time.Hour).UnixMilli(), &ref
		}
	})
	w.vault.most = 5000
	if err := alice.setRole(r, carol, entry.Out); err != nil {
		t.Fatal(err)
	}
	w.net.Run(10 * time.Second)
	alice.say(r, said[1])
	w.net.Run(10 * time.Minute)
	if err := alice.list()[0].StorageTrouble; !errors.Is(err, errFull) {
		t.Errorf("trouble: %v", err)
	}
	alice.kill()
	bob.start()
	w.net.Run(5 * time.Minute)
	want(t, "bob reads", bob.texts(r), said)
}

// Who has founded a public room, and has lost his disk, does not take the head that he would write of his
// empty log, as there is none now, for what the room has become: he rules nothing before a member is there.
func TestFounderWithoutHead(t *testing.T) {
	w := newWorld(t, 1)
	w.vault = newVault()
	for i, name := range []string{"alice", "bob"} {
		w.add(name, uint64(i+1))
	}
	w.net.Run(time.Second)
	alice, bob := w.people[0], w.people[1]
	r := alice.create("square", true)
	alice.invite(r, bob)
	w.net.Run(5 * time.Second)
	bob.join(r)
	bob.say(r, "one")
	alice.must(func(t *task.T) error { return alice.SetTitle(t, alice.key(), r, "park") })
	w.net.Run(3 * time.Minute)
	w.kill(alice, bob)
	alice.disk.Wipe()
	alice.start()
	w.net.Run(20 * time.Second)
	maps.DeleteFunc(w.vault.current, func(at string, _ shelf.Found) bool { return strings.HasPrefix(at, "head") })
	alice.kill()
	alice.start()
	w.net.Run(2 * time.Hour)
	rename := func(t *task.T) error { return alice.SetTitle(t, alice.key(), r, "wood") }
	want(t, "alice rules without the log", alice.call(rename), room.ErrPartial)
	want(t, "it is being compared", alice.list()[0].Looking, true)
	bob.start()
	w.net.Run(5 * time.Minute)
	want(t, "alice reads", alice.texts(r), []string{"one"})
	want(t, "it is compared", alice.list()[0].Looking, false)
	want(t, "alice rules", alice.call(rename), nil)
	w.net.Run(10 * time.Second)
	want(t, "bob's title", bob.list()[0].Title, "wood")
}

// Of a log that is longer than storage keeps of one it is said that the rest is with the members alone.
func TestLongLog(t *testing.T) {
	w, r := stored(t, 1, "alice", "bob")
	alice := w.people[0]
	w.net.Run(time.Minute)
	s := &shelf.Shelf{Storage: w.vault, Locker: standin.NewLocker(99), Verifier: standin.Verifier{}}
	rewrite(alice, s, r, func(h *shelf.Head) {
		for i := range shelf.MaxPacks - len(h.Packs) {
			h.Packs = append(h.Packs, &shelf.Ref{Object: id.HashOf("full", i), Key: peer.Secret{1}, Size: shelf.MaxObject, Entries: 1, Ends: 1 << 45})
		}
	})
	alice.say(r, "one")
	w.net.Run(time.Minute)
	got := alice.list()[0]
	want(t, "why", got.StorageTrouble, room.ErrLongLog)
	want(t, "entries that are not stored", got.Unstored, 1)
	alice.store(r, false)
	w.net.Run(time.Minute)
	want(t, "trouble of a log that is not to be stored", alice.list()[0].StorageTrouble, nil)
}

// What who has a key puts on the shelf in place of what should be there changes nothing for
// anybody, and members put it right.
func TestForgedShelf(t *testing.T) {
	signer := standin.NewSigner(1, 66)
	for name, lie := range map[string]func(w *world, r id.Hash, h *shelf.Head, put func(list ...*entry.Entry) *shelf.Ref){
		"packs are gone": func(w *world, _ id.Hash, _ *shelf.Head, _ func(...*entry.Entry) *shelf.Ref) { clear(w.vault.objects) },
		"nothing is left": func(_ *world, _ id.Hash, h *shelf.Head, _ func(...*entry.Entry) *shelf.Ref) {
			h.Packs, h.Packed, h.Tips = nil, nil, nil
		},
		"tips of nothing": func(_ *world, r id.Hash, h *shelf.Head, _ func(...*entry.Entry) *shelf.Ref) {
			for i := range shelf.MaxTips {
				h.Tips = entry.Join(append(entry.Hashes(h.Tips), id.HashOf("nothing", i)))[:min(32*shelf.MaxTips, len(h.Tips)+32)]
			}
			h.Next = []*shelf.Next{{Epoch: r, Letters: r}}
		},
		"another founding": func(_ *world, _ id.Hash, h *shelf.Head, _ func(...*entry.Entry) *shelf.Ref) {
			h.Founding = (&entry.Entry{Stream: id.Tiny(1), Seq: 1, Depth: 1, Kind: entry.FoundingKind, Time: 1,
				Body: wire.MustMarshal(&entry.Founding{Title: "mine"})}).Sign(signer)
		},
		"forged entries": func(_ *world, r id.Hash, h *shelf.Head, put func(...*entry.Entry) *shelf.Ref) {
			c := change(signer, r, h.Founding, &entry.Change{Who: signer.Public(), Name: "mallory", Role: entry.Owner, Number: 1})
			unsigned := *c
			unsigned.Author = h.Founding.Author
			h.Packs = append([]*shelf.Ref{put(c, &unsigned), {Object: id.HashOf("none"), Key: peer.Secret{1}}}, h.Packs...)
			h.Packed = entry.Join(append(entry.Hashes(h.Packed), c.Hash()))
		},
	} {
		t.Run(name, func(t *testing.T) {
			w, r := stored(t, 1, "alice", "bob", "carol")
			alice, bob, carol := w.people[0], w.people[1], w.people[2]
			alice.say(r, "one")
			w.net.Run(time.Minute)
			s := &shelf.Shelf{Storage: w.vault, Locker: standin.NewLocker(99), Verifier: standin.Verifier{}}
			bob.must(func(t *task.T) error {
				key := bob.Keys(bob.key(), r)[0]
				h, err := s.Read(t, r, key)
				if err != nil {
					return err
				}
				h = h.After()
				lie(w, r, h, func(list ...*entry.Entry) *shelf.Ref {
					ref, err := s.Pack(t, r, list, bob.node.Wall().Add(time.Hour), signer)
					if err != nil {
						panic(err)
					}
					return ref
				})
				return s.Write(t, r, key, h)
			})
			size := bob.Size(bob.key(), r)
			bob.say(r, "two")
			w.net.Run(time.Hour)
			for _, p := range []*person{alice, bob} {
				want(t, p.name+" has entries", p.Size(p.key(), r), size+1)
				want(t, p.name+" reads", p.texts(r), []string{"one", "two"})
				want(t, "members", len(p.list()[0].Members), 3)
			}
			carol.join(r)
			w.net.Run(time.Minute)
			want(t, "carol reads", carol.texts(r), []string{"one", "two"})
		})
	}
}

// Who lost his disk, or has another computer, finds all his rooms by his keys alone, while nobody else is there
// those whose log is stored, and no room that he left.
func TestListOfRooms(t *testing.T) {
	for lost := range 2 {
		w, r := stored(t, uint64(lost), "alice", "bob", "carol")
		alice, bob, carol := w.people[0], w.people[1], w.people[2]
		p := w.people[lost]
		kitchen := alice.create("kitchen", false)
		square := alice.create("square", true)
		cellar := alice.create("cellar", false)
		for _, x := range []id.Hash{kitchen, square, cellar} {
			alice.invite(x, bob)
			w.net.Run(2 * time.Second)
			bob.join(x)
		}
		carol.must(func(t *task.T) error { return carol.Decline(t, carol.key(), r) })
		bob.must(func(t *task.T) error { return bob.Leave(t, bob.key(), cellar) })
		alice.say(r, "one")
		alice.say(kitchen, "two")
		alice.say(square, "three")
		w.net.Run(3 * time.Minute)
		for _, s := range p.list() {
			want(t, s.Title+" is not on the list", s.Unlisted, false)
		}
		w.kill(alice, bob, carol)
		p.disk.Wipe()
		p.start()
		w.net.Run(2 * time.Minute)
		joined := func() (names []string) {
			for _, s := range p.list() {
				if s.Joined && s.Invited == "" {
					names = append(names, s.Title)
				}
			}
			return names
		}
		mine := []string{"cellar", "garden", "kitchen", "square"}[lost:]
		want(t, "rooms of "+p.name, joined(), mine)
		want(t, p.name+" reads alone", p.texts(r), []string{"one"})
		p.kill()
		p.start()
		w.net.Run(2 * time.Minute)
		for _, s := range p.list() { // of most the log has not come
			want(t, s.Title+" is on the list after a second start", s.Unlisted, false)
		}
		p.say(r, "four")
		for _, o := range []*person{alice, bob} {
			if o != p {
				o.start()
			}
		}
		w.net.Run(5 * time.Minute)
		want(t, p.name+" in the kitchen", p.texts(kitchen), []string{"two"})
		want(t, "on the square", p.texts(square), []string{"three"})
		want(t, "alice reads", alice.texts(r), []string{"one", "four"})
		want(t, "rooms of "+p.name, joined(), mine)
		want(t, "forked", len(alice.list()[1].Forked), 0)

		// Who has answered an invitation meanwhile does not begin a key without the log either.
		p.must(func(t *task.T) error {
			partial, err := p.Answered(t, p.key(), kitchen)
			want(w, "it is known that the log is not here", partial, true)
			return err
		})
	}
}

// noEnds changes a head as an older program does, which says of no pack when it ends.
func noEnds(h *shelf.Head) {
	for i, old := range h.Packs {
		ref := *old
		ref.Ends, h.Packs[i] = 0, &ref
	}
}

// withEnds wants packs in a head, and of each that it says when it ends.
func withEnds(t *testing.T) func(*shelf.Head) {
	return func(h *shelf.Head) {
		t.Helper()
		want(t, "there are packs", len(h.Packs) > 0, true)
		for i, ref := range h.Packs {
			want(t, fmt.Sprintf("it is not known when pack %d of %d ends", i, len(h.Packs)), ref.Ends == 0, false)
		}
	}
}
