package book_test

import (
	"errors"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/member/book"
	"github.com/phyllo-net/phyllo/member/msg"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/store"
	"github.com/phyllo-net/phyllo/store/mem"
)

// Each ring has records of its own, and a record that cannot be read is said to be one.
func TestRecords(t *testing.T) {
	disk := mem.New()
	b := book.New(disk)
	one, other := id.Hash{1}, id.Hash{2}
	if self, err := b.Self(); self != nil || err != nil {
		t.Errorf("a new node is in %v, %v", self, err)
	}
	if err := b.Put(one, book.TagSynced, nil, book.Synced{View: other}); err != nil {
		t.Fatal(err)
	}
	var got book.Synced
	if have, err := b.Read(one, book.TagSynced, nil, &got); !have || err != nil || got.View != other {
		t.Errorf("read %v, %v, %v", got, have, err)
	}
	if have, err := b.Read(other, book.TagSynced, nil, &got); have || err != nil {
		t.Errorf("another ring's record is there: %v, %v", have, err)
	}
	if err := b.Drop(one, book.TagSynced, nil); err != nil {
		t.Fatal(err)
	}
	if have, err := b.Read(one, book.TagSynced, nil, &got); have || err != nil {
		t.Errorf("a record that was dropped: %v, %v", have, err)
	}
	if err := disk.Put(book.Table, []byte("self"), []byte("garbage")); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Self(); !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("a broken record: %v", err)
	}
}

// Pages together hold each register once.
func TestPages(t *testing.T) {
	b := book.New(mem.New())
	ring := id.Hash{1}
	const n = 2*msg.MaxPage + 3
	for k := range n {
		key := peer.Key{1, byte(k >> 8), byte(k)}
		if err := b.Put(ring, book.TagPlace, key[:], msg.RegisterState{Promised: uint64(k) + 1}); err != nil {
			t.Fatal(err)
		}
	}
	var after peer.Key
	seen := 0
	for more := true; more; {
		p, err := b.Places(ring, after)
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range p.Places {
			if int(x.State.Promised) != seen+1 {
				t.Fatalf("register %d comes after %d", x.State.Promised, seen)
			}
			seen++
			after = x.Key
		}
		more = p.More
	}
	if seen != n {
		t.Errorf("%d of %d registers", seen, n)
	}
}

// An invitation is kept as it was first, and those that ended long ago make room.
func TestInvitations(t *testing.T) {
	b := book.New(mem.New())
	ring, now := id.Hash{1}, time.Unix(1_800_000_000, 0)
	keep := func(hash byte, at int, r book.Invite) error {
		return b.KeepInvite(ring, []byte{hash, byte(at >> 8), byte(at)}, r, now)
	}
	r := book.Invite{Named: make([]byte, 2*peer.KeySize), Uses: 3, Expires: now.Unix()}
	r.Named[0], r.Named[peer.KeySize] = 5, 6
	if !r.Names(peer.Key{6}) || r.Names(peer.Key{7}) || len(r.Keys()) != 2 {
		t.Errorf("it names %v", r.Keys())
	}
	changed := r
	changed.Uses++
	if err := errors.Join(keep(0, 0, r), keep(0, 0, r)); err != nil {
		t.Fatal(err)
	}
	if err := keep(0, 0, changed); !errors.Is(err, msg.ErrConversation) {
		t.Errorf("one that changes: %v", err)
	}
	old := book.Invite{Uses: 1, Expires: now.Add(-91 * 24 * time.Hour).Unix()}
	for i := range 2000 {
		if err := b.Put(ring, book.TagInvite, []byte{1, byte(i >> 8), byte(i)}, old); err != nil {
			t.Fatal(err)
		}
	}
	if err := keep(2, 0, r); err != nil {
		t.Fatal(err)
	}
	left := 0
	err := book.Each(b, ring, book.TagInvite, nil, func([]byte, *book.Invite) bool { left++; return true })
	if err != nil || left != 2 {
		t.Errorf("%d invitations are left, %v", left, err)
	}
	if have, err := b.Read(ring, book.TagInvite, []byte{0, 0, 0}, new(book.Invite)); !have || err != nil {
		t.Errorf("one that has just ended is gone: %v", err)
	}
}
