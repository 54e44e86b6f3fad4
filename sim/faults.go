package sim

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// Faults is a mix of faults. The zero Faults has none. Chances are from 0 to 1.
type Faults struct {
	// Drop is the chance of a message to be lost; with Uneven each direction of
	// each path has a chance of its own, from 0 to twice this.
	Drop   float64
	Uneven bool
	// Delay is the mean of what messages are late (exponential), and Tail the
	// chance to be late by up to TailMax besides.
	Delay   time.Duration
	Tail    float64
	TailMax time.Duration
	// Reorder is the chance of a message to leave its place in the link's order.
	Reorder float64
	// Duplicate is the chance of a message to arrive twice; Late of these second
	// ones arrive LateBy later.
	Duplicate float64
	Late      float64
	LateBy    time.Duration
	// Unlinked is the share of pairs of nodes that cannot reach each other.
	Unlinked float64

	// Clog is the share of nodes that are clogged at any time, for ClogTime on
	// average, and for ClogMost at the most (0: for any time, as a partition of one).
	Clog               float64
	ClogTime, ClogMost time.Duration
	// Partition is the chance in each second that the network is parted, if it
	// is not: in random halves or sizes, one node alone, one way, or bridged. It
	// lasts PartitionMin, and PartitionMore longer on average.
	Partition     float64
	PartitionMin  time.Duration
	PartitionMore time.Duration

	// Crash is the mean time between two crashes of one node; 0 means never. Of
	// the crashes, Silent are silent, and LostDisk lose the disk; the node
	// restarts after DownTime on average, at least 100 ms.
	Crash    time.Duration
	Silent   float64
	LostDisk float64
	DownTime time.Duration
	// Zombie is the share of crashes that are none: the node is paused from
	// ZombieMin to ZombieMax.
	Zombie               float64
	ZombieMin, ZombieMax time.Duration

	// Skewed is the share of nodes whose clocks are wrong: by up to PPM
	// millionths of speed and WallOff of time of day, both ways; each of them
	// jumps by up to WallJump, both ways, once in JumpEvery on average (0: never).
	Skewed            float64
	PPM               int
	WallOff, WallJump time.Duration
	JumpEvery         time.Duration
	// Slow is the share of nodes that are slow by SlowFactor.
	Slow       float64
	SlowFactor float64
	// Cramped is the share of nodes with room for InboxMin to InboxMax messages of each sort,
	// which are slow by at least 20.
	Cramped            float64
	InboxMin, InboxMax int
}

// Storm draws a mix of faults, each of them as strong as a long-lived network of
// people's machines may see it, and stronger: the default of simulated tests.
func Storm(rng *rand.Rand) Faults {
	const ms, sec = time.Millisecond, time.Second
	upTo := func(x float64) float64 { return x * rng.Float64() }
	return Faults{
		Drop:   upTo(0.30),
		Uneven: rng.IntN(2) == 0,
		Delay:  30*ms + time.Duration(rng.Int64N(int64(70*ms))),
		Tail:   upTo(0.01), TailMax: 5 * sec,
		Reorder:   upTo(0.1),
		Duplicate: upTo(0.5), Late: 0.05, LateBy: 60 * sec,
		Unlinked: max(0, upTo(0.08)-0.04),
		Clog:     upTo(0.04), ClogTime: 5 * sec,
		Partition: upTo(0.06), PartitionMin: 10 * sec, PartitionMore: 20 * sec,
		Crash: 10 * time.Minute, Silent: 0.3, LostDisk: 0.05, DownTime: 20 * sec,
		Zombie: 0.1, ZombieMin: 30 * sec, ZombieMax: time.Hour,
		Skewed: 0.2, PPM: 200, WallOff: 5 * time.Minute, WallJump: time.Hour, JumpEvery: 10 * time.Minute,
		Slow: 0.05, SlowFactor: 100,
		Cramped: upTo(0.1), InboxMin: 2, InboxMax: 20,
	}
}

// Validate returns what is wrong with a mix, or nil.
func (f Faults) Validate() error {
	for _, c := range []struct {
		name string
		v    float64
	}{
		{"Drop", f.Drop}, {"Tail", f.Tail}, {"Reorder", f.Reorder}, {"Duplicate", f.Duplicate}, {"Late", f.Late},
		{"Unlinked", f.Unlinked}, {"Clog", f.Clog}, {"Partition", f.Partition}, {"Silent", f.Silent},
		{"LostDisk", f.LostDisk}, {"Zombie", f.Zombie}, {"Skewed", f.Skewed}, {"Slow", f.Slow}, {"Cramped", f.Cramped},
	} {
		if !(c.v >= 0 && c.v <= 1) {
			return fmt.Errorf("sim: Faults.%s is %v, want 0 to 1", c.name, c.v)
		}
	}
	for _, c := range []struct {
		name string
		v    time.Duration
	}{
		{"Delay", f.Delay}, {"TailMax", f.TailMax}, {"LateBy", f.LateBy}, {"ClogTime", f.ClogTime},
		{"ClogMost", f.ClogMost},
		{"PartitionMin", f.PartitionMin}, {"PartitionMore", f.PartitionMore}, {"Crash", f.Crash}, {"DownTime", f.DownTime},
		{"ZombieMin", f.ZombieMin}, {"WallOff", f.WallOff}, {"WallJump", f.WallJump}, {"JumpEvery", f.JumpEvery},
	} {
		if c.v < 0 {
			return fmt.Errorf("sim: Faults.%s is %v, want 0 or more", c.name, c.v)
		}
	}
	switch {
	case f.Clog > 0 && f.ClogTime == 0:
		return fmt.Errorf("sim: Faults.Clog needs a ClogTime")
	case f.Zombie > 0 && f.ZombieMax < f.ZombieMin:
		return fmt.Errorf("sim: Faults.ZombieMax is %v, below ZombieMin, %v", f.ZombieMax, f.ZombieMin)
	case f.PPM < 0 || f.PPM >= million/2:
		return fmt.Errorf("sim: Faults.PPM is %d, want 0 to %d", f.PPM, million/2-1)
	case f.SlowFactor < 0:
		return fmt.Errorf("sim: Faults.SlowFactor is %v, want 0 or more", f.SlowFactor)
	case f.Cramped > 0 && (f.InboxMin < 1 || f.InboxMax < f.InboxMin):
		return fmt.Errorf("sim: Faults.Cramped needs 1 <= InboxMin <= InboxMax, not %d and %d", f.InboxMin, f.InboxMax)
	}
	return nil
}
