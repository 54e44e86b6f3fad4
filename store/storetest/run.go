package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/phyllo-net/phyllo/store"
)

// Open returns a new, empty store. The suite closes it.
type Open func(t *testing.T) store.Store

// Run checks a store against the contract.
func Run(t *testing.T, open Open) {
	for _, c := range []struct {
		name string
		test func(*testing.T, store.Store)
	}{
		{"GetPutDelete", testGetPutDelete},
		{"TablesAreApart", testTables},
		{"BatchIsWhole", testBatch},
		{"ScanOrder", testScanOrder},
		{"ScanSeesOneMoment", testScanMoment},
		{"NothingIsShared", testCopies},
		{"Limits", testLimits},
		{"LargestBatch", testLargestBatch},
		{"Closed", testClosed},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := open(t)
			defer closeStore(t, s)
			c.test(t, s)
		})
	}
	t.Run("AgainstAModel", func(t *testing.T) { testModel(t, open) })
}

func closeStore(t testing.TB, s store.Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
}

func put(t testing.TB, s store.Store, table store.Table, key, value string) {
	t.Helper()
	if err := s.Put(table, []byte(key), []byte(value)); err != nil {
		t.Fatalf("Put %s %q: %v", table, key, err)
	}
}

func get(t testing.TB, s store.Store, table store.Table, key string) string {
	t.Helper()
	v, err := s.Get(table, []byte(key))
	if errors.Is(err, store.ErrNotFound) {
		return "(none)"
	}
	if err != nil {
		t.Fatalf("Get %s %q: %v", table, key, err)
	}
	return string(v)
}

// scan returns the records of a range as "key=value".
func scan(t testing.TB, s store.Store, table store.Table, r store.Range) []string {
	t.Helper()
	var got []string
	err := s.Scan(table, r, func(k, v []byte) bool {
		got = append(got, fmt.Sprintf("%s=%s", k, v))
		return true
	})
	if err != nil {
		t.Fatalf("Scan %s %+v: %v", table, r, err)
	}
	return got
}

func want(t testing.TB, what string, got, want any) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

func testGetPutDelete(t *testing.T, s store.Store) {
	want(t, "before Put", get(t, s, "a", "k"), "(none)")
	put(t, s, "a", "k", "1")
	want(t, "after Put", get(t, s, "a", "k"), "1")
	put(t, s, "a", "k", "2")
	want(t, "after the second Put", get(t, s, "a", "k"), "2")
	for range 2 { // the second time the record is not there
		if err := s.Delete("a", []byte("k")); err != nil {
			t.Fatal(err)
		}
	}
	want(t, "after Delete", get(t, s, "a", "k"), "(none)")

	for _, empty := range [][]byte{nil, {}} {
		if err := s.Put("a", []byte("e"), empty); err != nil {
			t.Fatal(err)
		}
		v, err := s.Get("a", []byte("e"))
		if err != nil || v == nil || len(v) != 0 {
			t.Errorf("empty value: %v, %v", v, err)
		}
	}
	odd := "\x00\xff\n../\x00"
	put(t, s, "a", odd, odd)
	want(t, "odd key", get(t, s, "a", odd), odd)
}

func testTables(t *testing.T, s store.Store) {
	// Names and keys chosen so that a store that only joins them is caught.
	put(t, s, "a", "bc", "1")
	put(t, s, "ab", "c", "2")
	put(t, s, "abc", "x", "3")
	put(t, s, "b", "bc", "4")
	want(t, "a", scan(t, s, "a", store.Range{}), []string{"bc=1"})
	want(t, "ab", scan(t, s, "ab", store.Range{}), []string{"c=2"})
	want(t, "abc, from the end", scan(t, s, "abc", store.Range{Reverse: true}), []string{"x=3"})
	want(t, "a table never written", scan(t, s, "zz", store.Range{}), []string(nil))
	if err := s.Delete("a", []byte("bc")); err != nil {
		t.Fatal(err)
	}
	want(t, "a after Delete", get(t, s, "a", "bc"), "(none)")
	want(t, "b after Delete in a", get(t, s, "b", "bc"), "4")
}

func testBatch(t *testing.T, s store.Store) {
	put(t, s, "out", "1", "message")
	var b store.Batch
	b.Delete("out", []byte("1"))
	b.Put("sent", []byte("1"), []byte("message"))
	b.Put("sent", []byte("2"), []byte("first"))
	b.Put("sent", []byte("2"), []byte("second"))
	b.Put("sent", []byte("3"), []byte("x"))
	b.Delete("sent", []byte("3"))
	b.Delete("sent", []byte("4"))
	b.Put("sent", []byte("4"), []byte("y"))
	if err := s.Apply(&b); err != nil {
		t.Fatal(err)
	}
	want(t, "out", scan(t, s, "out", store.Range{}), []string(nil))
	want(t, "sent", scan(t, s, "sent", store.Range{}), []string{"1=message", "2=second", "4=y"})

	if err := s.Delete("sent", []byte("1")); err != nil {
		t.Fatal(err)
	}
	if err := s.Apply(&b); err != nil {
		t.Fatalf("the same batch again: %v", err)
	}
	want(t, "sent again", get(t, s, "sent", "1"), "message")

	b.Reset()
	if err := s.Apply(&b); err != nil {
		t.Errorf("an empty batch: %v", err)
	}
	b.Put("sent", []byte("5"), []byte("z"))
	b.Put("sent", nil, []byte("z"))
	if err := s.Apply(&b); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("a batch with a wrong key: %v", err)
	}
	want(t, "from a refused batch", get(t, s, "sent", "5"), "(none)")
}

func testScanOrder(t *testing.T, s store.Store) {
	for _, k := range []string{"b", "a\x00", "\xff", "a", "c", "ab", "\x00"} {
		put(t, s, "t", k, k)
	}
	all := []string{"\x00=\x00", "a=a", "a\x00=a\x00", "ab=ab", "b=b", "c=c", "\xff=\xff"}
	key := func(s string) []byte { return []byte(s) }
	for _, c := range []struct {
		name string
		r    store.Range
		want []string
	}{
		{"all", store.Range{}, all},
		{"from", store.Range{From: key("ab")}, all[3:]},
		{"from, between keys", store.Range{From: key("aa")}, all[3:]},
		{"to", store.Range{To: key("b")}, all[:4]},
		{"from and to", store.Range{From: key("a"), To: key("b")}, all[1:4]},
		{"nothing between", store.Range{From: key("d"), To: key("e")}, nil},
		{"from is to", store.Range{From: key("a"), To: key("a")}, nil},
		{"from above to", store.Range{From: key("c"), To: key("a")}, nil},
		{"prefix", store.Prefix(key("a")), all[1:4]},
		{"prefix without upper end", store.Prefix(key("\xff")), all[6:]},
		{"limit", store.Range{From: key("a"), Limit: 2}, all[1:3]},
		{"limit above", store.Range{From: key("c"), Limit: 9}, all[5:]},
		{"last", store.Range{Reverse: true, Limit: 2}, []string{all[6], all[5]}},
		{"last of a range", store.Range{From: key("a"), To: key("b"), Reverse: true, Limit: 2}, []string{all[3], all[2]}},
		{"reverse, from above to", store.Range{From: key("c"), To: key("a"), Reverse: true}, nil},
	} {
		want(t, c.name, scan(t, s, "t", c.r), c.want)
	}
	n := 0
	err := s.Scan("t", store.Range{}, func(k, v []byte) bool { n++; return n < 3 })
	if err != nil || n != 3 {
		t.Errorf("stopped after %d records, want 3, error %v", n, err)
	}
}

func testScanMoment(t *testing.T, s store.Store) {
	for i := range 10 {
		put(t, s, "t", fmt.Sprint(i), "old")
	}
	var got []string
	err := s.Scan("t", store.Range{}, func(k, v []byte) bool {
		got = append(got, fmt.Sprintf("%s=%s", k, v))
		if len(got) == 1 {
			var b store.Batch
			for i := range 20 {
				if i%2 == 0 {
					b.Put("t", fmt.Append(nil, i), []byte("new"))
				} else {
					b.Delete("t", fmt.Append(nil, i))
				}
			}
			if err := s.Apply(&b); err != nil {
				t.Errorf("Apply inside a scan: %v", err)
			}
		}
		// Reads of their own inside the scan see the present.
		if v := get(t, s, "t", "8"); v != "new" {
			t.Errorf("Get inside a scan: %s", v)
		}
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	var old []string
	for i := range 10 {
		old = append(old, fmt.Sprintf("%d=old", i))
	}
	want(t, "the scan under way", got, old)
	want(t, "a scan afterwards", scan(t, s, "t", store.Range{To: []byte("10")}), []string{"0=new"})
	want(t, "number of records", len(scan(t, s, "t", store.Range{})), 10)
}

func testCopies(t *testing.T, s store.Store) {
	key, value := []byte("key"), []byte("value")
	if err := s.Put("t", key, value); err != nil {
		t.Fatal(err)
	}
	spoil(key, value)
	want(t, "after the arguments of Put changed", scan(t, s, "t", store.Range{}), []string{"key=value"})

	got, err := s.Get("t", []byte("key"))
	if err != nil {
		t.Fatal(err)
	}
	spoil(got)
	want(t, "after the result of Get changed", get(t, s, "t", "key"), "value")
	_ = append(got[:0], "longer than before"...)
	want(t, "after the result of Get grew", get(t, s, "t", "key"), "value")

	var b store.Batch
	key, value = []byte("bey"), []byte("value")
	b.Put("t", key, value)
	spoil(key, value)
	if err := s.Apply(&b); err != nil {
		t.Fatal(err)
	}
	b.Reset()
	b.Put("t", []byte("xxx"), []byte("yyyyy"))

	from := []byte("a")
	var kept [][]byte
	err = s.Scan("t", store.Range{From: from}, func(k, v []byte) bool {
		spoil(from)
		kept = append(kept, k, v)
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	want(t, "kept from a scan", string(bytes.Join(kept, []byte(" "))), "bey value key value")
	spoil(kept...)
	want(t, "after what the scan gave changed", scan(t, s, "t", store.Range{}), []string{"bey=value", "key=value"})
}

func spoil(slices ...[]byte) {
	for _, b := range slices {
		for i := range b {
			b[i] = '#'
		}
	}
}

func testLimits(t *testing.T, s store.Store) {
	key := bytes.Repeat([]byte{0xff}, store.MaxKey)
	value := bytes.Repeat([]byte{7}, store.MaxValue)
	if err := s.Put("t", key, value); err != nil {
		t.Fatalf("largest record: %v", err)
	}
	if v, err := s.Get("t", key); err != nil || !bytes.Equal(v, value) {
		t.Errorf("largest record comes back with %d bytes, %v", len(v), err)
	}
	if got := scan(t, s, "t", store.Prefix(key)); len(got) != 1 {
		t.Errorf("prefix of a largest key: %d records", len(got))
	}
	long := append(bytes.Clone(key), 0)
	none := func([]byte, []byte) bool { t.Error("called"); return false }
	for _, c := range []struct {
		name string
		err  error
		want error
	}{
		{"Put, long key", s.Put("t", long, nil), store.ErrTooLarge},
		{"Put, long value", s.Put("t", key, append(value, 0)), store.ErrTooLarge},
		{"Put, no key", s.Put("t", nil, nil), store.ErrInvalid},
		{"Put, no table", s.Put("", key, nil), store.ErrInvalid},
		{"Delete, long key", s.Delete("t", long), store.ErrTooLarge},
		{"Delete, no key", s.Delete("t", nil), store.ErrInvalid},
		{"Get, long key", second(s.Get("t", long)), store.ErrTooLarge},
		{"Get, no key", second(s.Get("t", nil)), store.ErrInvalid},
		{"Get, table", second(s.Get("T", key)), store.ErrInvalid},
		{"Scan, table", s.Scan("t\x00", store.Range{}, none), store.ErrInvalid},
		{"Scan, long end", s.Scan("t", store.Range{To: long}, none), store.ErrTooLarge},
		{"Scan, negative limit", s.Scan("t", store.Range{Limit: -1}, none), store.ErrInvalid},
	} {
		if !errors.Is(c.err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, c.err, c.want)
		}
	}
	if v, err := s.Get("t", key); err != nil || !bytes.Equal(v, value) {
		t.Errorf("a refused write changed the record: %d bytes, %v", len(v), err)
	}
}

func second(_ []byte, err error) error { return err }

func testLargestBatch(t *testing.T, s store.Store) {
	var b store.Batch
	value := bytes.Repeat([]byte{7}, store.MaxValue)
	for i := range 15 {
		b.Put("t", []byte{byte(i)}, value)
	}
	if err := s.Apply(&b); err != nil {
		t.Fatalf("a batch of %d bytes: %v", b.Size(), err)
	}
	n := 0
	err := s.Scan("t", store.Range{}, func(k, v []byte) bool {
		if !bytes.Equal(v, value) {
			t.Errorf("record %x is wrong", k)
		}
		n++
		return true
	})
	if err != nil || n != 15 {
		t.Errorf("%d records, %v", n, err)
	}
	b.Put("t", []byte{15}, value)
	if err := s.Apply(&b); !errors.Is(err, store.ErrTooLarge) {
		t.Errorf("a batch over the limit: %v", err)
	}
	want(t, "from a refused batch", get(t, s, "t", "\x0f"), "(none)")
}

func testClosed(t *testing.T, s store.Store) {
	put(t, s, "t", "k", "v")
	closeStore(t, s)
	closeStore(t, s) // the second time does nothing
	var b store.Batch
	b.Put("t", []byte("k"), nil)
	for name, err := range map[string]error{
		"Get":         second(s.Get("t", []byte("k"))),
		"Put":         s.Put("t", []byte("k"), nil),
		"Delete":      s.Delete("t", []byte("k")),
		"Apply":       s.Apply(&b),
		"Apply empty": s.Apply(&store.Batch{}),
		"Scan":        s.Scan("t", store.Range{}, func([]byte, []byte) bool { return true }),
	} {
		if !errors.Is(err, store.ErrClosed) {
			t.Errorf("%s after Close: %v", name, err)
		}
	}
}
