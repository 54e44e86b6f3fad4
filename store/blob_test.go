package store_test

import (
	"bytes"
	"errors"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/store"
)

// The address of a blob is part of what nodes say to each other: it may never change.
func TestOutlineVectors(t *testing.T) {
	for _, c := range []struct {
		content []byte
		want    string
	}{
		{nil, "37f2ccbeaf4aa02eb5dad2971d79133f2063c0a1990248f3be8bc7b26a0967e3"},
		{[]byte("hello"), "cbfc306810c6c55f7c329111c2d2f07d04b8af82d5afb0faf2ae0ebaa3a511de"},
		{bytes.Repeat([]byte{7}, store.ChunkSize+1), "df12f05dc2073e8d7e6a9f140d03d543c0c1d9894407728fdf72b597ef0a775b"},
	} {
		if got := store.OutlineOf(c.content).Hash().String(); got != c.want {
			t.Errorf("blob of %d bytes: %s, want %s", len(c.content), got, c.want)
		}
	}
}

func TestOutlinerSeesWhatOutlineOfSees(t *testing.T) {
	content := bytes.Repeat([]byte("0123456789abcde"), 3*store.ChunkSize/15+100)
	rapid.Check(t, func(t *rapid.T) {
		c := content[:rapid.IntRange(0, len(content)).Draw(t, "size")]
		var w store.Outliner
		for left := c; len(left) > 0; {
			n := min(len(left), rapid.IntRange(1, store.ChunkSize+store.ChunkSize/2).Draw(t, "part"))
			if m, err := w.Write(left[:n]); m != n || err != nil {
				t.Fatalf("Write: %d, %v", m, err)
			}
			left = left[n:]
		}
		got, want := w.Outline(), store.OutlineOf(c)
		if got.Size != want.Size || !slices.Equal(got.Chunks, want.Chunks) || got.Check() != nil {
			t.Fatalf("outline of %d bytes: %d bytes, %d chunks, %v", len(c), got.Size, len(got.Chunks), got.Check())
		}
		for n := range got.Chunks {
			at := n * store.ChunkSize
			if err := got.Verify(n, c[at:at+got.ChunkLen(n)]); err != nil {
				t.Fatalf("chunk %d: %v", n, err)
			}
		}
	})
}

func TestOutlinerIsBounded(t *testing.T) {
	w := store.OutlinerAt(store.MaxBlob - 10)
	if n, err := w.Write(make([]byte, 11)); n != 0 || !errors.Is(err, store.ErrTooLarge) {
		t.Errorf("over the limit: %d, %v", n, err)
	}
	if n, err := w.Write(make([]byte, 10)); n != 10 || err != nil {
		t.Errorf("up to the limit: %d, %v", n, err)
	}
	if size := w.Outline().Size; size != store.MaxBlob {
		t.Errorf("%d bytes, want %d", size, store.MaxBlob)
	}
}

func TestOutlinesDiffer(t *testing.T) {
	base := store.Outline{Size: 2 * store.ChunkSize, Chunks: []id.Hash{{1}, {2}}}
	for name, other := range map[string]store.Outline{
		"size":  {Size: 2*store.ChunkSize - 1, Chunks: []id.Hash{{1}, {2}}},
		"order": {Size: 2 * store.ChunkSize, Chunks: []id.Hash{{2}, {1}}},
		"chunk": {Size: 2 * store.ChunkSize, Chunks: []id.Hash{{1}, {3}}},
	} {
		if other.Hash() == base.Hash() {
			t.Errorf("another %s, the same hash", name)
		}
	}
}

func TestSpaceCheck(t *testing.T) {
	for _, c := range []struct {
		name string
		s    store.Space
		size int64
		want error
	}{
		{"no limits", store.Space{Used: 1 << 50, Free: -1, Limits: store.Limits{Quota: -1, Floor: 100}}, 1 << 40, nil},
		{"full to the byte", store.Space{Used: 50, Drafts: 20, Free: -1, Limits: store.Limits{Quota: 100}}, 30, nil},
		{"over the quota", store.Space{Used: 50, Drafts: 20, Free: -1, Limits: store.Limits{Quota: 100}}, 31, store.ErrQuota},
		{"no quota at all", store.Space{Free: -1}, 1, store.ErrQuota},
		{"to the floor", store.Space{Drafts: 20, Free: 100, Limits: store.Limits{Quota: -1, Floor: 50}}, 30, nil},
		{"below the floor", store.Space{Drafts: 20, Free: 100, Limits: store.Limits{Quota: -1, Floor: 50}}, 31, store.ErrFull},
	} {
		if err := c.s.Check(c.size); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
}

// A round takes less than the period, whatever there is, and no more than the share
// of the time.
func TestPace(t *testing.T) {
	const week = 7 * 24 * time.Hour
	for _, c := range []struct {
		name  string
		space store.Space
		took  time.Duration // for a step
		late  bool          // the share allows no round within the period
	}{
		{"nothing", store.Space{}, 0, false},
		{"a little", store.Space{Used: 1000, Blobs: 3}, time.Millisecond, false},
		{"20 GB", store.Space{Used: 20 << 30, Blobs: 100_000}, 15 * time.Millisecond, false},
		{"many tiny ones", store.Space{Used: 1 << 20, Blobs: 1_000_000}, 20 * time.Millisecond, false},
		{"4 TB", store.Space{Used: 4 << 40, Blobs: 4 << 20}, 15 * time.Millisecond, false},
		{"4 TB on a slow disk", store.Space{Used: 4 << 40, Blobs: 4 << 20}, 200 * time.Millisecond, true},
	} {
		wait, budget := store.Pace{}.Next(c.space, c.took)
		all := c.space.Used + int64(c.space.Blobs)*store.MinScrub
		round := time.Duration(float64(wait+c.took) * max(1, float64(all)/float64(budget)))
		if late := round > week; late != c.late {
			t.Errorf("%s: a round takes %v", c.name, round)
		}
		if share := float64(c.took) / float64(wait+c.took); share > 0.0501 {
			t.Errorf("%s: takes %.3f of the time", c.name, share)
		}
		if wait > week/7 {
			t.Errorf("%s: waits %v", c.name, wait)
		}
	}
	hour := store.Pace{Period: time.Hour, Share: 0.5}
	if wait, _ := hour.Next(store.Space{Used: 70 << 20}, time.Minute); wait < time.Minute || wait > 4*time.Minute {
		t.Errorf("within an hour: waits %v", wait)
	}
}
