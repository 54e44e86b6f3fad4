package account

import (
	"errors"
	"fmt"

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
}

// Error implements error.
func (e *QuotaError) Error() string {
	return fmt.Sprintf("%d of %d bytes are used, all copies counted: %v", e.Used, e.Limit, ErrQuota)
}

// Is makes the error an ErrQuota.
func (e *QuotaError) Is(target error) bool { return target == ErrQuota }
