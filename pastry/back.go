package pastry

import (
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/machine"
	"github.com/phyllo-net/phyllo/pastry/msg"
	"github.com/phyllo-net/phyllo/task"
)

// Who joins may sit behind a router that keeps others out, and nobody relays for him
// yet: he has links with those alone whom he has called. So the root's answer goes back
// the way that the request came, over links that stand.

// passedJoin is a request to join that this node passed on.
type passedJoin struct {
	num   uint64
	back  *contact
	until task.Instant
}

// Bounds of what is remembered of them.
const (
	maxPassedJoins = 64
	passedJoinTime = 10 * time.Second // longer than the joining node waits
)

// passJoin remembers where the answer to a request to join goes. back is nil if the
// request takes another way from here, which changes nothing.
func (n *Node) passJoin(num uint64, back *contact) {
	now := n.Now()
	n.passed = slices.DeleteFunc(n.passed, func(p passedJoin) bool { return p.until.Before(now) || back != nil && p.num == num })
	if back == nil {
		return
	}
	if len(n.passed) >= maxPassedJoins {
		n.passed = slices.Delete(n.passed, 0, 1)
	}
	n.passed = append(n.passed, passedJoin{num, back, now.Add(passedJoinTime)})
}

// answerJoin answers a joining node: over its own link if it has shown itself, else
// through via, from whom its request came; nil: this node took it back from another one.
func (n *Node) answerJoin(via, j *contact, m *msg.JoinReply) {
	switch {
	case j.met && j.life == alive:
		via = j
	case via == nil && n.handBack(m):
		return
	case via == nil:
		via = j
	}
	n.to(via, machine.ClassApp, m)
}

// onJoinReply takes the answer to this node's own request, or hands it back.
func (n *Node) onJoinReply(m *msg.JoinReply) {
	if n.joinDone != nil && m.Num == n.joinNum {
		n.joinDone(m, nil)
		return
	}
	n.handBack(m)
}

// handBack gives an answer to the one from whom the request came, once. It reports
// false if there was none.
func (n *Node) handBack(m *msg.JoinReply) bool {
	i := slices.IndexFunc(n.passed, func(p passedJoin) bool { return p.num == m.Num })
	if i < 0 || n.passed[i].until.Before(n.Now()) {
		return false
	}
	back := n.passed[i].back
	n.passed = slices.Delete(n.passed, i, i+1)
	n.to(back, machine.ClassApp, m)
	return true
}
