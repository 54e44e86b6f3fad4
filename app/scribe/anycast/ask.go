package anycast

import (
	"errors"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
)

// This file is the asker's side.

// Options of an anycast.
type Options struct {
	// Signer is the publisher.
	Signer peer.Signer
	// Want is how many members are looked for; 0 means 1.
	Want int
}

// Granted is a member that was granted an item.
type Granted struct {
	Node   *peer.Handle // authenticated
	Answer []byte       // what it said when it was willing
}

// quest is an item that this node looks for takers for, or looked for.
type quest struct {
	want    int
	granted []Granted
	over    bool // nobody is looked for any longer

	round  uint32
	before int  // granted before this round
	walked bool // this round's walk is over
	timer  task.Timer
	ended  func(error) // ends the round
}

// errLost ends a round of whose walk nothing is heard, or not from all whom it found.
var errLost = errors.New("a walk was lost")

const (
	// pause is between a walk that a node could not serve and the next one; it doubles with
	// each walk.
	pause = time.Second
	// inTheDark is how many walks may end with ErrNoGroup before that is believed: a new root
	// does not know of its groups for a moment.
	inTheDark = 3
	// elsewhere is from how many next hops, and neighbours, one is drawn.
	elsewhere = 16
	// maxQuests is how many anycasts of one node may be under way.
	maxQuests = 1024
)

// Anycast offers an item to members of a group until Options.Want of them have taken it,
// those near to this node first. It returns who took it; with an error if these are fewer:
// ErrNobody, ErrNoGroup, ErrSpent, ErrLost, ErrTooLarge, ErrBusy, msg.ErrDenied or
// task.ErrStopped. Body belongs to it from then on.
func (a *Anycast) Anycast(t *task.T, group id.Hash, body []byte, o Options) ([]Granted, error) {
	want := max(o.Want, 1)
	switch {
	case len(body) > MaxBody || want > MaxWant || o.Want < 0:
		return nil, ErrTooLarge
	case a.asking >= maxQuests:
		return nil, ErrBusy
	}
	a.asking++
	defer func() { a.asking-- }()
	item := newItem(a.cfg.Ring, group, a.ep.Self(), a.ep.Rand().Uint64(), body, o.Signer, a.ep.Wall())
	q := &quest{want: want}
	a.quests.put(item.ID(a.cfg.Ring), q, a.ep.Now())
	err := a.rounds(t, q, item)
	q.over = true
	q.timer.Stop()
	return q.granted, err
}

// rounds sends walks until enough members are found or there is another outcome.
func (a *Anycast) rounds(t *task.T, q *quest, item *Item) error {
	end := a.ep.Now().Add(a.cfg.Patience)
	dark := 0
	for ; q.round < maxRounds && a.ep.Now().Before(end); q.round++ {
		_, err := task.Await(t, end.Sub(a.ep.Now()), func(resolve func(struct{}, error)) {
			q.ended = func(err error) { resolve(struct{}{}, err) }
			a.walk(q, item)
		})
		switch {
		case len(q.granted) == q.want:
			return nil
		case errors.Is(err, errLost), errors.Is(err, task.ErrTimeout):
			continue
		case errors.Is(err, ErrNoGroup):
			if dark++; dark == inTheDark {
				return err
			}
		case !errors.Is(err, errBusy):
			return err
		}
		if err := t.Sleep(pause << q.round); err != nil || len(q.granted) == q.want {
			return err
		}
	}
	return ErrLost
}

// walk sends the next walk.
func (a *Anycast) walk(q *quest, item *Item) {
	q.before, q.walked = len(q.granted), false
	a.endIn(q, a.cfg.Silence<<q.round, errLost)
	var hint *peer.Handle
	if q.round > 0 {
		hint = a.elsewhere(item.Group.Place())
	}
	a.ep.Route(item.Group.Place(), encode(&walk{Item: item, Round: q.round,
		Want: uint32(q.want - len(q.granted)), Steps: uint32(a.cfg.MaxSteps)}), hint)
}

// elsewhere is any node by way of which a walk may come to the tree: where the last one
// began, a node that swallows walks may be next. At the root of the key it is nil: from
// anywhere else a walk would come back here, and what comes back to where it began is given
// up as a loop.
func (a *Anycast) elsewhere(key id.ID) *peer.Handle {
	if a.closest(key) {
		return nil
	}
	hs := append(a.ep.LocalLookup(key, elsewhere, false), a.ep.NeighborSet(elsewhere)...)
	hs = slices.DeleteFunc(hs, func(h *peer.Handle) bool { return h.ID == a.ep.Self().ID })
	if len(hs) == 0 {
		return nil
	}
	return hs[a.ep.Rand().IntN(len(hs))]
}

// endIn ends the round after a time in which nothing more is heard.
func (a *Anycast) endIn(q *quest, d time.Duration, err error) {
	q.timer.Stop()
	q.timer = a.ep.After(d, func() { q.ended(err) })
}

// onWilling grants an item to the first who ask, and to who was granted it before.
func (a *Anycast) onWilling(d *kbr.Delivery, m *willing) {
	q := a.quests.known[m.Item]
	refuse := func(code uint16) { d.Refuse(code, refusals[code]) }
	switch {
	case !d.Direct: // who it is, is not known
		refuse(refusedBusy)
	case q == nil:
		refuse(refusedTaken)
	case slices.ContainsFunc(q.granted, func(g Granted) bool { return g.Node.ID == d.Via.ID && g.Node.Incarnation == d.Via.Incarnation }):
		d.Reply(encode(&grant{}))
	case q.over:
		refuse(refusedTaken)
	default:
		q.granted = append(q.granted, Granted{d.Via, m.Answer})
		d.Reply(encode(&grant{}))
		if len(q.granted) == q.want {
			q.over = true
			q.ended(nil)
		}
	}
}

// onWay hears that a walk goes on.
func (a *Anycast) onWay(m *onTheWay) {
	if q := a.quests.known[m.Item]; q != nil && !q.over && q.round == m.Round && !q.walked {
		a.endIn(q, a.cfg.Silence<<q.round, errLost)
	}
}

// onOver hears that a walk is over: those whom it found may still be about to ask.
func (a *Anycast) onOver(m *over) {
	q := a.quests.known[m.Item]
	if q == nil || q.over || q.round != m.Round || q.walked {
		return
	}
	q.walked = true
	if err := ends[m.Why]; q.before+int(m.Found) <= len(q.granted) {
		q.ended(err)
	} else {
		a.endIn(q, tries*a.cfg.Ask, errLost)
	}
}
