package office

import (
	"errors"
	"slices"

	"github.com/phyllo-net/phyllo/app/past/certificate"
	"github.com/phyllo-net/phyllo/app/past/client"
	"github.com/phyllo-net/phyllo/app/past/msg"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// canvass is the search for promises at the beginning of a term.
type canvass struct {
	all    *Offices
	of     *Office
	apart  bool // it is enough to know what those say who are there: see nothing
	last   bool // no later term is tried
	near   []*peer.Handle
	asked  []id.ID
	heard  map[id.ID]*answer
	higher []uint64                // the counts of terms that were promised to others, as these say
	seen   []*certificate.Version  // all versions that were heard of, and
	tips   []*certificate.Version  // the latest of each branch
	guess  []*certificate.Absorbed // that there is no such object is not sure: see nothing
}

// answer is a promise, and who gave it.
type answer struct {
	from *peer.Handle
	*msg.Promise
}

// run asks the nodes near the object, and all holders that the latest ruling of each branch
// names, until no later ruling is heard of. It returns the versions that meet: see choose.
func (c *canvass) run(t *task.T) (met []*certificate.Version, err error) {
	c.near = c.all.asker.Replicas(c.of.object.Place(), c.of.copies, c.of.copies)
	own, err := c.all.holder.Rivals(t, c.of.object)
	if err != nil {
		return nil, err
	}
	for _, v := range own {
		c.note(v)
	}
	if err := c.ask(t, c.near); err != nil {
		return nil, err
	}
	for done := []*certificate.Version(nil); !slices.Equal(done, c.tips); {
		c.weed()
		done = slices.Clone(c.tips)
		for _, v := range done {
			if err := c.find(t, v.Ruling); err != nil {
				return nil, err
			}
		}
	}
	c.weed()
	met, ok := c.choose()
	if !ok || len(met) == 0 && !c.nothing() {
		return nil, ErrAway
	}
	if !c.seated() {
		return nil, ErrAway
	}
	return met, nil
}

// seated reports whether a majority of the k nearest has promised.
func (c *canvass) seated() bool {
	n := 0
	for _, h := range c.of.nodes {
		if c.heard[h.ID] != nil {
			n++
		}
	}
	return n >= len(c.of.nodes)/2+1
}

// nothing reports whether it is sure that there is no such object. Where each node would keep it, it is enough for who
// goes on without a majority that those who are there do not, and that the others are waited for no longer: then the
// object is made apart from whatever these have, unless a majority of all is sure. In larger rings those who are there
// need not be the ones who would.
func (c *canvass) nothing() bool {
	away := c.away()
	if c.none(away, c.sure) {
		return true
	}
	larger := !c.few() && len(c.near)+len(away) > c.of.copies
	if !c.apart || larger || !c.none(c.all.holder.Awaited(), c.settled) {
		return false
	}
	unsure, of := away, min(c.of.copies, len(c.near)+len(away))
	for _, h := range c.near {
		if !c.sure(h.ID) {
			unsure = append(unsure, h.ID)
		}
	}
	if len(unsure) > (of-1)/2 {
		c.nearest(unsure) // there may be more of them than can be named
		c.guess = certificate.Guess(unsure, of)
	}
	return true
}

// assured reports whether versions that meet were made when it was not sure that there is no such object, and
// a majority of those who were there then has now spoken, but for those who are lost, or too far from it to have it
// now that others are there.
func (c *canvass) assured(met []*certificate.Version) (guessed bool) {
	for _, v := range met {
		away, of := v.Ruling.Guessed()
		missing := 0
		for _, n := range away {
			if !c.sure(n) && !c.all.holder.Lost(n) && (slices.Contains(c.asked, n) || c.counts(n)) {
				missing++
			}
		}
		if of > 0 && missing > (of-1)/2 {
			return false
		}
		guessed = guessed || of > 0
	}
	return guessed
}

// few reports whether those who are there are fewer than the object has holders.
func (c *canvass) few() bool { return len(c.of.nodes) < c.of.copies }

// away are the neighbours who may have the object, and are away: where few are left those, too, who have been so for
// long, unless those who are left are a majority. Else what a majority made whom they do not see could be made a second time.
func (c *canvass) away() []id.ID {
	away := slices.Clone(c.all.holder.Away())
	if !c.few() {
		return away
	}
	counted, _ := c.all.holder.Missed()
	return append(away, counted...)
}

// settled reports whether a node has promised, and knows of all that it should keep, as far as those who are there know.
func (c *canvass) settled(n id.ID) bool {
	m := c.heard[n]
	return m != nil && m.Sure
}

// sure reports whether it is settled, and sees a majority of all of whom it knows.
func (c *canvass) sure(n id.ID) bool { return c.settled(n) && !c.heard[n].Outnumbered }

// counts reports whether a node that is away counts beside those near the object.
func (c *canvass) counts(n id.ID) bool { return Counts(c.of.object, c.of.copies, c.near, n) }

// Counts reports whether a node that is away may have an object of k copies, though those are there that are near
// it, 2k of them where there are so many: it is nearer than one of these.
func Counts(o id.Hash, k int, near []*peer.Handle, n id.ID) bool {
	return len(near) < 2*k || id.Closer(o.Place(), n, near[len(near)-1].ID)
}

// none reports whether of the nodes near the object so few are away, silent or new that they make no
// majority of any k of them.
func (c *canvass) none(away []id.ID, sure func(id.ID) bool) bool {
	unheard := 0
	for _, n := range away {
		if c.counts(n) {
			unheard++
		}
	}
	for _, h := range c.near {
		if !sure(h.ID) {
			unheard++
		}
	}
	return unheard <= (min(c.of.copies, len(c.near))-1)/2
}

// agreed reports whether a majority of each set of holders that a ruling names has promised, or all
// but those who are lost, or whose disks are; and nobody knows that there was a later one of its branch, who
// has left that.
func (c *canvass) agreed(r *certificate.Ruling) bool {
	if slices.ContainsFunc(c.seen, func(v *certificate.Version) bool { return v.Ruling.Later(r) }) {
		return false
	}
	for _, hs := range r.Sets() {
		if promised, lost := c.count(hs); promised < hs.Majority() && (promised == 0 || promised+lost < len(hs)) {
			return false
		}
	}
	return true
}

// find asks the holders that a ruling names and that were not asked yet.
func (c *canvass) find(t *task.T, r *certificate.Ruling) error {
	var ids []id.ID
	away := c.all.holder.Awaited()
	for _, hs := range r.Sets() {
		for _, m := range hs {
			if !slices.Contains(away, m.Node) && !slices.Contains(c.asked, m.Node) {
				c.asked, ids = append(c.asked, m.Node), append(ids, m.Node)
			}
		}
	}
	rs, err := task.Gather(t, c.all.cfg.Ask, len(ids), func(i int, resolve func(*peer.Handle, error)) {
		c.all.ep.Find(ids[i], resolve)
	}, nil)
	if err != nil {
		return err
	}
	var to []*peer.Handle
	for _, r := range rs {
		if r.Err == nil {
			to = append(to, r.Value)
		}
	}
	return c.ask(t, to)
}

func (c *canvass) ask(t *task.T, to []*peer.Handle) error {
	for _, h := range to {
		c.asked = append(c.asked, h.ID)
	}
	rs, err := c.all.asker.All(t, to, func() wire.Message {
		return &msg.Prepare{Object: c.of.object, Copies: uint8(c.of.copies), Term: c.of.term}
	}, nil)
	if err != nil {
		return err
	}
	for i, r := range rs {
		switch m := r.Value.(type) {
		case *msg.Higher:
			// What no holder promises any more is only said, and that by a minority.
			if m.Term.InTime(c.all.ep.Wall().Add(c.all.cfg.Skew)) {
				c.higher = append(c.higher, m.Term.Count)
			}
		case *msg.Promise:
			if err := c.hear(t, to[i], m); err != nil {
				return err
			}
		}
	}
	if c.later() > 0 && !c.last {
		return errHigher
	}
	return nil
}

// later is the largest count that others have promised and that the root is to go beyond; 0 if there is none. What a
// minority alone says, and is ahead of the root's own time of day, may be made up, and be ahead of what other holders'
// clocks allow: this root could get no promise in such a term.
func (c *canvass) later() uint64 {
	most, now := c.common(), c.all.ep.Wall()
	for _, n := range c.higher {
		if (certificate.Term{Count: n}).InTime(now) {
			most = max(most, n)
		}
	}
	return most
}

// common is the largest of those counts but for as many as a minority has: one of those who say so much, or more,
// is honest if a majority is. It is 0 if no more than a minority says any.
func (c *canvass) common() uint64 {
	few := (len(c.of.nodes) - 1) / 2
	if len(c.higher) <= few {
		return 0
	}
	slices.Sort(c.higher)
	return c.higher[len(c.higher)-1-few]
}

// said is the largest of those counts, but no more than is allowed by holders whose clocks are somewhat behind the
// root's: 0 if nobody says any.
func (c *canvass) said() (most uint64) {
	for _, n := range c.higher {
		most = max(most, n)
	}
	return min(most, uint64(max(0, c.all.ep.Wall().Add(c.all.cfg.Skew-clocks).UnixMilli())))
}

// hear verifies a promise, and notes the version that comes with it.
func (c *canvass) hear(t *task.T, from *peer.Handle, m *msg.Promise) error {
	if m.Cert == nil {
		c.heard[from.ID] = &answer{from, m}
		return nil
	}
	v := &certificate.Version{Certificate: m.Cert, Content: m.Content, Ruling: m.Ruling}
	ring, object, ver := c.all.cfg.Ring, c.of.object, c.all.cfg.Verifier
	_, err := task.Work(t, work, func() (struct{}, error) { return struct{}{}, v.Verify(ring, object, ver) })
	switch {
	case errors.Is(err, task.ErrStopped):
		return err
	case err != nil:
		c.all.BadInput++
		return nil
	}
	c.heard[from.ID] = &answer{from, m}
	c.note(v)
	return nil
}

// forgone reports whether a ruling is followed only because some of its holders are taken for lost. They may
// be going on all the same, with others, where this node cannot see them.
func (c *canvass) forgone(r *certificate.Ruling) bool {
	return slices.ContainsFunc(r.Sets(), func(hs certificate.Holders) bool {
		promised, _ := c.count(hs)
		return promised < hs.Majority() && slices.ContainsFunc(hs, func(m *certificate.Member) bool {
			return c.heard[m.Node] == nil && c.all.holder.Lost(m.Node)
		})
	})
}

// count is how many of some holders have promised, and how many are lost: they have shown that they lost
// their disks since, or are taken for it. One that was named without its disk took part in no majority, so its
// promise counts, on whatever disk.
func (c *canvass) count(hs certificate.Holders) (promised, lost int) {
	for _, m := range hs {
		switch got := c.heard[m.Node]; {
		case got == nil:
			if c.all.holder.Lost(m.Node) {
				lost++
			}
		case m.Life == 0 || got.Life == m.Life:
			promised++
		default:
			lost++
		}
	}
	return promised, lost
}

// members are the k nearest as holders. One that was not heard has no life that counts,
// until the root hears it in a later term.
func (c *canvass) members() (ms certificate.Holders) {
	for _, h := range c.of.nodes {
		m := &certificate.Member{Node: h.ID}
		if got := c.heard[h.ID]; got != nil {
			m.Life = got.Life
		}
		ms = append(ms, m)
	}
	return ms
}

// makers are the holders of an object that is new: the members, and besides, where these are fewer than the object is to
// have, the nearest of those who are away. A majority of the members alone could miss those who meet the
// others later, and then are sure, in a majority of all, that there is no such object. For the same reason those are
// named, too, without whom a majority went on long ago, as long as they are not lost: but only so many that those who have
// promised are a majority of all who are named. Who is apart waits for nobody.
func (c *canvass) makers() certificate.Holders {
	ms := c.members()
	if c.guess != nil || !c.few() {
		return ms
	}
	_, others := c.all.holder.Missed()
	ms = c.with(ms, c.away(), c.of.copies)
	return c.with(ms, others, min(c.of.copies, 2*len(c.heard)-1))
}

// with returns holders with the nearest of some nodes besides, of whom nothing was heard: up to so many in all.
func (c *canvass) with(ms certificate.Holders, away []id.ID, most int) certificate.Holders {
	c.nearest(away)
	for _, n := range away {
		if m := (certificate.Member{Node: n}); len(ms) < most && !client.Contains(c.of.nodes, n) && !ms.Has(m) {
			ms = append(ms, &m)
		}
	}
	return ms
}

// nearest sorts nodes by their distance from the object.
func (c *canvass) nearest(ids []id.ID) {
	place := c.of.object.Place()
	slices.SortFunc(ids, func(a, b id.ID) int { return a.Distance(place).Cmp(b.Distance(place)) })
}

// complete rules in this term that of the versions that met the first is current, and moves it
// to the holders of now. What another root left half done is ended first, by the sets that it
// named: so the holders of no more than two sets ever decide together.
func (c *canvass) complete(t *task.T, met []*certificate.Version) error {
	v, now, before := met[0], c.of.holders, certificate.Holders(nil)
	b := ballot{of: c.of, to: slices.Clone(c.of.nodes), c: c, draft: v.Ruling.Draft}
	b.add(v.Ruling)
	if err := b.meet(t, met); err != nil {
		return err
	}
	switch old := v.Ruling; {
	case old.Holders.Equal(now):
		before = old.Before
	case old.Settled():
		before = old.Holders
	default:
		if err := b.rule(t, v, old.Holders, old.Before); err != nil {
			return err
		}
		before = old.Holders
	}
	if len(before) > 0 {
		if err := b.rule(t, v, now, before); err != nil {
			return err
		}
	}
	if err := b.rule(t, v, now, nil); err != nil || !b.draft {
		return err
	}
	b.draft = false
	return b.rule(t, v, now, nil)
}
