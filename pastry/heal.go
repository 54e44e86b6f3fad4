package pastry

import (
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/machine"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// Partition healing, after FreePastry's PartitionHandler: nodes that were declared
// dead are asked again now and then. One that answers may live in the other part
// of a network that was cut; the root of this node's own id over there leads to
// its new neighbours, and the parts become one ring as in a join.

// gonePeer is a node that was declared dead and may be only cut off.
type gonePeer struct {
	h     *peer.Handle
	since task.Instant
	near  bool // it stood near to this node
}

const (
	maxGone = 64
	// seekers are as many on either hand of a node that is gone as ask it again at first.
	seekers = 4
)

// remember keeps a node for healing.
func (n *Node) remember(c *contact, besides int) {
	n.forgetGone(c)
	if len(n.gone) >= maxGone {
		n.gone = slices.Delete(n.gone, 0, 1)
	}
	n.gone = append(n.gone, gonePeer{c.h, n.Now(), besides < seekers})
	n.healLater()
}

// healLater plans the next attempt, while there is anybody to be reached.
func (n *Node) healLater() {
	if n.healing || len(n.gone) == 0 || n.stopped {
		return
	}
	n.healing = true
	n.After(n.jitter(n.cfg.Heal), func() {
		n.healing = false
		n.heal()
		n.healLater()
	})
}

func (n *Node) forgetGone(c *contact) {
	n.gone = slices.DeleteFunc(n.gone, func(g gonePeer) bool { return g.h.ID == c.h.ID })
}

func (n *Node) isGone(x id.ID) bool {
	return slices.ContainsFunc(n.gone, func(g gonePeer) bool { return g.h.ID == x })
}

func (n *Node) dropGone() {
	now := n.Now()
	n.gone = slices.DeleteFunc(n.gone, func(g gonePeer) bool { return now.Sub(g.since) > n.cfg.GoneFor })
}

// heal asks two of the gone for a sign of life. Who lost many at once is more likely
// cut off than in a ring where a few died: the fewer of all that it knew are gone, the
// seldomer it asks, and the less the longer they are. So after a cut the smaller part
// seeks the larger one, while a node that died costs its ring little, also where they die
// all the time, one after another. When one of them has spoken again, the others are likely
// to be back, too.
func (n *Node) heal() {
	if !n.active || n.stopped {
		return
	}
	n.gone = slices.DeleteFunc(n.gone, func(g gonePeer) bool {
		c := n.contacts.find(g.h.ID)
		return c != nil && (c.life == left || c.life == alive && (c.leaf() || c.met && !n.leafs.wants(c.h.ID)))
	})
	known := 0
	n.eachKnown(func(*contact) { known++ })
	for range min(2, len(n.gone)) {
		g := n.gone[n.Rand().IntN(len(n.gone))]
		since, share := n.Now().Sub(g.since), n.goneWith(g, known)
		// As long as leases may run, all who stood near it ask: who is cut off alone claims all keys then.
		if !(g.near && since <= n.cfg.LeaseLong+n.cfg.Heal) && n.Rand().Float64() > eagerness(share, since) {
			continue
		}
		c := n.contact(g.h)
		if c.probe() == nil {
			c.doubt(c.life != alive)
			// One try only: who is really gone should cost little.
			c.begins(&probe{num: n.probeNum(), tries: len(n.cfg.Probes) - 1})
			n.probeAgain(c)
		}
	}
}

// goneWith is the share of those who went when g did, among them and the known ones.
func (n *Node) goneWith(g gonePeer, known int) float64 {
	if n.rose != 0 && n.Now().Sub(n.rose) < healFresh {
		return 1
	}
	together := 0
	for _, o := range n.gone {
		if apart := o.since.Sub(g.since); max(apart, -apart) < goneTogether {
			together++
		}
	}
	return float64(together) / float64(known+together)
}

// goneTogether is how far apart verdicts on nodes may be that one cut took away: a member
// of the leaf set is missed at once, an entry of the table when it is asked.
const goneTogether = 2 * time.Minute

// meetAgain: a node that was believed dead spoke. If it is of another part, the
// root of this node's id there is its new neighbour.
func (n *Node) meetAgain(c *contact) {
	if n.stopped || !n.active || c.life != alive {
		return
	}
	n.to(c, machine.ClassLiveness, n.leafProbe(false))
	n.begin(&request{key: n.self.ID, find: true, hint: c.h, env: wire.Envelope{Version: wire.Version},
		opt:  kbr.Options{Timeout: n.probeTime() + n.cfg.HopCap},
		done: func(r result) { n.metRoot(r) }})
}

// healFresh is how long a node that is gone is sought as eagerly as at first.
const healFresh = 2 * time.Minute

// eagerness is the chance with which a node that is gone for so long is asked, where
// it and others are that share of all who were known.
func eagerness(share float64, since time.Duration) float64 {
	p := 4 * share
	if p < 1 && since > healFresh {
		p *= healFresh.Seconds() / since.Seconds()
	}
	return p
}

func (n *Node) metRoot(r result) {
	if r.err != nil || r.answer.From == nil || r.answer.From.ID == n.self.ID || n.stopped {
		return
	}
	c := n.contact(r.answer.From)
	if !c.leaf() && c.life != left {
		n.to(c, machine.ClassLiveness, n.leafProbe(false))
	}
}
