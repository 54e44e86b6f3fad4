package storage

import (
	"context"
	"fmt"
	"time"

	"github.com/phyllo-net/phyllo/lab"
	"github.com/phyllo-net/phyllo/lab/evaluation/experiment"
	"github.com/phyllo-net/phyllo/machine"
	"github.com/phyllo-net/phyllo/pastry/msg"
	"github.com/phyllo-net/phyllo/sim"
	"github.com/phyllo-net/phyllo/wire"
)

var pastDurability = &experiment.Experiment{
	Name: "past-durability",
	What: "files that were acknowledged and are lost: over weeks in which nodes sleep and end for good, in storms of all faults, and when most nodes die at once",
	Paper: "no paper's; goals of the project: none lost of 1,000,000 over 5,000 storms, which `phyllolab storm --storage --ledger docs/storms.md` adds up; " +
		"30 days with nodes that live for 30 days on average",
	Nodes: 14, Full: 50,
	AnySize:    true,
	NodeBytes:  4 << 20,
	Topologies: []string{experiment.Plane, experiment.Sphere, experiment.TransitStub, experiment.Measured},
	Metrics: []experiment.Metric{
		{Name: "lost", What: "share of the files that cannot be read at the end; in storms, of those that the ring had to keep"},
		{Name: "spared", What: "files of storms that were reclaimed, or whose copies were all lost within five minutes"},
		{Name: "failed", What: "storms in which anything was wrong, of the overlay or of storage"},
		{Name: "ended", What: "nodes that ended for good with their disks, each replaced by a new one"},
		{Name: "away", What: "times that a node slept, for an hour on average, once a day"},
		{Name: "copied", Unit: "replicas", What: "replicas made anew a day, by the files"},
		{Name: "sent", Unit: "bytes/s", What: "what storage sends of a node, on average"},
		{Name: "dead", What: "share of the objects that nobody can make whole when 60 % of 200 nodes die at one moment: of those in copies, and of archives"},
	},
	Measure: runDurability,
}

const (
	// durableFor is the usual Params.Span of this experiment.
	durableFor = 30 * 24 * time.Hour
	// Nodes are awake for durableAwake on average, and then asleep for durableAsleep.
	durableAwake, durableAsleep = 23 * time.Hour, time.Hour
	// durableSize is how many bytes a file has. There are as many files for each node as the
	// span has hours, but durableFiles at the most: a short look need not cost much.
	durableSize, durableFiles = 1000, 50
)

func runDurability(ctx context.Context, r *experiment.Run) error {
	span := durableFor
	if r.Params.Span > 0 {
		span = r.Params.Span
	}
	p := experiment.Plot{Title: "Nodes that ended for good", X: "days", Y: "nodes"}
	for _, k := range []struct {
		life   time.Duration
		copies int
	}{{30 * 24 * time.Hour, 5}, {2 * 24 * time.Hour, 3}} {
		s, err := outlive(ctx, r, span, k.life, k.copies)
		if err != nil {
			return err
		}
		p.Series = append(p.Series, s)
	}
	r.Plots = append(r.Plots, p)
	if err := disaster(ctx, r, span); err != nil {
		return err
	}
	return weather(ctx, r, span)
}

// outliver is a ring with files whose nodes sleep, and end.
type outliver struct {
	*lab.Depot
	life          time.Duration
	over          []bool // by node: it ended
	ended, napped int
	sent, copied  int // bytes of storage; replicas, of nodes that run no more
	deaths        experiment.Series
}

// outlive keeps files in a ring for a span, and reads them all in the end.
func outlive(ctx context.Context, r *experiment.Run, span, life time.Duration, copies int) (experiment.Series, error) {
	n := r.Params.Nodes
	t, err := experiment.Network(r.Params.Topology, n, r.Params.Seed)
	if err != nil {
		return experiment.Series{}, err
	}
	name := fmt.Sprintf("nodes live for %.0f days, k=%d", life.Hours()/24, copies)
	o := &outliver{life: life, deaths: experiment.Series{Name: fmt.Sprintf("mean life %.0f days", life.Hours()/24), Points: [][2]float64{{0, 0}}}}
	c := lab.Config{Seed: r.Params.Seed, Sim: sim.Config{Topology: t, Codec: msg.Messages}}
	c.Sim.Observe.Send = func(_, _ sim.NodeRef, class machine.Class, _ wire.Message, bytes int) {
		if class == machine.ClassApp {
			o.sent += bytes
		}
	}
	o.Depot = lab.NewDepot(c, copies, durableSize)
	defer o.Close()
	if !o.Grow(n, experiment.JoinGap, 2*time.Minute) {
		return experiment.Series{}, fmt.Errorf("%s: %d of %d nodes are in the ring", name, len(o.ReadyNodes()), n)
	}
	if err := insertFiles(ctx, r, o.Depot, n*min(durableFiles, max(10, int(span.Hours())))); err != nil {
		return experiment.Series{}, err
	}
	sent := o.sent
	for _, ref := range o.Live() {
		o.born(ref)
	}
	const slice = time.Minute
	for gone := time.Duration(0); gone < span; gone += slice {
		o.Sim.RunFor(slice)
		if err := r.Step(ctx, int((gone+slice)/slice), int(max(span, slice)/slice), name); err != nil {
			return experiment.Series{}, err
		}
	}
	sent = o.sent - sent
	o.deaths.Points = append(o.deaths.Points, [2]float64{span.Hours() / 24, float64(o.ended)})
	lost := o.readAll()
	days := span.Hours() / 24
	for _, v := range []experiment.Value{
		{Metric: "lost", Value: lost.Value(), Rate: &lost},
		{Metric: "ended", Value: float64(o.ended)},
		{Metric: "away", Value: float64(o.napped)},
		{Metric: "copied", Value: float64(o.copied+int(o.Copied())) / float64(len(o.Files)) / days},
		{Metric: "sent", Value: float64(sent) / span.Seconds() / float64(n)},
	} {
		v.Variant, v.Nodes = name, n
		r.Add(v)
	}
	return o.deaths, nil
}

// born lets a node sleep from time to time, and end for good after a life.
func (o *outliver) born(n sim.NodeRef) {
	for len(o.over) <= int(n) {
		o.over = append(o.over, false)
	}
	o.tires(n)
	o.Sim.After(o.draw(o.life), func() {
		o.over[n] = true
		o.halt(n)
		o.ended++
		o.deaths.Points = append(o.deaths.Points, [2]float64{o.Sim.Now().Hours() / 24, float64(o.ended)})
		o.born(o.Add())
	})
}

// tires lets a node that is awake sleep after a while.
func (o *outliver) tires(n sim.NodeRef) {
	o.Sim.After(o.draw(durableAwake), func() {
		if o.over[n] {
			return
		}
		o.halt(n)
		o.napped++
		o.Sim.After(o.draw(durableAsleep), func() {
			if !o.over[n] {
				o.Sim.Restart(n)
				o.tires(n)
			}
		})
	})
}

// halt lets a node fall silent, if it is awake.
func (o *outliver) halt(n sim.NodeRef) {
	if o.Sim.Alive(n) {
		o.copied += int(o.CopiedBy(n))
		o.Sim.Die(n)
	}
}

func (o *outliver) draw(mean time.Duration) time.Duration {
	return time.Duration(o.Rand().ExpFloat64() * float64(mean))
}

// readAll wakes all nodes that did not end, and reads all files: how many are lost.
func (o *outliver) readAll() experiment.Rate {
	for n, over := range o.over {
		if over {
			continue
		}
		o.over[n] = true // it sleeps no more
		if ref := sim.NodeRef(n); !o.Sim.Alive(ref) {
			o.Sim.Restart(ref)
		}
	}
	o.Sim.RunFor(30 * time.Minute)
	there := 0
	for _, f := range o.Files {
		o.Read(f, func(ok bool) {
			if ok {
				there++
			}
		})
		o.Sim.RunFor(100 * time.Millisecond)
	}
	o.Sim.RunFor(time.Minute)
	return experiment.Rate{K: len(o.Files) - there, N: len(o.Files)}
}

// weather strikes rings with storms, one for each day of the span.
func weather(ctx context.Context, r *experiment.Run, span time.Duration) error {
	n := r.Params.Nodes
	storms, failed := max(1, int(span/(24*time.Hour))), 0
	var toll lab.Toll
	for i := range storms {
		one, wrong := lab.Tempest{Seed: r.Params.Seed + uint64(i), Nodes: n, Rage: min(span, 2*time.Minute), Storage: true}.Run()
		toll.Add(one)
		if len(wrong) > 0 {
			failed++
			r.Notes = append(r.Notes, fmt.Sprintf("The storm of seed %d: %s", r.Params.Seed+uint64(i), wrong[0]))
		}
		if err := r.Step(ctx, i+1, storms, "storms"); err != nil {
			return err
		}
	}
	lost := experiment.Rate{K: toll.Lost, N: toll.Stored - toll.Spared}
	for _, v := range []experiment.Value{
		{Metric: "lost", Value: lost.Value(), Rate: &lost, Goal: experiment.AtMost(3e-6)},
		{Metric: "spared", Value: float64(toll.Spared)},
		{Metric: "failed", Value: float64(failed), Goal: experiment.AtMost(0)},
	} {
		v.Variant, v.Nodes = fmt.Sprintf("%d storms", storms), n
		r.Add(v)
	}
	return nil
}
