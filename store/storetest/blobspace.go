package storetest

import (
	"errors"
	"fmt"
	"testing"

	"github.com/phyllo-net/phyllo/store"
)

func space(t testing.TB, b store.Blobs) store.Space {
	t.Helper()
	s, err := b.Space()
	if err != nil {
		t.Fatalf("Space: %v", err)
	}
	s.Free = 0 // others write on the same disk
	return s
}

// Every chunk is looked at once a round, whatever the budget.
func testScrub(t *testing.T, k Kept) {
	var all int64
	for i, n := range sizes {
		o := store.OutlineOf(Content(i, n))
		for c := range o.Chunks {
			all += max(int64(o.ChunkLen(c)), store.MinScrub)
		}
		putBlob(t, k, Content(i, n))
	}
	for _, budget := range []int64{0, 1, 70 << 10, store.ChunkSize, 1 << 40} {
		var looked int64
		mark := store.Mark{}
		for steps := 0; ; steps++ {
			s, err := k.Scrub(mark, budget)
			if err != nil || len(s.Damaged) > 0 || steps > 100 {
				t.Fatalf("Scrub: %+v, %v, step %d", s, err, steps)
			}
			if s.Bytes > max(budget-1, 0)+store.ChunkSize || s.Bytes == 0 && s.Next != (store.Mark{}) {
				t.Errorf("a step with a budget of %d looked at %d bytes", budget, s.Bytes)
			}
			looked += s.Bytes
			if mark = s.Next; mark == (store.Mark{}) {
				break
			}
		}
		want(t, fmt.Sprintf("looked at in a round of steps of %d", budget), looked, all)
	}
	// What the mark names is deleted meanwhile.
	s, err := k.Scrub(store.Mark{}, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := k.Delete(s.Next.Blob); err != nil {
		t.Fatal(err)
	}
	if _, err := k.Scrub(store.Mark{Blob: s.Next.Blob, Chunk: 3}, 1<<40); err != nil {
		t.Errorf("from a blob that is gone: %v", err)
	}
}

func testSpace(t *testing.T, k Kept) {
	empty := space(t, k)
	if empty.Used != 0 || empty.Drafts != 0 || empty.Blobs != 0 {
		t.Errorf("of an empty store: %+v", empty)
	}
	check := func(what string, used, drafts int64, blobs int) {
		t.Helper()
		s := space(t, k)
		want(t, what, []int64{s.Used, s.Drafts, int64(s.Blobs)}, []int64{used, drafts, int64(blobs)})
	}
	small, large := Content(1, 1000), Content(2, 2*store.ChunkSize+50)
	h := putBlob(t, k, small)
	check("after a small one", 1000, 0, 1)
	d := create(t, k, store.OutlineOf(large))
	check("during a put", 1000, int64(len(large)), 1)
	write(t, d, large, 0)
	done(t, d)
	d = create(t, k, store.OutlineOf(large))
	check("when it goes on", 1000, int64(len(large)), 1)
	write(t, d, large, 1, 2)
	commit(t, d)
	check("after it", 1000+int64(len(large)), 0, 2)
	for range 2 {
		if err := k.Delete(h); err != nil {
			t.Fatal(err)
		}
		check("after Delete", int64(len(large)), 0, 1)
	}
	if err := k.Delete(store.OutlineOf(large).Hash()); err != nil {
		t.Fatal(err)
	}
	check("in the end", 0, 0, 0)
}

func testQuota(t *testing.T, k Kept) {
	limits := space(t, k).Limits
	limits.Quota = 200 << 10
	k.SetLimits(limits)
	h := putBlob(t, k, Content(1, 100<<10))
	for _, n := range []int{100<<10 + 1, 1 << 20} {
		if _, err := k.Create(store.OutlineOf(Content(2, n))); !errors.Is(err, store.ErrQuota) {
			t.Errorf("%d bytes over the quota: %v", n, err)
		}
	}
	d := create(t, k, store.OutlineOf(Content(3, 60<<10)))
	if _, err := k.Create(store.OutlineOf(Content(4, 60<<10))); !errors.Is(err, store.ErrQuota) {
		t.Errorf("beside a draft: %v", err)
	}
	done(t, d)
	if err := k.Delete(store.OutlineOf(Content(3, 60<<10)).Hash()); err != nil {
		t.Fatal(err)
	}
	putBlob(t, k, Content(5, 100<<10)) // exactly full
	if _, err := k.Create(store.OutlineOf([]byte{1})); !errors.Is(err, store.ErrQuota) {
		t.Errorf("one byte over the quota: %v", err)
	}
	putBlob(t, k, Content(1, 100<<10)) // is there already

	limits.Quota = 0
	k.SetLimits(limits)
	wantBlob(t, k, h, Content(1, 100<<10))
	if _, err := k.Create(store.OutlineOf([]byte{1})); !errors.Is(err, store.ErrQuota) {
		t.Errorf("without any quota: %v", err)
	}
	limits.Quota = -1
	k.SetLimits(limits)
	putBlob(t, k, Content(6, 1<<20))
}
