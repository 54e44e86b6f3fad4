package past

import (
	"time"

	"github.com/phyllo-net/phyllo/app/past/cache"
	"github.com/phyllo-net/phyllo/app/past/certificate"
	"github.com/phyllo-net/phyllo/app/past/msg"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// Copies of objects are cached in memory, in what the replicas leave of the room that is
// offered, and within Config.CacheSize. A copy was verified when it came, by its
// certificate, as it is by who reads it. It comes in three ways: to the node that stored or
// read the object; to the node before the one that answered a lookup, so that copies walk
// outward with each lookup on the same way; and, where many ask, to all nodes of a level
// of the routing table (cache.Heat).

const (
	// maxPushed is the largest content that is pushed to a whole level, in bytes: it
	// travels in one broadcast.
	maxPushed = 16 << 10
	// pushEvery is the least time between two pushes of one node: overlays drop what is more.
	pushEvery = 5 * time.Second
	// heatFor is how long questions are counted for a push.
	heatFor = 10 * time.Minute
	// maxHeat is how many objects are counted, and how many copies that were handed on are
	// remembered.
	maxHeat = 4096
)

// copied is a cached copy.
type copied struct {
	cert    *certificate.Certificate
	content []byte
	since   task.Instant // when it left a holder
	level   int
}

// copies is what a node has in its cache and knows of what is asked for.
type copies struct {
	cache   *cache.Cache[*copied]
	heat    map[id.Hash]*cache.Heat
	handed  map[handed]bool // copies that went to neighbours lately
	counted task.Instant    // since when
	pushed  task.Instant    // when this node pushed last
}

type handed struct {
	object id.Hash
	to     id.ID
}

func newCopies(policy cache.Policy) copies {
	return copies{cache: cache.New[*copied](policy), heat: make(map[id.Hash]*cache.Heat), handed: make(map[handed]bool)}
}

// cacheRoom gives the cache what replicas leave: what is too much goes at once.
func (p *Past) cacheRoom() { p.cache.Resize(min(p.left(), p.cfg.CacheSize), nil) }

// cacheable reports whether copies of an object are cached: not of what changes, nor of
// what does not travel in one message.
func cacheable(c *certificate.Certificate) bool { return c.Kind != certificate.Mutable && !c.Large() }

// remember caches a copy that was verified, and left a holder so long ago. Objects that
// this node keeps are not cached, and mutable ones never.
func (p *Past) remember(c *certificate.Certificate, content []byte, age time.Duration, level int, asked bool) {
	o := c.ID()
	if e := p.shelf.find(o); e != nil || !cacheable(c) || age < 0 || age >= p.cfg.CacheFor {
		return
	}
	if level == ringLevel {
		level = p.replicaLevel(int(c.Copies))
	}
	p.cacheRoom()
	v := &copied{cert: c, content: content, since: p.ep.Now().Add(-age), level: level}
	if asked {
		p.cache.Put(o, c.Size, v, nil)
	} else {
		p.cache.Offer(o, c.Size, v, nil)
	}
}

// ringLevel stands for the level that replicas are at.
const ringLevel = -1

// replicaLevel is the level of an object's replicas, by the size of the ring as the distances
// between the neighbours tell.
func (p *Past) replicaLevel(k int) int {
	set, self := p.ep.NeighborSet(maxFellows), p.ep.Self().ID
	if len(set) < maxFellows {
		return cache.Level(float64(len(set)+1), k)
	}
	width := 0.0
	for _, h := range set {
		width = max(width, share(h.ID.Distance(self)))
	}
	return cache.Level(float64(len(set)/2)/max(width, 1e-30), k)
}

// share is the share of the ring that a distance is.
func share(d id.ID) float64 { return float64(d.Hi) / (1 << 63) / 2 }

// cached returns the copy of an object that has neither expired nor grown old, nil if
// there is none.
func (p *Past) cached(o id.Hash) *copied {
	c, ok := p.cache.Get(o)
	if !ok {
		return nil
	}
	if c.cert.Expired(p.ep.Wall()) || p.ep.Now().Sub(c.since) >= p.cfg.CacheFor {
		p.cache.Remove(o)
		return nil
	}
	return c
}

// fromCache answers a lookup on its way from the cache, and reports whether it did.
func (p *Past) fromCache(via, origin *peer.Handle, q *msg.Get, answer func([]byte)) bool {
	c := p.cached(q.Object)
	if q.Own || c == nil {
		return false
	}
	p.stats.CacheHits++
	age := p.ep.Now().Sub(c.since)
	m := &msg.Object{Cert: c.cert, Age: uint32(age / time.Second)}
	if !q.Bare {
		m.Content = c.content
		p.outward(via, origin, c.cert, c.content, age, c.level)
	}
	answer(msg.Encode(m))
	return true
}

// outward counts a question that was answered, and hands a copy to the neighbour that it
// came through. The origin itself caches what it reads.
func (p *Past) outward(via, origin *peer.Handle, c *certificate.Certificate, content []byte, age time.Duration, level int) {
	if p.cfg.Cache == cache.None || via.ID == p.ep.Self().ID || !cacheable(c) {
		return
	}
	o := c.ID()
	if now := p.ep.Now(); now.Sub(p.counted) >= heatFor || len(p.heat) >= maxHeat || len(p.handed) >= maxHeat {
		clear(p.heat)
		clear(p.handed)
		p.counted = now
	}
	m := &msg.Copy{Cert: c, Content: content, Age: uint32(age / time.Second)}
	if key := (handed{o, via.ID}); origin != nil && via.ID != origin.ID && !p.handed[key] {
		p.handed[key] = true
		p.ep.Send(via, msg.Encode(m), nil)
	}
	h := p.heat[o]
	if h == nil {
		if level == ringLevel {
			level = p.replicaLevel(int(c.Copies))
		}
		n := cache.NewHeat(level)
		h = &n
		p.heat[o] = h
	}
	if to, push := h.Asked(); push && c.Size <= maxPushed && p.ep.Now().Sub(p.pushed) >= pushEvery {
		p.pushed = p.ep.Now()
		p.stats.Pushed++
		m.Level = uint8(to) + 1
		p.ep.Broadcast(id.Base(cache.DigitBits).PrefixRange(o.Place(), to), msg.Encode(m))
	}
}

// onCopy caches a copy, if it would be taken and is what its certificate says.
func (p *Past) onCopy(t *task.T, m *msg.Copy) (wire.Message, uint16) {
	o := m.Cert.ID()
	if p.cacheRoom(); !cacheable(m.Cert) || !p.cache.Admits(m.Cert.Size) || p.cache.Has(o) || p.shelf.find(o) != nil || !p.inTime(m.Cert) {
		return nil, msg.RefusedFull
	}
	ring, v := p.cfg.Ring, p.cfg.Verifier
	if _, err := task.Work(t, disk, func() (bool, error) { return true, verified(m.Cert, m.Content, ring, v) }); err != nil {
		p.stats.BadInput++
		return nil, msg.RefusedInvalid
	}
	level := int(m.Level) - 1 // ringLevel, if it came one hop
	if level >= 0 && p.heat[o] != nil {
		p.heat[o].Pushed(level)
	}
	p.remember(m.Cert, m.Content, time.Duration(m.Age)*time.Second, level, level < 0)
	return &msg.Taken{}, 0
}
