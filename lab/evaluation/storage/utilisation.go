package storage

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/phyllo-net/phyllo/app/past/divert"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/lab/evaluation/experiment"
)

var pastUtilisation = &experiment.Experiment{
	Name:  "past-utilisation",
	What:  "a ring of stores is filled: how full it gets, and which files are refused on the way",
	Paper: "PAST (SOSP 2001), section 5, tables 1 to 4: 2,250 nodes, k=5, 1,863,055 files of the web; figures marked as recalled were not read again",
	Nodes: 2250, Full: 2250,
	Topologies: []string{NoLinks},
	Metrics: []experiment.Metric{
		{Name: "refused", Unit: "%", What: "files refused, of all that were inserted, until the workload ended or the ring was as full as the variant says"},
		{Name: "file_diverted", Unit: "%", What: "files that were stored with another salt than their first, of all inserted; with chunks: of all chunks"},
		{Name: "replica_diverted", Unit: "%", What: "replicas that lie at another node than one of the k nearest, of all stored"},
		{Name: "utilisation", Unit: "%", What: "room used, of all that is offered, in the end"},
		{Name: "refused_at", Unit: "%", What: "files refused, of all inserted until the ring was so full"},
		{Name: "file_size", Unit: "B", What: "sizes of the files of the workload"},
		{Name: "tail", Unit: "%", What: "share of the workload's bytes that lies in files larger than the variant says"},
	},
	Measure: runUtilisation,
}

// NoLinks is the topology of experiments on the geometry of the ring alone.
const NoLinks = "none"

// filling is one way to fill a ring.
type filling struct {
	name   string
	offers offers
	leafs  int
	policy divert.Policy
	chunk  int64   // files are cut into chunks of at most so many bytes; 0: they are not
	until  float64 // the ring is filled until it is so full; 0: until the workload ends
	// What was published: refused, file diverted, replica diverted, utilisation; nil: nothing.
	paper    []float64
	read     bool // and not recalled
	goals    [2]*experiment.Goal
	pictured bool
}

// wholeFile are the tables of PAST.
func wholeFile() []filling {
	p := divert.Paper()
	sweep := func(primary, diverted float64) divert.Policy {
		q := p
		q.Primary, q.Diverted = primary, diverted
		return q
	}
	all := []filling{
		{name: "no diversion, d1", offers: d1, leafs: 32, policy: divert.None(), paper: []float64{51.1, 0, 0, 60.8}, read: true, pictured: true},
	}
	for i, published := range [][]float64{{2.4, 8.4, 14.8, 94.9}, {2.2, 8.0, 13.7, 94.8}, {3.1, 8.2, 17.7, 94.0}, {5.5, 10.2, 22.2, 94.1}} {
		d := []offers{d1, d2, d3, d4}[i]
		all = append(all, filling{name: d.name + ", l=16", offers: d, leafs: 16, policy: p, paper: published})
	}
	for i, published := range [][]float64{{0.66, 3.47, 16.10, 98.2}, {0.6, 3.3, 15.0, 98.1}, {0.6, 3.1, 18.5, 98.1}, {2.1, 4.1, 23.3, 99.3}} {
		d := []offers{d1, d2, d3, d4}[i]
		f := filling{name: d.name + ", l=32", offers: d, leafs: 32, policy: p, paper: published}
		if i == 0 {
			f.goals, f.pictured = [2]*experiment.Goal{recalled(experiment.AtMost(0.66)), recalled(experiment.AtLeast(98.2))}, true
		}
		all = append(all, f)
	}
	for _, t := range []struct {
		primary, diverted float64
		paper             []float64
	}{
		{0.5, 0.05, []float64{11.98, 4.43, 18.80, 99.7}},
		{0.2, 0.05, []float64{3.43, 4.41, 18.13, 99.4}},
		{0.05, 0.05, []float64{0.27, 2.17, 12.86, 97.4}},
		{0.1, 0.1, []float64{6.28, 5.07, 13.81, 99.8}},
		{0.1, 0.01, []float64{0.24, 0.53, 15.20, 93.1}},
		{0.1, 0.005, []float64{0.43, 0.53, 14.72, 90.5}},
	} {
		all = append(all, filling{name: fmt.Sprintf("d1, l=32, t_pri=%g, t_div=%g", t.primary, t.diverted), offers: d1, leafs: 32,
			policy: sweep(t.primary, t.diverted), paper: t.paper})
	}
	return all
}

// ours are what phyllo does besides, on the same workload.
func ours() []filling {
	paper, p := divert.Paper(), divert.Balanced()
	uneven := d1
	uneven.outsize = 50
	all := []filling{
		{name: "2 % offer 10 x the mean, as PAST", offers: uneven, leafs: 32, policy: paper},
		{name: "2 % offer 10 x the mean, ours", offers: uneven, leafs: 32, policy: p},
		{name: "d1, l=32, two salts", offers: d1, leafs: 32, policy: p},
	}
	for _, kib := range []int64{1024, 256, 64, 16} {
		name := fmt.Sprintf("d1, l=32, chunks of %d KiB, to 99 %%", kib)
		all = append(all, filling{name: name + ", one salt", offers: d1, leafs: 32, policy: paper, chunk: kib << 10, until: 0.99, pictured: kib == 64})
		f := filling{name: name + ", two salts", offers: d1, leafs: 32, policy: p, chunk: kib << 10, until: 0.99}
		if kib == 64 {
			f.goals, f.pictured = [2]*experiment.Goal{experiment.AtMost(0.3), experiment.AtLeast(99)}, true
		}
		all = append(all, f)
	}
	return all
}

func recalled(g *experiment.Goal) *experiment.Goal { g.Recalled = true; return g }

func runUtilisation(ctx context.Context, r *experiment.Run) error {
	work := workload(r)
	p := experiment.Plot{Title: "Files refused until the ring is so full", X: "utilisation, %", Y: "refused, % of those inserted"}
	for _, f := range slices.Concat(wholeFile(), ours()) {
		t, err := fill(ctx, r, f, work)
		if err != nil {
			return err
		}
		addFilling(r, f, t)
		if f.pictured {
			p.Series = append(p.Series, experiment.Series{Name: f.name, Points: t.curve})
		}
	}
	r.Plots = append(r.Plots, p)
	r.Notes = append(r.Notes,
		"The decisions are those of package app/past/divert, which nodes take, on the geometry of the ring, without messages; TestFarm holds the whole protocol to the same bytes at the same nodes.",
		"The traces of the paper are not to be had. Sizes are drawn: 88.71 % lognormal (median 1,083 B, sigma 1.2), the others Pareto (from 10,000 B, "+
			"alpha 1.065, cut at 138 MB), which gives the mean and the median of the paper; alpha was fitted so that the row d1, l=32 comes near the recalled one. "+
			"The workload is larger than the ring, so files refused hang on its tail, which is printed: compare policies with each other rather than with the paper.",
		"\"Two salts\" is not in the paper: a file gets, of two places that it could have, the one around which more room is left. Nodes do not do this yet; they do what the other rows do. "+
			"Where whole files are refused for their size this changes little; where chunks are refused because a part of the ring is full it decides.",
		"With chunks a file is stored in pieces and a list of them, each with a place and salts of its own; it is refused if one of them is. "+
			"As nearly nothing is refused the ring would be full before the workload ends, so these rows stop when it is 99 % full. A node offers 27 MB on average, as in 2001: "+
			"pieces of 64 KiB beside that are what pieces of 1 MiB are beside 430 MB.")
	return nil
}

// workload draws the sizes of all files, and reports what they are like.
func workload(r *experiment.Run) []int64 {
	rng := rand.New(rand.NewPCG(r.Params.Seed, 0x51235))
	work := make([]int64, int(math.Round(webFiles*float64(r.Params.Nodes))))
	sum := int64(0)
	for i := range work {
		work[i] = web.draw(rng)
		sum += work[i]
	}
	order := slices.Sorted(slices.Values(work))
	size := func(name string, v, published float64, recalled bool) {
		r.Add(experiment.Value{Metric: "file_size", Variant: name, Nodes: r.Params.Nodes, Value: v, Paper: experiment.Paper(published), Recalled: recalled})
	}
	size("mean", float64(sum)/float64(len(work)), 10_517, false)
	size("median", float64(order[len(order)/2]), 1312, false)
	size("largest", float64(order[len(order)-1]), 138e6, true)
	for _, limit := range []int64{10_000, 100_000, 1e6, 5e6} {
		tail := int64(0)
		for _, s := range order {
			if s > limit {
				tail += s
			}
		}
		r.Add(experiment.Value{Metric: "tail", Variant: fmt.Sprintf("%d B", limit), Nodes: r.Params.Nodes, Value: percent(tail, sum)})
	}
	return work
}

func percent[T int | int64](part, of T) float64 {
	if of == 0 {
		return 0
	}
	return 100 * float64(part) / float64(of)
}

// filled is what came of a filling.
type filled struct {
	files, refused     int
	pieces, salted     int
	replicas, diverted int // of what stayed
	utilisation        float64
	curve              [][2]float64 // refused in % by utilisation in %
	marks              map[int]float64
}

// marked are the utilisations, in percent, at which files refused are reported.
var marked = []int{80, 90, 95, 99}

func fill(ctx context.Context, r *experiment.Run, f filling, work []int64) (*filled, error) {
	rng := rand.New(rand.NewPCG(r.Params.Seed, 0xfa23))
	b := &filler{farm: newFarm(f.offers.draw(r.Params.Nodes, rng), f.leafs, copies, f.policy, rng), rng: rng}
	t := &filled{marks: make(map[int]float64)}
	for i, size := range work {
		if i%10_000 == 0 {
			if err := r.Step(ctx, i, len(work), f.name); err != nil {
				return nil, err
			}
		}
		t.files++
		if !b.file(size, f.chunk, t) {
			t.refused++
		}
		t.mark(b.utilisation())
		if f.until > 0 && b.utilisation() >= f.until {
			break
		}
	}
	t.utilisation = 100 * b.utilisation()
	t.curve = append(t.curve, [2]float64{t.utilisation, percent(t.refused, t.files)})
	return t, nil
}

// mark notes the files refused each time that the ring is half a percent fuller.
func (t *filled) mark(utilisation float64) {
	x := math.Floor(200*utilisation) / 2
	if len(t.curve) > 0 && x <= t.curve[len(t.curve)-1][0] {
		return
	}
	y := percent(t.refused, t.files)
	t.curve = append(t.curve, [2]float64{x, y})
	for _, m := range marked {
		if _, done := t.marks[m]; !done && x >= float64(m) {
			t.marks[m] = y
		}
	}
}

// filler inserts files into a farm.
type filler struct {
	*farm
	rng *rand.Rand
}

// listed is what a list of chunks has for each.
const listed = 48

// file stores a file, whole or in chunks with a list of them, and reports whether it could.
func (b *filler) file(size, chunk int64, t *filled) bool {
	if chunk == 0 || size <= chunk {
		_, ok := b.piece(size, t)
		return ok
	}
	type part struct {
		at   []replica
		size int64
	}
	var done []part
	before := *t
	pieces := (size + chunk - 1) / chunk
	for i := range pieces + 1 {
		n := min(chunk, size-i*chunk)
		if i == pieces {
			n = listed * pieces
		}
		at, ok := b.piece(n, t)
		if !ok {
			for _, p := range done {
				b.undo(p.at, p.size)
			}
			*t = before
			return false
		}
		done = append(done, part{slices.Clone(at), n})
	}
	return true
}

// piece stores one object, with other salts where the first ones lead to full nodes.
func (b *filler) piece(size int64, t *filled) ([]replica, bool) {
	t.pieces++
	for try := range 1 + b.policy.Salts {
		diverted, ok := b.put(b.choose(), size)
		if !ok {
			continue
		}
		if try > 0 {
			t.salted++
		}
		t.diverted += diverted
		t.replicas += len(b.placed)
		return b.placed, true
	}
	return nil, false
}

// choose draws as many objects as the policy says, and returns the one with most room
// around its place.
func (b *filler) choose() id.Hash {
	if b.policy.Draws == 1 {
		return b.object()
	}
	var objects []id.Hash
	var places []divert.Place
	for range b.policy.Draws {
		o := b.object()
		objects, places = append(objects, o), append(places, b.around(o.Place()))
	}
	return objects[divert.Best(places)]
}

// object draws the id of an object: that of a hash, as a new salt gives it.
func (b *filler) object() (o id.Hash) {
	for i := 0; i < len(o); i += 8 {
		binary.BigEndian.PutUint64(o[i:], b.rng.Uint64())
	}
	return o
}

func addFilling(r *experiment.Run, f filling, t *filled) {
	rate := experiment.Rate{K: t.refused, N: t.files}
	values := []experiment.Value{
		{Metric: "refused", Value: 100 * rate.Value(), Goal: f.goals[0]},
		{Metric: "file_diverted", Value: percent(t.salted, t.pieces)},
		{Metric: "replica_diverted", Value: percent(t.diverted, t.replicas)},
		{Metric: "utilisation", Value: t.utilisation, Goal: f.goals[1]},
	}
	for i, v := range values {
		v.Variant, v.Nodes = f.name, r.Params.Nodes
		if f.paper != nil {
			v.Paper, v.Recalled = experiment.Paper(f.paper[i]), !f.read
		}
		r.Add(v)
	}
	for _, m := range marked {
		if y, reached := t.marks[m]; reached {
			r.Add(experiment.Value{Metric: "refused_at", Variant: fmt.Sprintf("%s, at %d %%", f.name, m), Nodes: r.Params.Nodes, Value: y})
		}
	}
}
