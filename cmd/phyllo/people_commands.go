package main

import (
	"github.com/phyllo-net/phyllo/cmd/phyllo/console"
	"github.com/spf13/cobra"
)

// peopleCommands are user, send and all others by which people reach each other.
func peopleCommands(w *console.World) []*cobra.Command {
	return []*cobra.Command{newUser(w), newSend(w), newInbox(w), newRoom(w), newContact(w)}
}
