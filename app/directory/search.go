package directory

import (
	"slices"

	"github.com/phyllo-net/phyllo/app/directory/msg"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
)

// search is the search for the nodes near a far key. The key's root is asked over two
// routes with different first hops, and a node beside the root over a route of its own:
// so neither one bad node on the way, nor a bad root, decides who the holders are. The
// answers are hints all the same: what counts is which of the named nodes can be
// reached.
type search struct {
	key     id.ID
	far     id.ID // from the key to the point beside it
	above   bool  // on which side that is
	asked   int   // how often the root was asked
	silent  bool  // and once did not answer: it may be dead, so nodes on both sides are asked
	answers []kbr.Answer
	hops    []id.ID // first hops of the routes so far
	mouths  []id.ID // who answered, over links of their own
}

// maxSearch bounds the rounds of a search.
const maxSearch = 6

// askAround asks for the nodes near a far key. They come the nearest first; the error is
// ErrNotReachable or task.ErrStopped.
func (d *Directory) askAround(t *task.T, key id.ID) ([]*peer.Handle, error) {
	s := &search{key: key, far: d.fewNodes(), above: d.ep.Rand().Uint64()&1 == 0}
	for range maxSearch {
		to := s.questions()
		hops := slices.Clone(s.hops)
		o := kbr.Options{Timeout: d.cfg.Ask / 2, Straight: true} // who answers must be sure
		rs, err := task.Gather(t, o.Timeout+grace, len(to), func(i int, resolve func(kbr.Answer, error)) {
			o := o
			o.AvoidFirst = slices.Clone(hops)
			d.ep.Request(to[i], d.encode(&msg.Where{Key: key}), o, resolve)
			if to[i] == key {
				hops = append(hops, d.firstHop(key)...) // the next one is to go another way
			}
		}, nil)
		if err != nil {
			return nil, err
		}
		for i, r := range rs {
			s.take(to[i], r)
		}
		if (s.asked >= 2 || s.silent) && len(s.hops) >= 2 && len(s.mouths) >= 2 {
			return named(key, s.answers), nil
		}
	}
	return nil, ErrNotReachable
}

// questions returns the keys whose roots are asked next.
func (s *search) questions() []id.ID {
	var to []id.ID
	if !s.silent {
		to = append(to, s.key)
		if s.asked == 0 {
			to = append(to, s.key)
		}
	}
	if len(s.mouths) < 2 || s.silent {
		if s.above {
			to = append(to, s.key.Add(s.far))
		} else {
			to = append(to, s.key.Sub(s.far))
		}
		s.above = !s.above
	}
	return to
}

// take notes an answer, or that there is none.
func (s *search) take(to id.ID, r task.Result[kbr.Answer]) {
	m, _ := msg.Messages.Decode(r.Value.Payload)
	hs, ok := m.(*msg.Holders)
	ok = ok && r.Err == nil && len(hs.Nodes) > 0
	switch known := len(s.mouths); {
	case to == s.key:
		s.asked++
		s.silent = s.silent || !ok
		s.heard(r.Value, ok)
	case !ok:
		s.far = s.far.Half() // too far to know: the nodes lie closer here than around this one
	default:
		s.heard(r.Value, ok)
		if len(s.mouths) == known {
			s.far = s.far.Add(s.far.Half()) // the same node once more: they lie less close
		}
	}
}

func (s *search) heard(a kbr.Answer, ok bool) {
	if !ok {
		return
	}
	s.answers = append(s.answers, a)
	if a.Relayed || a.From == nil {
		return // who says so, and on which way, is not sure
	}
	if !slices.Contains(s.hops, a.First) {
		s.hops = append(s.hops, a.First)
	}
	if !slices.Contains(s.mouths, a.From.ID) {
		s.mouths = append(s.mouths, a.From.ID)
	}
}

// firstHop returns the node that a request to a key would go to, if this node has one.
func (d *Directory) firstHop(key id.ID) []id.ID {
	next := d.ep.LocalLookup(key, 1, false)
	if len(next) == 0 {
		return nil
	}
	return []id.ID{next[0].ID}
}

// fewNodes is about the distance over which four nodes lie, as it is around this one:
// so far from a key its root is hardly the root, and near enough to know its replica set.
func (d *Directory) fewNodes() id.ID {
	far := id.ID{}
	for _, h := range d.ep.NeighborSet(16) {
		if w := h.ID.Distance(d.ep.Self().ID); far.Less(w) {
			far = w // eight nodes away, as a rule
		}
	}
	return far.Half()
}

// candidate is a node that was named, and how often.
type candidate struct {
	node  *peer.Handle
	times int
}

// named returns the nodes of all answers, the nearest to key first. Of several handles
// of one node the one that was named most often comes first.
func named(key id.ID, answers []kbr.Answer) []*peer.Handle {
	var list []*candidate
	for _, a := range answers {
		m, _ := msg.Messages.Decode(a.Payload)
		for _, h := range m.(*msg.Holders).Nodes {
			at := slices.IndexFunc(list, func(c *candidate) bool {
				return c.node.ID == h.ID && c.node.Key == h.Key && !h.Newer(c.node) && !c.node.Newer(h)
			})
			if at < 0 {
				at = len(list)
				list = append(list, &candidate{node: h})
			}
			list[at].times++
		}
	}
	slices.SortStableFunc(list, func(a, b *candidate) int {
		switch {
		case a.node.ID == b.node.ID:
			return b.times - a.times
		case id.Closer(key, a.node.ID, b.node.ID):
			return -1
		}
		return 1
	})
	nodes := make([]*peer.Handle, len(list))
	for i, c := range list {
		nodes[i] = c.node
	}
	return nodes
}
