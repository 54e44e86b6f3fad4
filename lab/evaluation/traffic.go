package evaluation

import (
	"github.com/phyllo-net/phyllo/pastry"
	"github.com/phyllo-net/phyllo/wire"
)

// isControl reports whether a link message serves the ring itself: everything but the
// messages of applications on their way, and the answers to them. Acknowledgements are
// control, as MSPastry counts them.
func isControl(m wire.Message) bool {
	switch m := m.(type) {
	case *pastry.Hop:
		return m.Route == nil || m.Route.Join || m.Route.Found
	case *pastry.Reply, *pastry.Direct:
		return false
	}
	return true
}

// isRepair reports whether a message repairs leaf sets and tables: who is there, who is
// dead, and what others know. call tells that it is no answer to another one.
func isRepair(m wire.Message) (yes, call bool) {
	switch m := m.(type) {
	case *pastry.LeafProbe:
		return true, !m.Reply
	case *pastry.StateRequest, *pastry.RowAnnounce:
		return true, true
	case *pastry.StateReply:
		return true, false
	}
	return false, false
}

// traffic counts control messages. Those that repair something go to nodes that live: what
// is asked of the dead is whether they are.
type traffic struct{ calls, repair, watch int }

func (t *traffic) count(m wire.Message, dead bool) {
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
	return traffic{t.calls - before.calls, t.repair - before.repair, t.watch - before.watch}
}
