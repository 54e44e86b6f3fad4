package field

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
	// Purposes is how many there are.
	Purposes
)

// PurposeNames are what metrics call them, in order, and explain.
var PurposeNames = [Purposes][2]string{
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

// Traffic counts control messages. Those that repair something go to nodes that live: what
// is asked of the dead is whether they are.
type Traffic struct {
	Calls, Repair, Watch int           // repairing calls, all that repairs, and what only watches
	By                   [Purposes]int // control messages by their purpose
}

// Count counts a message; dead tells that its receiver does not live.
func (t *Traffic) Count(m wire.Message, dead bool) {
	if isControl(m) {
		t.By[purposeOf(m)]++
	}
	repair, call := isRepair(m)
	switch {
	case repair && !dead:
		t.Repair++
		if call {
			t.Calls++
		}
	case isControl(m):
		t.Watch++
	}
}

// Since returns what was counted after before was.
func (t Traffic) Since(before Traffic) Traffic {
	t.Calls, t.Repair, t.Watch = t.Calls-before.Calls, t.Repair-before.Repair, t.Watch-before.Watch
	for p := range t.By {
		t.By[p] -= before.By[p]
	}
	return t
}
