// Package typed reads what a person typed, as far as it can be judged without a node: a node's rooms ask it, and
// commands before they look for a node, so that a mistake is told in the same words with a node and without one.
// Errors have a kind.
package typed

import (
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/app/directory"
	"github.com/phyllo-net/phyllo/app/room/entry"
	"github.com/phyllo-net/phyllo/app/topic"
	"github.com/phyllo-net/phyllo/gateway/files"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/node/kind"
)

// Person reads a person's name.
func Person(s string) (directory.Name, error) {
	name, err := directory.ParseName(s)
	if err == nil && name.Kind() != directory.Person {
		err = fmt.Errorf("%w: %s is the name of a room or a topic, not of a person", directory.ErrName, name)
	}
	return name, kind.Give(err)
}

// Topic reads a topic's name.
func Topic(s string) (topic.Name, error) {
	name, err := topic.ParseName(s)
	return name, kind.Give(err)
}

// Place reads a place on the ring: an id, or any name of the directory.
func Place(s string) (id.ID, error) {
	if key, err := id.Parse(s); err == nil {
		return key, nil
	}
	name, err := directory.ParseName(s)
	if err != nil {
		return id.ID{}, kind.Give(err)
	}
	return name.Key(), nil
}

// Room reads what a room is to be called, or how one is named, without its sign.
func Room(s string) (string, error) {
	title := strings.TrimPrefix(s, "#")
	if err := entry.CheckTitle(title); err != nil {
		return "", kind.Give(err)
	}
	return title, nil
}

var roles = map[string]entry.Role{api.RoleOut: entry.Out, api.RoleMember: entry.Member, api.RoleAdmin: entry.Admin, api.RoleOwner: entry.Owner}

// Role reads what somebody is to be in a room.
func Role(s string) (entry.Role, error) {
	r, ok := roles[s]
	if !ok {
		return 0, api.Errorf(api.Usage, "%+.80q is no role: out, member, admin and owner are", s)
	}
	return r, nil
}

// Message reads the id of a message in a room.
func Message(s string) (h id.Hash, err error) {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != len(h) {
		return h, api.Errorf(api.Usage, "%+.80q is no id of a message in a room: want 64 hex digits, as `phyllo room history ROOM --json` prints them", s)
	}
	return id.Hash(b), nil
}

// Space reads what a space is to be called.
func Space(s string) (string, error) {
	if files.CheckSpaceName(s) != nil {
		return "", api.Errorf(api.Usage, "a space cannot be called %+.80q: choose a name of 1 to %d bytes without \"/\" and control characters", s, files.MaxSpaceName)
	}
	return s, nil
}
