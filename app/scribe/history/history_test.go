package history_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/scribe/history"
	"github.com/phyllo-net/phyllo/app/scribe/msg"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/sim/simtest"
	"github.com/phyllo-net/phyllo/sim/standin"
)

var (
	ring  = id.HashOf("test ring")
	group = id.HashOf("test group")
	start = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	roomy = history.Limits{Count: 4096, Bytes: 1 << 20, Age: time.Hour}
)

// batch is one of n messages of a publisher, each of which says its number.
func batch(publisher, first uint64, n int, at time.Time) *msg.Batch {
	var ms [][]byte
	for i := range n {
		ms = append(ms, fmt.Append(nil, first+uint64(i)))
	}
	return msg.NewBatch(ring, group, 1, 1, first, ms, standin.NewSigner(1, publisher), at)
}

func name(publisher uint64) msg.Stream {
	return msg.Stream{Publisher: standin.NewSigner(1, publisher).Public(), Life: 1}
}

func synced() *history.History {
	h := history.New(roomy)
	h.Synced(nil)
	return h
}

// Batches come in any order, twice, overlapping, too late and not at all; a reader is given
// each message once and in order, and what is missing as lost, where it is in that order.
func TestReaderMissesNothing(t *testing.T) {
	simtest.Seeds(t, 300, func(t *testing.T, seed uint64) {
		rng := rand.New(rand.NewPCG(seed, 1))
		var all []*msg.Batch
		last := uint64(0)
		for range 60 {
			n := 1 + rng.IntN(20)
			all = append(all, batch(1, last+1, n, start))
			last += uint64(n)
		}
		h, r := synced(), history.Reader{}
		if rng.IntN(3) == 0 {
			h.Limit(history.Limits{Count: 200, Bytes: 1 << 20, Age: time.Hour})
		}
		next := uint64(1)
		read := func() {
			for _, it := range r.Read(nil, h, name(1)) {
				switch {
				case it.Message != nil && (it.Seq != next || string(it.Message) != fmt.Sprint(it.Seq)):
					t.Fatalf("read message %d %q, the next is %d", it.Seq, it.Message, next)
				case it.Message == nil && (it.Lost.From != next || it.Lost.To < next):
					t.Fatalf("lost are %d to %d, the next is %d", it.Lost.From, it.Lost.To, next)
				case it.Message != nil:
					next++
				default:
					next = it.Lost.To + 1
				}
			}
			if err := h.Check(); err != nil {
				t.Fatal(err)
			}
		}
		for range 200 {
			i := rng.IntN(len(all))
			switch rng.IntN(12) {
			case 0:
				h.Learn(all[i].Seal)
			case 1:
				first := 1 + rng.Uint64N(last)
				h.Add(batch(1, first, 1+rng.IntN(9), start)) // one that its publisher made besides
			case 2:
				h.GiveUp(history.Run{Stream: name(1), From: all[i].Seal.First, To: all[i].Seal.Last()})
			default:
				h.Add(all[i])
			}
			read()
		}
		h.Learn(all[len(all)-1].Seal)
		for range 1000 {
			runs := h.Missing(8)
			if len(runs) == 0 {
				break
			}
			for _, m := range runs {
				h.GiveUp(m)
			}
			read()
		}
		if want := h.Next(name(1)); next != want || h.Lacks(name(1)) || want <= all[len(all)-1].Seal.Last() {
			t.Errorf("read up to %d of %d, there are %d", next-1, last, want-1)
		}
	})
}

// Numbers far beyond what is there are not taken, and block nothing (hostile input, row 31).
func TestFarFuture(t *testing.T) {
	h := synced()
	for _, first := range []uint64{msg.MaxSeq, 1 << 40, history.Window + 2} {
		b := batch(1, first, 3, start)
		if got := h.Add(b); got != history.Far {
			t.Errorf("message %d was taken: %d", first, got)
		}
		if h.Learn(b.Seal) {
			t.Errorf("message %d was believed", first)
		}
	}
	if got := h.Add(batch(1, 1, 10, start)); got != history.Added {
		t.Fatalf("the first messages are not taken: %d", got)
	}
	h.Add(batch(1, msg.MaxSeq, 1, start))
	h.Learn(batch(1, msg.MaxSeq, 1, start).Seal)
	if runs := h.Missing(8); len(runs) > 0 {
		t.Errorf("missing are %v", runs)
	}
	for first := uint64(1); first <= 10; first++ {
		if got := h.Add(batch(1, first, 1, start)); got != history.Known {
			t.Errorf("message %d again: %d", first, got)
		}
	}
}

// What is kept is bounded by number, bytes, age and the number of streams.
func TestBounds(t *testing.T) {
	h := history.New(history.Limits{Count: 50, Bytes: 1 << 20, Age: time.Hour})
	h.Synced(nil)
	for i := range uint64(40) {
		h.Add(batch(i%3, i/3*5+1, 5, start.Add(time.Duration(i)*time.Minute)))
	}
	if n, _ := h.Len(); n != 50 {
		t.Errorf("%d messages are kept, want 50", n)
	}
	h.Limit(history.Limits{Count: 50, Bytes: 1300, Age: time.Hour})
	h.Expire(start)
	if _, n := h.Len(); n > 1300 || n < 1000 {
		t.Errorf("%d bytes are kept, want 1300 at most", n)
	}
	h.Expire(start.Add(time.Hour + 38*time.Minute + time.Second))
	if n, _ := h.Len(); n != 5 {
		t.Errorf("%d messages are kept that are an hour old at most, want 5", n)
	}
	h.Expire(start.Add(4 * time.Hour))
	if seals, _, _ := h.Heads(msg.Stream{}, 9); len(seals) > 0 {
		t.Errorf("%d streams are remembered of which nothing can come", len(seals))
	}
	full := 0
	for i := range uint64(history.MaxStreams + 10) {
		if h.Add(batch(i, 1, 1, start)) == history.Full {
			full++
		}
	}
	if full != 10 {
		t.Errorf("%d streams too many were refused, want 10", full)
	}
	if err := h.Check(); err != nil {
		t.Error(err)
	}
}

// One node's heads let another know what it lacks, page by page, and heartbeats tell each
// seal some times only.
func TestHeads(t *testing.T) {
	h := synced()
	for i := range uint64(100) {
		h.Add(batch(i, 1, 1+int(i%5), start))
	}
	o := history.New(roomy)
	at, pages := msg.Stream{}, 0
	for more := true; more; pages++ {
		var seals []*msg.Seal
		var floors []uint64
		seals, floors, more = h.Heads(at, 33)
		for i, s := range seals {
			at = s.Stream()
			o.Begin(s, floors[i])
		}
	}
	sum := uint64(0)
	for _, r := range o.Missing(1000) {
		sum += r.To - r.From + 1
		for _, b := range h.Batches(r, 1<<20) {
			o.Add(b)
		}
	}
	if a, _ := h.Len(); sum != uint64(a) || len(o.Missing(1)) > 0 || pages != 4 {
		t.Errorf("%d messages were missing of %d, in %d pages; still %v", sum, a, pages, o.Missing(3))
	}
	told := 0
	for len(h.Latest(8)) > 0 {
		told++
	}
	if told != 7*100/8+1 {
		t.Errorf("100 seals took %d heartbeats", told)
	}
}

// A reader that does not want order is given what is there, once, and nothing older.
func TestUnordered(t *testing.T) {
	h, r := synced(), history.Reader{Unordered: true}
	var got []uint64
	for _, first := range []uint64{1, 7, 4, 10, 1} {
		h.Add(batch(1, first, 3, start))
		for _, it := range r.ReadAll(nil, h) {
			got = append(got, it.Seq)
		}
	}
	if want := "[1 2 3 7 8 9 10 11 12]"; fmt.Sprint(got) != want {
		t.Errorf("read %v, want %s", got, want)
	}
}

// What was taken for lost and comes after all is kept for those who have not read so far, in
// the midst of what stays lost; who was told of the gap reads none of it.
func TestLostComesAfterAll(t *testing.T) {
	h, told := synced(), history.Reader{}
	h.Add(batch(1, 1, 4, start))
	h.Add(batch(1, 14, 2, start))
	h.GiveUp(history.Run{Stream: name(1), From: 5, To: 13})
	if items := told.Read(nil, h, name(1)); len(items) != 7 || items[4].Lost.From != 5 || items[4].Lost.To != 13 {
		t.Fatalf("with a gap: %v", items)
	}
	for _, b := range []*msg.Batch{batch(1, 7, 2, start), batch(1, 13, 1, start), batch(1, 5, 1, start)} {
		if h.Has(b.Seal) || h.Add(b) != history.Added || !h.Has(b.Seal) || h.Add(b) != history.Known {
			t.Errorf("batch %d is not taken once", b.Seal.First)
		}
		if err := h.Check(); err != nil {
			t.Fatal(err)
		}
	}
	if b := batch(1, 8, 3, start); h.Add(b) != history.Known {
		t.Error("one was taken that overlaps another")
	}
	var got string
	var late history.Reader
	for _, it := range late.Read(nil, h, name(1)) {
		if it.Message != nil {
			got += fmt.Sprintf("%s ", it.Message)
		} else {
			got += fmt.Sprintf("(%d..%d) ", it.Lost.From, it.Lost.To)
		}
	}
	if got != "1 2 3 4 5 (6..6) 7 8 (9..12) 13 14 15 " {
		t.Errorf("who comes later reads %s", got)
	}
	if items := told.Read(nil, h, name(1)); len(items) != 0 {
		t.Errorf("who was told of the gap reads %v", items)
	}
}

// History is what others have when a stream is first heard of, or all of them for the first time;
// what is published from then on is none, also where more of the past is wanted later.
func TestPast(t *testing.T) {
	old, next := batch(1, 1, 5, start), batch(1, 6, 2, start)
	h := history.New(roomy)
	h.Begin(old.Seal, 6)
	h.Synced(map[msg.Stream]bool{name(1): true})
	h.Learn(next.Seal)
	h.Begin(next.Seal, 1) // a member comes to keep the group
	other, fresh := batch(2, 1, 3, start), batch(3, 1, 3, start)
	h.Begin(other.Seal, 1) // of another part of the ring
	h.Add(fresh)
	for i, c := range []struct {
		b    *msg.Batch
		want bool
	}{{old, true}, {next, false}, {other, true}, {fresh, false}, {batch(4, 1, 1, start), false}} {
		if got := h.IsPast(c.b.Seal); got != c.want {
			t.Errorf("batch %d: history %v, want %v", i, got, c.want)
		}
	}
}
