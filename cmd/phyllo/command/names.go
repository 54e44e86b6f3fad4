package command

import (
	"context"
	"fmt"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/cmd/phyllo/plain"
)

// Contacts are the people whom a user knows, and the keys of those who ask.
func Contacts(ctx context.Context, c *api.Client) ([]string, error) {
	list, err := c.ContactList(ctx, "")
	var words []string
	for _, x := range list {
		switch {
		case x.Name != "":
			words = append(words, x.Name+"\t"+ContactState(x))
		default:
			words = append(words, x.Key+"\tcalls himself "+x.Claimed)
		}
	}
	return words, err
}

// Users are the people who live on the node.
func Users(ctx context.Context, c *api.Client) ([]string, error) {
	list, err := c.UserList(ctx)
	var words []string
	for _, u := range list {
		words = append(words, u.Name+"\t"+u.Profile.FullName)
	}
	return words, err
}

// Members are the ids of the other nodes of the ring.
func Members(ctx context.Context, c *api.Client) ([]string, error) {
	list, err := c.Members(ctx)
	var words []string
	for _, m := range list {
		if !m.Self {
			words = append(words, fmt.Sprintf("%s\t%s", m.ID, m.Addr))
		}
	}
	return words, err
}

// ContactState says how somebody stands to a user.
func ContactState(x api.Contact) string {
	switch {
	case x.Blocked:
		return "blocked"
	case x.Request:
		return "asks to be accepted, " + plain.Plural(x.Waiting, "message")
	case x.Changed != "":
		return "KEY HAS CHANGED: phyllo user verify"
	case x.Verified:
		return "verified"
	}
	return "not compared yet"
}
