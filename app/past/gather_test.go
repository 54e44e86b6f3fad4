package past_test

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/past"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr/kbrtest"
	"github.com/phyllo-net/phyllo/sim/simtest"
	"github.com/phyllo-net/phyllo/task"
)

// given counts the chunks that each of some members gives out. stop, if it is not nil, may
// break a transfer off.
func given(ms []*member, stop func(m *member, count int) error) []int {
	counts := make([]int, len(ms))
	for i, m := range ms {
		m.node.OnBulk = func(tr *task.Transfer, _ int, _ []byte) error {
			if tr.Source == nil {
				return nil
			}
			counts[i]++
			if stop == nil {
				return nil
			}
			return stop(m, counts[i])
		}
	}
	return counts
}

func total(counts []int) (n int) {
	for _, c := range counts {
		n += c
	}
	return n
}

// spread is a world with a large object, its holders, and somebody who reads it.
func spread(t *testing.T, seed uint64, b *big) (w *world, o id.Hash, near []*member, reader *member) {
	w = newWorld(t, 9, kbrtest.Config{Seed: seed, ChunkDelay: 20 * time.Millisecond}, nil)
	s, err := w.members[0].insertLarge(b, 3)
	if err != nil {
		t.Fatal(err)
	}
	o = s.Certificate.ID()
	near = w.nearest(o, 3)
	return w, o, near, w.outside(near)
}

// mustFetch fails unless the whole comes, and returns how long that took.
func (m *member) mustFetch(o id.Hash, b *big) time.Duration {
	m.w.t.Helper()
	begun := m.w.net.Elapsed()
	if got, err := m.fetch(o); err != nil || !bytes.Equal(got, b.bytes) {
		m.w.t.Fatalf("%d bytes came of %d, %v", len(got), len(b.bytes), err)
	}
	return m.w.net.Elapsed() - begun
}

// TestGather: a large object is drawn from all of its holders at once, each chunk once, in
// less time than one of them would need.
func TestGather(t *testing.T) {
	simtest.WithoutRace(t)
	chunks := 49
	b := newBig((chunks-1)*mib + 5)
	w, o, near, reader := spread(t, 11, b)
	counts := given(near, nil)
	several := reader.mustFetch(o, b)
	if total(counts) != chunks {
		t.Errorf("%d chunks were given for %d", total(counts), chunks)
	}
	for i, n := range counts {
		if n < chunks/6 {
			t.Errorf("holder %d gave %d chunks of %d", i, n, chunks)
		}
	}
	single, err := w.members[0].insertLarge(b, 1)
	if err != nil {
		t.Fatal(err)
	}
	reader = w.outside(append(near, w.nearest(single.Certificate.ID(), 1)...))
	if one := reader.mustFetch(single.Certificate.ID(), b); several > one*2/3 {
		t.Errorf("%s from three holders, %s from one", several, one)
	}
}

// TestGatherOverDeath: a holder that dies while it gives is replaced, and what it gave is not
// fetched again.
func TestGatherOverDeath(t *testing.T) {
	simtest.WithoutRace(t)
	b := newBig(24 * mib)
	w, o, near, reader := spread(t, 12, b)
	counts := given(near, func(m *member, n int) error {
		if m != near[0] || n < 3 {
			return nil
		}
		if m.node.Alive() {
			w.net.Step() // not in the middle of its own input
			m.node.Kill()
		}
		return errors.New("the node dies")
	})
	reader.mustFetch(o, b)
	if n := total(counts); n < 24 || n > 24+2 {
		t.Errorf("%d chunks were given for 24", n)
	}
}

// TestGatherOverSilence: what a holder is asked for that falls silent, though it is believed
// to be there, comes from another one, long before its transfer counts as stalled.
func TestGatherOverSilence(t *testing.T) {
	for _, size := range []int{mib, 24 * mib} {
		b := newBig(size)
		_, o, near, reader := spread(t, 13, b)
		found, err := reader.lookup(o)
		if err != nil {
			t.Fatal(err)
		}
		near[0].node.Pause()
		near[1].node.Pause()
		begun := reader.w.net.Elapsed()
		sink := new(counting)
		if err := reader.node.Call(time.Hour, func(t *task.T) error {
			return reader.past.Fetch(t, found, task.Whole(int64(size)), sink)
		}); err != nil || sink.bytes != size {
			t.Errorf("%d of %d bytes, %v", sink.bytes, size, err)
		}
		if took := reader.w.net.Elapsed() - begun; took > 15*time.Second {
			t.Errorf("%d MiB took %s beside two holders that are silent", size/mib, took)
		}
		near[0].node.Resume()
		near[1].node.Resume()
	}
}

// counting is a sink that checks the order.
type counting struct{ next, bytes int }

func (c *counting) WriteChunk(n int, content []byte) error {
	if n != c.next {
		return errors.New("a chunk out of its order")
	}
	c.next++
	c.bytes += len(content)
	return nil
}

// full is a sink that takes no more than so many chunks.
type full struct{ left int }

var errFull = errors.New("no room")

func (f *full) WriteChunk(int, []byte) error {
	if f.left--; f.left < 0 {
		return errFull
	}
	return nil
}

// TestGatherIntoFull: what the sink says ends it, and nothing goes on behind.
func TestGatherIntoFull(t *testing.T) {
	simtest.WithoutRace(t)
	b := newBig(40 * mib)
	w, o, near, reader := spread(t, 14, b)
	counts := given(near, nil)
	err := reader.node.Call(time.Hour, func(t *task.T) error {
		f, err := reader.past.Lookup(t, o)
		if err != nil {
			return err
		}
		return reader.past.Fetch(t, f, task.Whole(40*mib), &full{5})
	})
	if !errors.Is(err, errFull) || errors.Is(err, past.ErrNotReachable) {
		t.Errorf("%v, want what the sink said", err)
	}
	w.net.Run(time.Second)
	before := total(counts)
	w.net.Run(time.Minute)
	if total(counts) != before {
		t.Error("chunks come for a fetch that has ended")
	}
}
