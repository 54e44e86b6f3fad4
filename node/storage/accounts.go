package storage

import (
	"context"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/app/past/account"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/node/finding"
	"github.com/phyllo-net/phyllo/node/loop"
	"github.com/phyllo-net/phyllo/task"
)

// audit is what is known of accounts that are not as they should be: the node's own, those that it
// keeps, and those that paid for what it keeps.
type audit struct {
	own       *api.Account // nil: it could not be asked for
	overdrawn []account.Overdraft
	disputed  []id.ID
}

// LookAtAccounts tells of accounts that use more than they may, or about which their keepers do not agree.
func (s *Storage) LookAtAccounts(ctx context.Context, say finding.Say) {
	a, err := loop.Do(ctx, s.cfg.Here(), func(t *task.T, h *Here) (a audit, _ error) {
		a.overdrawn, a.disputed = h.past.Accounts().Overdrawn(), h.past.Accounts().Disputed()
		if own, err := h.Account(t); err == nil { // else the others are told of all the same
			a.own = own
		}
		return a, nil
	})
	if err == nil { // else the node has no place in its ring, which is said of its peers
		a.say(say)
	}
}

func (a audit) say(say finding.Say) {
	const mb = 1e6
	if a.own != nil && a.own.Heard > 0 && a.own.Used > a.own.Limit {
		say("account", api.Warn, "You use %.1f MB of %.1f MB, all copies counted, so nothing more of yours is stored: remove what is not needed with `phyllo rm NAME`, or offer more with `phyllo offer SIZE`.",
			float64(a.own.Used)/mb, float64(a.own.Limit)/mb)
	}
	if n := len(a.overdrawn); n > 0 {
		var ids []id.ID
		over := int64(0)
		for _, x := range a.overdrawn {
			ids, over = append(ids, x.Member), over+x.Used-x.Limit
		}
		say("account", api.Warn, "%s of which this node is a keeper (%s) came to %.1f MB above the limit: offers were taken back, too much was allowed while parts of the ring were apart, or most of its keepers lie. Nothing more is stored for such a member until it uses less; `phyllo df` shows what this node keeps for whom.",
			finding.Many(n, "account"), finding.Few(ids), float64(over)/mb)
	}
	if n := len(a.disputed); n > 0 {
		say("account", api.Warn, "Those who keep the account of %s (%s) do not agree on whether something that this node keeps was paid for: it uses more than it may, or some of them are faulty. `phyllo df` shows what this node keeps for whom.",
			finding.Many(n, "member"), finding.Few(a.disputed))
	}
}
