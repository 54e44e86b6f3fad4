package account

import (
	"errors"
	"fmt"
	"time"

	"github.com/phyllo-net/phyllo/app/past/voucher"
)

// Outcomes that are not success. Test for them with errors.Is and errors.As.
var (
	// ErrQuota: see QuotaError.
	ErrQuota = voucher.ErrQuota
	// ErrNotReachable: too few of the nodes that are to say gave an answer.
	ErrNotReachable = errors.New("the account's keepers are not reachable now: try again in a moment")
	// ErrVoters: those who voted for a voucher are no majority of those who keep the account.
	ErrVoters = errors.New("account: not voted for by a majority of the account's keepers")
	// ErrUsed: the object was stored for this debit, and reclaimed since.
	ErrUsed = errors.New("account: what paid for the object has paid for it once: pay again")
)

// QuotaError says that a majority of the keepers refuses a debit. It is an ErrQuota.
type QuotaError struct {
	Used, Limit int64 // in bytes of all replicas, as one of them sees it
	// Objects, if it is not 0, is how many the account names, those included that were reclaimed
	// and are remembered: more than Config.MaxCharges, or in too many debits. Again is when the
	// first of them will be forgotten; the zero time: none, unless something is reclaimed.
	Objects int64
	Again   time.Time
}

// Error implements error.
func (e *QuotaError) Error() string {
	switch {
	case e.Objects > 0 && e.Again.IsZero():
		return fmt.Sprintf("the account names %d objects, and no more are remembered: reclaim what is not needed, which makes room, at the latest weeks later", e.Objects)
	case e.Objects > 0:
		return fmt.Sprintf("the account names %d objects, with those that were reclaimed lately, and no more are remembered: try again after %s",
			e.Objects, e.Again.UTC().Format("2006-01-02 15:04 MST"))
	}
	return fmt.Sprintf("%d of %d bytes are used, all copies counted: %v", e.Used, e.Limit, ErrQuota)
}

// Is makes the error an ErrQuota.
func (e *QuotaError) Is(target error) bool { return target == ErrQuota }
