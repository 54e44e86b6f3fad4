package kind_test

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/app/directory"
	"github.com/phyllo-net/phyllo/app/im"
	"github.com/phyllo-net/phyllo/app/im/letter"
	"github.com/phyllo-net/phyllo/app/past"
	"github.com/phyllo-net/phyllo/app/past/account"
	"github.com/phyllo-net/phyllo/app/past/dht"
	"github.com/phyllo-net/phyllo/app/space"
	"github.com/phyllo-net/phyllo/app/work"
	"github.com/phyllo-net/phyllo/host"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/keys"
	"github.com/phyllo-net/phyllo/member"
	"github.com/phyllo-net/phyllo/member/invite"
	"github.com/phyllo-net/phyllo/member/msg"
	"github.com/phyllo-net/phyllo/member/register"
	"github.com/phyllo-net/phyllo/node/kind"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/store"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/transport"
)

// met are the errors of the rooms that a caller of the control interface can meet, with
// the kinds that they have there.
var met = map[string]struct {
	err  error
	kind api.Kind
}{
	"directory.ErrNotFound": {directory.ErrNotFound, api.NotFound}, "directory.ErrNotReachable": {directory.ErrNotReachable, api.Unreachable},
	"directory.ErrDisputed": {directory.ErrDisputed, api.Disputed}, "directory.ErrTaken": {directory.ErrTaken, api.Failed},
	"directory.ErrStale": {directory.ErrStale, api.Failed}, "directory.ErrContested": {directory.ErrContested, api.Failed},
	"directory.ErrLimit": {directory.ErrLimit, api.Failed}, "directory.ErrRecord": {directory.ErrRecord, api.Usage},
	"directory.ErrClock": {directory.ErrClock, api.Failed}, "directory.ErrName": {badName(), api.Usage},

	"im.ErrNoUser": {im.ErrNoUser, api.NotFound}, "im.ErrQueueFull": {im.ErrQueueFull, api.Failed}, "im.ErrBlocked": {im.ErrBlocked, api.Failed},
	"im.ErrNobody": {im.ErrNobody, api.NotFound}, "im.ErrNotProven": {im.ErrNotProven, api.Failed}, "im.ErrTooMany": {im.ErrTooMany, api.Failed},
	"im.ErrNoMessage": {im.ErrNoMessage, api.NotFound}, "im.ErrFingerprint": {im.ErrFingerprint, api.Failed},
	"im.ErrKeyChanged":    {im.ErrKeyChanged, api.KeyChanged},
	"letter.ErrEmptyText": {letter.ErrEmptyText, api.Usage}, "letter.ErrTooLong": {letter.ErrTooLong, api.Usage}, "letter.ErrNotText": {letter.ErrNotText, api.Usage},

	"dht.ErrNotFound": {dht.ErrNotFound, api.NotFound}, "dht.ErrConflict": {dht.ErrConflict, api.Conflict},
	"dht.ErrKey": {dht.ErrKey, api.Usage}, "dht.ErrTooLarge": {dht.ErrTooLarge, api.Usage},
	"past.ErrApart": {past.ErrApart, api.Unreachable}, "past.ErrNotReachable": {past.ErrNotReachable, api.Unreachable}, "past.ErrUncertain": {past.ErrUncertain, api.Unreachable}, "past.ErrClock": {past.ErrClock, api.Failed},
	"past.ErrQuota": {past.ErrQuota, api.Failed}, "account.ErrNotReachable": {account.ErrNotReachable, api.Unreachable},
	"account.ErrQuota": {account.ErrQuota, api.Failed},

	"space.ErrHandle": {space.ErrHandle, api.Usage}, "space.ErrMissing": {space.ErrMissing, api.Unreachable}, "space.ErrForged": {space.ErrForged, api.Failed}, "space.ErrDamaged": {space.ErrDamaged, api.Failed},

	"work.ErrTooLarge": {work.ErrTooLarge, api.Usage}, "work.ErrOptions": {work.ErrOptions, api.Usage}, "work.ErrFull": {work.ErrFull, api.Failed},
	"work.ErrLimit": {work.ErrLimit, api.Failed}, "work.ErrNotHeld": {work.ErrNotHeld, api.Conflict}, "work.ErrAway": {work.ErrAway, api.Unreachable},

	"kbr.ErrTimeout": {kbr.ErrTimeout, api.Unreachable}, "kbr.ErrUnreachable": {kbr.ErrUnreachable, api.Unreachable}, "kbr.ErrLoop": {kbr.ErrLoop, api.Unreachable},
	"kbr.ErrHopLimit": {kbr.ErrHopLimit, api.Unreachable}, "kbr.ErrBusy": {kbr.ErrBusy, api.Unreachable}, "kbr.ErrNoApp": {kbr.ErrNoApp, api.Failed},
	"kbr.ErrStopped": {kbr.ErrStopped, api.NotRunning}, "task.ErrStopped": {task.ErrStopped, api.NotRunning}, "task.ErrTimeout": {task.ErrTimeout, api.Unreachable},
	"host.ErrStopped": {host.ErrStopped, api.NotRunning}, "host.ErrBroken": {host.ErrBroken, api.Failed},

	"keys.ErrDamaged": {keys.ErrDamaged, api.Failed}, "keys.ErrTruncated": {keys.ErrTruncated, api.Failed}, "keys.ErrNewer": {keys.ErrNewer, api.Failed},
	"keys.ErrPassphrase": {keys.ErrPassphrase, api.Failed}, "keys.ErrShortPassphrase": {keys.ErrShortPassphrase, api.Usage},
	"keys.ErrFingerprint": {keys.ErrFingerprint, api.Failed},

	"member.ErrNoRing": {member.ErrNoRing, api.Failed}, "member.ErrOtherKey": {member.ErrOtherKey, api.Failed}, "member.ErrInRing": {member.ErrInRing, api.Failed},
	"member.ErrNotAdmitter": {member.ErrNotAdmitter, api.Failed}, "member.ErrNoAuthority": {member.ErrNoAuthority, api.Failed},
	"member.ErrUsed": {member.ErrUsed, api.Failed}, "member.ErrInviteEnded": {member.ErrInviteEnded, api.Failed}, "member.ErrInviteLost": {member.ErrInviteLost, api.Failed},
	"register.ErrQuorum": {register.ErrQuorum, api.Unreachable}, "member.ErrUnreachable": {member.ErrUnreachable, api.Unreachable},
	"member.ErrBusy": {member.ErrBusy, api.Failed}, "member.ErrClock": {member.ErrClock, api.Failed}, "member.ErrNoWitness": {member.ErrNoWitness, api.Failed},
	"member.ErrTooEarly": {member.ErrTooEarly, api.Failed}, "member.ErrRefused": {member.ErrRefused, api.Failed}, "member.ErrUnknownNode": {member.ErrUnknownNode, api.NotFound},
	"member.ErrNeedsSecond": {member.ErrNeedsSecond, api.Failed}, "member.ErrDeclined": {member.ErrDeclined, api.Failed}, "member.ErrTooMany": {member.ErrTooMany, api.Failed},
	"member.ErrLanBusy": {member.ErrLanBusy, api.Failed}, "member.ErrLanDenied": {member.ErrLanDenied, api.Failed}, "member.ErrLanNone": {member.ErrLanNone, api.Failed},
	"member.ErrLanCode": {member.ErrLanCode, api.Failed}, "msg.ErrConversation": {msg.ErrConversation, api.Failed},
	"invite.ErrInvitation": {invite.ErrInvitation, api.Usage}, "invite.ErrInvitationSpelt": {invite.ErrInvitationSpelt, api.Usage},
	"invite.ErrInvitationNewer": {invite.ErrInvitationNewer, api.Usage},

	"peer.ErrOtherRing": {peer.ErrOtherRing, api.Failed}, "peer.ErrExpired": {peer.ErrExpired, api.Failed}, "peer.ErrForged": {peer.ErrForged, api.Failed},
	"peer.ErrIsExpelled": {peer.ErrIsExpelled, api.Failed}, "transport.ErrVersion": {transport.ErrVersion, api.Failed},
	"store.ErrFull": {store.ErrFull, api.Failed}, "store.ErrFailed": {store.ErrFailed, api.Failed}, "store.ErrCorrupt": {store.ErrCorrupt, api.Failed},
}

func badName() error {
	_, err := directory.ParseName("a b")
	return err
}

// unmet are those that nobody meets so, and why.
var unmet = map[string]string{
	"kbr.ErrTooLarge": "what is sent has limits of its own below it", "host.ErrNotStarted": "the assembly starts its host", "host.ErrStuck": "it goes to the log of a node that ends",
	"keys.ErrKind": "the file's name and what helps are added", "keys.ErrMode": "as ErrKind", "keys.ErrNotFile": "as ErrKind", "keys.ErrOwner": "as ErrKind",
	"past.ErrUnsent":   "it is a past.ErrNotReachable, and says more to spaces alone",
	"past.ErrNotFound": "the table says dht.ErrNotFound", "past.ErrConflict": "the table says dht.ErrConflict", "past.ErrTooLarge": "the table says dht.ErrTooLarge",
	"account.ErrVoters": "holders refuse so, and the member pays again", "account.ErrUsed": "as ErrVoters",
	"task.ErrTicket": "storage asks another holder, as for the next ones", "task.ErrBroken": "as ErrTicket", "task.ErrStalled": "as ErrTicket", "task.ErrFar": "as ErrTicket",
	"task.ErrBusy": "as ErrTicket", "task.ErrCancelled": "as ErrTicket", "task.ErrPart": "as ErrTicket",
	"past.ErrTooFew": "doors and commands say files.ErrUnavailable", "past.ErrExists": "no two contents have one name in a space", "past.ErrReclaimed": "as ErrExists", "past.ErrFull": "doors and commands say files.ErrFull",
	"space.ErrNotFound": "doors and commands have an error of their own, as for the next ones", "space.ErrChanged": "as ErrNotFound", "space.ErrClash": "as ErrNotFound", "space.ErrReadOnly": "as ErrNotFound",
	"space.ErrNoAccess": "as ErrNotFound", "space.ErrNotOwner": "as ErrNotFound", "space.ErrTaken": "as ErrNotFound", "space.ErrFull": "as ErrNotFound", "space.ErrUncertain": "as ErrNotFound",
	"msg.ErrAbsent": "a message that has it is refused as ErrConversation", "register.ErrView": "admitters try again, and say ErrQuorum in the end",
	"keys.ErrSealKey": "a record with such a key is refused as ErrRecord", "keys.ErrOpen": "a letter that cannot be opened is told to its sender's node alone",
}

// helps finds a command, a setting, or words that say what to do.
var helps = regexp.MustCompile("`phyllo [a-z]|--[a-z]|(^|[:;,(?] |so |and )(try|ask|wait|start|update|restore|compare|see|choose|run|set|stop|let|give|make|check|copy|write|expel|change|it has|is one|does|there|capitals|please report|share|better|begin)\\b")

// Each error that a user can meet has a kind, says what happened, and ends with what
// helps; a new error of a room has its row here.
func TestKindsSayWhatHelps(t *testing.T) {
	for name, e := range met {
		err := kind.Give(fmt.Errorf("while testing: %w", e.err))
		if kind := api.KindOf(err); kind != e.kind {
			t.Errorf("%s is %s, want %s", name, kind, e.kind)
		}
		if !helps.MatchString(err.Error()) {
			t.Errorf("%s does not say what helps: %s", name, err)
		}
		if again := kind.Give(err); again.Error() != err.Error() {
			t.Errorf("%s says it twice: %s", name, again)
		}
	}
	late := kind.Give(fmt.Errorf("asking: %w", context.DeadlineExceeded))
	if api.KindOf(late) != api.Unreachable || !helps.MatchString(late.Error()) || strings.Contains(late.Error(), "context") {
		t.Errorf("a deadline that has passed: %s", late)
	}
	if kind.Give(nil) != nil || !errors.Is(kind.Give(context.Canceled), context.Canceled) {
		t.Error("what is no error, or was interrupted, is changed")
	}
}

// TestErrorsHaveKinds finds the errors of the rooms in their source, but for those of
// transports and stores, of which most stay inside.
func TestErrorsHaveKinds(t *testing.T) {
	listed := slices.Concat(slices.Collect(maps.Keys(met)), slices.Collect(maps.Keys(unmet)))
	slices.Sort(listed)
	var there []string
	for _, room := range []string{"app/directory", "app/im", "app/im/letter", "app/past", "app/past/account", "app/past/dht", "app/space", "app/work", "kbr", "task", "host", "keys", "member", "member/invite", "member/msg", "member/register", "peer"} {
		there = append(there, errorsOf(t, filepath.Join("..", "..", filepath.FromSlash(room)))...)
	}
	for _, name := range there {
		if _, ok := slices.BinarySearch(listed, name); !ok {
			t.Errorf("%s is neither met nor unmet: give it a row in this test, and what helps in kind.go", name)
		}
	}
	for _, name := range listed {
		if room, _, _ := strings.Cut(name, "."); room != "store" && room != "transport" && !slices.Contains(there, name) {
			t.Errorf("%s is listed here, and is no error of a room", name)
		}
	}
}

// errorsOf lists the variables of a package that are called Err and something.
func errorsOf(t *testing.T, dir string) (names []string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".go") || strings.HasSuffix(e.Name(), "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(dir, e.Name()), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			vars, ok := d.(*ast.GenDecl)
			if !ok || vars.Tok != token.VAR {
				continue
			}
			for _, spec := range vars.Specs {
				for _, name := range spec.(*ast.ValueSpec).Names {
					if strings.HasPrefix(name.Name, "Err") {
						names = append(names, f.Name.Name+"."+name.Name)
					}
				}
			}
		}
	}
	return names
}
