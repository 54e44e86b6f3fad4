package room

import (
	"bytes"
	"errors"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/app/room/compare"
	"github.com/phyllo-net/phyllo/app/room/dag"
	"github.com/phyllo-net/phyllo/app/room/entry"
	"github.com/phyllo-net/phyllo/app/room/msg"
	"github.com/phyllo-net/phyllo/app/room/spread"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// device is a node of a member.
type device = spread.Device

// others are the people who are in the room besides the user.
func (h *hall) others() []dag.Person {
	var list []dag.Person
	for _, p := range h.log.State().People {
		if p.Role > entry.Out && p.Name != "" && p.Key != h.acc.key {
			list = append(list, p)
		}
	}
	return list
}

// devices are the nodes of a member, and this user's own other ones.
func (h *hall) devices(t *task.T, p dag.Person) ([]device, error) {
	r, err := h.rooms().cards.Record(t, p.Name, p.Key)
	if err != nil {
		return nil, err
	}
	var list []device
	for _, d := range r.Devices {
		if p.Key != h.acc.key || d.Node != h.rooms().ep.Self().ID {
			list = append(list, device{Who: p, Node: d.Node})
		}
	}
	return list, nil
}

func (h *hall) me() dag.Person {
	p := h.log.State().Find(h.acc.key)
	p.Name = h.acc.user.Name
	return p
}

// people are all whom the user shares the room with, himself with his other nodes among them.
func (h *hall) people() []dag.Person {
	list := h.others()
	if h.acc.user.Name != "" {
		list = append(list, h.me())
	}
	return list
}

// sources are people who may have what is not here: all whom the user shares the room with, and while
// he lacks some of the log those who are in the room by what its head on the shelf says. A head may be
// older than the log, or written by who was put out: what is in the room is told to people alone.
func (h *hall) sources() []dag.Person {
	list := h.people()
	for _, p := range h.shelf.hints {
		if !slices.ContainsFunc(list, func(o dag.Person) bool { return o.Key == p.Key }) {
			list = append(list, p)
		}
	}
	return list
}

// shares reports whether somebody is in the room, as far as the log is here, or is the user.
func (h *hall) shares(who peer.Key) bool {
	return who == h.acc.key || h.log.State().Role(who) > entry.Out
}

// putOut returns the entry that put somebody out of the room, or by which he left it; zero: there is
// none that holds.
func (h *hall) putOut(who peer.Key) id.Hash {
	if p := h.log.State().Find(who); p.Role <= entry.Out && who != h.acc.key {
		return p.Ruling
	}
	return id.Hash{}
}

// ask asks a device, over a link of its own.
func (h *hall) ask(t *task.T, d device, m func(*msg.About) wire.Message) (wire.Message, error) {
	r := h.rooms()
	to, err := kbr.Find(t, r.ep, d.Node)
	if err != nil {
		r.cards.Doubt(d.Who.Name)
		return nil, err
	}
	ans, err := kbr.CallPeer(t, r.ep, to, msg.Encode(m(&msg.About{Room: h.id, From: h.acc.key, To: d.Who.Key})), kbr.Options{Timeout: r.cfg.AskTimeout})
	if err != nil {
		if refusal := new(kbr.RefusedError); !errors.As(err, &refusal) {
			r.cards.Doubt(d.Who.Name)
		}
		return nil, err
	}
	return msg.Messages.Decode(ans.Payload)
}

// vouchFor returns the record of who asks, if he has a right to what is in the room.
func (h *hall) vouchFor(t *task.T, d *kbr.Delivery, from peer.Key) (string, error) {
	who := h.log.State().Find(from)
	name := who.Name
	if from == h.acc.key {
		name = h.acc.user.Name
	}
	if name == "" || h.log.State().Role(from) <= entry.Out {
		return "", &kbr.RefusedError{Code: msg.RefusedStranger, Text: "not a member of this room"}
	}
	_, err := h.rooms().cards.Vouch(t, d, name, from)
	return name, err
}

// takeSync gives a member what he lacks.
func (h *hall) takeSync(t *task.T, d *kbr.Delivery, s *msg.Sync) error {
	if who := h.log.State().Find(s.About.From); who.Role == entry.Out && !who.Ruling.IsZero() {
		return h.tellOut(t, d, who)
	}
	if _, err := h.vouchFor(t, d, s.About.From); err != nil {
		return err
	}
	r, err := h.compares.Answer(t, s)
	if err != nil {
		return err
	}
	d.Reply(msg.Encode(r))
	return nil
}

// tellOut gives somebody who was put out the entry that did it, and nothing else.
func (h *hall) tellOut(t *task.T, d *kbr.Delivery, who dag.Person) error {
	list, err := h.read(t, []id.Hash{who.Ruling})
	if err != nil {
		return err
	}
	d.Reply(msg.Encode(&msg.Rest{Entries: list}))
	return nil
}

func (h *hall) read(t *task.T, list []id.Hash) ([]*entry.Entry, error) {
	b := h.book()
	return task.Work(t, diskTimeout, func() ([]*entry.Entry, error) { return b.Read(list) })
}

// compare gets from a device what this node lacks, and brings it what it lacks. Where that is not the
// user's own the log is as whole then as somebody else's.
func (h *hall) compare(t *task.T, d device) error {
	err := h.compares.With(t, d)
	if err != nil || d.Who.Key == h.acc.key {
		return err
	}
	return h.whole(t)
}

// newComparer is how the room's log is compared with those of others.
func (h *hall) newComparer() *compare.Comparer {
	m := h.rooms()
	return compare.New(compare.Deps{Clock: m.ep, Room: h.id, User: h.acc.key, Log: h.log, Seldom: seldom * m.cfg.SyncEvery,
		Ask: h.ask, Take: h.take, Waits: h.waits, Missing: h.missing, Read: h.read, Shares: h.shares, PutOut: h.putOut})
}

// waits reports whether an entry waits for those that it names.
func (h *hall) waits(x id.Hash) bool { return h.pending[x] != nil }

// missing are entries that others name and that are not here.
func (h *hall) missing() []id.Hash {
	var list []id.Hash
	for _, x := range h.sortedPending() {
		for _, m := range h.log.Missing(h.pending[x]) {
			if h.pending[m] == nil {
				list = append(list, m)
			}
		}
	}
	slices.SortFunc(list, func(a, b id.Hash) int { return bytes.Compare(a[:], b[:]) })
	return slices.Compact(list)
}

// compareWithOne compares the log with one device of a member, by chance; where that one
// does not answer, with the next, and so on.
func (h *hall) compareWithOne() {
	if h.comparing || !h.kept.Joined {
		return
	}
	h.comparing = true
	h.rooms().ep.Go(func(t *task.T) error { return h.compareUntil(t, 1) }, func(error) { h.comparing = false })
}

// catchUp compares the log with all members, as after a start.
func (h *hall) catchUp() {
	if h.comparing || !h.kept.Joined {
		return
	}
	h.comparing = true
	h.rooms().ep.Go(func(t *task.T) error {
		if err := h.compareUntil(t, len(h.sources())); err != nil {
			return err
		}
		h.settle()
		h.told.Tell()
		return nil
	}, func(error) { h.comparing = false })
}

// compareUntil compares the log with so many members, in an order by chance. Where none can be reached
// it looks at the shelf.
func (h *hall) compareUntil(t *task.T, enough int) error {
	people, wanted := h.sources(), enough
	h.rooms().ep.Rand().Shuffle(len(people), func(i, j int) { people[i], people[j] = people[j], people[i] })
	for _, p := range people {
		devices, err := h.devices(t, p)
		if errors.Is(err, task.ErrStopped) {
			return err
		}
		for _, d := range devices {
			err := h.compare(t, d)
			if refusal := new(kbr.RefusedError); errors.As(err, &refusal) && refusal.Code == msg.RefusedUnknown {
				h.tellOf(t, d)
			}
			if err == nil {
				enough--
				err = h.askReceipts(t, d)
			}
			if errors.Is(err, task.ErrStopped) {
				return err
			}
		}
		if enough <= 0 {
			return nil
		}
	}
	if enough == wanted {
		h.shelveSeldom(alone)
	}
	return nil
}

// rank is a moment within d that differs from member to member, and from epoch to epoch.
func (h *hall) rank(d time.Duration, of ...any) time.Duration {
	x := id.HashOf("room rank", append([]any{h.id, h.acc.key[:]}, of...)...).Place()
	return time.Duration(x.Hi % uint64(d))
}
