package evaluation

import (
	"github.com/phyllo-net/phyllo/pastry/msg"
	"github.com/phyllo-net/phyllo/wire"
)

// isControl reports whether a link message serves the ring itself: everything but the
// messages of applications on their way, and the answers to them. Acknowledgements are
// control, as MSPastry counts them.
func isControl(m wire.Message) bool {
	switch m := m.(type) {
	case *msg.Hop:
		return m.Route == nil || m.Route.Join || m.Route.Found
	case *msg.Reply, *msg.Direct:
		return false
	}
	return true
}

// isRepair reports whether a message repairs leaf sets and tables: who is there, who is
// dead, and what others know. call tells that it is no answer to another one.
func isRepair(m wire.Message) (yes, call bool) {
	switch m := m.(type) {
	case *msg.LeafProbe:
		return true, !m.Reply
	case *msg.StateRequest, *msg.RowAnnounce:
		return true, true
	case *msg.StateReply:
		return true, false
	}
	return false, false
}

// purpose is what a control message is for.
type purpose int

const (
	forLeases purpose = iota
	forLeafSets
	forSigns
	forTables
	forAcks
	forJoins
	purposes
)

// purposeNames are what metrics call them, in order, and explain.
var purposeNames = [purposes][2]string{
	{"control_leases", "leases, which are the heartbeats"},
	{"control_leaf_sets", "exchanges of leaf sets: who is there, who is dead"},
	{"control_signs", "pings: distances, and whether entries of tables live"},
	{"control_tables", "rows and neighbourhood sets"},
	{"control_acks", "acknowledgements that found no message to ride on"},
	{"control_joins", "joins, answers that are routed, and all else"},
}

// purposeOf returns what a control message is for.
func purposeOf(m wire.Message) purpose {
	switch m.(type) {
	case *msg.Lease:
		return forLeases
	case *msg.LeafProbe:
		return forLeafSets
	case *msg.Ping, *msg.Pong:
		return forSigns
	case *msg.StateRequest, *msg.StateReply, *msg.RowAnnounce:
		return forTables
	case *msg.Ack:
		return forAcks
	}
	return forJoins
}

// traffic counts control messages. Those that repair something go to nodes that live: what
// is asked of the dead is whether they are.
type traffic struct {
	calls, repair, watch int
	by                   [purposes]int
}

func (t *traffic) count(m wire.Message, dead bool) {
	if isControl(m) {
		t.by[purposeOf(m)]++
	}
	repair, call := isRepair(m)
	switch {
	case repair && !dead:
		t.repair++
		if call {
			t.calls++
		}
	case isControl(m):
		t.watch++
	}
}

func (t traffic) since(before traffic) traffic {
	t.calls, t.repair, t.watch = t.calls-before.calls, t.repair-before.repair, t.watch-before.watch
	for p := range t.by {
		t.by[p] -= before.by[p]
	}
	return t
}
