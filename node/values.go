package node

import (
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

// watchValues tells those who have put values through this node when parts of the ring have met
// that each had put one.
func (n *Node) watchValues() {
	for n.pause(valueGap, nil) {
		met, err := loop.Do(n.ctx, n.overlay(), func(t *task.T, o *overlay) ([]dht.Watched, error) { return o.written.Look(t, o.table) })
		if err == nil { // else the node is between two rings, or ends
			n.tellValues(met)
		}
	}
}

// tellValues tells of entries that have rivals: in the log and to followers when they are new, and
// in what `phyllo doctor` says until they are settled.
func (n *Node) tellValues(met []dht.Watched) {
	n.mu.Lock()
	n.rivals = met
	n.mu.Unlock()
	for _, x := range met {
		if !x.New {
			continue
		}
		n.log.Warn("other values were put under a key where the nodes of the ring were out of each other's sight: see `phyllo dht rivals KEY`", "key", x.Key, "copies", x.Copies, "others", x.Rivals)
		n.feed.Publish(&api.Event{Kind: api.EventRivals, Time: time.Now().UTC(), Name: x.Key})
	}
}

// lookAtValues tells of values that others have put as well.
func (n *Node) lookAtValues(say finding.Say) {
	n.mu.Lock()
	met := n.rivals
	n.mu.Unlock()
	for _, x := range met {
		say("values", api.Warn, "Under %+q other values were put (%d) where the nodes of the ring were out of each other's sight: `phyllo dht rivals KEY --copies %d` shows them, `phyllo dht put KEY VALUE --copies %d` settles it.",
			x.Key, x.Rivals, x.Copies, x.Copies)
	}
}
