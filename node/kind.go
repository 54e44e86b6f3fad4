package node

import (
	"context"
	"errors"
	"fmt"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/app/directory"
	"github.com/phyllo-net/phyllo/app/im"
	"github.com/phyllo-net/phyllo/app/im/letter"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/keys"
	"github.com/phyllo-net/phyllo/member"
	"github.com/phyllo-net/phyllo/task"
)

// kinds sorts the errors of the rooms by what a caller can do about them.
var kinds = []struct {
	err  error
	kind api.Kind
}{
	{directory.ErrNotFound, api.NotFound}, {im.ErrNobody, api.NotFound}, {im.ErrNoMessage, api.NotFound}, {im.ErrNoUser, api.NotFound},
	{member.ErrUnknownNode, api.NotFound},
	{directory.ErrName, api.Usage}, {letter.ErrEmptyText, api.Usage}, {letter.ErrTooLong, api.Usage}, {letter.ErrNotText, api.Usage},
	{member.ErrInvitation, api.Usage}, {member.ErrInvitationSpelt, api.Usage}, {member.ErrInvitationNewer, api.Usage},
	{keys.ErrShortPassphrase, api.Usage}, {directory.ErrRecord, api.Usage},
	{directory.ErrDisputed, api.Disputed}, {im.ErrKeyChanged, api.KeyChanged},
	{directory.ErrNotReachable, api.Unreachable}, {member.ErrUnreachable, api.Unreachable}, {member.ErrQuorum, api.Unreachable},
	{kbr.ErrTimeout, api.Unreachable}, {kbr.ErrUnreachable, api.Unreachable}, {context.DeadlineExceeded, api.Unreachable},
}

// kinded gives an error of a room its kind; nil stays nil.
func kinded(err error) error {
	var have *api.Error
	if err == nil || errors.As(err, &have) || errors.Is(err, context.Canceled) {
		return err
	}
	if errors.Is(err, task.ErrStopped) {
		return api.Errorf(api.NotRunning, "the node is stopping: start it again with `phyllo up`")
	}
	for _, k := range kinds {
		if errors.Is(err, k.err) {
			return api.Wrap(k.kind, err)
		}
	}
	return api.Wrap(api.Failed, err)
}

// aboutName is kinded for what was asked about a person's name.
func aboutName(err error, name string) error {
	switch {
	case errors.Is(err, directory.ErrNotFound):
		return api.Errorf(api.NotFound, "nobody has the name %+q: is it spelt right? `phyllo user find NAME` looks for one", name)
	case errors.Is(err, directory.ErrNotReachable):
		return api.Wrap(api.Unreachable, fmt.Errorf("%+q: %w", name, err))
	}
	return kinded(err)
}
