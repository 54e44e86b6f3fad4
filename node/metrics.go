package node

import (
	"context"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/app/directory"
	"github.com/phyllo-net/phyllo/app/past"
	"github.com/phyllo-net/phyllo/node/kind"
	"github.com/phyllo-net/phyllo/node/loop"
	"github.com/phyllo-net/phyllo/transport"
)

var classNames = [transport.Classes]string{"liveness", "app", "upkeep"}

// Metrics implements api.Node.
func (f face) Metrics(ctx context.Context) ([]api.Metric, error) {
	n := f.n
	var out []api.Metric
	gauge := func(name, help string, v float64) {
		out = append(out, api.Metric{Name: "phyllo_" + name, Help: help, Value: v})
	}
	count := func(name, help string, v uint64, labels ...string) {
		m := api.Metric{Name: "phyllo_" + name + "_total", Help: help, Counter: true, Value: float64(v)}
		for i := 0; i+1 < len(labels); i += 2 {
			if m.Labels == nil {
				m.Labels = map[string]string{}
			}
			m.Labels[labels[i]] = labels[i+1]
		}
		out = append(out, m)
	}
	c := counted(n.carrier)
	gauge("links", "Links to other nodes that stand.", float64(c.Links))
	gauge("connections", "Connections that stand.", float64(max(c.Connections, c.Links)))
	count("received_bytes", "Bytes of frames received.", c.BytesIn)
	count("sent_bytes", "Bytes of frames sent.", c.BytesOut)
	count("dials", "Attempts to make a link.", c.Dials)
	count("dial_failures", "Attempts to make a link that failed.", c.DialFailures)
	count("dropped_frames", "Frames that were not sent, for want of room or of a link.", c.DroppedFrames)
	count("contained_faults", "Faults of the program that were contained to one connection.", c.Panics)
	bad := map[string]uint64{}
	for kind, v := range c.BadInput {
		bad[kind] += v
	}
	n.doors.AddBadInput(bad)
	gauge("app_passwords", "App passwords for the doors.", float64(n.doors.Passwords()))
	gauge("users", "People who live on this node.", float64(len(n.people.All())))
	if o := n.overlay(); o != nil {
		s := o.host.Stats()
		count("inputs", "Inputs that the node's loop has handled.", s.Inputs)
		for i, name := range classNames {
			count("frames", "Messages between nodes.", s.FramesIn[i], "direction", "in", "class", name)
			count("frames", "Messages between nodes.", s.FramesOut[i], "direction", "out", "class", name)
		}
		count("wakes", "Times that the node stood still.", s.Wakes)
		count("unsaved_snapshots", "Snapshots that could not be saved.", s.Unsaved)
		gauge("longest_step_seconds", "Longest time that the loop took for one input.", s.LongestStep.Seconds())
		gauge("inbox", "Inputs that wait for the loop.", float64(s.Waiting))
		gauge("timers", "Timers that are set.", float64(s.Timers))
		for kind, v := range s.BadInput {
			bad[kind] += v
		}
		if err := n.addRing(ctx, gauge, count); err != nil {
			return nil, kind.Give(err)
		}
	}
	for kind, v := range bad {
		out = append(out, api.Metric{Name: api.BadInputMetric, Help: api.BadInputHelp, Counter: true, Labels: map[string]string{"kind": kind}, Value: float64(v)})
	}
	return out, nil
}

// addRing adds what only the loop knows.
func (n *Node) addRing(ctx context.Context, gauge func(string, string, float64), count func(string, string, uint64, ...string)) error {
	var stats directory.Stats
	var kept past.Stats
	var overdrawn, disputed int
	if err := loop.Call(ctx, n.overlay(), func(o *overlay) {
		stats, kept = o.dir.Stats(), o.past.Stats()
		overdrawn, disputed = len(o.past.Accounts().Overdrawn()), len(o.past.Accounts().Disputed())
	}); err != nil {
		return err
	}
	v, err := n.View(ctx)
	if err != nil {
		return err
	}
	queued, err := n.queued(ctx)
	if err != nil {
		return err
	}
	ready := 0.0
	if v.Ready {
		ready = 1
	}
	gauge("ready", "1 while the node claims its keys.", ready)
	gauge("leafset", "Members of the leaf set.", float64(len(v.Leaf)))
	gauge("table_entries", "Entries of the routing table.", float64(len(v.Table)))
	gauge("ring_size", "Estimate of the number of nodes in the ring.", float64(sizeOf(v)))
	gauge("held_messages", "Messages that wait for a lease.", float64(v.Held))
	gauge("unacknowledged_messages", "Messages that were handed to a neighbour, and that it has not acknowledged.", float64(v.OnWay))
	count("given_up_messages", "Messages that were given up, as too many waited for a lease or for a neighbour, or they for too long.", v.GivenUp)
	gauge("queued_messages", "Messages between people that wait for their receivers.", float64(queued))
	gauge("directory_records", "Names that this node keeps for others.", float64(stats.Records))
	count("directory_receipts", "Receipts given for names.", stats.Receipts)
	count("directory_refused", "Questions and claims about names that were refused.", stats.Refused)
	count("directory_conflicts", "Claims of names that lost against stronger ones here.", stats.Conflicts)
	gauge("storage_objects", "Objects that this node keeps for the ring.", float64(kept.Objects))
	gauge("storage_bytes", "Bytes of their content.", float64(kept.Bytes))
	count("storage_copied", "Copies that were made here because another one was gone.", kept.Copied)
	count("storage_refused", "Questions about objects that were refused.", kept.Refused)
	count("storage_unpaid", "Objects that other nodes wanted this one to keep, and nobody had paid for.", kept.Unpaid)
	gauge("accounts_overdrawn", "Other members of whose accounts this node is a keeper and that use more than they may.", float64(overdrawn))
	gauge("accounts_disputed", "Members about whose accounts the keepers do not agree.", float64(disputed))
	count("storage_damaged", "Objects that could not be read from this node's disk.", kept.Damaged)
	return nil
}
