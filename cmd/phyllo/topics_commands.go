package main

import (
	"github.com/phyllo-net/phyllo/cmd/phyllo/console"
	"github.com/spf13/cobra"
)

// topicsCommands are pub, sub, topic and work.
func topicsCommands(w *console.World) []*cobra.Command {
	return []*cobra.Command{newPub(w), newSub(w), newTopic(w), newWork(w)}
}
