package topics

import (
	"github.com/spf13/cobra"

	"github.com/phyllo-net/phyllo/cmd/phyllo/console"
)

// Commands are pub, sub, topic and work.
func Commands(w *console.World) []*cobra.Command {
	return []*cobra.Command{newPub(w), newSub(w), newTopic(w), newWork(w)}
}
