package ring

import (
	"github.com/spf13/cobra"

	"github.com/phyllo-net/phyllo/cmd/phyllo/console"
)

// Commands are invite, join and all others about the ring as a whole.
func Commands(w *console.World) []*cobra.Command {
	return []*cobra.Command{newInvite(w), newJoin(w), newMember(w), newRing(w), newPing(w), newTrace(w), newDHT(w), newOffer(w)}
}
