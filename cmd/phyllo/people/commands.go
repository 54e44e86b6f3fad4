package people

import (
	"github.com/spf13/cobra"

	"github.com/phyllo-net/phyllo/cmd/phyllo/console"
)

// Commands are user, send and all others by which people reach each other.
func Commands(w *console.World) []*cobra.Command {
	return []*cobra.Command{newUser(w), newSend(w), newInbox(w), newRoom(w), newContact(w)}
}
