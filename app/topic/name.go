package topic

import (
	"errors"
	"fmt"
	"strings"

	"github.com/phyllo-net/phyllo/app/directory"
	"github.com/phyllo-net/phyllo/app/scribe/msg"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
)

// ErrName is wrapped where something is not a topic's name.
var ErrName = errors.New("not a topic's name: want one as news, or ann/news for the topic of ann")

// Name is the name of a topic.
type Name struct {
	Owner directory.Name // empty: the topic is the whole ring's
	Topic string         // without the owner
}

// ParseName reads a topic's name that somebody typed: news, or ann/news. Both parts obey the
// rules of the directory's names. The error wraps ErrName and says which rule is broken.
func ParseName(typed string) (Name, error) {
	owner, topic, of := strings.Cut(typed, "/")
	if !of {
		owner, topic = "", typed
	}
	var n Name
	t, err := directory.ParseName("/" + topic)
	if err != nil {
		return Name{}, fmt.Errorf("%w: %w", ErrName, err)
	}
	n.Topic = strings.TrimPrefix(string(t), "/")
	if owner != "" {
		if n.Owner, err = directory.ParseName(owner); err != nil {
			return Name{}, fmt.Errorf("%w: %w", ErrName, err)
		}
		if n.Owner.Kind() != directory.Person {
			return Name{}, fmt.Errorf("%w: %s is no person", ErrName, n.Owner)
		}
	}
	if size := len(n.group()); size > msg.MaxName {
		return Name{}, fmt.Errorf("%w: it has %d bytes, at most %d are possible", ErrName, size, msg.MaxName)
	}
	return n, nil
}

// String is the name as people type it.
func (n Name) String() string {
	if n.Owner == "" {
		return n.Topic
	}
	return n.group()
}

// group is the name of the topic's group. ParseName reads it.
func (n Name) group() string { return string(n.Owner) + "/" + n.Topic }

// record is the name whose record in the directory says who the owner is.
func (n Name) record() directory.Name {
	if n.Owner == "" {
		return directory.Name(n.group())
	}
	return n.Owner
}

// GroupOf is the key of the topic's group in a ring if this is its owner.
func (n Name) GroupOf(ring id.Hash, owner peer.Key) id.Hash {
	return msg.GroupID(ring, owner, n.group())
}
