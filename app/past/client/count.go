package client

import (
	"encoding/binary"
	"errors"
	"slices"

	"github.com/phyllo-net/phyllo/app/past/msg"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// Wanted is an object, of which so many copies are wanted.
type Wanted struct {
	Object id.Hash
	Copies int
}

// Counted is how many nodes keep an object.
type Counted struct {
	// Copies is at most as many as are wanted. Elsewhere is how many of them are on other nodes
	// than this one.
	Copies, Elsewhere int
}

// Count asks those who are to keep some objects whether they do, and returns how many say so,
// for each object in turn. Whoever does not answer counts as one without it, and one whose
// replica was diverted as one with it (PAST, 3.3). Nothing is proven by it: it is for people,
// who want to know. One question is for many objects, and a few are on the way at once; so are
// the searches for those who are to keep objects that are far away.
//
// Errors: ErrNotReachable, task.ErrStopped.
func (cl *Client) Count(t *task.T, ws ...Wanted) ([]Counted, error) {
	c := &count{cl: cl, ws: ws, out: make([]Counted, len(ws))}
	sets, err := cl.keepers(t, ws)
	if err != nil {
		return nil, err
	}
	for i, w := range ws {
		near := sets[i][:min(w.Copies, len(sets[i]))]
		if self := cl.asker.ep.Self(); !Contains(near, self.ID) {
			near = append(near[:len(near):len(near)], self) // others' pointers to this node do not count
		}
		for _, h := range near {
			c.add(h, i)
		}
	}
	if err := c.ask(t); err != nil {
		return nil, err
	}
	// Where one of the nearest offers nothing, the next in line may keep a copy instead.
	c.open, c.asks, c.own = nil, nil, true
	for i, w := range ws {
		if c.out[i].Copies < w.Copies {
			for _, h := range sets[i][min(w.Copies, len(sets[i])):] {
				if h.ID != cl.asker.ep.Self().ID {
					c.add(h, i)
				}
			}
		}
	}
	if err := c.ask(t); err != nil {
		return nil, err
	}
	for i, w := range ws {
		c.out[i].Copies, c.out[i].Elsewhere = min(c.out[i].Copies, w.Copies), min(c.out[i].Elsewhere, w.Copies)
	}
	return c.out, nil
}

// keepers are those who are to keep each object, and a few more.
func (cl *Client) keepers(t *task.T, ws []Wanted) ([][]*peer.Handle, error) {
	a := cl.asker
	if !a.ep.Ready() {
		return nil, ErrNotReachable
	}
	sets := make([][]*peer.Handle, len(ws))
	var far []int
	for i, w := range ws {
		if sets[i] = a.Replicas(w.Object.Place(), w.Copies, Spare); len(sets[i]) == 0 {
			far = append(far, i)
		}
	}
	for some := range slices.Chunk(far, countAtOnce) {
		rs, err := task.Gather(t, tries*(a.timeout+Grace+2*pause), len(some), func(i int, resolve func([]*peer.Handle, error)) {
			w := ws[some[i]]
			a.ep.Go(func(t *task.T) error {
				resolve(a.askAround(t, w.Object.Place(), w.Copies))
				return nil
			}, nil)
		}, nil)
		if err != nil {
			return nil, err
		}
		for i, r := range rs {
			switch {
			case errors.Is(r.Err, task.ErrStopped):
				return nil, r.Err
			case r.Err != nil:
				return nil, ErrNotReachable
			}
			sets[some[i]] = r.Value
		}
	}
	return sets, nil
}

// count is one Count under way.
type count struct {
	cl   *Client
	ws   []Wanted
	out  []Counted
	asks []*census
	open map[id.ID]*census // the last of each node's, if it has room
	own  bool              // replicas that are kept for other nodes do not count
}

// census is one question to one node.
type census struct {
	to *peer.Handle
	of []int // indexes of the objects
}

// add has a node be asked for an object.
func (c *count) add(h *peer.Handle, i int) {
	if c.open == nil {
		c.open = make(map[id.ID]*census)
	}
	q := c.open[h.ID]
	if q == nil || len(q.of) == msg.MaxHave {
		q = &census{to: h}
		c.open[h.ID] = q
		c.asks = append(c.asks, q)
	}
	q.of = append(q.of, i)
}

// countAtOnce is how many questions are on the way at once, or searches.
const countAtOnce = 16

func (c *count) ask(t *task.T) error {
	for some := range slices.Chunk(c.asks, countAtOnce) {
		rs, err := task.Gather(t, c.cl.asker.timeout+Grace, len(some), func(i int, resolve func(wire.Message, error)) {
			q := &msg.Have{Own: c.own}
			for _, at := range some[i].of {
				q.Objects = append(q.Objects, c.ws[at].Object)
			}
			c.cl.asker.Ask(some[i].to, q, resolve)
		}, nil)
		if err != nil {
			return err
		}
		for i, r := range rs {
			if m, ok := r.Value.(*msg.Having); ok && r.Err == nil && len(m.States) == len(some[i].of)*msg.StateSize {
				c.note(some[i], m.States)
			}
		}
	}
	return nil
}

func (c *count) note(q *census, states []byte) {
	for j, at := range q.of {
		if binary.BigEndian.Uint64(states[j*msg.StateSize:]) == 0 {
			continue
		}
		c.out[at].Copies++
		if q.to.ID != c.cl.asker.ep.Self().ID {
			c.out[at].Elsewhere++
		}
	}
}
