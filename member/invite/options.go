package invite

import (
	"fmt"
	"time"
)

// Options shape an invitation.
type Options struct {
	Uses    int           // 0 means DefaultUses
	Expires time.Duration // from now; 0 means DefaultExpiry
}

// Complete puts in the defaults. Its error says which flag is out of its range.
func (o Options) Complete() (Options, error) {
	if o.Uses == 0 {
		o.Uses = DefaultUses
	}
	if o.Expires == 0 {
		o.Expires = DefaultExpiry
	}
	if o.Uses < 1 || o.Uses > MaxUses {
		return o, fmt.Errorf("an invitation for %d nodes: --uses takes 1 to %d", o.Uses, MaxUses)
	}
	if o.Expires < time.Minute || o.Expires > MaxExpiry {
		return o, fmt.Errorf("an invitation for %v: --expires takes 1m to %v", o.Expires, MaxExpiry)
	}
	return o, nil
}
