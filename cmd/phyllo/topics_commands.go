package main

import "github.com/spf13/cobra"

// topicsCommands are pub, sub, topic and work.
func topicsCommands(w *world) []*cobra.Command {
	return []*cobra.Command{newPub(w), newSub(w), newTopic(w), newWork(w)}
}
