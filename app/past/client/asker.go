package client

import (
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/app/past/msg"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

const (
	// Spare is how many nodes beyond the replicas' are named where they are known, for
	// places whose node cannot be reached.
	Spare = 3
	// Grace is added to a task's wait over the question's own time-out, which says more.
	Grace = time.Second
	// pause is the mean time between two tries.
	pause = time.Second
	// tries bounds the search for the nodes near a far key.
	tries = 3
)

// Asker asks the nodes near a key, this one among them: for a client, and for a holder that
// asks other holders. It belongs to the node's loop.
type Asker struct {
	// BadInput counts what made no sense, or was signed wrong.
	BadInput uint64
	ep       kbr.Endpoint
	timeout  time.Duration
	own      func(q wire.Message, answer Reply)
	around   around
}

// Reply answers a question, once: with a message, or with the code of a refusal.
type Reply func(m wire.Message, code uint16)

// NewAsker returns an Asker at an endpoint. One question to one node may take so long; those
// to the node itself go to own.
func NewAsker(ep kbr.Endpoint, timeout time.Duration, own func(q wire.Message, answer Reply)) *Asker {
	return &Asker{ep: ep, timeout: timeout, own: own}
}

// Near returns the nodes nearest to a key, nearest first: k, if the ring has so many, and
// a few more. The error is ErrNotReachable or task.ErrStopped.
func (a *Asker) Near(t *task.T, key id.ID, k int) ([]*peer.Handle, error) {
	if !a.ep.Ready() {
		return nil, ErrNotReachable
	}
	if set := a.Replicas(key, k, Spare); len(set) > 0 {
		return set, nil
	}
	return a.askAround(t, key, k)
}

// askAround asks the root of a far key who is near it, over two routes with different
// first hops: so one bad node on the way does not decide it. Of all nodes that are named
// the nearest count, and only members can be reached.
func (a *Asker) askAround(t *task.T, key id.ID, k int) ([]*peer.Handle, error) {
	for range tries {
		o := kbr.Options{Timeout: a.timeout}
		rs, err := task.Gather(t, o.Timeout+Grace, 2, func(i int, resolve func(kbr.Answer, error)) {
			o := o
			if i == 1 {
				for _, h := range a.ep.LocalLookup(key, 1, false) {
					o.AvoidFirst = append(o.AvoidFirst, h.ID)
				}
			}
			a.ep.Request(key, msg.Encode(&msg.Where{Key: key, Copies: uint8(k)}), o, resolve)
		}, nil)
		if err != nil {
			return nil, err
		}
		if named, reach := nearest(key, rs); len(named) > 0 {
			a.around.note(surroundings{key, named, reach, a.ep.Now()})
			return named[:min(len(named), k+Spare)], nil
		}
		if err := t.Sleep(a.some()); err != nil {
			return nil, err
		}
	}
	return nil, ErrNotReachable
}

// nearest merges what several answers name, and returns how far from the key each of them goes.
func nearest(key id.ID, rs []task.Result[kbr.Answer]) (named []*peer.Handle, reach id.ID) {
	for _, r := range rs {
		m, _ := msg.Decode(r.Value.Payload)
		if ns, ok := m.(*msg.Nodes); ok && r.Err == nil {
			if far := farthest(key, ns.Nodes); len(named) == 0 || far.Less(reach) {
				reach = far
			}
			for _, h := range ns.Nodes {
				if !Contains(named, h.ID) {
					named = append(named, h)
				}
			}
		}
	}
	sortByDistance(key, named)
	return named, reach
}

func sortByDistance(key id.ID, nodes []*peer.Handle) {
	slices.SortFunc(nodes, func(a, b *peer.Handle) int {
		switch {
		case a.ID == b.ID:
			return 0
		case id.Closer(key, a.ID, b.ID):
			return -1
		}
		return 1
	})
}

// some is a random time about pause.
func (a *Asker) some() time.Duration {
	return pause/2 + time.Duration(a.ep.Rand().Int64N(int64(pause)))
}

// Ask asks one node, which may be this one.
func (a *Asker) Ask(to *peer.Handle, q wire.Message, resolve func(wire.Message, error)) {
	a.AskFor(to, q, a.timeout, resolve)
}

// AskFor is Ask with another time-out.
func (a *Asker) AskFor(to *peer.Handle, q wire.Message, timeout time.Duration, resolve func(wire.Message, error)) {
	a.askOne(to, &question{Message: q}, timeout, resolve)
}

// question is a message that is encoded once, for however many nodes are asked, and not at
// all for this node itself.
type question struct {
	wire.Message
	encoded []byte
}

func (q *question) encode() []byte {
	if q.encoded == nil {
		q.encoded = msg.Encode(q.Message)
	}
	return q.encoded
}

func (a *Asker) askOne(to *peer.Handle, q *question, timeout time.Duration, resolve func(wire.Message, error)) {
	if to.ID == a.ep.Self().ID {
		a.own(q.Message, func(m wire.Message, code uint16) {
			if code != 0 {
				resolve(nil, &kbr.RefusedError{Code: code, Text: msg.Refusals[code]})
				return
			}
			resolve(m, nil)
		})
		return
	}
	a.ep.Ask(to, q.encode(), kbr.Options{Timeout: timeout}, func(got kbr.Answer, err error) {
		if err != nil {
			resolve(nil, err)
			return
		}
		m, err := msg.Decode(got.Payload)
		if err != nil {
			a.BadInput++
		}
		resolve(m, err)
	})
}

// One is Ask for a task.
func (a *Asker) One(t *task.T, to *peer.Handle, q wire.Message) (wire.Message, error) {
	return task.Await(t, a.timeout+Grace, func(resolve func(wire.Message, error)) { a.Ask(to, q, resolve) })
}

// All asks several nodes the same at once, until enough (which may be nil) says that the
// answers so far will do.
func (a *Asker) All(t *task.T, to []*peer.Handle, q func() wire.Message, enough func([]task.Result[wire.Message]) bool) ([]task.Result[wire.Message], error) {
	one := &question{Message: q()}
	return task.Gather(t, a.timeout+Grace, len(to), func(i int, resolve func(wire.Message, error)) {
		a.askOne(to[i], one, a.timeout, resolve)
	}, enough)
}

// Replicas returns the nodes nearest to a key, k and up to more besides, as far as this
// node can know them; nil if it cannot.
func (a *Asker) Replicas(key id.ID, k, more int) []*peer.Handle {
	for ; more >= 0; more-- { // at the edge of what this node knows there may be none to spare
		if set := a.ep.ReplicaSet(key, k+more); len(set) > 0 {
			return set
		}
	}
	return nil
}

// Contains reports whether a node is among others.
func Contains(set []*peer.Handle, n id.ID) bool {
	for _, h := range set {
		if h.ID == n {
			return true
		}
	}
	return false
}
