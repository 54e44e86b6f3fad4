package storage

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/phyllo-net/phyllo/app/space/archive"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/lab/evaluation/experiment"
)

const (
	// disasterNodes is how many nodes a ring has of which disasterShare die at one moment.
	disasterNodes, disasterShare = 200, 0.6
	// disasterRings is in how many rings, each with objects for each day of the span.
	disasterRings, disasterObjects = 20, 1700
)

// keeping is a way to keep objects: any need of total nodes, or fragments, make one.
type keeping struct {
	name        string
	need, total int
	// alone is how many objects are lost where each of total dies alone with this probability.
	alone float64
	goal  *experiment.Goal
}

// keepings are those that are compared. Glacier promises six nines for such a disaster.
var keepings = []keeping{
	{name: "k=3", need: 1, total: 3, alone: 0.22},
	{name: "k=5", need: 1, total: 5, alone: 7.8e-2},
	{name: "6 of 24", need: archive.Need, total: archive.Usual, alone: 4.0e-2},
	{name: "6 of 64", need: archive.Need, total: archive.Wide, alone: 7.2e-9, goal: experiment.AtMost(1e-5)},
}

// disaster lets most nodes die at one moment, and counts the objects that none of the others can
// make whole. Where copies and fragments lie is what package past and package archive say; no
// node has the time to do anything, so that nothing need be simulated.
func disaster(ctx context.Context, r *experiment.Run, span time.Duration) error {
	objects := max(100, int(disasterObjects*span.Hours()/24))
	lost := make([]int, len(keepings))
	for ring := range disasterRings {
		rng := rand.New(rand.NewPCG(r.Params.Seed, uint64(ring)))
		w := wreck{ids: make([]id.ID, disasterNodes), dead: make([]bool, disasterNodes)}
		for i := range w.ids {
			w.ids[i] = id.ID{Hi: rng.Uint64(), Lo: rng.Uint64()}
		}
		slices.SortFunc(w.ids, id.ID.Cmp)
		for range objects {
			w.strike(rng)
			for i, k := range keepings {
				if w.left(k, id.ID{Hi: rng.Uint64(), Lo: rng.Uint64()}, rng) < k.need {
					lost[i]++
				}
			}
		}
		if err := r.Step(ctx, ring+1, disasterRings, "disaster"); err != nil {
			return err
		}
	}
	var alone []string
	for i, k := range keepings {
		rate := experiment.Rate{K: lost[i], N: disasterRings * objects}
		r.Add(experiment.Value{Metric: "dead", Variant: k.name, Nodes: disasterNodes, Value: rate.Value(), Rate: &rate, Goal: k.goal})
		alone = append(alone, fmt.Sprintf("%s %.2g", k.name, k.alone))
	}
	r.Notes = append(r.Notes, "Where each copy and fragment has a node of its own that dies with a probability of 60 %, so many are dead: "+strings.Join(alone, ", ")+".")
	return nil
}

// wreck is a ring, by id, of which many are dead.
type wreck struct {
	ids  []id.ID
	dead []bool
}

// strike lets others die.
func (w *wreck) strike(rng *rand.Rand) {
	clear(w.dead)
	for _, i := range rng.Perm(len(w.ids))[:int(disasterShare*float64(len(w.ids)))] {
		w.dead[i] = true
	}
}

// left is how many of an object's copies or fragments are left.
func (w *wreck) left(k keeping, place id.ID, rng *rand.Rand) (n int) {
	if k.need == 1 {
		for _, i := range w.nearest(place, k.total) {
			if !w.dead[i] {
				n++
			}
		}
		return n
	}
	for i := range k.total {
		from, width := archive.Arc(place, i, k.total)
		from.Hi += rng.Uint64N(width)
		if !w.dead[w.nearest(from, 1)[0]] {
			n++
		}
	}
	return n
}

// nearest are the k nodes nearest to a place.
func (w *wreck) nearest(place id.ID, k int) (at []int) {
	up, _ := slices.BinarySearchFunc(w.ids, place, id.ID.Cmp)
	all := len(w.ids)
	up, down := up%all, (up+all-1)%all
	for range k {
		if id.Closer(place, w.ids[up], w.ids[down]) {
			at, up = append(at, up), (up+1)%all
		} else {
			at, down = append(at, down), (down+all-1)%all
		}
	}
	return at
}
