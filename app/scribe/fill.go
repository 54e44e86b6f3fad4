package scribe

import (
	"errors"
	"time"

	"github.com/phyllo-net/phyllo/app/scribe/history"
	"github.com/phyllo-net/phyllo/app/scribe/msg"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// This file is how messages are fetched that did not come down the tree.

const (
	// fillWait is about how long what is missing may still be on its way.
	fillWait = 30 * time.Millisecond
	// fillPause and fillLongest are between two rounds of asking for it.
	fillPause   = 300 * time.Millisecond
	fillLongest = 20 * time.Second
	// fillRounds is after how many rounds in which all who keep the group do not have a
	// message it is taken for lost.
	fillRounds = 5
	// below is how many of its children a root asks in a round: members have more than it
	// where it was in another part of a ring that was parted.
	below = 4
	// runsAtOnce is how many runs are asked for in a round, and pages how many answers to
	// one question about a run.
	runsAtOnce = 16
	pages      = 16
	// strikesOut is how often a parent may not have what others have, strikeAge how old a
	// message must be that it should have handed on, and doubtFor how long it may look for it.
	strikesOut = 2
	strikeAge  = 3 * time.Second
	doubtFor   = 10 * time.Second
	// trusted is how many more of these a parent may have that found what it lacked when it was
	// shown it, as often: who swallows messages does not.
	trusted = 2
)

// source is one whom this node asks for messages.
type source struct {
	node *peer.Handle // nil: the root, by routing
	// keeps tells that it has what there is to be had.
	keeps bool
}

// sources are the nodes to ask, the nearest first.
func (g *group) sources() (ss []source) {
	if g.root != nil {
		for i := range min(below, len(g.children)) {
			ss = append(ss, source{node: g.children[(g.turn+i)%len(g.children)].node})
		}
		g.turn += len(ss)
		for _, h := range g.others() {
			ss = append(ss, source{h, true})
		}
		return ss
	}
	if g.parent != nil {
		ss = append(ss, source{node: g.parent.node})
	}
	if g.backup != nil {
		ss = append(ss, source{node: g.backup})
	}
	return append(ss, source{keeps: true})
}

func (g *group) consult(t *task.T, from source, m wire.Message) (kbr.Answer, wire.Message, error) {
	if from.node == nil {
		return g.s.askRoot(t, g.key, m)
	}
	if _, ok := m.(*msg.Heads); ok {
		return g.s.askWith(t, from.node, m)
	}
	return g.s.ask(t, from.node, m)
}

// fill fetches what is missing, until nothing is.
func (g *group) fill() {
	if g.filling || g.s.stopped {
		return
	}
	g.filling = true
	g.s.ep.Go(g.fillAll, func(err error) {
		g.filling = false
		g.read()
	})
}

func (g *group) fillAll(t *task.T) error {
	if err := t.Sleep(fillWait/2 + time.Duration(g.s.ep.Rand().Int64N(int64(fillWait)))); err != nil {
		return err
	}
	absent := make(map[history.Run]int)
	for pause := fillPause; g.s.groups[g.id] == g; pause = min(2*pause, fillLongest) {
		sources := g.sources()
		for _, from := range sources {
			if err := g.fillFrom(t, from, absent); err != nil {
				return err
			}
		}
		g.giveUp(absent, sources)
		if len(g.hist.Missing(1)) == 0 {
			return nil
		}
		_, err := task.Await(t, pause, func(resolve func(struct{}, error)) {
			g.woken = func() { resolve(struct{}{}, nil) }
		})
		g.woken = nil
		switch {
		case err == nil:
			pause = fillPause / 2
		case !errors.Is(err, task.ErrTimeout):
			return err
		}
	}
	return nil
}

// hurry is fill for what others have for certain: who waits to ask again waits no longer.
func (g *group) hurry() {
	if g.fill(); g.woken != nil {
		g.woken()
	}
}

// fillFrom asks one node for all that is missing. absent counts how often those who keep
// the group said that they do not have a run. The error is that the node stops.
func (g *group) fillFrom(t *task.T, from source, absent map[history.Run]int) error {
	for _, r := range g.hist.Missing(runsAtOnce) {
		floor, early, err := g.fetch(t, from, r)
		if g.s.stopped {
			return task.ErrStopped
		}
		if err != nil {
			if msg.Refusal(err) == 0 {
				return nil // it is not there: no word about the next run either
			}
			continue
		}
		if floor > r.From {
			g.hist.GiveUp(history.Run{Stream: r.Stream, From: r.From, To: min(r.To, floor-1)})
			g.read()
		}
		if left := g.lacks(r); left && from.keeps && !early {
			absent[r]++
		} else if !left && floor <= r.From {
			g.strike(from, r)
		}
	}
	return nil
}

// giveUp takes for lost what all who keep the group have said often enough that they do not
// have.
func (g *group) giveUp(absent map[history.Run]int, sources []source) {
	keep := 0
	for _, from := range sources {
		if from.keeps {
			keep++
		}
	}
	for _, r := range g.hist.Missing(runsAtOnce) {
		if keep > 0 && absent[r] >= fillRounds*keep {
			g.hist.GiveUp(r)
		}
	}
	g.read()
}

// lacks reports whether the first message of a run is missing still.
func (g *group) lacks(r history.Run) bool {
	return g.hist.Next(r.Stream) == r.From
}

// fetch asks a node for a run. It returns the number before which that node says that
// nothing is kept; 0 if it does not know. early tells that it has messages that will be
// believed when this node's clock has come so far.
func (g *group) fetch(t *task.T, from source, r history.Run) (floor uint64, early bool, err error) {
	at := r.From
	for range pages {
		_, m, err := g.consult(t, from, &msg.Fetch{Group: g.id, Publisher: r.Stream.Publisher, Life: r.Stream.Life, From: at, To: r.To})
		if err != nil {
			return 0, early, err
		}
		f, ok := m.(*msg.Fetched)
		if !ok {
			return 0, early, refused(msg.RefusedMalformed)
		}
		if from.keeps {
			floor = f.Floor
		}
		next := at
		for _, b := range f.Batches {
			if b.Seal.Stream() == r.Stream {
				g.acceptFetched(b, from.node)
				early = early || g.early(b)
				next = max(next, b.Seal.Last()+1)
			}
		}
		if next == at || next > r.To {
			break
		}
		at = next
	}
	return floor, early, nil
}

// early reports whether a batch is right but for its time, which is later than this node's
// clock allows: one of the two clocks is wrong.
func (g *group) early(b *msg.Batch) bool {
	at := b.Seal.At()
	return at.After(g.s.ep.Wall().Add(msg.Skew)) && g.charter.AllowsBatch(g.s.cfg.Ring, b, g.s.cfg.Verifier, at) == nil
}

// strike doubts a parent when another had what it should have handed on. It may lack it itself,
// as when its own parent died, and not know that it does: so it is shown that the message was
// published, and asked again when it has had the time to find it; who does not have it then
// either, twice, is left.
func (g *group) strike(from source, r history.Run) {
	p, got := g.parent, g.hist.Batches(history.Run{Stream: r.Stream, From: r.From, To: r.From}, 1)
	now := g.s.ep.Now()
	if p == nil || g.doubting || len(got) == 0 || from.node != nil && from.node.ID == p.node.ID || now.Sub(p.since) < 2*strikeAge ||
		g.s.ep.Wall().Sub(got[0].Seal.At()) < strikeAge {
		return
	}
	g.doubting = true
	g.s.ep.Go(func(t *task.T) error {
		none, has, lacked := false, false, false
		for _, wait := range []time.Duration{0, doubtFor} {
			if err := t.Sleep(wait); err != nil {
				return err
			}
			code := uint16(0)
			lacked = none
			none, has, code = g.withholds(t, p, got[0].Seal)
			switch {
			case g.parent != p:
				return nil
			case code == msg.RefusedClock: // it believes nothing that is published now
				g.part(p)
				return nil
			}
		}
		switch {
		case none:
			g.struck(p)
		case lacked && has:
			g.strikes = max(g.strikes-1, -trusted)
		}
		return nil
	}, func(error) { g.doubting = false })
}

// withholds asks a parent for a batch that this node has, and reports whether it answers that it
// has none, with the code if it refuses, or gives it. One that does not answer is looked after elsewhere.
func (g *group) withholds(t *task.T, p *parent, seal *msg.Seal) (none, has bool, code uint16) {
	_, m, err := g.s.ask(t, p.node, &msg.Fetch{Group: g.id, Publisher: seal.Publisher, Life: seal.Life, From: seal.First, To: seal.First, Seal: seal})
	if err != nil {
		code = msg.Refusal(err)
		return code != 0, false, code
	}
	f, ok := m.(*msg.Fetched)
	has = ok && len(f.Batches) > 0
	return !ok || !has && f.Floor <= seal.First, has, 0
}

// struck leaves a parent that swallows messages.
func (g *group) struck(p *parent) {
	if g.strikes++; g.strikes < strikesOut {
		return
	}
	if f := g.s.cfg.Events.Swallowed; f != nil {
		f(g.id, p.node)
	}
	g.part(p)
}

// part leaves a parent that does not serve, for long.
func (g *group) part(p *parent) {
	g.s.leave(p.node, g.id)
	g.orphan(p.node, shunFor)
}

// onHeads tells which streams this node knows.
func (s *Scribe) onHeads(d *kbr.Delivery, m *msg.Heads) {
	g := s.groups[m.Group]
	switch {
	case s.loading:
		refuse(d, msg.RefusedBusy)
		return
	case g == nil || g.charter == nil:
		refuse(d, msg.RefusedUnknown)
		return
	}
	seals, floors, more := g.hist.Heads(msg.Stream{Publisher: m.Publisher, Life: m.Life}, msg.MaxHeads)
	h := &msg.HeadsAre{Charter: g.charter, Seals: seals, Floors: floors, More: more, Synced: g.hist.IsSynced(), Whole: g.whole}
	for _, seal := range seals {
		h.Nexts = append(h.Nexts, max(g.hist.Next(seal.Stream()), 1))
	}
	d.Reply(msg.Encode(h))
}

// onFetch gives messages.
func (s *Scribe) onFetch(d *kbr.Delivery, m *msg.Fetch) {
	g := s.groups[m.Group]
	if g == nil {
		refuse(d, msg.RefusedUnknown)
		return
	}
	name := msg.Stream{Publisher: m.Publisher, Life: m.Life}
	if m.Seal != nil && !g.hist.Has(m.Seal) && g.charter != nil {
		switch err := g.charter.Allows(s.cfg.Ring, m.Seal, s.cfg.Verifier, s.ep.Wall()); {
		case errors.Is(err, msg.ErrClock):
			refuse(d, msg.RefusedClock)
			return
		case err == nil && (g.hist.Learn(m.Seal) || g.hist.Lacks(name)):
			g.hurry()
		}
	}
	f := &msg.Fetched{Batches: g.hist.Batches(history.Run{Stream: name, From: m.From, To: m.To}, msg.MaxFetched)}
	if len(f.Batches) == 0 && !g.certain(d, name, m.From) {
		refuse(d, msg.RefusedBusy)
		return
	}
	if g.whole {
		f.Floor = g.hist.Floor(name)
	}
	d.Reply(msg.Encode(f))
}

// certain reports whether what this node does not have may be taken for lost by who asks. He
// who asks the root does so by routing: a root that is not one yet, or looks for the message
// itself, knows nothing. A root asks those who keep the group for it.
func (g *group) certain(d *kbr.Delivery, name msg.Stream, from uint64) bool {
	if !d.Direct {
		return g.root != nil && !(g.hist.Lacks(name) && g.hist.Next(name) <= from)
	}
	return g.keeper == nil || g.keeper.ID != d.Via.ID || g.whole
}
