package msg

import (
	"errors"

	"github.com/phyllo-net/phyllo/kbr"
)

// Codes of refusals.
const (
	RefusedMalformed  uint16 = iota + 1
	RefusedBusy              // too many questions, or not started yet
	RefusedNotHolder         // this node is not among those that keep the object
	RefusedInvalid           // the certificate, the content or the reclaim is not right
	RefusedClock             // see client.ErrClock
	RefusedReclaimed         // see client.ErrReclaimed
	RefusedFull              // see client.ErrFull
	RefusedStranger          // for fellow holders only
	RefusedFailed            // the disk fails
	RefusedNotRoot           // this node is not the object's root, or not surely
	RefusedLater             // a later term was promised
	RefusedAway              // a majority of the holders is not reachable; the change may be made all the same
	RefusedHolds             // the node keeps, or should keep, a replica of its own
	RefusedUnpaid            // nobody paid for it, or not in a way that this node believes
	RefusedOffersNone        // this node offers nothing: it keeps only what it votes about
	RefusedAlone             // one of many that is not a simple case: it is to be asked about alone
	RefusedUndecided         // as RefusedAway, and nothing was begun: the change was not made
)

// Refusals says the codes in words.
var Refusals = map[uint16]string{
	RefusedMalformed:  "not understood",
	RefusedBusy:       "busy, ask again",
	RefusedNotHolder:  "not a holder of this object",
	RefusedInvalid:    "the certificate or the content is not right",
	RefusedClock:      "not valid at this time of day",
	RefusedReclaimed:  "it was reclaimed",
	RefusedFull:       "no room",
	RefusedStranger:   "for holders only",
	RefusedFailed:     "the disk fails",
	RefusedNotRoot:    "not the root of this object",
	RefusedLater:      "a later root has ruled",
	RefusedAway:       "a majority of the holders is not reachable",
	RefusedHolds:      "has a replica already",
	RefusedUnpaid:     "it is not paid for",
	RefusedOffersNone: "offers nothing",
	RefusedAlone:      "not together with others",
	RefusedUndecided:  "a majority of the holders is not reachable, and nothing was changed",
}

// Refusal is the code of a refusal, 0 for all else.
func Refusal(err error) uint16 {
	var r *kbr.RefusedError
	if errors.As(err, &r) {
		return r.Code
	}
	return 0
}
