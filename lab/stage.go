package lab

import (
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/lab/chat"
	"github.com/phyllo-net/phyllo/lab/group"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/sim"
	"github.com/phyllo-net/phyllo/task"
)

// stage is a storm as those see it who do something in it: what people do with rooms and groups
// knows neither lookups nor how faults strike.
type stage struct{ s *Storm }

var (
	_ chat.Storm  = stage{}
	_ group.Storm = stage{}
)

// Sim implements chat.Storm and group.Storm, as all that follow.
func (x stage) Sim() *sim.Sim { return x.s.Sim }

func (x stage) Seed() uint64 { return x.s.cfg.Seed }

func (x stage) Nodes() int { return x.s.Nodes }

func (x stage) Ring() id.Hash { return x.s.admit.ring }

func (x stage) Verifier() peer.Verifier { return x.s.admit.verifier }

func (x stage) Live() []sim.NodeRef { return x.s.Live() }

func (x stage) Go(n sim.NodeRef, f func(*task.T) error, done func(error)) {
	x.s.Sim.Call(n, func() { x.s.Node(n).Tasks().Go(f, done) })
}

func (x stage) Call(n sim.NodeRef, limit time.Duration, f func(*task.T) error) error {
	return x.s.Call(n, limit, f)
}

func (x stage) Root(key id.ID) sim.NodeRef {
	if r := x.s.Truth.Root(key); r != nil {
		return r.Ref
	}
	return sim.Nobody
}

func (x stage) StoppedSince(n sim.NodeRef, at time.Duration) bool {
	return x.s.Truth.stoppedSince(n, at)
}

func (x stage) Whole() bool { return x.s.whole() }

func (x stage) Alone() bool { return x.s.files == nil && x.s.rooms == nil }

func (x stage) Say(format string, args ...any) { x.s.log.say(format, args...) }

func (x stage) Fail(format string, args ...any) { x.s.Truth.fail(format, args...) }
