package sim

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// beat is how often faults that strike at random times are drawn.
const beat = time.Second

// crampedFactor makes a node with a small inbox slow enough for inputs to wait.
const crampedFactor = 20

// storm is what Inject began and Heal ends.
type storm struct {
	on     int // the number of the present one; 0 if none is on
	count  int // of storms so far
	parted bool
	struck []NodeRef // nodes that the storm put down or paused, in that order
	ill    []NodeRef // nodes with a wrong clock, slow or cramped
}

// Inject begins a mix of faults, or changes the present one: from now on until
// Heal they strike by themselves. It panics for a mix that does not validate.
// Nodes that Faults make slow, cramped or wrong about the time are drawn now, and
// of those to come at their Add.
func (s *Sim) Inject(f Faults) {
	if err := f.Validate(); err != nil {
		panic("sim: " + err.Error())
	}
	if s.storm.on != 0 {
		s.cure()
	}
	s.network.faults = f
	s.storm.count++
	s.storm.on = s.storm.count
	for i := range s.nodes {
		s.afflict(uint32(i))
	}
	s.judge()
	s.thunder(s.storm.on)
}

// Faults returns the present mix.
func (s *Sim) Faults() Faults { return s.network.faults }

// Heal ends all faults at once: those of Inject, with the nodes that it put down
// restarted and those that it paused woken, and partitions, cuts and clogs by
// whomever. What was drawn stays drawn: messages that are late arrive late.
func (s *Sim) Heal() {
	s.cure()
	s.storm.on = 0
	s.network.faults = Faults{}
	clear(s.network.cut)
	clear(s.network.clogs)
	for i := range s.nodes {
		s.nodes[i].more.paths = nil
	}
	s.judge()
	for _, n := range s.storm.struck {
		s.raise(n)
	}
	s.storm.struck = nil
	s.storm.parted = false
}

// raise brings back a node that the storm put down or paused, unless a script
// stopped it meanwhile.
func (s *Sim) raise(n NodeRef) {
	switch s.nodes[n].state {
	case running:
		s.Wake(n)
	case crashed, silent:
		s.Restart(n)
	}
}

// afflict draws what is wrong with a node while faults are on.
func (s *Sim) afflict(n uint32) {
	if s.storm.on == 0 {
		return
	}
	f, ill := &s.network.faults, false
	rng := rand.New(rand.NewPCG(scramble(s.cfg.Seed, 0x111), scramble(uint64(s.storm.on), uint64(n))))
	if rng.Float64() < f.Skewed {
		s.Skew(NodeRef(n), rng.IntN(2*f.PPM+1)-f.PPM)
		s.JumpWall(NodeRef(n), both(rng, f.WallOff))
		ill = true
	}
	if rng.Float64() < f.Slow {
		s.Slow(NodeRef(n), f.SlowFactor)
		ill = true
	}
	if rng.Float64() < f.Cramped {
		s.Cramp(NodeRef(n), f.InboxMin+rng.IntN(f.InboxMax-f.InboxMin+1))
		if !s.nodes[n].slow {
			s.Slow(NodeRef(n), crampedFactor)
		}
		ill = true
	}
	if ill {
		s.storm.ill = append(s.storm.ill, NodeRef(n))
	}
}

// both draws from -d to d.
func both(rng *rand.Rand, d time.Duration) time.Duration {
	return time.Duration(rng.Int64N(2*int64(d)+1)) - d
}

// cure takes back what afflict did. Boot clocks stay where they are and run right;
// times of day become right.
func (s *Sim) cure() {
	for _, n := range s.storm.ill {
		s.Slow(n, 0)
		s.Cramp(n, 0)
		s.repairClock(n)
	}
	s.storm.ill = nil
}

// thunder draws, once a beat, what strikes at random times.
func (s *Sim) thunder(storm int) {
	if s.storm.on != storm {
		return
	}
	f, rng := &s.network.faults, s.network.rng
	if f.Partition > 0 && !s.storm.parted && rng.Float64() < f.Partition {
		s.part(storm)
	}
	clogged := false
	for i := range s.nodes {
		n := NodeRef(i)
		if f.Clog > 0 && rng.Float64() < f.Clog*beat.Seconds()/f.ClogTime.Seconds() {
			s.clogFor(n, time.Duration(rng.ExpFloat64()*float64(f.ClogTime)))
			clogged = true
		}
		if f.Crash > 0 && s.nodes[i].state == running && !s.nodes[i].paused && rng.Float64() < beat.Seconds()/f.Crash.Seconds() {
			s.strike(n, storm)
		}
	}
	for _, n := range s.storm.ill {
		if f.JumpEvery > 0 && s.nodes[n].more.clock != nil && rng.Float64() < beat.Seconds()/f.JumpEvery.Seconds() {
			s.JumpWall(n, both(rng, f.WallJump))
		}
	}
	if clogged {
		s.network.rough = true
	}
	s.After(beat, func() { s.thunder(storm) })
}

// clogFor clogs a node for d from now. Where Faults says for how long at the most, one
// that is clogged, or was a beat ago, stays as it is: two in a row are as one.
func (s *Sim) clogFor(n NodeRef, d time.Duration) {
	p, most := s.pathsOf(n), s.network.faults.ClogMost
	switch {
	case most == 0:
		p.clog = s.now + int64(d)
	case p.clog+int64(beat) <= s.now:
		p.clog = s.now + int64(min(d, most))
	}
}

// strike crashes or pauses a node, and brings it back later.
func (s *Sim) strike(n NodeRef, storm int) {
	f, rng := &s.network.faults, s.network.rng
	back := 100*time.Millisecond + time.Duration(rng.ExpFloat64()*float64(f.DownTime))
	switch {
	case rng.Float64() < f.Zombie:
		back = f.ZombieMin + time.Duration(rng.Int64N(int64(f.ZombieMax-f.ZombieMin)+1))
		s.Pause(n)
	case rng.Float64() < f.Silent:
		s.Die(n)
	default:
		s.Crash(n)
	}
	if s.nodes[n].state != running && rng.Float64() < f.LostDisk {
		s.Wipe(n)
	}
	s.storm.struck = append(s.storm.struck, n)
	s.After(back, func() {
		if i := s.struckBy(n); s.storm.on == storm && i >= 0 {
			s.storm.struck = append(s.storm.struck[:i], s.storm.struck[i+1:]...)
			s.raise(n)
		}
	})
}

func (s *Sim) struckBy(n NodeRef) int {
	for i, x := range s.storm.struck {
		if x == n {
			return i
		}
	}
	return -1
}

// part parts the network in one of several ways, and mends it later.
func (s *Sim) part(storm int) {
	f, rng := &s.network.faults, s.network.rng
	if len(s.nodes) < 2 {
		return
	}
	var a, b []NodeRef
	order := rng.Perm(len(s.nodes))
	size := len(order) / 2
	kind := rng.IntN(5)
	if kind == 1 { // of any size
		size = rng.IntN(len(order) + 1)
	}
	for i, n := range order {
		if i < size {
			a = append(a, NodeRef(n))
		} else {
			b = append(b, NodeRef(n))
		}
	}
	switch kind {
	case 2:
		s.Isolate(NodeRef(order[0]))
	case 3:
		s.OneWay(a, b)
	case 4:
		s.Partition(a, append(b, NodeRef(order[0]))) // the first one bridges the halves
	default:
		s.Partition(a, b)
	}
	s.storm.parted = true
	last := f.PartitionMin + time.Duration(rng.ExpFloat64()*float64(f.PartitionMore))
	s.After(last, func() {
		if s.storm.on == storm {
			s.storm.parted = false
			s.Mend()
		}
	})
}

// String shows a mix in a line, for the message of a test that failed.
func (f Faults) String() string {
	return fmt.Sprintf("drop %.2f late %v tail %.3f reorder %.2f duplicate %.2f unlinked %.3f clog %.3f partition %.3f/s crash every %v",
		f.Drop, f.Delay, f.Tail, f.Reorder, f.Duplicate, f.Unlinked, f.Clog, f.Partition, f.Crash)
}
