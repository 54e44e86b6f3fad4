package sim_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/machine"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/sim"
	"github.com/phyllo-net/phyllo/sim/topo"
	"github.com/phyllo-net/phyllo/wire"
)

// reach shows who reaches whom, a line for each sender.
func reach(w *world) string {
	var out string
	for a := range sim.NodeRef(w.Len()) {
		for b := range sim.NodeRef(w.Len()) {
			switch {
			case a == b:
				out += "."
			case w.Reaches(a, b):
				out += "x"
			default:
				out += "-"
			}
		}
		out += " "
	}
	return out
}

func TestPartitions(t *testing.T) {
	w := newWorld(t, sim.Config{}, 4)
	type nodes = []sim.NodeRef
	for _, c := range []struct {
		what string
		do   func()
		want string
	}{
		{"none", func() {}, ".xxx x.xx xx.x xxx. "},
		{"halves", func() { w.Partition(nodes{0, 1}, nodes{2, 3}) }, ".x-- x.-- --.x --x. "},
		{"halves, one in neither", func() { w.Partition(nodes{0}, nodes{2, 3}) }, ".x-- x.xx -x.x -xx. "},
		{"bridge", func() { w.Partition(nodes{0, 1}, nodes{1, 2, 3}) }, ".x-- x.xx -x.x -xx. "},
		{"one way", func() { w.OneWay(nodes{0, 1}, nodes{2}) }, ".xxx x.xx --.x xxx. "},
		{"isolated", func() { w.Isolate(1, 3) }, ".-x- -.-- x-.- ---. "},
		{"cut, besides", func() { w.Cut(0, 2) }, ".--- -.-- x-.- ---. "},
		{"mended, but cut", func() { w.Mend() }, ".x-x x.xx xx.x xxx. "},
		{"mended", func() { w.Uncut(0, 2) }, ".xxx x.xx xx.x xxx. "},
		{"pairs", func() { w.Inject(sim.Faults{Unlinked: 1}) }, ".--- -.-- --.- ---. "},
		{"healed", func() { w.Cut(1, 2); w.Isolate(0); w.Heal() }, ".xxx x.xx xx.x xxx. "},
	} {
		c.do()
		if got := reach(w); got != c.want {
			t.Errorf("%s: %s, want %s", c.what, got, c.want)
		}
	}
	w.Partition(nodes{0, 1}, nodes{2, 3})
	w.say(0, 1, "near")
	w.say(0, 2, "far")
	n := w.add(nil) // a node that comes meanwhile is on all sides
	w.say(n, 0, "new")
	w.say(n, 2, "new")
	w.RunFor(time.Second)
	if c := w.Counts(); c.Lost[sim.LossParted] != 1 || c.Delivered != 6 {
		t.Errorf("parted %d, delivered %d", c.Lost[sim.LossParted], c.Delivered)
	}
}

// Pairs that cannot reach each other are fixed, both ways, and as many as wished.
func TestUnlinkedPairs(t *testing.T) {
	w := newWorld(t, sim.Config{Seed: 5}, 60)
	w.Inject(sim.Faults{Unlinked: 0.1})
	apart := 0
	for a := range sim.NodeRef(60) {
		for b := range a {
			if w.Reaches(a, b) != w.Reaches(b, a) {
				t.Fatalf("%d reaches %d one way only", a, b)
			}
			if !w.Reaches(a, b) {
				apart++
			}
		}
	}
	if pairs := 60 * 59 / 2; apart < pairs/15 || apart > pairs/7 {
		t.Errorf("%d of %d pairs are apart, want a tenth", apart, pairs)
	}
}

// many sends n messages from node 0 to node 1, one a millisecond, and returns the
// numbers in the order of their arrival, with the times on the way.
func many(t *testing.T, c sim.Config, f sim.Faults, n int) (w *world, got []int, took []time.Duration) {
	w = newWorld(t, c, 2)
	w.Run(0)
	w.toys[1].quiet = true
	sent := make([]time.Duration, n)
	w.toys[1].heard = func(_ *peer.Handle, m wire.Message) {
		var i int
		if _, err := fmt.Sscan(m.(*say).Text, &i); err != nil {
			t.Fatal(err)
		}
		got = append(got, i)
		took = append(took, w.Now()-sent[i])
	}
	w.Inject(f)
	for i := range n {
		w.RunFor(ms)
		sent[i] = w.Now()
		w.say(0, 1, fmt.Sprint(i))
	}
	w.RunFor(2 * time.Minute)
	return w, got, took
}

func mean(ds []time.Duration) time.Duration {
	var sum time.Duration
	for _, d := range ds {
		sum += d
	}
	return sum / time.Duration(len(ds))
}

func TestDropLosesItsShare(t *testing.T) {
	_, got, _ := many(t, sim.Config{}, sim.Faults{Drop: 0.3}, 4000)
	if len(got) < 2650 || len(got) > 2950 {
		t.Errorf("%d of 4000 arrived, want about 2800", len(got))
	}
	// Uneven, each direction has its own share.
	share := func(seed uint64) int {
		_, got, _ := many(t, sim.Config{Seed: seed}, sim.Faults{Drop: 0.3, Uneven: true}, 1000)
		return len(got)
	}
	var shares []int
	for seed := range uint64(8) {
		shares = append(shares, share(seed))
	}
	if lo, hi := slices.Min(shares), slices.Max(shares); hi-lo < 200 || lo < 350 {
		t.Errorf("arrived of 1000 over eight paths: %v, want from 400 to 1000", shares)
	}
}

func TestDelayIsExponentialWithATail(t *testing.T) {
	_, _, took := many(t, sim.Config{}, sim.Faults{Delay: 50 * ms}, 4000)
	if m := mean(took); m < 57*ms || m > 63*ms {
		t.Errorf("mean %v, want 10 ms and 50 ms", m)
	}
	if slices.Min(took) < 10*ms {
		t.Error("a message was faster than its path")
	}
	_, _, took = many(t, sim.Config{}, sim.Faults{Tail: 0.1, TailMax: 5 * time.Second}, 4000)
	if m := mean(took); m < 220*ms || m > 300*ms || slices.Max(took) < 4*time.Second || slices.Max(took) > 5010*ms {
		t.Errorf("mean %v, longest %v; want about 260 ms, and just below 5.01 s", m, slices.Max(took))
	}
}

func TestReorderOvertakesOnLinks(t *testing.T) {
	for _, p := range []float64{0, 0.5} {
		_, got, _ := many(t, sim.Config{Connections: true}, sim.Faults{Delay: 20 * ms, Reorder: p}, 500)
		if sorted := slices.IsSorted(got); sorted != (p == 0) || len(got) < 495 {
			t.Errorf("reorder %v: %d arrived, in order: %v", p, len(got), sorted)
		}
	}
}

func TestDuplicatesComeAgainAndSomeLate(t *testing.T) {
	f := sim.Faults{Duplicate: 0.5, Late: 0.2, LateBy: time.Minute}
	w, got, took := many(t, sim.Config{Codec: table}, f, 2000)
	if n := len(got); n < 2900 || n > 3100 || w.Counts().Duplicated != uint64(n-2000) {
		t.Errorf("%d arrivals of 2000 messages, %d duplicated", n, w.Counts().Duplicated)
	}
	late := 0
	for _, d := range took {
		if d >= time.Minute {
			late++
		}
	}
	if late < 150 || late > 250 {
		t.Errorf("%d came a minute late, want about 200", late)
	}
}

func TestClogHoldsUpAndLetsGoInOrder(t *testing.T) {
	for _, links := range []bool{false, true} {
		w := newWorld(t, sim.Config{Connections: links}, 3)
		w.say(0, 1, "link")
		w.Run(time.Second)
		*w.logs[0], *w.logs[1] = nil, nil
		w.ClogPath(0, 1, time.Second)
		w.say(0, 1, "a")
		w.say(1, 0, "back")
		w.Run(1500 * ms)
		w.say(0, 1, "b")
		w.Run(3 * time.Second)
		w.expect(0, `1010 say "back" from B1`, `2010 echo "a" from B1`, `2010 echo "b" from B1`)
		w.expect(1, `2000 say "a" from A1`, `2000 echo "back" from A1`, `2000 say "b" from A1`)
		w.Clog(1, time.Second)
		w.say(0, 1, "c")
		w.say(0, 2, "d")
		w.Run(10 * time.Second)
		if !slices.Contains(*w.logs[1], `4000 say "c" from A1`) {
			t.Errorf("links %v: log of B %q", links, *w.logs[1])
		}
	}
}

// Nodes that are clogged half of the time, for a minute on average, are clogged for
// ClogMost in a row at the most, and are free for a beat after that.
func TestClogMost(t *testing.T) {
	w := newWorld(t, sim.Config{Seed: 2}, 8)
	w.Inject(sim.Faults{Clog: 0.5, ClogTime: time.Minute, ClogMost: 3 * time.Second})
	run, longest, times := make([]int, w.Len()), 0, 0
	for range 6000 { // a tenth of a second each
		w.RunFor(100 * ms)
		for n := range run {
			if w.Clogged(sim.NodeRef(n)) == 0 {
				run[n] = 0
				continue
			}
			if run[n]++; run[n] == 1 {
				times++
			}
			longest = max(longest, run[n])
		}
	}
	if times < 20 || longest < 25 || longest > 30 {
		t.Errorf("clogged %d times, for %d tenths of a second at the most; want 20 times or more, for 30 tenths at the most", times, longest)
	}
}

func TestSwizzleClogsAllAndLetsAllGo(t *testing.T) {
	w := newWorld(t, sim.Config{}, 6)
	w.Swizzle([]sim.NodeRef{1, 2, 3, 4, 5}, 10*time.Second)
	w.Run(10 * time.Second) // all are clogged now
	for n := sim.NodeRef(1); n < 6; n++ {
		w.say(0, n, "x")
	}
	w.Run(10*time.Second + 10*ms)
	if d := w.Counts().Delivered; d != 0 {
		t.Errorf("%d messages passed while all was clogged", d)
	}
	w.Run(21 * time.Second)
	var when []string
	for n := 1; n < 6; n++ {
		when = append(when, (*w.logs[n])[1])
	}
	if d := w.Counts().Delivered; d != 10 || slices.IsSorted(when) {
		t.Errorf("%d messages and answers passed; in what order: %q", d, when)
	}
}

func TestDelaysAreThoseOfTheTopology(t *testing.T) {
	plane := topo.NewPlane(10, 3, 0)
	w := newWorld(t, sim.Config{Topology: plane}, 4)
	w.add(func(s *sim.Spec) { s.Host = 0 })
	if d := w.Delay(1, 3); d != plane.Delay(1, 3) {
		t.Errorf("delay %v, want %v", d, plane.Delay(1, 3))
	}
	if d := w.Delay(0, 4); d != topo.Least {
		t.Errorf("delay %v within a host, want %v", d, topo.Least)
	}
	var took time.Duration
	w.toys[3].heard = func(*peer.Handle, wire.Message) { took = w.Now() }
	w.Run(0)
	w.toys[3].heard = func(*peer.Handle, wire.Message) { took = w.Now() }
	w.say(1, 3, "x")
	w.RunFor(time.Second)
	if took != plane.Delay(1, 3) {
		t.Errorf("the message took %v, want %v", took, plane.Delay(1, 3))
	}
}

func TestFaultsAreValidated(t *testing.T) {
	for seed := range uint64(500) {
		if err := sim.Storm(rand.New(rand.NewPCG(seed, 0))).Validate(); err != nil {
			t.Fatalf("storm %d: %v", seed, err)
		}
	}
	for _, f := range []sim.Faults{
		{Drop: -0.1}, {Drop: 1.1}, {Duplicate: 2}, {Delay: -1}, {Clog: 0.1}, {Zombie: 0.1, ZombieMin: 2, ZombieMax: 1},
		{PPM: -1}, {PPM: 500_000}, {SlowFactor: -1}, {Cramped: 0.1}, {Cramped: 0.1, InboxMin: 3, InboxMax: 2},
		{Crash: -1}, {WallOff: -1},
	} {
		if f.Validate() == nil {
			t.Errorf("%+v is taken as valid", f)
		}
	}
}

// A storm strikes with all it has, and after Heal nothing is left of it.
func TestStormStrikesAndHeals(t *testing.T) {
	const nodes = 30
	life := make(map[sim.LifeEvent]int)
	wiped := 0
	c := sim.Config{Seed: 3, Connections: true, Observe: sim.Observe{Life: func(_ sim.NodeRef, e sim.LifeEvent) { life[e]++ }}}
	w := newWorld(t, c, 0)
	for range nodes {
		w.add(func(s *sim.Spec) {
			make := s.Make
			s.Wiped = func() { wiped++ }
			s.Make = func(env sim.NodeEnv) machine.Machine {
				m := make(env).(*toy)
				m.log = nil
				m.born = gossip(handle((int(env.Ref) + 1) % nodes))
				return m
			}
		})
	}
	f := sim.Storm(rand.New(rand.NewPCG(3, 1)))
	f.Crash, f.LostDisk, f.Unlinked, f.ZombieMax, f.Partition = 30*time.Second, 0.3, 0.02, time.Minute, 0.05
	w.Inject(f)
	w.Run(time.Minute)
	late := w.add(func(s *sim.Spec) { s.Wiped = func() { wiped++ } }) // is drawn for as well
	wrong := 0
	for n := range sim.NodeRef(w.Len()) {
		right := w.Config().Start.Add(w.Now())
		if d := w.Clocks(n).Wall.Sub(right).Abs(); d > 20*ms {
			wrong++
		}
	}
	if wrong < 2 || wrong > 20 {
		t.Errorf("the clocks of %d of %d nodes are wrong, want a fifth", wrong, nodes)
	}
	w.Run(3 * time.Minute)
	counts := w.Counts()
	for _, why := range []sim.Loss{sim.LossDrawn, sim.LossParted, sim.LossDead, sim.LossFull} {
		if counts.Lost[why] == 0 {
			t.Errorf("no message was lost for the reason %q", why)
		}
	}
	for _, e := range []sim.LifeEvent{sim.Crashed, sim.Died, sim.Paused, sim.Woken, sim.Wiped} {
		if life[e] == 0 {
			t.Errorf("nothing %v", e)
		}
	}
	if life[sim.Wiped] != wiped {
		t.Errorf("%d disks lost, %d told", life[sim.Wiped], wiped)
	}
	w.Heal()
	w.RunFor(time.Second)
	for n := range sim.NodeRef(w.Len()) {
		right := w.Config().Start.Add(w.Now())
		if !w.Alive(n) || w.Paused(n) || !w.Clocks(n).Wall.Equal(right) {
			t.Errorf("node %d after the storm: alive %v, paused %v, clock %v of %v", n, w.Alive(n), w.Paused(n), w.Clocks(n).Wall, right)
		}
	}
	w.RunFor(70 * time.Second) // what is late has come
	counts = w.Counts()
	w.RunFor(time.Minute)
	if after := w.Counts(); after.Lost[sim.LossDrawn] != counts.Lost[sim.LossDrawn] || after.Duplicated != counts.Duplicated ||
		after.Lost[sim.LossParted] != counts.Lost[sim.LossParted] || after.Delivered == counts.Delivered {
		t.Errorf("faults go on after Heal: %v, before %v", after.Lost, counts.Lost)
	}
	if w.Faults() != (sim.Faults{}) || !w.Alive(late) {
		t.Error("a mix is left after Heal")
	}
}
