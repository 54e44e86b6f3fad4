package lab

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/phyllo-net/phyllo/pastry"
	"github.com/phyllo-net/phyllo/pastry/msg"
	"github.com/phyllo-net/phyllo/sim"
)

// Tempest is all that decides how a storm goes: the same tempest gives the same run.
type Tempest struct {
	Seed  uint64
	Nodes int
	Rage  time.Duration // how long faults strike
	Calm  []string      // kinds of faults that are left out, of FaultKinds
	Leaf  int           // size of the leaf sets; 0 means 32, of which few rings are larger
	// ForGood lets an eighth of the nodes go when the faults end, and never come back.
	ForGood bool
	// Storage lets the nodes keep files for each other, which clients store, read, change and
	// reclaim, and what was acknowledged must be there.
	Storage bool
	// Groups lets the nodes speak in a group, and members must read all that was acknowledged.
	Groups bool
	// Rooms lets people on the nodes talk in a room, and all must have all that was said.
	Rooms bool
}

// leafs is the size of the leaf sets.
func (t Tempest) leafs() int {
	if t.Leaf == 0 {
		return pastry.DefaultConfig().LeafSet
	}
	return t.Leaf
}

// Check returns what is wrong with a tempest that somebody wrote, or nil.
func (t Tempest) Check() error {
	switch {
	case t.Nodes < 2 || t.Nodes > MaxStorm:
		return fmt.Errorf("%d nodes: a storm strikes 2 to %d", t.Nodes, MaxStorm)
	case t.Rage < time.Second || t.Rage > 24*time.Hour:
		return fmt.Errorf("%v: a storm lasts 1 s to 24 h", t.Rage)
	case t.Leaf != 0 && (t.Leaf < 4 || t.Leaf > msg.MaxLeaf || t.Leaf%2 != 0):
		return fmt.Errorf("leaf sets of %d: an even number from 4 to %d", t.Leaf, msg.MaxLeaf)
	}
	for _, k := range t.Calm {
		if !slices.Contains(FaultKinds(), k) {
			return fmt.Errorf("no kind of fault is called %q: there are %s", k, strings.Join(FaultKinds(), ", "))
		}
	}
	return nil
}

// MaxStorm is the number of nodes up to which a storm's checkers, who look at all nodes
// again and again, are quick enough.
const MaxStorm = 1000

// storm makes the storm, which log reads, if not nil.
func (t Tempest) storm(log *transcript) *Storm {
	s := newStorm(t, log)
	for _, k := range faultKinds {
		if slices.Contains(t.Calm, k.name) {
			k.leaveOut(&s.Faults)
		}
	}
	return s
}

// Storm makes the storm, for who wants to look at it when it has run.
func (t Tempest) Storm() *Storm { return t.storm(nil) }

// Run runs the storm and returns what it found wrong, and what it did to files.
func (t Tempest) Run() (Toll, []string) {
	s := t.storm(nil)
	wrong := s.Run(t.Rage)
	return s.Toll(), wrong
}

// Wrong is Run without the toll.
func (t Tempest) Wrong() []string {
	_, wrong := t.Run()
	return wrong
}

// faultKinds are the parts into which a mix of faults falls.
var faultKinds = []struct {
	name     string
	leaveOut func(*sim.Faults)
}{
	{"drop", func(f *sim.Faults) { f.Drop = 0 }},
	{"delay", func(f *sim.Faults) { f.Delay, f.Tail = 0, 0 }},
	{"reorder", func(f *sim.Faults) { f.Reorder = 0 }},
	{"duplicate", func(f *sim.Faults) { f.Duplicate = 0 }},
	{"unlinked", func(f *sim.Faults) { f.Unlinked = 0 }},
	{"clog", func(f *sim.Faults) { f.Clog = 0 }},
	{"partition", func(f *sim.Faults) { f.Partition = 0 }},
	{"crash", func(f *sim.Faults) { f.Crash = 0 }},
	{"clock", func(f *sim.Faults) { f.Skewed = 0 }},
	{"slow", func(f *sim.Faults) { f.Slow = 0 }},
	{"cramped", func(f *sim.Faults) { f.Cramped = 0 }},
}

// FaultKinds names the parts into which the mix of a storm falls.
func FaultKinds() []string {
	var names []string
	for _, k := range faultKinds {
		names = append(names, k.name)
	}
	return names
}

// String is the tempest as the flags of `phyllolab storm`.
func (t Tempest) String() string {
	text := fmt.Sprintf("--seeds %d --nodes %d --rage %v", t.Seed, t.Nodes, t.Rage)
	if t.Leaf != 0 {
		text += fmt.Sprintf(" --leaf %d", t.Leaf)
	}
	if t.ForGood {
		text += " --for-good"
	}
	if t.Storage {
		text += " --storage"
	}
	if t.Groups {
		text += " --groups"
	}
	if t.Rooms {
		text += " --rooms"
	}
	if len(t.Calm) > 0 {
		text += " --without " + strings.Join(t.Calm, ",")
	}
	return text
}

// Shrink makes a tempest that fails smaller as long as it goes on failing: fewer
// kinds of faults, fewer nodes, a shorter time. It returns the smallest that it
// found with what went wrong there; a tempest that passes is returned as it is, with
// nothing. run is Tempest.Wrong, or what stands for it. When the context ends, Shrink
// returns what it has.
func Shrink(ctx context.Context, t Tempest, run func(Tempest) []string) (Tempest, []string) {
	wrong := run(t)
	if len(wrong) == 0 {
		return t, nil
	}
	for smaller := true; smaller; {
		smaller = false
		for _, try := range t.smaller() {
			if ctx.Err() != nil {
				return t, wrong
			}
			if w := run(try); len(w) > 0 {
				t, wrong, smaller = try, w, true
				break
			}
		}
	}
	return t, wrong
}

// smaller lists the tempests that are one step smaller, the boldest first.
func (t Tempest) smaller() []Tempest {
	var out []Tempest
	for _, n := range []int{t.Nodes / 2, t.Nodes * 3 / 4, t.Nodes - 1} {
		if n >= 2 && n < t.Nodes {
			u := t
			u.Nodes = n
			out = append(out, u)
		}
	}
	if t.Rage >= 2*shortestRage {
		u := t
		u.Rage = (t.Rage / 2).Truncate(time.Second)
		out = append(out, u)
	}
	for _, k := range FaultKinds() {
		if !slices.Contains(t.Calm, k) {
			u := t
			u.Calm = append(slices.Clone(t.Calm), k)
			out = append(out, u)
		}
	}
	return out
}

// shortestRage is the shortest time of faults that Shrink tries.
const shortestRage = 5 * time.Second
