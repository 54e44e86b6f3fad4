package im_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/im"
	"github.com/phyllo-net/phyllo/app/im/books"
	"github.com/phyllo-net/phyllo/kbr/kbrtest"
	"github.com/phyllo-net/phyllo/store"
	"github.com/phyllo-net/phyllo/store/mem"
)

// The checks find what they are there to find.
func TestChecksSeeEveryBreach(t *testing.T) {
	w, a, b := talkers(t, kbrtest.Config{Seed: 1}, 3)
	a.sit()
	b.sit()
	finish(w, a, b)
	mine := func(m im.Message) bool { return m.Mine }
	theirs := func(m im.Message) bool { return !m.Mine }
	for what, c := range map[string]struct {
		says  string
		spoil func(alice, bob *books.Books)
	}{
		"nothing": {"", func(_, _ *books.Books) {}},
		"twice": {"stands twice", func(_, bob *books.Books) {
			bob.Messages = append(bob.Messages, bob.Messages[slices.IndexFunc(bob.Messages, theirs)])
		}},
		"order": {"came after", func(_, bob *books.Books) { slices.Reverse(bob.Messages) }},
		"altered": {"never sent so", func(_, bob *books.Books) {
			bob.Messages[slices.IndexFunc(bob.Messages, theirs)].Text = "other"
		}},
		"invented": {"never sent so", func(alice, _ *books.Books) {
			alice.Messages = slices.DeleteFunc(alice.Messages, mine)
		}},
		"not delivered": {"said to be read", func(_, bob *books.Books) { *bob = books.Books{User: bob.User} }},
		"not shown": {"said to be read", func(_, bob *books.Books) {
			bob.Messages[slices.IndexFunc(bob.Messages, theirs)].ReadAt = time.Time{}
		}},
		"not failed": {"said to be failed", func(alice, _ *books.Books) {
			alice.Messages[slices.IndexFunc(alice.Messages, mine)].State = im.Failed
		}},
	} {
		all := w.books()
		c.spoil(&all[0], &all[1])
		if err := books.Check(all); c.says == "" && err != nil || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%s: %v", what, err)
		}
	}
	all := w.books()
	all[0].Messages[slices.IndexFunc(all[0].Messages, mine)].State = im.Queued
	if err := books.CheckComplete(all); err == nil || !strings.Contains(err.Error(), "still waits") {
		t.Errorf("queued: %v", err)
	}
	all = w.books()
	all[1] = books.Books{User: all[1].User}
	if err := books.CheckComplete(all); err == nil || !strings.Contains(err.Error(), "did not come") {
		t.Errorf("lost: %v", err)
	}
}

// Any record that is lost or damaged shows in the books.
func TestBooksThatDoNotAgreeAreSeen(t *testing.T) {
	w, a, b := talkers(t, kbrtest.Config{Seed: 1}, 2)
	a.sit()
	w.net.Run(time.Minute)
	b.kill()
	a.mustSend(a.me, "bob", "waits")
	w.net.Run(time.Second)
	for _, disk := range []*mem.Store{a.disk, b.disk} {
		who := map[*mem.Store]im.User{a.disk: a.me, b.disk: b.me}[disk]
		for _, table := range tables {
			if table == "im/pins" {
				continue // what was never pinned cannot be told from what was lost
			}
			disk.Scan(table, store.Range{}, func(key, value []byte) bool {
				lost := disk.Clone()
				lost.Delete(table, key)
				if _, err := books.Load(lost, who.Key()); err == nil {
					t.Errorf("a record of %s is lost and nobody sees it", table)
				}
				return true
			})
		}
	}
	bad := a.disk.Clone()
	bad.Scan("im/history", store.Range{Limit: 1}, func(key, value []byte) bool {
		bad.Put("im/history", key, value[:len(value)-1])
		return true
	})
	if _, err := books.Load(bad, a.me.Key()); err == nil {
		t.Error("a damaged record")
	}
}

// A damaged store is an error of the call, and no more.
func TestDamagedStoreIsAnError(t *testing.T) {
	w, a, b := talkers(t, kbrtest.Config{Seed: 1}, 2)
	a.sit()
	b.sit()
	finish(w, a, b)
	spoil := func(table store.Table) {
		a.disk.Scan(table, store.Range{}, func(key, _ []byte) bool {
			a.disk.Put(table, key, []byte{0xff})
			return true
		})
	}
	spoil("im/users")
	if _, err := a.send(a.me, "bob", "x"); !isAny(err, store.ErrCorrupt) {
		t.Errorf("send: %v", err)
	}
	b.mustSend(b.me, "alice", "y")
	w.net.Run(time.Minute)
	spoil("im/contacts")
	spoil("im/history")
	spoil("im/lines")
	a.kill()
	a.start()
	w.net.Run(10 * time.Minute)
	if n := a.node.Tasks(); n > 5 {
		t.Errorf("%d tasks", n)
	}
}
