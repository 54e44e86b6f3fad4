package node

import "time"

// WithAddrCheck makes the node look at its own addresses more often.
func WithAddrCheck(d time.Duration) Option { return func(o *options) { o.addrCheck = d } }

// WithWall gives the node another time of day.
func WithWall(now func() time.Time) Option { return func(o *options) { o.wall = now } }

// ReadTimeAnswer is readTimeAnswer.
var ReadTimeAnswer = readTimeAnswer
