// Package kind sorts the errors of the rooms by what a caller can do about them, and says what helps
// where a room does not know: rooms know no commands.
package kind

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/app/directory"
	"github.com/phyllo-net/phyllo/app/im"
	"github.com/phyllo-net/phyllo/app/im/letter"
	"github.com/phyllo-net/phyllo/app/past"
	"github.com/phyllo-net/phyllo/app/past/account"
	"github.com/phyllo-net/phyllo/app/past/dht"
	"github.com/phyllo-net/phyllo/app/room"
	"github.com/phyllo-net/phyllo/app/room/dag"
	entries "github.com/phyllo-net/phyllo/app/room/entry"
	"github.com/phyllo-net/phyllo/app/scribe"
	groups "github.com/phyllo-net/phyllo/app/scribe/msg"
	"github.com/phyllo-net/phyllo/app/space"
	"github.com/phyllo-net/phyllo/app/topic"
	"github.com/phyllo-net/phyllo/app/work"
	"github.com/phyllo-net/phyllo/gateway/files"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/keys"
	"github.com/phyllo-net/phyllo/member"
	"github.com/phyllo-net/phyllo/member/invite"
	"github.com/phyllo-net/phyllo/member/msg"
	"github.com/phyllo-net/phyllo/member/register"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/store"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/transport"
)

// What helps against several errors.
const (
	askDoctor = "try again in a moment; `phyllo doctor` looks at this side"
	startThem = "start them again, or do it without the condition; what is lost for good is put out with `phyllo member expel ID`"
	findThem  = "start those that are away; what is lost for good is put out with `phyllo member expel ID`"
	updateAll = "update phyllo on both computers, and try again"
)

// kinds sorts the errors of the rooms by what a caller can do about them. The first
// that fits counts: rooms that tell more stand before those that they use.
var kinds = []struct {
	err  error
	kind api.Kind
	help string // what helps, where the room does not know: it knows no commands
}{
	{directory.ErrNotFound, api.NotFound, "is it spelt right? `phyllo user list --all` lists all"}, {im.ErrNobody, api.NotFound, ""}, {im.ErrNoMessage, api.NotFound, ""}, {im.ErrNoUser, api.NotFound, ""},
	{member.ErrUnknownNode, api.NotFound, ""},
	{dht.ErrNotFound, api.NotFound, "`phyllo dht put KEY VALUE` makes one"}, {dht.ErrConflict, api.Conflict, "see `phyllo dht get KEY`"},
	{dht.ErrKey, api.Usage, "see `phyllo dht put --help`"}, {dht.ErrTooLarge, api.Usage, "see `phyllo dht put --help`"},
	{account.ErrNotReachable, api.Unreachable, ""}, {space.ErrMissing, api.Unreachable, findThem}, {past.ErrApart, api.Unreachable, startThem}, {past.ErrNotReachable, api.Unreachable, ""}, {past.ErrUncertain, api.Unreachable, "see `phyllo dht get KEY`"},
	{files.ErrNoSpace, api.NotFound, ""}, {files.ErrExists, api.Failed, ""}, {files.ErrNotEmpty, api.Failed, ""}, {files.ErrNotFound, api.NotFound, ""}, {files.ErrChanged, api.Conflict, ""},
	{files.ErrClash, api.Failed, ""}, {files.ErrName, api.Usage, ""}, {files.ErrMeta, api.Usage, ""}, {files.ErrFull, api.Failed, ""}, {files.ErrDenied, api.Denied, ""}, {files.ErrUnavailable, api.Unreachable, ""},
	{space.ErrHandle, api.Usage, "copy the whole line that `phyllo share` or `phyllo space grant` has printed"},
	{space.ErrForged, api.Failed, "ask its owner, who can take a writer's place away with `phyllo space revoke`"}, {space.ErrDamaged, api.Failed, "try again later, when more of those who keep it are there"},
	{topic.ErrName, api.Usage, "see `phyllo pub --help`"}, {topic.ErrUnknown, api.NotFound, "`phyllo pub TOPIC TEXT` makes one"}, {topic.ErrOwner, api.Denied, ""}, {topic.ErrLimit, api.Failed, ""}, {topic.ErrMeasure, api.Usage, "see `phyllo topic bench --help`"},
	{groups.ErrDenied, api.Denied, ""}, {groups.ErrClock, api.Failed, ""}, {groups.ErrCharter, api.Usage, "see `phyllo topic set --help`"}, {scribe.ErrTooLarge, api.Usage, ""},
	{scribe.ErrNoGroup, api.NotFound, "`phyllo pub TOPIC TEXT` makes one"}, {scribe.ErrAway, api.Unreachable, askDoctor}, {scribe.ErrBusy, api.Unreachable, askDoctor}, {scribe.ErrOlder, api.Conflict, "try again"}, {scribe.ErrLimit, api.Failed, ""},
	{work.ErrTooLarge, api.Usage, ""}, {work.ErrOptions, api.Usage, "see `phyllo work --help`"}, {work.ErrFull, api.Failed, ""}, {work.ErrLimit, api.Failed, "see `phyllo work take --help`"}, {work.ErrNotHeld, api.Conflict, "see `phyllo work take --help`"}, {work.ErrAway, api.Unreachable, "wait until its computer is on"},
	{room.ErrNoRoom, api.NotFound, ""}, {room.ErrNoEntry, api.NotFound, "`phyllo room history ROOM --json` prints the ids"}, {room.ErrNoUser, api.NotFound, ""}, {room.ErrAmbiguous, api.Usage, ""},
	{room.ErrWords, api.Usage, "see `phyllo send --help`"}, {room.ErrNotMember, api.Denied, ""}, {room.ErrNotAdmin, api.Denied, ""}, {room.ErrNotOwner, api.Denied, "see who it is with `phyllo room list ROOM`"}, {room.ErrNoMember, api.NotFound, ""}, {room.ErrAway, api.Unreachable, ""}, {room.ErrNoPublic, api.NotFound, ""},
	{room.ErrNoKey, api.Unreachable, ""}, {room.ErrPartial, api.Unreachable, "see who is in it with `phyllo room list ROOM`"}, {room.ErrNoName, api.NotFound, ""}, {room.ErrLongLog, api.Failed, "`phyllo room create NAME --stored`"}, {room.ErrMany, api.Failed, ""}, {room.ErrOwnerGoes, api.Failed, "`phyllo room role ROOM NAME owner`"},
	{entries.ErrTitle, api.Usage, "choose one as garden or \"book club\""}, {dag.ErrFull, api.Failed, ""},
	{letter.ErrEmptyText, api.Usage, ""}, {letter.ErrTooLong, api.Usage, ""}, {letter.ErrNotText, api.Usage, ""},
	{directory.ErrName, api.Usage, "choose one as bob or ann-2"}, {directory.ErrRecord, api.Usage, "see `phyllo user edit --help`"},
	{invite.ErrInvitation, api.Usage, "`phyllo invite` prints one"}, {invite.ErrInvitationSpelt, api.Usage, ""}, {invite.ErrInvitationNewer, api.Usage, ""},
	{keys.ErrShortPassphrase, api.Usage, ""},
	{directory.ErrDisputed, api.Disputed, "compare fingerprints with the person whom you mean"},
	{im.ErrKeyChanged, api.KeyChanged, "run `phyllo user verify NAME`"},
	{directory.ErrTaken, api.Failed, "choose another"}, {directory.ErrStale, api.Failed, "change that one"},
	{directory.ErrNotReachable, api.Unreachable, ""}, {member.ErrUnreachable, api.Unreachable, ""}, {register.ErrQuorum, api.Unreachable, ""},
	{member.ErrTooEarly, api.Failed, "wait, it renews itself in time"},
	{member.ErrDeclined, api.Failed, "choose another, of those in `phyllo member list`"},
	{msg.ErrConversation, api.Failed, updateAll},
	{peer.ErrIsExpelled, api.Failed, "the ring's authority can let it in again, with `phyllo member pardon ID`"},
	{peer.ErrForged, api.Failed, updateAll + "; if it stays, do not trust that computer"},
	{peer.ErrOtherRing, api.Failed, "ask for an invitation to the right one with `phyllo invite`"},
	{transport.ErrVersion, api.Failed, ""},
	{store.ErrFull, api.Failed, "make room on that disk; `phyllo doctor` shows how much there is"},
	{store.ErrFailed, api.Failed, "check the disk, then start the node again with `phyllo up`"},
	{store.ErrCorrupt, api.Failed, "check the disk, and restore the home folder from a backup or begin with another --home"},
	{kbr.ErrUnreachable, api.Unreachable, "is that computer on? `phyllo doctor` looks at this side"},
	{kbr.ErrTimeout, api.Unreachable, askDoctor}, {kbr.ErrLoop, api.Unreachable, askDoctor}, {kbr.ErrHopLimit, api.Unreachable, askDoctor},
	{kbr.ErrBusy, api.Unreachable, askDoctor}, {kbr.ErrNoApp, api.Failed, updateAll},
}

// Give gives an error of a room its kind and, if its text does not say it, what
// helps; nil stays nil.
func Give(err error) error {
	var have *api.Error
	if err == nil || errors.As(err, &have) || errors.Is(err, context.Canceled) {
		return err
	}
	if errors.Is(err, task.ErrStopped) {
		return api.Errorf(api.NotRunning, "the node is stopping: start it again with `phyllo up`")
	}
	for _, k := range kinds {
		switch {
		case !errors.Is(err, k.err):
		case k.help == "" || strings.Contains(err.Error(), k.help):
			return api.Wrap(k.kind, err)
		default:
			return api.Wrap(k.kind, fmt.Errorf("%w: %s", err, k.help))
		}
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return api.Errorf(api.Unreachable, "no answer in time: try again in a moment; `phyllo doctor` looks at this side")
	}
	return api.Wrap(api.Failed, err)
}

// AboutName is Give for what was asked about a person's name.
func AboutName(err error, name string) error {
	switch {
	case errors.Is(err, directory.ErrNotFound):
		return api.Errorf(api.NotFound, "nobody has the name %+q: is it spelt right? `phyllo user list --all` lists all", name)
	case errors.Is(err, directory.ErrNotReachable):
		return api.Wrap(api.Unreachable, fmt.Errorf("%+q: %w", name, err))
	}
	return Give(err)
}
