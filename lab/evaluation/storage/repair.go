package storage

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/lab"
	"github.com/phyllo-net/phyllo/lab/evaluation/experiment"
	"github.com/phyllo-net/phyllo/machine"
	"github.com/phyllo-net/phyllo/pastry/msg"
	"github.com/phyllo-net/phyllo/sim"
	"github.com/phyllo-net/phyllo/wire"
)

var pastRepair = &experiment.Experiment{
	Name: "past-repair",
	What: "nodes with 1,000 files each are lost, or away for ten minutes: time until all files have k=5 copies, and what is moved for that",
	Paper: "IPFS Cluster: up to 12 min, by its settings; goals of the project: 95 % within 60 s of the verdict, all within 5 min; " +
		"a laptop away for ten minutes has fewer than 5 % of its replicas copied",
	Nodes: 50, Full: 50,
	NodeBytes:  6 << 20,
	AnySize:    true,
	Topologies: []string{experiment.Plane, experiment.Sphere, experiment.TransitStub, experiment.Measured},
	Metrics: []experiment.Metric{
		{Name: "replicas", What: "replicas that were lost, or away"},
		{Name: "verdict_after", Unit: "s", What: "time from the event until storage no longer waits"},
		{Name: "restored_95", Unit: "s", What: "time from then on until 95 % of the files have k copies"},
		{Name: "restored_all", Unit: "s", What: "time from then on until all files have"},
		{Name: "moved", What: "bytes of all messages of storage until then, by those of the replicas"},
		{Name: "copied", Unit: "%", What: "replicas copied while a node was away for ten minutes, of those that it has"},
	},
	Measure: runRepair,
}

// Of the files: k, bytes of each, and how many a node keeps, fewer in a ring below 50.
const (
	repairCopies = 5
	repairSize   = 1000
	repairEach   = 1000
)

// mender is a ring of which nodes are lost.
type mender struct {
	*lab.Depot
	run  *experiment.Run
	sent int // bytes that storage sent
}

func runRepair(ctx context.Context, r *experiment.Run) error {
	t, err := experiment.Network(r.Params.Topology, r.Params.Nodes, r.Params.Seed)
	if err != nil {
		return err
	}
	m := &mender{run: r}
	c := lab.Config{Seed: r.Params.Seed, Sim: sim.Config{Topology: t, Codec: msg.Messages}}
	c.Sim.Observe.Send = func(_, _ sim.NodeRef, class machine.Class, _ wire.Message, bytes int) {
		if class == machine.ClassApp {
			m.sent += bytes
		}
	}
	m.Depot = lab.NewDepot(c, repairCopies, repairSize)
	defer m.Close()
	if err := m.fill(ctx); err != nil {
		return err
	}
	for _, event := range []func(context.Context) error{m.laptop, m.lostDisk, m.oneDies, m.mostDie} {
		if err := event(ctx); err != nil {
			return err
		}
	}
	r.Notes = append(r.Notes, "For ten minutes nobody can tell a laptop that sleeps from one that is lost. As long as a majority of a file's holders is there storage waits for "+
		"these ten minutes after the overlay's verdict (verdict_after has both), and only then copies; where the majority is gone, or a disk was lost, it does not wait.")
	return nil
}

// fill makes the ring and its files.
func (m *mender) fill(ctx context.Context) error {
	n := m.run.Params.Nodes
	if !m.Grow(n, experiment.JoinGap, 2*time.Minute) {
		return fmt.Errorf("%d of %d nodes are in the ring", len(m.ReadyNodes()), n)
	}
	return insertFiles(ctx, m.run, m.Depot, n*min(repairEach, 20*n)/repairCopies)
}

// insertFiles stores so many files, 200 in a second.
func insertFiles(ctx context.Context, r *experiment.Run, d *lab.Depot, files int) error {
	for i := range files {
		d.Insert()
		d.Sim.RunFor(5 * time.Millisecond)
		if err := r.Step(ctx, i+1, files, "files are stored"); err != nil {
			return err
		}
	}
	d.Sim.RunFor(time.Minute)
	if len(d.Files) != files {
		return fmt.Errorf("%d of %d files were stored in calm", len(d.Files), files)
	}
	return nil
}

// laptop lets a node be away for ten minutes.
func (m *mender) laptop(ctx context.Context) error {
	n, was := m.Member(), m.Copied()
	kept := m.Kept(n)
	own := m.CopiedBy(n)
	m.Sim.Die(n)
	if err := m.pass(ctx, 10*time.Minute, "a laptop is away"); err != nil {
		return err
	}
	m.Sim.Restart(n)
	if err := m.pass(ctx, 10*time.Minute, "a laptop is back"); err != nil {
		return err
	}
	m.run.Add(experiment.Value{Metric: "copied", Variant: "a laptop is away", Nodes: m.run.Params.Nodes,
		Value: percent(int(m.Copied()+own-was), len(kept)), Goal: experiment.AtMost(5)})
	return nil
}

// lostDisk lets a node start anew with an empty disk, which all find out at once.
func (m *mender) lostDisk(ctx context.Context) error {
	n := m.Member()
	kept := m.Kept(n)
	m.Sim.Crash(n)
	m.Sim.Wipe(n)
	m.Sim.RunFor(time.Second)
	m.Sim.Restart(n)
	return m.restored(ctx, "a disk is lost", kept, m.Sim.Now()-time.Second, m.Sim.Now())
}

// oneDies lets a node die silently.
func (m *mender) oneDies(ctx context.Context) error {
	return m.die(ctx, "a node dies", m.Row(1), m.Absence(), func(id.Hash) bool { return true })
}

// mostDie lets the holders next to each other die that some files have most of their copies
// with.
func (m *mender) mostDie(ctx context.Context) error {
	return m.die(ctx, "most holders die", m.Row(repairCopies/2+1), 0, func(o id.Hash) bool { return m.Alive(o) <= repairCopies/2 })
}

// die lets nodes die silently, and looks how those of their files fare that count.
func (m *mender) die(ctx context.Context, name string, victims []sim.NodeRef, waits time.Duration, counts func(id.Hash) bool) error {
	var kept []id.Hash
	died := m.Sim.Now()
	for _, n := range victims {
		kept = append(kept, m.Kept(n)...)
		m.Sim.Die(n)
	}
	slices.SortFunc(kept, func(a, b id.Hash) int { return slices.Compare(a[:], b[:]) })
	lost := slices.DeleteFunc(kept, func(o id.Hash) bool { return !counts(o) })
	verdict := died
	for _, n := range victims {
		held := false
		m.Sim.RunUntil(func() bool { _, held = m.Verdict(n); return held }, 100*time.Millisecond, 2*time.Minute)
		at, _ := m.Verdict(n)
		if !held {
			return errors.New("a node that died is not held to be dead")
		}
		verdict = max(verdict, at)
	}
	return m.restored(ctx, name, lost, died, verdict+waits)
}

// restored waits until files have all their copies again, and reports when. Each is listed
// once for each copy that it lost.
func (m *mender) restored(ctx context.Context, name string, lost []id.Hash, began, verdict time.Duration) error {
	const limit = 20 * time.Minute
	n, sent := m.run.Params.Nodes, m.sent
	open, copied := slices.Compact(slices.Clone(lost)), m.Copied()
	files := len(open)
	most, all := time.Duration(0), time.Duration(0)
	s := experiment.Series{Name: name}
	for first := true; len(open) > 0; first = false {
		if m.Sim.Now()-verdict > limit {
			return fmt.Errorf("%s: %d of %d files lack copies %v after the verdict", name, len(open), files, limit)
		}
		m.Sim.RunFor(500 * time.Millisecond)
		before := copied
		if copied = m.Copied(); !first && copied == before {
			continue // nothing to count anew
		}
		open = slices.DeleteFunc(open, func(o id.Hash) bool { return m.Alive(o) == m.Copies })
		all = max(0, m.Sim.Now()-verdict)
		if most == 0 && 20*len(open) <= files {
			most = all
		}
		s.Points = append(s.Points, [2]float64{all.Seconds(), percent(files-len(open), files)})
		if err := m.run.Step(ctx, files-len(open), files, name+": copies are made"); err != nil {
			return err
		}
	}
	moved := float64(m.sent-sent) / float64(max(1, len(lost))*repairSize)
	for _, v := range []experiment.Value{
		{Metric: "replicas", Value: float64(len(lost))},
		{Metric: "verdict_after", Value: (verdict - began).Seconds()},
		{Metric: "restored_95", Value: most.Seconds(), Paper: experiment.Paper(720), Goal: experiment.AtMost(60)},
		{Metric: "restored_all", Value: all.Seconds(), Paper: experiment.Paper(720), Goal: experiment.AtMost(300)},
		{Metric: "moved", Value: moved},
	} {
		v.Variant, v.Nodes = name, n
		m.run.Add(v)
	}
	if len(m.run.Plots) == 0 {
		m.run.Plots = []experiment.Plot{{Title: "Files with all their copies again", X: "s after the verdict", Y: "%"}}
	}
	m.run.Plots[0].Series = append(m.run.Plots[0].Series, s)
	return m.pass(ctx, 15*time.Minute, name+": rest")
}

// pass lets virtual time go by.
func (m *mender) pass(ctx context.Context, d time.Duration, what string) error {
	return pass(ctx, m.run, m.Sim, d, what)
}
