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
// dead, and what others know.
func isRepair(m wire.Message) bool {
	switch m.(type) {
	case *pastry.LeafProbe, *pastry.StateRequest, *pastry.StateReply, *pastry.RowAnnounce:
		return true
	}
	return false
}

// traffic counts control messages.
type traffic struct{ repair, watch int }

func (t *traffic) count(m wire.Message) {
	switch {
	case isRepair(m):
		t.repair++
	case isControl(m):
		t.watch++
	}
}

func (t traffic) since(before traffic) traffic {
	return traffic{t.repair - before.repair, t.watch - before.watch}
}
