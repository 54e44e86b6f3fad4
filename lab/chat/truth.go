package chat

import (
	"fmt"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/app/room"
	"github.com/phyllo-net/phyllo/app/room/entry"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
)

// calmRoom is within which time without faults all members have the same room: each compares
// his log with another's once in a minute or so, and who lost his disk is invited again by
// who does.
const calmRoom = 10 * time.Minute

// Judge checks, in calm, that all who are in the room have all of it (R1), see it in one order
// (R2), that who was put out has no key of what was said since (R3), which takes seconds where
// an admin is there (R4), and that everybody is heard (R5).
func (rs *Chat) Judge() {
	why := ""
	settled := func() bool {
		rs.admit()
		why = rs.differ()
		return why == ""
	}
	if !rs.storm.Sim().RunUntil(settled, 10*time.Second, calmRoom) {
		rs.fail("R2: after %v of calm %s", calmRoom, why)
	}
	rs.lastWords()
	if !rs.storm.Sim().RunUntil(settled, 10*time.Second, calmRoom) {
		rs.fail("R2: after the last words and %v of calm %s", calmRoom, why)
	}
	rs.complete()
	rs.expel()
	rs.secrets()
}

// soon is within which time there is a key without somebody who is put out.
const soon = 5 * time.Second

// expel lets an admin put somebody out in calm: soon there is a key without him (R4), with
// which the others go on.
func (rs *Chat) expel() {
	first := rs.first()
	if first == nil {
		return
	}
	var out, stays *guest
	for _, g := range rs.guests {
		if first.role(g.user.Key()) == entry.Member && rs.storm.Sim().Alive(g.node) {
			out, stays = g, out
		}
	}
	if stays == nil {
		return
	}
	err := rs.storm.Call(first.of.node, soon, func(t *task.T) error {
		return first.of.app.SetRole(t, first.of.user.Key(), rs.room, out.user.Key(), entry.Out)
	})
	if err != nil {
		rs.fail("R4: node %d cannot put node %d out: %v", first.of.node, out.node, err)
	}
	out.shut = true
	keyed := func() bool { return len(out.without(stays.reads().Entries)) > 0 }
	if !rs.storm.Sim().RunUntil(keyed, 100*time.Millisecond, soon) {
		rs.fail("R4: node %d still is to read what is said %v after it was put out", out.node, soon)
	}
	stays.say(func(err error) {
		if err != nil {
			rs.fail("R4: node %d says something after another was put out: %v", stays.node, err)
		}
	})
	rs.storm.Sim().RunFor(time.Minute)
}

// after are the entries of a log that are of some kind, or come after one that is.
func after(log []*entry.Entry, of func(*entry.Entry, id.Hash) bool) map[id.Hash]bool {
	set := map[id.Hash]bool{}
	for _, e := range log {
		if x := e.Hash(); of(e, x) || slices.ContainsFunc(e.Before(), func(b id.Hash) bool { return set[b] }) {
			set[x] = true
		}
	}
	return set
}

// without are the entries of a log whose authors knew of a key that began after somebody was
// put out.
func (g *guest) without(log []*entry.Entry) map[id.Hash]bool {
	end := g.ending(log)
	out := after(log, func(_ *entry.Entry, x id.Hash) bool { return x == end })
	return after(log, func(e *entry.Entry, x id.Hash) bool { return e.Kind == entry.EpochKind && out[x] })
}

// admit lets those join whom members have invited.
func (rs *Chat) admit() {
	for _, n := range rs.storm.Live() {
		if g := rs.guests[n]; !g.busy {
			g.join()
		}
	}
}

// view is the room as one person has it.
type view struct {
	of      *guest
	summary room.Summary
	history []room.Message
}

// ask lets a person look at his room; nil if he has none, or his node has something else to do.
func (g *guest) ask() *view {
	v := &view{of: g}
	err := g.rs.storm.Call(g.node, longestTalk, func(t *task.T) error {
		list, err := g.app.List(t, g.user.Key())
		if err != nil {
			return err
		}
		at := slices.IndexFunc(list, func(s room.Summary) bool { return s.Room == g.rs.room && s.Invited == "" })
		if at < 0 {
			return room.ErrNoRoom
		}
		v.summary = list[at]
		v.history, err = g.app.History(t, g.user.Key(), g.rs.room, 0)
		return err
	})
	if err != nil {
		return nil
	}
	return v
}

// role is what somebody is, as seen in v.
func (v *view) role(who peer.Key) entry.Role {
	for _, p := range v.summary.Members {
		if p.Key == who {
			return p.Role
		}
	}
	return entry.Out
}

// first is the view of an admin who lives.
func (rs *Chat) first() *view {
	for _, g := range rs.guests[:min(admins, len(rs.guests))] {
		if rs.storm.Sim().Alive(g.node) {
			if v := g.ask(); v != nil && v.summary.Joined {
				return v
			}
		}
	}
	return nil
}

// members are the views of all who live and are in the room.
func (rs *Chat) members(first *view) (list []*view, why string) {
	for _, n := range rs.storm.Live() {
		g := rs.guests[n]
		if first.role(g.user.Key()) <= entry.Out {
			continue
		}
		v := g.ask()
		if v == nil || !v.summary.Joined {
			return nil, fmt.Sprintf("node %d is a member and is not in the room", n)
		}
		list = append(list, v)
	}
	return list, ""
}

// differ says in what the rooms of two members differ, or what one cannot read.
func (rs *Chat) differ() string {
	first := rs.first()
	if first == nil {
		return "no admin is in the room"
	}
	list, why := rs.members(first)
	for _, v := range list {
		if why = first.differs(v); why != "" {
			break
		}
	}
	return why
}

func (v *view) differs(o *view) string {
	a, b := v.of.node, o.of.node
	switch {
	case !slices.Equal(v.summary.Members, o.summary.Members):
		return fmt.Sprintf("nodes %d and %d do not see the same members", a, b)
	case len(v.history) != len(o.history):
		return fmt.Sprintf("node %d shows %d messages, node %d %d", a, len(v.history), b, len(o.history))
	}
	for i, m := range v.history {
		n := o.history[i]
		switch {
		case m.Entry != n.Entry:
			return fmt.Sprintf("message %d of node %d is another than that of node %d", i, a, b)
		case n.Locked && !o.of.locked(n.Entry):
			return fmt.Sprintf("node %d cannot read message %d", b, i)
		}
	}
	return ""
}

// locked reports whether nobody can read something any more: its key is lost with a disk.
func (g *guest) locked(x id.Hash) bool {
	epochs := map[id.Hash]*entry.Epoch{}
	for _, e := range g.reads().Entries {
		switch p := new(entry.Epoch); {
		case e.Kind == entry.EpochKind && entry.Body(e, p) == nil:
			epochs[e.Hash()] = p
		case e.Hash() == x:
			of, _ := entry.EpochOf(e)
			return epochs[of] != nil && g.rs.lost[epochs[of].Proof]
		}
	}
	return false
}

// lastWords lets all who are in the room say something in calm.
func (rs *Chat) lastWords() {
	first := rs.first()
	if first == nil {
		return
	}
	said, heard := 0, 0
	for _, n := range slices.Backward(rs.storm.Live()) { // admins come last: others must not need them
		g := rs.guests[n]
		if first.role(g.user.Key()) <= entry.Out {
			continue
		}
		rs.storm.Sim().RunUntil(func() bool { return !g.busy }, 100*time.Millisecond, longestTalk)
		said++
		g.say(func(err error) {
			if heard++; err != nil {
				rs.fail("R5: node %d says something in calm: %v", n, err)
			}
		})
	}
	rs.storm.Sim().RunFor(time.Minute)
	if heard < said {
		rs.fail("R5: %d of the last %d words have no outcome", said-heard, said)
	}
}

// complete checks that all that was told to be said is with all members (R1), but for what was
// on no disk but one that was lost, and for what somebody said who was put out: his node may
// have come too late with it.
func (rs *Chat) complete() {
	first := rs.first()
	if first == nil {
		return
	}
	list, _ := rs.members(first)
	for _, v := range list {
		has := map[id.Hash]string{}
		for _, m := range v.history {
			has[m.Entry] = m.Text
			if m.Locked {
				has[m.Entry] = "?"
			}
		}
		for _, l := range rs.said {
			switch text, ok := has[l.entry]; {
			case l.by.shut || l.lost:
			case !ok:
				rs.fail("R1: node %d does not have %q, said at %v", v.of.node, l.text, l.at)
			case text != l.text && text != "?":
				rs.fail("R1: node %d reads %q, and %q was said", v.of.node, text, l.text)
			}
		}
	}
	for _, l := range rs.said {
		if l.lost {
			rs.Toll.Gone++
		}
	}
}

// secrets checks that who is out reads nothing that was said by somebody who knew of a key
// that began after he was put out (R3).
func (rs *Chat) secrets() {
	first := rs.first()
	if first == nil {
		return
	}
	log := first.of.reads().Entries
	for _, g := range rs.guests {
		d := g.reads()
		if d == nil || first.role(g.user.Key()) > entry.Out {
			continue
		}
		keyed, has := g.without(log), map[id.Hash]bool{}
		for _, e := range log {
			switch p := new(entry.Epoch); {
			case e.Kind == entry.EpochKind && entry.Body(e, p) == nil:
				_, has[e.Hash()] = d.Keys[p.Proof]
			case e.Kind == entry.WordsKind && keyed[e.Hash()]:
				if of, err := entry.EpochOf(e); err == nil && has[of] {
					rs.fail("R3: node %d reads what was said by somebody who knew of a key without it", g.node)
				}
			}
		}
	}
}

// ending is the last change that put somebody out, of those that count.
func (g *guest) ending(log []*entry.Entry) (x id.Hash) {
	last := uint64(0)
	for _, e := range log {
		c := new(entry.Change)
		if e.Kind == entry.ChangeKind && entry.Body(e, c) == nil && c.Who == g.user.Key() && c.Role == entry.Out && c.Number >= last {
			x, last = e.Hash(), c.Number
		}
	}
	return x
}
