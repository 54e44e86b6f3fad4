package member

import (
	"errors"
	"fmt"

	"github.com/phyllo-net/phyllo/member/msg"
	"github.com/phyllo-net/phyllo/member/register"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/transport"
)

// Errors of membership. They end with what helps.
var (
	ErrNoRing      = errors.New("this node is in no ring: `phyllo up` founds one, `phyllo join` enters one")
	ErrOtherKey    = errors.New("the key of this node is not the one that its ring admitted: restore node.key from a backup, or begin anew with another --home")
	ErrInRing      = errors.New("this node is in a ring with others already: join the second ring with another --home")
	ErrNotAdmitter = errors.New("only an admitter of the ring can do this: ask one (`phyllo member list` marks them)")
	ErrNoAuthority = errors.New("only the ring's authority can do this: run it on the computer that founded the ring, or bring its key here with `phyllo ring restore FILE`, from the file of `phyllo ring backup`")
	ErrUsed        = errors.New("this invitation was used already: ask for another with `phyllo invite`")
	ErrInviteEnded = errors.New("this invitation has expired: ask for another with `phyllo invite`")
	ErrInviteLost  = errors.New("the admitter does not know this invitation: ask for another with `phyllo invite`")
	ErrUnreachable = errors.New("none of the admitters can be reached: is one of their computers up?")
	ErrBusy        = errors.New("too many requests: try again in a minute")
	ErrClock       = errors.New("this computer's clock does not agree with those of the other members, so nothing is signed: see `phyllo doctor`")
	ErrNoWitness   = errors.New("no other member can be asked for the time, so this admitter does not sign for itself: is one of their computers up?")
	ErrTooEarly    = errors.New("the certificate is too new to be renewed")
	ErrRefused     = errors.New("the other node refused: update phyllo on both, and try again")
	ErrUnknownNode = errors.New("no member with this id is known here: see `phyllo member list`")
	ErrNeedsSecond = errors.New("a second admitter must agree: let one run `phyllo member expel` with the same id")
	ErrDeclined    = errors.New("the node does not want to be an admitter")
	ErrTooMany     = fmt.Errorf("a ring has at most %d admitters: expel one that is gone first (`phyllo member expel`)", msg.MaxAdmitters)
	ErrLanBusy     = errors.New("another request to join is open at that node, or there were too many: try again later")
	ErrLanDenied   = errors.New("the request to join was not confirmed: compare the six digits, and ask again")
	ErrLanNone     = errors.New("nobody asks to join at the moment: let the other side run `phyllo join --lan` first")
	ErrLanCode     = errors.New("these are not the digits of the open request, which is closed now: if they were typed right, somebody stands between you: let the other side ask again, or give it an invitation")
)

// refusals are the errors that cross a stream, by their numbers. Numbers are
// never used again; an unknown one is ErrRefused.
var refusals = []struct {
	code uint8
	err  error
}{
	{1, transport.ErrVersion}, {2, ErrNoRing}, {3, ErrNotAdmitter}, {4, ErrUsed}, {5, ErrInviteEnded}, {6, ErrInviteLost},
	{7, register.ErrQuorum}, {8, ErrBusy}, {9, ErrTooEarly}, {10, peer.ErrIsExpelled}, {11, ErrDeclined}, {12, ErrLanBusy},
	{13, ErrLanDenied}, {14, peer.ErrExpired}, {15, peer.ErrForged}, {16, peer.ErrOtherRing}, {17, register.ErrView}, {18, ErrTooMany},
	{19, msg.ErrConversation},
}

const refuseOther = 255

// codeOf returns the number by which an error crosses a stream. Errors of our own
// store and the like say nothing but that we could not.
func codeOf(err error) uint8 {
	for _, r := range refusals {
		if errors.Is(err, r.err) {
			return r.code
		}
	}
	return refuseOther
}

func errOf(code uint8) error {
	for _, r := range refusals {
		if r.code == code {
			return r.err
		}
	}
	return ErrRefused
}
