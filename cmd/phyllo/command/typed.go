package command

import (
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/node/typed"
)

// Typed is Args, and tells also what is wrong with the first arguments where that is seen without a node: it is told
// whether one is running or not. nil: nothing is.
func Typed(least, most int, first ...func(string) error) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := Args(least, most)(cmd, args); err != nil {
			return err
		}
		for i, check := range first {
			if i < len(args) && check != nil {
				if err := check(args[i]); err != nil {
					return err
				}
			}
		}
		return nil
	}
}

// What is wrong with something that was typed, or nil, in the node's own words; of kind api.Usage.
var (
	Person  = checks(typed.Person)
	Topic   = checks(typed.Topic)
	Place   = checks(typed.Place)
	Room    = checks(typed.Room)
	Role    = checks(typed.Role)
	Message = checks(typed.Message) // in a room
	Space   = checks(typed.Space)
	File    = checks(typed.File)

	FileOrLink = checks(typed.FileOrLink)
	NewName    = checks(typed.NewName) // of a file or folder
	NewFile    = checks(typed.NewFile)
	SpaceLink  = checks(typed.SpaceLink)
	TableKey   = checks(typed.TableKey)
	AppKey     = checks(typed.AppKey)
	Invitation = checks(typed.Invitation)
)

func checks[T any](read func(string) (T, error)) func(string) error {
	return func(s string) error {
		_, err := read(s)
		return err
	}
}

// flags says which flags name something, wherever they are.
var flags = map[string]func(string) error{"from": Person, "user": Person, "space": Space}

// Flags tells what is wrong with those of a command's flags that name something, where that is seen without a node.
func Flags(cmd *cobra.Command) (err error) {
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if check := flags[f.Name]; check != nil && err == nil {
			err = check(f.Value.String())
		}
	})
	return err
}

// PersonOrNode is Person, unless it is a node's id.
func PersonOrNode(s string) error {
	if _, err := id.Parse(s); err == nil {
		return nil
	}
	return Person(s)
}

// RoomToJoin is Room, or NAME/ROOM, whose parts are each as long as they may be.
func RoomToJoin(s string) error {
	err := Room(s)
	if who, called, public := strings.Cut(strings.TrimPrefix(s, "#"), "/"); err != nil && public && Person(who) == nil {
		err = Room(called)
	}
	return err
}
