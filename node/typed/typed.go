// Package typed reads what a person typed, as far as it can be judged without a node: a node's rooms ask it, and
// commands before they look for a node, so that a mistake is told in the same words with a node and without one.
// Errors have a kind.
package typed

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/app/directory"
	"github.com/phyllo-net/phyllo/app/past/dht"
	"github.com/phyllo-net/phyllo/app/room/entry"
	"github.com/phyllo-net/phyllo/app/space"
	"github.com/phyllo-net/phyllo/app/space/tree"
	"github.com/phyllo-net/phyllo/app/topic"
	"github.com/phyllo-net/phyllo/gateway/files"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/member/invite"
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

// SpaceLink reads the line by which a space is granted, as far as it begins as one.
func SpaceLink(s string) (string, error) { return link(s, "space/") }

func link(s, what string) (string, error) {
	if begin := space.Scheme + what; !strings.HasPrefix(strings.TrimSpace(s), begin) {
		return "", kind.Give(fmt.Errorf("%w: it does not begin with %s", space.ErrHandle, begin))
	}
	return s, nil
}

// File reads how a file is named that is there, or with "/" at its end a folder: other programs may have stored what
// NewName refuses, and that must be read and removed, too.
func File(s string) (string, error) {
	if tree.CheckName(s) != nil {
		return "", api.Errorf(api.Usage, "%+.80q is no name of a file: want 1 to %d bytes of UTF-8 without NUL; `phyllo ls --json` lists those that there are", s, tree.MaxName)
	}
	return s, nil
}

// FileOrLink is File, or reads the link by which a file is shared, as far as it begins as one.
func FileOrLink(s string) (string, error) {
	if IsLink(s) {
		return link(s, "file/")
	}
	return File(s)
}

// NewName reads a name that a file is to have, or with "/" at its end a folder.
func NewName(s string) (string, error) {
	if files.CheckName(s) != nil {
		return "", api.Errorf(api.Usage, "%+.80q cannot be the name of a file: choose another, in UTF-8, of at most %d bytes, without control characters and without the parts \"\", \".\" and \"..\"", s, files.MaxName)
	}
	return s, nil
}

// NewFile is NewName for what can be a file alone.
func NewFile(s string) (string, error) {
	if _, err := NewName(s); err != nil {
		return "", err
	}
	if strings.HasSuffix(s, "/") {
		return "", api.Errorf(api.Usage, "%+.80q is the name of a folder: name the file in it, too, as in --as backups/src.tar", s)
	}
	return s, nil
}

// IsLink reports whether what names a file is a link, good or not.
func IsLink(s string) bool { return strings.HasPrefix(s, space.Scheme) }

// TableKey reads a key of the ring's table.
func TableKey(s string) (string, error) {
	if !utf8.ValidString(s) { // JSON would make another key of it
		return "", api.Errorf(api.Usage, "%+.80q cannot be a key, as it is not UTF-8: choose another", s)
	}
	return s, kind.Give(dht.CheckKey(s))
}

// Invitation reads an invitation into the ring, as far as it begins as one.
func Invitation(s string) (string, error) {
	if _, err := invite.Parse(s); errors.Is(err, invite.ErrInvitation) {
		return "", kind.Give(err)
	}
	return s, nil
}

// AppKey reads the key of an app password, as far as it has the letters of one.
func AppKey(s string) (string, error) {
	if s == "" || strings.ContainsFunc(s, func(r rune) bool { return (r < 'A' || r > 'Z') && (r < '0' || r > '9') }) {
		return "", api.Errorf(api.Usage, "%+.80q is no key: it has capital letters and digits, as `phyllo key list` prints them", s)
	}
	return s, nil
}
