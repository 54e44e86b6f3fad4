package disk_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/phyllo-net/phyllo/sim/simtest"
	"github.com/phyllo-net/phyllo/store"
	"github.com/phyllo-net/phyllo/store/disk"
)

// crash is a file system as a crash has left it, and what a store on it must
// hold.
type crash struct {
	at     int64 // number of the file operation before which it happened
	fs     *vfs.MemFS
	acked  []int // for each writer: batches acknowledged before the crash
	issued []int // and batches begun
}

// script runs writers of numbered batches on a store in memory and takes
// crashes before the file operations that pick chooses.
type script struct {
	writers, batches int
	reopen           bool // close and open once on the way
	config           disk.Config
	unsynced         int // chance that a block not synced survives, in percent
	rng              *rand.Rand
	pick             func(op int64) bool

	mu            sync.Mutex
	op            int64
	acked, issued []int
	crashes       []crash
}

// run plays the script on what before has left.
func (s *script) run(t testing.TB, before crash) {
	fs := before.fs
	s.acked, s.issued = slices.Clone(before.acked), slices.Clone(before.issued)
	s.config.Dir = "store"
	s.config.FS = errorfs.Wrap(fs, errorfs.InjectorFunc(func(errorfs.Op) error {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.op++; s.pick(s.op) {
			c := crash{at: s.op, acked: slices.Clone(s.acked)}
			c.fs = fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: s.unsynced, RNG: s.rng})
			c.issued = slices.Clone(s.issued)
			s.crashes = append(s.crashes, c)
		}
		return nil
	}))
	st := open(t, s.config)
	for w := range s.writers {
		n := count(t, st, w) // what was read is durable
		s.mu.Lock()
		s.acked[w], s.issued[w] = n, n
		s.mu.Unlock()
	}
	half := s.batches / 2
	s.write(t, st, half)
	if s.reopen {
		closeStore(t, st)
		st = open(t, s.config)
	}
	s.write(t, st, s.batches)
	closeStore(t, st)
}

// blank is the crash before there was anything.
func blank(writers int) crash {
	return crash{fs: vfs.NewCrashableMem(), acked: make([]int, writers), issued: make([]int, writers)}
}

func count(t testing.TB, s store.Store, w int) int {
	n := 0
	if err := s.Scan("a", store.Prefix(fmt.Appendf(nil, "%d/", w)), func(k, v []byte) bool { n++; return true }); err != nil {
		t.Fatal(err)
	}
	return n
}

// write lets every writer go on to batch number end.
func (s *script) write(t testing.TB, st store.Store, end int) {
	var wg sync.WaitGroup
	for w := range s.writers {
		wg.Go(func() {
			for i := s.acked[w]; i < end; i++ {
				s.mu.Lock()
				s.issued[w] = i + 1
				s.mu.Unlock()
				if err := st.Apply(numbered(w, i)); err != nil {
					t.Error(err)
					return
				}
				s.mu.Lock()
				s.acked[w] = i + 1
				s.mu.Unlock()
			}
		})
	}
	wg.Wait()
}

// check opens the store that a crash has left. A store that never acknowledged
// anything may still be in the making.
func (c crash) check(t testing.TB, config disk.Config) {
	t.Helper()
	config.FS = c.fs
	s, err := disk.Open(config)
	if err != nil {
		t.Fatalf("crash before file operation %d: %v", c.at, err)
	}
	for w := range c.acked {
		checkNumbered(t, s, w, c.acked[w], c.issued[w])
	}
	put(t, s, "after", "the crash")
	closeStore(t, s)
	if t.Failed() {
		t.Fatalf("crash before file operation %d", c.at)
	}
}

var smallMemTable = disk.Config{MemTable: 256 << 10}

func TestCrashBeforeEveryFileOperation(t *testing.T) {
	for _, unsynced := range []int{0, 50, 100} {
		if small() && unsynced != 50 {
			continue
		}
		t.Run(fmt.Sprintf("%d%%", unsynced), func(t *testing.T) {
			s := &script{
				writers: 1, batches: 12, reopen: true, config: smallMemTable,
				unsynced: unsynced, rng: rand.New(rand.NewPCG(1, uint64(unsynced))),
				pick: func(int64) bool { return true },
			}
			s.run(t, blank(1))
			for _, c := range s.crashes {
				c.check(t, s.config)
			}
			t.Logf("%d crashes", len(s.crashes))
		})
	}
}

// A crash while the store is opened after a crash.
func TestCrashWhileOpeningTwice(t *testing.T) {
	simtest.WithoutRace(t)
	step := int64(10)
	if small() {
		step = 50
	}
	fill := &script{
		writers: 1, batches: 5, config: smallMemTable, unsynced: 100, rng: rand.New(rand.NewPCG(5, 5)),
		pick: func(int64) bool { return false },
	}
	start := blank(1)
	fill.run(t, start)
	start.acked, start.issued = fill.acked, fill.issued
	opening := func(from crash, pick func(int64) bool) []crash {
		from.fs = from.fs.CrashClone(vfs.CrashCloneCfg{})
		s := &script{writers: 1, config: smallMemTable, unsynced: 100, rng: fill.rng, pick: pick}
		s.run(t, from)
		return s.crashes
	}
	n := 0
	for _, first := range opening(start, func(int64) bool { return true }) {
		for _, second := range opening(first, func(op int64) bool { return (op+first.at)%step == 0 }) {
			second.check(t, fill.config)
			n++
		}
	}
	t.Logf("%d pairs of crashes", n)
}

// Many writers, tables and compactions; crashes at random moments, and then
// again while the store that crashed is opened and written on.
func TestCrashAtRandomMoments(t *testing.T) {
	seeds := uint64(6)
	if small() {
		seeds = 1
	}
	for seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(2, seed))
			first := randomScript(rng, 4, 200, 1500)
			first.run(t, blank(4))
			for _, c := range first.crashes {
				second := randomScript(rng, 4, c.acked[0]+20, 150)
				again := c
				again.fs = c.fs.CrashClone(vfs.CrashCloneCfg{})
				second.run(t, again)
				c.check(t, first.config)
				for _, c := range second.crashes {
					c.check(t, second.config)
				}
			}
			t.Logf("seed %d: %d crashes in %d file operations", seed, len(first.crashes), first.op)
		})
	}
}

// randomScript crashes at about 4 of the first ops file operations.
func randomScript(rng *rand.Rand, writers, batches int, ops int) *script {
	picked := map[int64]bool{}
	for range 4 {
		picked[rng.Int64N(int64(ops))] = true
	}
	return &script{
		writers: writers, batches: batches, reopen: rng.IntN(2) == 0, config: smallMemTable,
		unsynced: []int{0, 30, 70, 100}[rng.IntN(4)], rng: rng,
		pick: func(op int64) bool { return picked[op] },
	}
}
