package node

import "time"

// WithAddrCheck makes the node look at its own addresses more often.
func WithAddrCheck(d time.Duration) Option { return func(o *options) { o.addrCheck = d } }
