package storage

import (
	"github.com/spf13/cobra"

	"github.com/phyllo-net/phyllo/cmd/phyllo/console"
)

// Commands are put, get and all others about files.
func Commands(w *console.World) []*cobra.Command {
	return []*cobra.Command{newPut(w), newGet(w), newCat(w), newLs(w), newMv(w), newRm(w), newHistory(w), newShare(w), newDf(w), newSpace(w), newKey(w)}
}
