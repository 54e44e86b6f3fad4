package groups

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/app/scribe"
	"github.com/phyllo-net/phyllo/lab/evaluation/experiment"
	"github.com/phyllo-net/phyllo/pastry/msg"
	"github.com/phyllo-net/phyllo/sim"
	"github.com/phyllo-net/phyllo/task"
)

var treeRepair = &experiment.Experiment{
	Name: "scribe-repair",
	What: "a forwarder or the root of a group is killed, or falls silent, with traffic and without: time until those below it receive again, and messages lost",
	Paper: "FreePastry looks after its trees every 180 s; goals of the project: 99 % of the members receive again 3 s after a forwarder was killed, 6 s after the root; " +
		"after a silent death 5 s with traffic, 35 s without; no message is lost",
	Nodes: 60, Full: 200, NodeBytes: 200 << 10,
	AnySize:    true,
	Topologies: []string{experiment.Plane, experiment.Sphere, experiment.TransitStub, experiment.Measured},
	Metrics: []experiment.Metric{
		{Name: "again_99", Unit: "s", What: "time until 99 % of the members below the dead receive again"},
		{Name: "again_all", Unit: "s", What: "time until all of them do"},
		{Name: "in_time", What: "share of them that receive again within the goal's time"},
		{Name: "lost", What: "messages that were acknowledged and that a member has not read, or was told to be lost"},
	},
	Measure: runTreeRepair,
}

// Of the groups: how many there are, how many nodes are in each, how many children a node
// takes, so that trees are deeper than a ring of this size would make them, and how often
// trees are struck in each way at most.
const (
	woundedGroups = 10
	groupMembers  = 50
	fewChildren   = 4
	mostStrikes   = 40
)

// wound is a way to strike a tree.
type wound struct {
	name                  string
	root, silent, traffic bool
	goal                  time.Duration
}

func wounds() []wound {
	return []wound{
		{"forwarder killed, 1 message/s", false, false, true, 3 * time.Second},
		{"root killed, 1 message/s", true, false, true, 6 * time.Second},
		{"forwarder silent, 1 message/s", false, true, true, 5 * time.Second},
		{"root silent, 1 message/s", true, true, true, 5 * time.Second},
		{"forwarder killed, quiet", false, false, false, 3 * time.Second},
		{"root killed, quiet", true, false, false, 6 * time.Second},
		{"forwarder silent, quiet", false, true, false, 35 * time.Second},
		{"root silent, quiet", true, true, false, 35 * time.Second},
	}
}

const (
	// hush is the time after which heartbeats are as rare as they become.
	hush = 4 * time.Minute
	// healing bounds the time in which a tree heals.
	healing = 2 * time.Minute
	// glance is the time between two looks at a tree.
	glance = 50 * time.Millisecond
)

// ward is a ring whose trees are struck.
type ward struct {
	*groups
	numbers  uint64             // of messages said
	said     map[uint64]*notice // in this strike
	patients map[*circle][]*ear // the members of each group
	speaker  sim.NodeRef        // who publishes in this strike
	mouth    *scribe.Publisher  // with which it does
}

// notice is a message.
type notice struct {
	at    time.Duration
	taken bool
}

// ear is a member of a group.
type ear struct {
	node sim.NodeRef
	read map[uint64]int // how often each message of this strike was read
	lost int            // messages of which it was told that they are lost
	// again is when it read the first message that was said after the strike.
	again, struck time.Duration
}

func runTreeRepair(ctx context.Context, r *experiment.Run) error {
	t, err := experiment.Network(r.Params.Topology, r.Params.Nodes, r.Params.Seed)
	if err != nil {
		return err
	}
	p := experiment.Plot{Title: "Members that receive again", X: "s after the death", Y: "%"}
	g := groupsOn(r, fmt.Sprintf("%d nodes", r.Params.Nodes), sim.Config{Topology: t, Codec: msg.Messages, Connections: true},
		func(c *scribe.Config) { c.MaxChildren = fewChildren })
	defer g.Close()
	w := &ward{groups: g, patients: make(map[*circle][]*ear)}
	if err := w.open(ctx); err != nil {
		return err
	}
	for _, kind := range wounds() {
		s, err := w.treat(ctx, kind)
		if err != nil {
			return fmt.Errorf("%s: %w", kind.name, err)
		}
		p.Series = append(p.Series, s)
	}
	r.Plots = append(r.Plots, p)
	r.Notes = append(r.Notes, fmt.Sprintf("The ring is built by joins, with links that close when a process is killed. There are %d groups of %d members, struck in turn, %d times in each way; nodes take %d children, "+
		"so that trees are deeper than they would be in so small a ring. A forwarder is the one with the most members below it; only those below the dead are counted. With traffic a member receives again when it reads the first message "+
		"that was said after the death; in quiet when all nodes from it up to a root live, and each is a child of the next.", len(w.all), w.size(), w.strikes(), fewChildren))
	return nil
}

// size is the number of a group's members.
func (w *ward) size() int { return min(groupMembers, max(w.Run.Params.Nodes/4, 8)) }

// strikes is how often trees are struck in each way.
func (w *ward) strikes() int { return min(mostStrikes, max(w.Run.Params.Nodes-20, 2)) }

// open makes the ring and its groups.
func (w *ward) open(ctx context.Context) error {
	if err := w.Grow(ctx, w.Run.Params.Nodes, experiment.JoinGap); err != nil {
		return err
	}
	w.keeps = 1000
	many := min(woundedGroups, w.Run.Params.Nodes/5)
	for i := range many {
		c, err := w.create()
		if err != nil {
			return err
		}
		for _, n := range w.rng.Perm(w.Sim.Len())[:w.size()] {
			if err := w.admitMember(c, sim.NodeRef(n)); err != nil {
				return err
			}
		}
		if err := w.Run.Step(ctx, i+1, many, w.Name+": groups are made"); err != nil {
			return err
		}
	}
	return nil
}

// admitMember makes a node a member and waits for that.
func (w *ward) admitMember(c *circle, n sim.NodeRef) error {
	e := &ear{node: n, read: make(map[uint64]int)}
	o := scribe.Options{Message: func(m scribe.Message) { w.hear(e, binary.BigEndian.Uint64(m.Body)) },
		Gap: func(g scribe.Gap) { e.lost += int(g.To - g.From + 1) }}
	err := w.Call(n, time.Minute, func(t *task.T) error {
		_, err := w.trees[n].Join(t, c.id, o)
		return err
	})
	if err != nil {
		return fmt.Errorf("node %d does not join: %w", n, err)
	}
	w.patients[c] = append(w.patients[c], e)
	return nil
}

func (w *ward) hear(e *ear, number uint64) {
	if n := w.said[number]; n != nil {
		if e.read[number]++; e.again == 0 && e.struck > 0 && n.at >= e.struck {
			e.again = w.Sim.Now()
		}
	}
}

// treat strikes trees in one way, and reports how soon they heal.
func (w *ward) treat(ctx context.Context, kind wound) (s experiment.Series, err error) {
	var took []float64
	var lost, inTime experiment.Rate
	strikes := w.strikes()
	for i := range strikes {
		times, missed, err := w.strike(w.all[i%len(w.all)], kind)
		if err != nil {
			return s, err
		}
		for _, d := range times {
			took = append(took, d.Seconds())
			if inTime.N++; d <= kind.goal {
				inTime.K++
			}
		}
		lost.K, lost.N = lost.K+missed.K, lost.N+missed.N
		if err := w.Run.Step(ctx, i+1, strikes, kind.name); err != nil {
			return s, err
		}
	}
	slices.Sort(took)
	n, v := w.Run.Params.Nodes, kind.name
	w.Run.Add(experiment.Value{Metric: "again_99", Variant: v, Nodes: n, Value: quantile(took, 0.99), Paper: experiment.Paper(180), Goal: experiment.AtMost(kind.goal.Seconds())})
	w.Run.Add(experiment.Value{Metric: "again_all", Variant: v, Nodes: n, Value: quantile(took, 1)})
	w.Run.Add(experiment.Value{Metric: "in_time", Variant: v, Nodes: n, Value: inTime.Value(), Rate: &inTime, Goal: experiment.AtLeast(0.99)})
	w.Run.Add(experiment.Value{Metric: "lost", Variant: v, Nodes: n, Value: float64(lost.K), Goal: experiment.AtMost(0)})
	s.Name = v
	for q := 0; q <= 100; q += 5 {
		s.Points = append(s.Points, [2]float64{quantile(took, float64(q)/100), float64(q)})
	}
	return s, nil
}

// strike strikes the tree of one group, and returns the times until each member below the
// dead node received again, and of what was to be read how much was not. The dead node comes
// back afterwards.
func (w *ward) strike(c *circle, kind wound) (times []time.Duration, missed experiment.Rate, err error) {
	w.said = make(map[uint64]*notice)
	for _, e := range w.patients[c] {
		clear(e.read)
		e.again, e.struck, e.lost = 0, 0, 0
	}
	before, _ := w.victim(c, kind.root)
	if before == sim.Nobody {
		return nil, missed, nil // all hang below the root
	}
	w.quieten(c, kind, before)
	victim, below := w.victim(c, kind.root)
	if victim == sim.Nobody {
		return nil, missed, errors.New("the tree changed in calm")
	}
	struck := w.Sim.Now()
	for _, e := range below {
		e.struck = struck
	}
	if kind.silent {
		w.Sim.Die(victim)
	} else {
		w.Sim.Crash(victim)
	}
	if !w.heal(c, kind, below) {
		return nil, missed, fmt.Errorf("not all of %d members below node %d receive again within %v", len(below), victim, healing)
	}
	for _, e := range below {
		times = append(times, e.again-struck)
	}
	missed = w.epilogue(c, victim)
	return times, missed, w.revive(c, victim)
}

// quieten brings a group into the state in which it is struck, at no time in particular.
func (w *ward) quieten(c *circle, kind wound, victim sim.NodeRef) {
	for w.speaker = w.Census.Draw(w.rng); w.speaker == victim || w.trees[w.speaker].Place(c.id).Root; {
		w.speaker = w.Census.Draw(w.rng)
	}
	w.mouth = w.trees[w.speaker].Publisher(c.id, w.signer)
	calm := hush
	if kind.traffic {
		calm = 10 * time.Second
	}
	calm += time.Duration(w.rng.Int64N(int64(time.Minute)))
	for end := w.Sim.Now() + calm; w.Sim.Now() < end; {
		if kind.traffic {
			w.say()
		}
		w.Sim.RunFor(min(time.Second, end-w.Sim.Now()))
	}
}

// say publishes a message.
func (w *ward) say() {
	number := w.numbers
	w.numbers++
	n := &notice{at: w.Sim.Now()}
	w.said[number] = n
	w.Sim.Call(w.speaker, func() {
		if err := w.mouth.Publish(binary.BigEndian.AppendUint64(nil, number), func(_ uint64, err error) { n.taken = err == nil }); err != nil {
			panic(err) // a bug: one message a second
		}
	})
}

// heal lets time pass until all of these members receive again.
func (w *ward) heal(c *circle, kind wound, below []*ear) bool {
	next := w.Sim.Now() + time.Duration(w.rng.Int64N(int64(time.Second)))
	return w.Sim.RunUntil(func() bool {
		now := w.Sim.Now()
		if kind.traffic && now >= next {
			w.say()
			next += time.Second
		}
		left := 0
		for _, e := range below {
			if !kind.traffic && e.again == 0 && w.hangs(c, e.node, nil) {
				e.again = now
			}
			if e.again == 0 {
				left++
			}
		}
		return left == 0
	}, glance, healing)
}

// hangs reports whether all nodes from this one up to a root live, each a child of the next.
// It calls up, if that is not nil, with all but this one.
func (w *ward) hangs(c *circle, n sim.NodeRef, up func(sim.NodeRef)) bool {
	for range w.trees {
		if !w.Sim.Alive(n) {
			return false
		}
		p := w.trees[n].Place(c.id)
		if p.Root {
			return true
		}
		parent, known := w.Sim.Find(p.Parent)
		if !known || !slices.Contains(w.trees[parent].Place(c.id).Children, w.Sim.Handle(n).ID) {
			return false
		}
		if n = parent; up != nil {
			up(n)
		}
	}
	return false
}

// victim is the root, or the forwarder with the most members below it, and these; Nobody if
// nobody forwards.
func (w *ward) victim(c *circle, root bool) (victim sim.NodeRef, below []*ear) {
	under := make([][]*ear, len(w.trees))
	for _, e := range w.patients[c] {
		w.hangs(c, e.node, func(n sim.NodeRef) { under[n] = append(under[n], e) })
	}
	victim = sim.Nobody
	for i, s := range w.trees {
		if n := sim.NodeRef(i); n != w.speaker && s.Place(c.id).Root == root && len(under[i]) > len(below) {
			victim, below = n, under[i]
		}
	}
	return victim, below
}

// epilogue says some more, and counts what members have not read of all that was said.
func (w *ward) epilogue(c *circle, victim sim.NodeRef) (missed experiment.Rate) {
	for range 5 {
		w.say()
		w.Sim.RunFor(time.Second)
	}
	w.Sim.RunFor(20 * time.Second)
	for _, e := range w.patients[c] {
		if e.node == victim {
			continue
		}
		missed.K += e.lost
		for number, n := range w.said {
			if missed.N++; n.taken && e.read[number] != 1 {
				missed.K++
			}
		}
	}
	return missed
}

// revive starts the dead node again, as a member if it was one.
func (w *ward) revive(c *circle, victim sim.NodeRef) error {
	w.mouth.Close()
	w.Sim.Restart(victim)
	if !w.Sim.RunUntil(func() bool { return w.Ready(victim) }, time.Second, healing) {
		return fmt.Errorf("node %d is not in the ring again", victim)
	}
	for _, other := range w.all {
		if i := slices.IndexFunc(w.patients[other], func(e *ear) bool { return e.node == victim }); i >= 0 {
			w.patients[other] = slices.Delete(w.patients[other], i, i+1)
			if err := w.admitMember(other, victim); err != nil {
				return err
			}
		}
	}
	w.Sim.RunFor(90 * time.Second)
	return nil
}
