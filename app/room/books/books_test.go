package books_test

import (
	"errors"
	"reflect"
	"testing"

	"github.com/phyllo-net/phyllo/app/room/books"
	"github.com/phyllo-net/phyllo/app/room/entry"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/sim/standin"
	"github.com/phyllo-net/phyllo/store"
	"github.com/phyllo-net/phyllo/store/mem"
	"github.com/phyllo-net/phyllo/wire"
)

var ann, bob = standin.NewSigner(1, 1), standin.NewSigner(1, 2)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// founding begins a room of ann's.
func founding(title string) *entry.Entry {
	return (&entry.Entry{Stream: id.Tiny(1), Seq: 1, Depth: 1, Kind: entry.FoundingKind, Time: 1,
		Body: wire.MustMarshal(&entry.Founding{Title: title, Public: true})}).Sign(ann)
}

// words are what somebody said on the n-th of his computers, so many entries after the founding.
func words(room *entry.Entry, by *standin.Signer, n uint8) *entry.Entry {
	x := room.Hash()
	return (&entry.Entry{Room: x, Stream: id.Tiny(n), Seq: 1, Depth: 1 + uint64(n), Parents: x[:], Kind: entry.WordsKind, Time: 1,
		Body: (&entry.Words{Text: "x"}).Open()}).Sign(by)
}

// book is ann's of a room, in which she has joined.
func book(t *testing.T, s store.Store, room *entry.Entry) books.Book {
	t.Helper()
	b := books.Book{Store: s, User: ann.Public(), Room: room.Hash()}
	var batch store.Batch
	b.Keep(&batch, &books.Kept{Founding: room, Stream: id.Tiny(7), Joined: true})
	must(t, s.Apply(&batch))
	return b
}

func load(t *testing.T, b books.Book) *books.Loaded {
	t.Helper()
	l, err := b.Load()
	must(t, err)
	return l
}

// TestLoad writes what a room can have, and reads it as after a start.
func TestLoad(t *testing.T) {
	s, room := mem.New(), founding("garden")
	b := book(t, s, room)
	later, hers, first := words(room, bob, 9), words(room, ann, 1), words(room, bob, 1)
	said := []*entry.Entry{later, hers, first}
	for n := range uint8(6) {
		said = append(said, words(room, ann, 8-n))
	}
	must(t, b.Save(said))
	key, other := peer.Secret{1}, peer.Secret{2}
	must(t, b.PutKey(id.HashOf("one"), key))
	must(t, b.PutPack(id.HashOf("pack"), 41))
	must(t, b.PutPack(id.HashOf("old"), 40))
	must(t, b.DropPack(id.HashOf("old")))
	var batch store.Batch
	b.Learn(&batch, id.HashOf("two"), other)
	b.Shown(&batch, first.Hash())
	for number := range uint64(2) {
		b.Tell(&batch, &entry.Receipt{By: bob.Public(), Number: number + 1, Sig: make([]byte, peer.SignatureSize)})
	}
	must(t, s.Apply(&batch))

	l := load(t, b)
	if !l.Kept.Joined || l.Kept.Stream != id.Tiny(7) || l.Kept.Founding.Hash() != room.Hash() || l.Room != room.Hash() {
		t.Errorf("of the room itself: %+v", l.Kept)
	}
	var depths []uint64
	for _, e := range l.Entries {
		depths = append(depths, e.Depth)
	}
	if want := []uint64{2, 2, 4, 5, 6, 7, 8, 9, 10}; !reflect.DeepEqual(depths, want) {
		t.Errorf("depths of entries: %v, want %v", depths, want)
	}
	if want := (books.Secrets{id.HashOf("one"): key, id.HashOf("two"): other}); !reflect.DeepEqual(l.Keys, want) {
		t.Errorf("keys: %v", l.Keys)
	}
	if want := (map[id.Hash]int64{id.HashOf("pack"): 41}); !reflect.DeepEqual(l.Packs, want) {
		t.Errorf("packs: %v", l.Packs)
	}
	if want := []id.Hash{later.Hash()}; !reflect.DeepEqual(l.Unread, want) {
		t.Errorf("not shown: %v, want what bob said after what was shown, and nothing of her own", l.Unread)
	}
	if len(l.Told) != 1 || l.Told[0].Number != 2 {
		t.Errorf("receipts: %v, want bob's last", l.Told)
	}

	must(t, b.Drop([]id.Hash{later.Hash()}))
	if l := load(t, b); len(l.Entries) != len(said)-1 || len(l.Unread) != 0 {
		t.Errorf("after the last was dropped: %v, not shown %v", l.Entries, l.Unread)
	}
	list, err := b.Read([]id.Hash{hers.Hash(), later.Hash()})
	if err != nil || len(list) != 1 || list[0].Hash() != hers.Hash() {
		t.Errorf("read: %v, %v; want the one that is there", list, err)
	}
}

// TestApart holds that users of one node, and rooms of one user, have nothing in common.
func TestApart(t *testing.T) {
	s, garden, square := mem.New(), founding("garden"), founding("square")
	first, second := book(t, s, garden), book(t, s, square)
	his := books.Book{Store: s, User: bob.Public(), Room: garden.Hash()}
	must(t, first.Save([]*entry.Entry{words(garden, bob, 1)}))
	must(t, first.PutKey(id.HashOf("one"), peer.Secret{1}))
	must(t, his.PutInvite(&books.Invite{Founding: garden, Change: garden, Title: "garden", From: ann.Public(), Name: "ann"}))

	if _, err := his.Load(); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a room of hers is bob's: %v", err)
	}
	if l := load(t, second); len(l.Entries)+len(l.Keys)+len(l.Unread) > 0 {
		t.Errorf("the square has what is in the garden: %+v", l)
	}
	rooms, invites, err := books.LoadAll(s, ann.Public())
	if err != nil || len(rooms) != 2 || len(invites) != 0 {
		t.Errorf("ann has %d rooms, %d invitations, %v", len(rooms), len(invites), err)
	}
	rooms, invites, err = books.LoadAll(s, bob.Public())
	if err != nil || len(rooms) != 0 || len(invites) != 1 || invites[0].Title != "garden" {
		t.Errorf("bob has %d rooms, invitations %v, %v", len(rooms), invites, err)
	}
	var batch store.Batch
	his.Answer(&batch)
	must(t, s.Apply(&batch))
	if _, invites, err = books.LoadAll(s, bob.Public()); err != nil || len(invites) != 0 {
		t.Errorf("an invitation that was answered waits: %v, %v", invites, err)
	}
}

// TestDamaged holds that a node is told of what it cannot read, instead of beginning with less.
func TestDamaged(t *testing.T) {
	for _, table := range []store.Table{"room", "room/entries", "room/keys", "room/receipts", "room/packs", "room/invites"} {
		s, room := mem.New(), founding("garden")
		b := book(t, s, room)
		key := append(append([]byte{}, b.User[:]...), b.Room[:]...)
		if table != "room" && table != "room/invites" {
			key = append(key, make([]byte, len(id.Hash{}))...)
		}
		must(t, s.Put(table, key, []byte{0xff}))
		if _, _, err := books.LoadAll(s, ann.Public()); err == nil {
			t.Errorf("%s: damage is not told", table)
		}
	}
}
