package topic

import (
	"errors"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
)

// This file is for what uses a topic's tree in another way than publishing: app/work.

// Group returns the key of a topic's group, and makes a topic of the ring if there is none. The
// error is ErrUnknown if it cannot be made, or one of the directory.
func (s *Topics) Group(t *task.T, n Name, by peer.Signer) (id.Hash, error) {
	at, err := s.findOrMake(t, n, by)
	return at.group, err
}

// Owner returns whose a topic is. The error is ErrUnknown, or one of the directory.
func (s *Topics) Owner(t *task.T, n Name) (peer.Key, error) {
	at, err := s.find(t, n)
	return at.owner, err
}

// Revive makes a topic anew that everybody has forgotten. The error is ErrUnknown if by is not
// its owner, who alone can.
func (s *Topics) Revive(t *task.T, n Name, by peer.Signer) error {
	at, err := s.find(t, n)
	if err != nil {
		return err
	}
	return s.remake(t, at, by)
}

// Group is the key of the topic's group, of which this node is a member until Close.
func (x *Subscription) Group() id.Hash { return x.h.group }

// findOrMake finds a topic, and makes one of the ring if there is none.
func (s *Topics) findOrMake(t *task.T, n Name, by peer.Signer) (target, error) {
	at, err := s.find(t, n)
	if errors.Is(err, ErrUnknown) && n.Owner == "" {
		if at, err = s.claim(t, n, by); err == nil && at.owner == by.Public() {
			err = s.remake(t, at, by)
		}
	}
	return at, err
}
