package work

import (
	"slices"

	"github.com/phyllo-net/phyllo/app/scribe/anycast"
	"github.com/phyllo-net/phyllo/app/topic"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
)

// This file is the side of those who take items.

// Job is an item that a taker was given.
type Job struct {
	Item id.Hash
	Body []byte
	// By is who offers it, as his signature says, and From the node on which he does.
	By   peer.Key
	From id.ID
	// Before is how many takers had it before: if there are any it may have been done already.
	Before int
}

// TakeOptions say what a program takes.
type TakeOptions struct {
	// By is who takes; nil: anybody, from a topic that all may read.
	By peer.Signer
	// Slots is how many items it has at a time, 1 to MaxSlots.
	Slots int
	// Waiting is called again and again while there is no such topic, and reports whether to
	// wait on. If it is nil that is topic's ErrUnknown.
	Waiting func() bool
	// Begin, which may be nil, is called when it begins.
	Begin func()
	// Job is called with each item that it is given, which it must confirm; Lost with one that
	// it must not go on with, as it was withdrawn, or is another taker's now. Ended says that it
	// may not read the topic any more. All are called on the node's loop and must not wait.
	Job   func(Job)
	Lost  func(item id.Hash)
	Ended func(error)
}

// Post is one program that takes items on this node.
type Post struct {
	w      *Work
	o      TakeOptions
	sub    *topic.Subscription
	at     *counter
	busy   int // slots that are taken, or promised
	closed bool
}

// counter is where the takers of one topic stand.
type counter struct {
	w     *Work
	group id.Hash
	posts []*Post
	stop  func()
	// met are the offerers whose signature was looked at, and asked those who wait for a free
	// place.
	met, asked []offerer
}

// offerer is a node and the key that offers on it.
type offerer struct {
	node *peer.Handle
	by   peer.Key
}

func (o offerer) is(node id.ID, by peer.Key) bool { return o.node.ID == node && o.by == by }

// maxOfferers bounds those that a counter remembers.
const maxOfferers = 256

// remember adds an offerer to a list, as the last.
func remember(list []offerer, o offerer) []offerer {
	list = slices.DeleteFunc(list, func(x offerer) bool { return x.is(o.node.ID, o.by) })
	if len(list) >= maxOfferers {
		list = list[1:]
	}
	return append(list, o)
}

// reservation is a place that is kept for an item until it is handed over.
type reservation struct {
	post  *Post
	from  id.ID
	timer task.Timer
}

// reserveTime is how long a place is kept for an item that was granted.
const reserveTime = 2 * handTime

// Take takes items of a topic from now on. The error is ErrOptions, ErrLimit, msg.ErrDenied,
// topic's ErrUnknown, or one of the directory.
func (w *Work) Take(t *task.T, n topic.Name, o TakeOptions) (*Post, error) {
	switch {
	case o.Slots < 1 || o.Slots > MaxSlots || o.Job == nil:
		return nil, ErrOptions
	case len(w.posts) >= w.cfg.MaxPosts:
		return nil, ErrLimit
	}
	p := &Post{w: w, o: o}
	var err error
	p.sub, err = w.cfg.Topics.Subscribe(t, n, topic.Options{By: o.By, Waiting: o.Waiting, Event: p.event})
	if err != nil {
		return nil, err
	}
	if p.closed { // its end was told meanwhile
		p.sub.Close()
		return nil, topic.ErrUnknown
	}
	w.posts = append(w.posts, p)
	p.at = w.counter(p.sub.Group())
	p.at.posts = append(p.at.posts, p)
	if o.Begin != nil {
		o.Begin()
	}
	for range o.Slots {
		p.at.tellFree()
	}
	return p, nil
}

// counter returns where the takers of a topic stand.
func (w *Work) counter(group id.Hash) *counter {
	if c := w.counterOf(group); c != nil {
		return c
	}
	c := &counter{w: w, group: group}
	c.stop = w.cfg.Anycast.Take(group, anycast.Taker{Willing: c.willing, Decided: c.decided})
	w.counters = append(w.counters, c)
	return c
}

// counterOf is nil if nobody here takes items of the topic.
func (w *Work) counterOf(group id.Hash) *counter {
	i := slices.IndexFunc(w.counters, func(c *counter) bool { return c.group == group })
	if i < 0 {
		return nil
	}
	return w.counters[i]
}

// event hears from the topic whether its program may go on reading.
func (p *Post) event(e topic.Event) {
	if e.Ended != nil && !p.closed {
		p.Close()
		if p.o.Ended != nil {
			p.o.Ended(e.Ended)
		}
	}
}

// Close ends it: what it has is given back.
func (p *Post) Close() {
	if p.closed {
		return
	}
	p.closed = true
	if p.sub != nil {
		p.sub.Close()
	}
	if p.at == nil {
		return
	}
	w := p.w
	w.posts = slices.DeleteFunc(w.posts, func(o *Post) bool { return o == p })
	c := p.at
	c.posts = slices.DeleteFunc(c.posts, func(o *Post) bool { return o == p })
	if len(c.posts) == 0 {
		c.stop()
		w.counters = slices.DeleteFunc(w.counters, func(o *counter) bool { return o == c })
	}
	for _, h := range w.holdings(p) {
		w.tellLater(h, &report{Item: h.item, Token: h.token, What: reportBack})
	}
}

// free is the program with the most free places; nil: there is none.
func (c *counter) free() *Post {
	var best *Post
	for _, p := range c.posts {
		if p.busy < p.o.Slots && (best == nil || p.o.Slots-p.busy > best.o.Slots-best.busy) {
			best = p
		}
	}
	return best
}

// willing is what an anycast asks. The offerer's signature was looked at.
func (c *counter) willing(i *anycast.Item) ([]byte, bool) {
	m, err := table.Decode(i.Body)
	n, ok := m.(*notice)
	if err != nil || !ok {
		return nil, false // of a later version, or no item of work
	}
	who := offerer{i.Asker, i.Publisher}
	if n.Item.IsZero() { // he waits for a free place
		c.asked = remember(c.asked, who)
		return nil, true
	}
	p := c.free()
	if p == nil || c.w.reserved[n.Item] != nil || c.w.held[n.Item] != nil {
		return nil, false
	}
	c.met = remember(c.met, who)
	p.busy++
	c.w.reserved[n.Item] = &reservation{post: p, from: i.Asker.ID}
	return nil, true
}

// decided hears whether it was granted.
func (c *counter) decided(i *anycast.Item, granted bool) {
	m, _ := table.Decode(i.Body)
	n, ok := m.(*notice)
	if !ok || n.Item.IsZero() {
		return
	}
	r := c.w.reserved[n.Item]
	switch {
	case r == nil || r.from != i.Asker.ID: // it was handed over already
	case granted:
		r.timer = c.w.ep.After(reserveTime, func() { c.w.unreserve(n.Item, r) })
	default:
		c.w.unreserve(n.Item, r)
	}
}

// unreserve frees the place that was kept for an item.
func (w *Work) unreserve(item id.Hash, r *reservation) {
	if w.reserved[item] == r {
		delete(w.reserved, item)
		r.post.leave()
	}
}

// leave frees a place.
func (p *Post) leave() {
	p.busy--
	if !p.closed {
		p.at.tellFree()
	}
}

// tellFree tells the first offerer who waits that there is a free place.
func (c *counter) tellFree() {
	if len(c.asked) == 0 {
		return
	}
	o := c.asked[0]
	c.asked = c.asked[1:]
	c.met = remember(c.met, o)
	c.w.ep.Send(o.node, encode(&free{c.group, o.by}), nil)
}

// onHand is given an item: one that a place was kept for, or the next one of an offerer who is
// known and may still publish.
func (w *Work) onHand(d *kbr.Delivery, m *hand) {
	c := w.counterOf(m.Group)
	h, r := w.held[m.Item], w.reserved[m.Item]
	var p *Post
	switch {
	case h != nil && h.from.ID == d.Via.ID && h.token == m.Token && !h.telling:
		d.Reply(encode(&yes{})) // he did not hear it
		return
	case c == nil || h != nil:
		refuse(d, refusedUnknown)
		return
	case r != nil && r.from == d.Via.ID:
		r.timer.Stop()
		delete(w.reserved, m.Item)
		r.post.busy--
		p = r.post
	case slices.ContainsFunc(c.met, func(o offerer) bool { return o.is(d.Via.ID, m.Publisher) }) && c.mayOffer(m.Publisher):
		p = c.free()
	default:
		refuse(d, refusedUnknown)
		return
	}
	if p == nil || p.closed || len(w.held) >= maxHeld {
		refuse(d, refusedFull)
		return
	}
	p.busy++
	h = &holding{item: m.Item, token: m.Token, from: d.Via, post: p}
	w.held[m.Item] = h
	w.order = append(w.order, h)
	w.renewLater(h)
	d.Reply(encode(&yes{}))
	p.o.Job(Job{Item: m.Item, Body: m.Body, By: m.Publisher, From: d.Via.ID, Before: int(m.Before)})
}

// mayOffer reports whether the topic's charter lets a key offer.
func (c *counter) mayOffer(by peer.Key) bool {
	charter := c.w.cfg.Scribe.Charter(c.group)
	return charter != nil && charter.MayPublish(by)
}
