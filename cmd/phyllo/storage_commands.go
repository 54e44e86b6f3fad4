package main

import (
	"github.com/phyllo-net/phyllo/cmd/phyllo/console"
	"github.com/spf13/cobra"
)

// storageCommands are put, get and all others about files.
func storageCommands(w *console.World) []*cobra.Command {
	return []*cobra.Command{newPut(w), newGet(w), newCat(w), newLs(w), newMv(w), newRm(w), newHistory(w), newShare(w), newDf(w), newSpace(w), newKey(w)}
}
