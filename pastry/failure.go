package pastry

import (
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/pastry/msg"
)

// News of failures (MSPastry, figure 2): who finds a member of its leaf set dead has the
// others look, too, so that a death is known to all after one of them noticed it.

const (
	// manyFailures at once leave nobody to rely on for telling the others.
	manyFailures = 4
	// gatherNews is how long an announcement waits for further failures, and deferNews how
	// much longer the left one of the two that stood next to a dead node waits for the
	// right one's.
	gatherNews = 200 * time.Millisecond
	deferNews  = time.Second
)

// besides returns how many leaf-set members stand between this node and c.
func (n *Node) besides(c *contact) int {
	best := n.leafs.half
	for s := range n.leafs.sides {
		if i, have := n.leafs.find(side(s), c.h.ID); have {
			best = min(best, i)
		}
	}
	return best
}

// failed plans to tell the leaf set of a dead node, which had so many others between it
// and this one; what comes within a moment goes together. One of the two that stood next
// to it tells all: the right one, or the left one if nothing is heard of that; a voice
// that is lost is made up for by comparing digests. Others tell those two, or, where many
// die, all; and if they learned it from another, they only remember it for a while, so
// that their own probes pass it on.
func (n *Node) failed(f msg.Failure, besides int, told, announced bool) {
	fresh := n.failures
	if len(fresh) >= msg.MaxFailed {
		fresh = fresh[1:]
	}
	// New memory: messages on their way share the old list.
	n.failures = append(slices.Clone(fresh), f)
	n.After(n.cfg.Heartbeat, func() { n.forgetFailure(f) })
	switch {
	case announced || told && besides > 0:
	case besides > 0 && len(n.unsaid) == 0 && len(n.failures) < manyFailures:
		n.tellNextTo(f.Node)
	case besides == 0 && n.sideOf(f.Node) == rightSide:
		n.announceLater(f, gatherNews+deferNews)
	default:
		n.announceLater(f, gatherNews)
	}
}

// sideOf is the side on which x is nearer.
func (n *Node) sideOf(x id.ID) side {
	if n.leafs.away(rightSide, x).Less(n.leafs.away(leftSide, x)) {
		return rightSide
	}
	return leftSide
}

// tellNextTo tells the members on either hand of a node that was one, the nearest that are
// not silent, too.
func (n *Node) tellNextTo(x id.ID) {
	s := n.sideOf(x)
	i, _ := n.leafs.find(s, x)
	members := n.leafs.sides[s]
	for k := i - 1; k >= 0; k-- {
		if n.tell(members[k]); members[k].life == alive {
			break
		}
	}
	for k := i; k < len(members); k++ {
		if n.tell(members[k]); members[k].life == alive {
			break
		}
	}
}

// forgetFailure ends the telling of a failure.
func (n *Node) forgetFailure(f msg.Failure) {
	n.failures = slices.DeleteFunc(slices.Clone(n.failures), f.Same)
}

// announceLater plans to tell all of a failure, and of what others come until then.
func (n *Node) announceLater(f msg.Failure, wait time.Duration) {
	at := n.Now().Add(wait)
	if len(n.unsaid) == 0 || at.Before(n.announceAt) {
		n.announceAt = at
		n.stop(n.announceTimer)
		n.announceTimer = n.alarm(wait, n.announce)
	}
	n.unsaid = append(n.unsaid, f)
}

// announced: another tells all of a failure, so this node need not.
func (n *Node) announced(f msg.Failure) {
	n.unsaid = slices.DeleteFunc(n.unsaid, f.Same)
}

// announce sends an LS-PROBE to every leaf-set member: it tells of failures, and
// the answers bring the candidates for the places that fell free.
func (n *Node) announce() {
	if len(n.unsaid) == 0 {
		return
	}
	n.unsaid = nil
	n.failures = slices.Clone(n.failures)
	for i := range n.failures {
		n.failures[i].Announced = true
	}
	for _, c := range n.leafContacts() {
		n.tell(c)
	}
}
