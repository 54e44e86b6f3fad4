package past_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/past"
	"github.com/phyllo-net/phyllo/kbr/kbrtest"
	"github.com/phyllo-net/phyllo/sim/simtest"
)

// TestAccessPoints: nodes that offer nothing are no reason to store nothing: copies go to those
// that offer something, as many as there are, and stay there; all have a vote about mutable
// objects.
func TestAccessPoints(t *testing.T) {
	cases := []struct {
		name                    string
		nodes, offering, copies int
	}{
		{"one of two", 2, 1, 5},
		{"one of three", 3, 1, 2},
		{"three of four", 4, 3, 3},
		{"three of four, five copies", 4, 3, 5},
		{"two of seven", 7, 2, 5},
	}
	for _, c := range cases[:simtest.Some(len(cases))] {
		t.Run(c.name, func(t *testing.T) {
			n := 0
			w := newWorld(t, c.nodes, kbrtest.Config{Seed: 90}, func(f *past.Config) {
				if n >= c.offering {
					f.Capacity = 0
				}
				n++
			})
			want := min(c.copies, c.offering)
			for i := range 12 {
				m, begun := w.members[i%c.nodes], w.net.Elapsed()
				s, err := m.insert(file(name(i), c.copies))
				if err != nil || len(s.Receipts) != want {
					t.Fatalf("file %d: %d receipts, %v; want %d", i, len(s.Receipts), err, want)
				}
				b := newBig(2*mib + i)
				l, err := m.insertLarge(b, c.copies)
				if err != nil || len(l.Receipts) != want {
					t.Fatalf("large file %d: %d receipts, %v; want %d", i, len(l.Receipts), err, want)
				}
				if took := w.net.Elapsed() - begun; took > 10*time.Second {
					t.Errorf("two files took %v", took) // nobody is waited for
				}
				if i < 3 {
					defer func() {
						w.mustFind(m, s.Certificate.ID(), name(i))
						w.mustFetch(m, l, b)
					}()
				}
			}
			last := w.members[c.nodes-1]
			for v, content := range []string{"first", "second"} {
				if err := last.change(uint64(v), content); err != nil {
					t.Fatal(err)
				}
				w.mustRead(w.members[0], uint64(v+1), content)
			}
			w.net.Run(time.Hour)
			for _, m := range w.members[c.offering:] {
				if s := m.past.Stats(); s.Bytes > 100 {
					t.Errorf("%s offers nothing and keeps %d bytes", m.node.Self(), s.Bytes)
				}
			}
		})
	}
}

// mustFetch fails unless a large file is read as it was stored.
func (w *world) mustFetch(m *member, s past.Stored, b *big) {
	w.t.Helper()
	if got, err := m.fetch(s.Certificate.ID()); err != nil || !bytes.Equal(got, b.bytes) {
		w.t.Errorf("%d bytes of %d, %v", len(got), len(b.bytes), err)
	}
}

// TestNobodyOffers: where nobody offers anything a file is refused at once.
func TestNobodyOffers(t *testing.T) {
	w := newWorld(t, 3, kbrtest.Config{Seed: 91}, func(c *past.Config) { c.Capacity = 0 })
	begun := w.net.Elapsed()
	_, err := w.members[0].insert(file("content", 2))
	wantErr(t, "a file", err, past.ErrFull)
	_, err = w.members[1].insertLarge(newBig(2*mib), 2)
	wantErr(t, "a large file", err, past.ErrFull)
	_, err = w.members[2].store(sign(w, 1, "content", 2), "content")
	wantErr(t, "a file with a salt of its own", err, past.ErrFull)
	if took := w.net.Elapsed() - begun; took > 10*time.Second {
		t.Errorf("that took %v", took)
	}
	if err := w.members[0].change(0, "first"); err != nil {
		t.Error(err)
	}
}
