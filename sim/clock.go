package sim

import (
	"time"

	"github.com/phyllo-net/phyllo/machine"
	"github.com/phyllo-net/phyllo/task"
)

// million is the unit of a clock's error of speed.
const million = 1_000_000

// clock is that of a node whose clock is not right.
type clock struct {
	from int64 // virtual time from which on the rest holds
	boot int64 // the boot clock then
	ppm  int64
	wall int64 // how far the time of day is ahead of Config.Start + boot clock
	spec Clock // the error that the node was added with
}

// at returns the boot clock at a virtual time.
func (c *clock) at(v int64) int64 {
	d := v - c.from
	return c.boot + d + d/million*c.ppm + d%million*c.ppm/million
}

// when returns the first virtual time at which the boot clock says b, or more.
func (c *clock) when(b int64) int64 {
	d := b - c.boot
	v := c.from + d - int64(float64(d)*float64(c.ppm)/float64(million+c.ppm))
	for c.at(v) < b {
		v++
	}
	for v > c.from && c.at(v-1) >= b {
		v--
	}
	return v
}

// clockOf reads a node's clocks.
func (s *Sim) clockOf(n *node) machine.Clock {
	boot, wall := s.now+bootBase, s.now
	if n.skewed {
		c := n.more.clock
		boot = c.at(s.now)
		wall = boot - bootBase + c.wall
	}
	return machine.Clock{Boot: task.Instant(boot), Wall: s.cfg.Start.Add(time.Duration(wall))}
}

// whenBoot returns when a node's boot clock will say b.
func (s *Sim) whenBoot(n *node, b task.Instant) int64 {
	if n.skewed {
		return n.more.clock.when(int64(b))
	}
	return int64(b) - bootBase
}

// Clocks returns what a node's clocks say now.
func (s *Sim) Clocks(n NodeRef) machine.Clock { return s.clockOf(s.node(n)) }

// Skew lets a node's clocks run too fast, by ppm millionths, from now on. Neither
// of them jumps; timers that are set follow the boot clock.
func (s *Sim) Skew(n NodeRef, ppm int) {
	nd := s.node(n)
	c := s.ownClock(nd)
	old := *c
	c.from, c.boot, c.ppm = s.now, old.at(s.now), int64(ppm)
	for slot := range nd.slots() {
		place := nd.timer(slot) // setting one again may move those above
		if place == nil || *place == none || s.slab.events[*place].waits != 0 {
			continue
		}
		due := old.at(s.slab.events[*place].at)
		s.cancelTimer(uint32(n), slot)
		s.setTimer(uint32(n), slot, task.Instant(due))
	}
}

// JumpWall moves a node's time of day by d. Its boot clock does not jump.
func (s *Sim) JumpWall(n NodeRef, d time.Duration) { s.ownClock(s.node(n)).wall += int64(d) }

// ownClock returns the clock of a node, which is right if it had none.
func (s *Sim) ownClock(n *node) *clock {
	if !n.skewed {
		n.skewed = true
		n.more.clock = &clock{from: s.now, boot: s.now + bootBase}
	}
	return n.more.clock
}

// setClock sets the clock of a node that was not started yet.
func (s *Sim) setClock(n *node, c Clock) {
	n.skewed = true
	n.more.clock = &clock{
		from: s.now, boot: s.now + bootBase + int64(c.Boot), ppm: int64(c.PPM), wall: int64(c.Wall - c.Boot), spec: c,
	}
}

// repairClock lets a node's clocks run again as it was added with. The boot clock
// does not jump.
func (s *Sim) repairClock(n NodeRef) {
	if c := s.nodes[n].more.clock; c != nil {
		s.Skew(n, c.spec.PPM)
		c.wall = s.now + bootBase - c.boot + int64(c.spec.Wall)
	}
}
