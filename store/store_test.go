package store_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/phyllo-net/phyllo/store"
)

func TestPrefixHoldsExactlyTheKeysThatBeginWithIt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		some := rapid.SliceOfN(rapid.SampledFrom([]byte{0, 1, 'a', 0xfe, 0xff}), 0, 4)
		p, k := some.Draw(t, "prefix"), some.Draw(t, "key")
		r := store.Prefix(p)
		in := bytes.Compare(k, r.From) >= 0 && (len(r.To) == 0 || bytes.Compare(k, r.To) < 0)
		if want := bytes.HasPrefix(k, p); in != want {
			t.Fatalf("key %x in the range of prefix %x: %v, want %v", k, p, in, want)
		}
	})
}

func TestPrefixOwnsItsSlices(t *testing.T) {
	p := []byte("ab")
	r := store.Prefix(p)
	p[0], p[1] = 'x', 'x'
	if string(r.From) != "ab" || string(r.To) != "ac" {
		t.Errorf("range changed with its argument: %q to %q", r.From, r.To)
	}
}

func TestChecks(t *testing.T) {
	long := func(n int) []byte { return bytes.Repeat([]byte{'k'}, n) }
	for _, c := range []struct {
		name       string
		table      store.Table
		key, value []byte
		want       error
	}{
		{"smallest", "a", long(1), nil, nil},
		{"largest", store.Table(strings.Repeat("z", store.MaxTable)), long(store.MaxKey), long(store.MaxValue), nil},
		{"all characters", "inbox-1.a/b", long(1), nil, nil},
		{"no table", "", long(1), nil, store.ErrInvalid},
		{"long table", store.Table(strings.Repeat("z", store.MaxTable+1)), long(1), nil, store.ErrInvalid},
		{"upper case", "Inbox", long(1), nil, store.ErrInvalid},
		{"NUL", "in\x00box", long(1), nil, store.ErrInvalid},
		{"no key", "inbox", nil, nil, store.ErrInvalid},
		{"long key", "inbox", long(store.MaxKey + 1), nil, store.ErrTooLarge},
		{"long value", "inbox", long(1), long(store.MaxValue + 1), store.ErrTooLarge},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := store.CheckRecord(c.table, c.key, c.value); !errors.Is(err, c.want) {
				t.Errorf("CheckRecord: %v, want %v", err, c.want)
			}
			var b store.Batch
			b.Put(c.table, c.key, c.value)
			if !errors.Is(b.Err(), c.want) {
				t.Errorf("Batch: %v, want %v", b.Err(), c.want)
			}
		})
	}
	if err := store.CheckRange("inbox", store.Range{To: long(store.MaxKey + 1)}); !errors.Is(err, store.ErrTooLarge) {
		t.Errorf("long end of a range: %v", err)
	}
	if err := store.CheckRange("inbox", store.Range{Limit: -1}); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("negative limit: %v", err)
	}
	if err := store.CheckRange("", store.Range{}); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("no table: %v", err)
	}
}

func TestBatchKeepsItsOwnCopies(t *testing.T) {
	var b store.Batch
	key, value := []byte("key"), []byte("value")
	b.Put("t", key, value)
	b.Delete("t", key)
	clear(key)
	clear(value)
	want := []store.Op{
		{Table: "t", Key: []byte("key"), Value: []byte("value")},
		{Table: "t", Key: []byte("key"), Delete: true},
	}
	if d := cmp.Diff(want, b.Ops()); d != "" {
		t.Error(d)
	}
	ops := slices.Clone(b.Ops())
	b.Reset()
	b.Put("t", []byte("xxx"), []byte("yyyyy"))
	if d := cmp.Diff(want, ops); d != "" {
		t.Errorf("writes that an implementation kept have changed: %s", d)
	}
}

func TestBatchIsBounded(t *testing.T) {
	var b store.Batch
	value := make([]byte, store.MaxValue)
	for i := 0; b.Err() == nil; i++ {
		if i > 100 {
			t.Fatal("no limit")
		}
		b.Put("t", []byte{byte(i)}, value)
	}
	if !errors.Is(b.Err(), store.ErrTooLarge) || b.Size() > store.MaxBatch || b.Len() != 15 {
		t.Errorf("error %v, size %d, %d writes", b.Err(), b.Size(), b.Len())
	}
	b.Put("t", []byte("small"), nil)
	if b.Len() != 15 {
		t.Error("a batch with an error goes on collecting")
	}
	b.Reset()
	if b.Err() != nil || b.Len() != 0 || b.Size() != 0 {
		t.Error("Reset left something")
	}

	tiny := 0
	for b.Delete("t", []byte{1}); b.Err() == nil; b.Delete("t", []byte{1}) {
		tiny++
	}
	if tiny > store.MaxBatch/32 {
		t.Errorf("%d tiny writes in one batch", tiny)
	}
}
