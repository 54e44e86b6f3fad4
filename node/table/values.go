package table

import (
	"context"
	"time"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/app/past/dht"
	"github.com/phyllo-net/phyllo/node/finding"
	"github.com/phyllo-net/phyllo/node/loop"
	"github.com/phyllo-net/phyllo/task"
)

// valueGap is the time between two looks at the values that were put through a node: parts of a
// ring that meet take minutes to be one again.
const valueGap = 15 * time.Minute

// Watch tells those who have put values through this node when parts of the ring have met
// that each had put one, until the context ends.
func (x *Table) Watch(ctx context.Context) {
	for loop.Pause(ctx, valueGap, nil) {
		met, err := loop.Do(ctx, x.cfg.Here(), func(t *task.T, h *Here) ([]dht.Watched, error) { return h.written.Look(t, h.Of) })
		if err == nil { // else the node is between two rings, or ends
			x.Met(met)
		}
	}
}

// Met tells of entries that have rivals: in the log and to followers when they are new, and
// in what `phyllo doctor` says until they are settled.
func (x *Table) Met(met []dht.Watched) {
	x.mu.Lock()
	x.rivals = met
	x.mu.Unlock()
	for _, v := range met {
		if !v.New {
			continue
		}
		x.cfg.Log.Warn("other values were put under a key where the nodes of the ring were out of each other's sight: see `phyllo dht rivals KEY`", "key", v.Key, "copies", v.Copies, "others", v.Rivals)
		x.cfg.Tell(&api.Event{Kind: api.EventRivals, Time: time.Now().UTC(), Name: v.Key})
	}
}

// LookAt tells of values that others have put as well.
func (x *Table) LookAt(say finding.Say) {
	x.mu.Lock()
	met := x.rivals
	x.mu.Unlock()
	for _, v := range met {
		say("values", api.Warn, "Under %+q other values were put (%d) where the nodes of the ring were out of each other's sight: `phyllo dht rivals KEY --copies %d` shows them, `phyllo dht put KEY VALUE --copies %d` settles it.",
			v.Key, v.Rivals, v.Copies, v.Copies)
	}
}
