package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/phyllo-net/phyllo/app/past"
	"github.com/phyllo-net/phyllo/app/past/certificate"
	"github.com/phyllo-net/phyllo/bench/computer"
	"github.com/phyllo-net/phyllo/bench/ring"
	"github.com/phyllo-net/phyllo/bench/row"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/keys"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
)

// What is stored in the rows of storage.
const (
	objectSize   = 1024 // bytes, sealed
	objectCopies = 3
)

// storageRows measure files of 1 KB in one ring on real links.
func storageRows() []row.Row {
	const counted = "from `Past.Insert`, of content that is encrypted here, to the verified receipts of 3 holders, all by one member, which pays with vouchers, and of one name part, as a space's pieces are, so that it can pay ahead; "
	const unsigned = "as the rows above, all else the same, but a mark stands in for each signature of storage, and is believed; 3 s a round"
	const together = "; what is stored under load is signed by its owner many at a time, and lies side by side: a holder verifies one signature, and signs one receipt, for several"
	const read = "from `Past.Lookup` to the verified content, each by another node that keeps no replica of it, none twice by one; they were stored under load, up to 64 under one signature of their owner, which each reader verifies once for all of these; 1 s a round"
	rate := func(limit float64) []row.Goal { return []row.Goal{{Metric: "rate", Limit: limit, AtLeast: true}} }
	return []row.Row{
		{
			Name: "insert", What: "insert of 1 KB, 3 copies, in memory", Outstanding: 1, Transports: row.Links[:1], Rounds: 3, FreePastry: "3,400/s, not signed, in clear",
			Counted: counted + "3 s a round", Goals: rate(700), Measure: inserts(1, false),
		},
		{
			Name: "insert-named", What: "insert of 1 KB, 3 copies, in memory, each under a name of its own", Outstanding: 1, Transports: row.Links[:1], Rounds: 3, FreePastry: "3,400/s, not signed, in clear",
			Counted: "as the row above, but nothing can be paid ahead: each waits for a voucher of its own; 3 s a round", Measure: insertsNamed(1),
		},
		{
			Name: "inserts", What: "insert of 1 KB, 3 copies, in memory, under load", Outstanding: crowd, Transports: row.Links[:1], Rounds: 3, FreePastry: "3,500/s, not signed, in clear",
			Counted: counted + "3 s a round" + together, Goals: rate(2500), Measure: inserts(crowd, false),
		},
		{
			Name: "insert-unsigned", What: "insert of 1 KB, 3 copies, in memory, with a stand-in for signatures", Outstanding: 1, Transports: row.Links[:1], Rounds: 3, FreePastry: "3,400/s, not signed, in clear",
			Counted: unsigned, Goals: rate(2500), Measure: insertsUnsigned(1),
		},
		{
			Name: "inserts-unsigned", What: "insert of 1 KB, 3 copies, in memory, with a stand-in for signatures, under load", Outstanding: crowd, Transports: row.Links[:1], Rounds: 3, FreePastry: "3,500/s, not signed, in clear",
			Counted: unsigned, Goals: rate(5000), Measure: insertsUnsigned(crowd),
		},
		{
			Name: "insert-disk", What: "insert of 1 KB, 3 copies, synced to the disk", Outstanding: 1, Transports: row.Links[:1], Rounds: 3, FreePastry: "260/s, not signed, in clear",
			Counted: counted + "each node has a store of its own, on one disk; 3 s a round", Goals: rate(150), Measure: inserts(1, true),
		},
		{
			Name: "inserts-disk", What: "insert of 1 KB, 3 copies, synced to the disk, under load", Outstanding: crowd, Transports: row.Links[:1], Rounds: 3,
			Counted: counted + "each node has a store of its own, on one disk; 3 s a round" + together, Goals: rate(800), Measure: inserts(crowd, true),
		},
		{
			Name: "lookup", What: "lookup of 1 KB, verified", Outstanding: 1, Transports: row.Links[:1], Rounds: 3, FreePastry: "8,600/s, not verified",
			Counted: read,
			Goals:   []row.Goal{{Metric: "rate", Limit: 5000, AtLeast: true}, {Metric: "p50", Limit: 0.3}}, Measure: lookups(1),
		},
		{
			Name: "lookups", What: "lookup of 1 KB, verified, under load", Outstanding: crowd, Transports: row.Links[:1], Rounds: 3, FreePastry: "15,000/s, not verified",
			Counted: read,
			Goals:   rate(15_000), Measure: lookups(crowd),
		},
	}
}

// depositor is a member that stores files.
type depositor struct {
	node  *ring.Node
	owner peer.Signer
	count atomic.Uint64
	named bool // each file has a name of its own

	mu     sync.Mutex
	stored []past.Stored
	told   int // how many of them together has counted
}

func newDepositor(n *ring.Node) *depositor {
	var l keys.Locker
	return &depositor{node: n, owner: l.Signer(l.NewSecret())}
}

// insert stores one more file, encrypted with a key of its own.
func (d *depositor) insert(ctx context.Context) error {
	var l keys.Locker
	plain := binary.BigEndian.AppendUint64(nil, d.count.Add(1))
	f := past.File{Part: certificate.NamePart([]byte("bench"), "object"), Copies: objectCopies}
	if d.named {
		f.Part = certificate.NamePart([]byte("bench"), string(plain))
	}
	plain = append(plain, make([]byte, objectSize-peer.LockOverhead-len(plain))...)
	f.Content = l.Lock(l.NewSecret(), nil, plain)
	var s past.Stored
	err := d.node.Storage(ctx, func(t *task.T, p *past.Past) (err error) {
		s, err = p.Insert(t, f, d.owner)
		return err
	})
	if err != nil {
		return fmt.Errorf("an insert in a ring where nothing happens: %w", err)
	}
	d.mu.Lock()
	d.stored = append(d.stored, s)
	d.mu.Unlock()
	return nil
}

// together returns how many of the files that were stored since it was called last have one
// signature of their owner, and how many receipts have one of their holder.
func (d *depositor) together() []row.Figure {
	d.mu.Lock()
	defer d.mu.Unlock()
	owners, holders, receipts := make(map[string]bool), make(map[string]bool), 0
	for _, s := range d.stored[d.told:] {
		owners[string(s.Certificate.Sig)] = true
		receipts += len(s.Receipts)
		for _, r := range s.Receipts {
			holders[string(r.Sig)] = true
		}
	}
	files := len(d.stored) - d.told
	d.told = len(d.stored)
	return []row.Figure{
		{Metric: "files under a signature", Value: float64(files) / float64(max(len(owners), 1))},
		{Metric: "receipts under a signature", Value: float64(receipts) / float64(max(len(holders), 1))},
	}
}

// turns is what was done in a while by some who do it again and again.
type turns struct {
	rate float64 // a second
	cpu  float64 // µs of the whole process, for each
	took []time.Duration
}

// verifyRate measures how many signatures all processors verify in a second.
func verifyRate() (string, error) {
	const n = 2000
	took, err := ring.VerifyAll(n)
	return fmt.Sprintf("all processors together verify %s signatures a second and do nothing else", row.Number(n/max(took, time.Nanosecond).Seconds())), err
}

// repeat lets so many do something again and again, for a while.
func repeat(ctx context.Context, many int, while time.Duration, do func(context.Context) error) (turns, error) {
	var took latencies
	errs := make(chan error, many)
	begun, used := time.Now(), computer.ProcessorTime()
	for range many {
		go func() {
			for time.Since(begun) < while {
				at := time.Now()
				if err := do(ctx); err != nil {
					errs <- err
					return
				}
				took.add(time.Since(at))
			}
			errs <- nil
		}()
	}
	var err error
	for range many {
		if e := <-errs; e != nil {
			err = e
		}
	}
	all := took.take()
	n := float64(len(all))
	return turns{rate: n / time.Since(begun).Seconds(), cpu: micros(computer.ProcessorTime()-used) / max(n, 1), took: all}, err
}

func (x *turns) figures() []row.Figure {
	return []row.Figure{
		{Metric: "rate", Value: x.rate, Unit: "/s"}, {Metric: "p50", Value: millis(quantile(x.took, 0.5)), Unit: "ms"}, {Metric: "p99", Value: millis(quantile(x.took, 0.99)), Unit: "ms"}, {Metric: "CPU", Value: x.cpu, Unit: "µs each"},
	}
}

// inserts measures with so many outstanding.
func inserts(many int, disk bool) func(context.Context, *row.Env) ([]row.Round, error) {
	return insertsBy(many, ring.Options{Disk: disk}, func(*depositor) {})
}

// insertsUnsigned measures with a stand-in for what storage signs, in memory.
func insertsUnsigned(many int) func(context.Context, *row.Env) ([]row.Round, error) {
	return insertsBy(many, ring.Options{Unsigned: true}, func(d *depositor) { d.owner = ring.Unsigned{Signer: d.owner} })
}

// insertsNamed measures files that each have a name of their own, in memory.
func insertsNamed(many int) func(context.Context, *row.Env) ([]row.Round, error) {
	return insertsBy(many, ring.Options{}, func(d *depositor) { d.named = true })
}

func insertsBy(many int, o ring.Options, set func(*depositor)) func(context.Context, *row.Env) ([]row.Round, error) {
	return func(ctx context.Context, e *row.Env) ([]row.Round, error) {
		return withRing(ctx, e, o, func(r *ring.Ring) ([]row.Round, error) {
			d := newDepositor(r.Nodes()[0])
			set(d)
			if _, err := repeat(ctx, many, roundTime/3, d.insert); err != nil { // to warm up
				return nil, err
			}
			var rounds []row.Round
			for range e.Rounds {
				verified, err := verifyRate()
				if err != nil {
					return nil, err
				}
				bound := "the processors are full; " + verified
				if o.Disk {
					syncs, err := syncRate(ctx)
					if err != nil {
						return nil, err
					}
					bound = fmt.Sprintf("this disk does %.0f fsyncs a second of 1 KB after 1 KB, one at a time; an insert needs 3 of its holders, and its voucher those of the account's keepers before", syncs)
				} else if many == 1 {
					bound = "whoever pays, holds and verifies shares two processors here; " + verified
				}
				x, err := repeat(ctx, many, roundTime, d.insert)
				if err != nil {
					return nil, err
				}
				figures := x.figures()
				if !o.Unsigned {
					figures = append(figures, d.together()...)
				}
				rounds = append(rounds, row.Round{Figures: figures, Bound: bound})
			}
			return rounds, nil
		})
	}
}

// syncRate measures how often a second the disk of the folder for temporary files makes
// 1 KB more of one file durable.
func syncRate(ctx context.Context) (rate float64, err error) {
	dir, err := os.MkdirTemp("", "phyllo-sync-")
	if err != nil {
		return 0, err
	}
	defer func() {
		if gone := os.RemoveAll(dir); err == nil {
			err = gone
		}
	}()
	f, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return 0, err
	}
	defer f.Close()
	x, err := repeat(ctx, 1, roundTime/3, func(context.Context) error {
		if _, err := f.Write(make([]byte, objectSize)); err != nil {
			return err
		}
		return f.Sync()
	})
	return x.rate, err
}

// library is how many files are read, each by each node but those that have it, once: so
// many that rounds of lookTime do not come to the end of them.
const (
	library  = 2000
	lookTime = time.Second
)

// reading is one file for one reader.
type reading struct {
	object id.Hash
	by     *ring.Node
}

// lookups measures with so many outstanding.
func lookups(many int) func(context.Context, *row.Env) ([]row.Round, error) {
	return func(ctx context.Context, e *row.Env) ([]row.Round, error) {
		return withRing(ctx, e, ring.Options{}, func(r *ring.Ring) ([]row.Round, error) {
			d := newDepositor(r.Nodes()[0])
			for len(d.stored) < library {
				if _, err := repeat(ctx, crowd, time.Second, d.insert); err != nil {
					return nil, err
				}
			}
			all := d.readings(r.Nodes()[1:])
			var next atomic.Int64
			read := func(ctx context.Context) error {
				i := next.Add(1)
				if i > int64(len(all)) {
					return errors.New("all files were read by all nodes: there are too few")
				}
				return all[i-1].read(ctx)
			}
			if _, err := repeat(ctx, many, lookTime, read); err != nil { // to warm up
				return nil, err
			}
			var rounds []row.Round
			for range e.Rounds {
				before, err := hits(ctx, r.Nodes())
				if err != nil {
					return nil, err
				}
				x, err := repeat(ctx, many, lookTime, read)
				if err != nil {
					return nil, err
				}
				after, err := hits(ctx, r.Nodes())
				if err != nil {
					return nil, err
				}
				cached := float64(after-before) / float64(max(len(x.took), 1))
				rounds = append(rounds, row.Round{
					Figures: append(x.figures(), row.Figure{Metric: "from caches on the way", Value: 100 * cached, Unit: "%"}),
					Bound:   "one signature and the content's hash are verified by the reader",
				})
			}
			return rounds, nil
		})
	}
}

// readings are all of them in an order of chance.
func (d *depositor) readings(nodes []*ring.Node) (all []reading) {
	for _, s := range d.stored[:library] {
		for _, n := range nodes {
			if !slices.ContainsFunc(s.Receipts, func(r *certificate.Receipt) bool { return r.Holder.Node == n.Self().ID }) {
				all = append(all, reading{s.Certificate.ID(), n})
			}
		}
	}
	rand.New(rand.NewPCG(5, 6)).Shuffle(len(all), func(i, k int) { all[i], all[k] = all[k], all[i] })
	return all
}

func (x reading) read(ctx context.Context) error {
	err := x.by.Storage(ctx, func(t *task.T, p *past.Past) error {
		f, err := p.Lookup(t, x.object)
		if err == nil && len(f.Content) != objectSize {
			err = fmt.Errorf("a file of %d bytes, want %d", len(f.Content), objectSize)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("a lookup in a ring where nothing happens: %w", err)
	}
	return nil
}

// hits is how many lookups the caches of all nodes have answered.
func hits(ctx context.Context, all []*ring.Node) (sum uint64, err error) {
	for _, n := range all {
		if err := n.Storage(ctx, func(_ *task.T, p *past.Past) error {
			sum += p.Stats().CacheHits
			return nil
		}); err != nil {
			return 0, err
		}
	}
	return sum, nil
}
