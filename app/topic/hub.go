package topic

import (
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/app/scribe"
	"github.com/phyllo-net/phyllo/app/scribe/msg"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
)

// hub is this node's membership in a topic: its readers share it, and what it has read.
type hub struct {
	target
	s       *Topics
	member  *scribe.Member
	charter *msg.Charter // when it was looked last who may read
	opened  bool         // what the topic keeps was read
	waiting []func(error)
	readers []*Subscription
	kept    []kept
	bytes   int
	awaited []*awaited
}

// kept is what was read, for who asks for history.
type kept struct {
	at time.Time // by the publisher's clock, but never before the one before it in its stream
	e  Event
}

// name is the stream that an event belongs to.
func (e *Event) name() msg.Stream {
	switch {
	case e.Message != nil:
		return msg.Stream{Publisher: e.Message.Publisher, Life: e.Message.Life}
	case e.Newer != nil:
		return msg.Stream{Publisher: e.Newer.Publisher, Life: e.Newer.Life}
	}
	return msg.Stream{Publisher: e.Gap.Publisher, Life: e.Gap.Life}
}

func (e *Event) at() time.Time {
	switch {
	case e.Message != nil:
		return e.Message.Time
	case e.Newer != nil:
		return e.Newer.Time
	}
	return time.Time{}
}

// size is about what an event takes in memory, in bytes.
func (e *Event) size() int {
	if e.Message == nil {
		return 256
	}
	return 256 + len(e.Message.Body)
}

// hub returns this node's membership in a group, nil if there is none.
func (s *Topics) hub(group id.Hash) *hub {
	for _, h := range s.hubs {
		if h.group == group {
			return h
		}
	}
	return nil
}

const (
	// catchUp is how long a reader waits for history that is still on its way, and catchStep
	// how often that is looked at.
	catchUp   = 10 * time.Second
	catchStep = 10 * time.Millisecond
)

// join makes this node a member, and reads what the topic keeps: in one order for all its
// readers, as its publishers' clocks say.
func (h *hub) join(t *task.T, by peer.Signer) error {
	var err error
	h.member, err = h.s.cfg.Scribe.Join(t, h.group, scribe.Options{Signer: by, Since: msg.MaxAge, Message: h.message,
		Gap:   func(g scribe.Gap) { h.tell(Event{Gap: &g}) },
		Ended: h.end})
	if err != nil {
		return err
	}
	h.charter = h.member.Charter()
	for end := h.s.ep.Now().Add(catchUp); !h.member.CaughtUp() && h.s.ep.Now().Before(end); {
		if err := t.Sleep(catchStep); err != nil {
			return err
		}
	}
	last := make(map[msg.Stream]time.Time)
	for i := range h.kept {
		k := &h.kept[i]
		if name := k.e.name(); k.at.Before(last[name]) {
			k.at = last[name]
		} else {
			last[name] = k.at
		}
	}
	slices.SortStableFunc(h.kept, func(a, b kept) int { return a.at.Compare(b.at) })
	return nil
}

// open lets those go on who wait for this node to be a member.
func (h *hub) open(err error) {
	h.opened = err == nil
	for _, f := range h.waiting {
		f(err)
	}
	h.waiting = nil
	if err != nil {
		h.close()
	}
}

// message hands a message to all readers.
func (h *hub) message(m scribe.Message) {
	if len(m.Body) == 0 || m.Body[0] != form {
		m.Body = nil
		h.tell(Event{Newer: &m})
		return
	}
	m.Body = m.Body[1:]
	h.tell(Event{Message: &m})
	h.given(m.Body)
}

func (h *hub) tell(e Event) {
	h.keep(kept{e.at(), e})
	if h.opened && h.member.Charter() != h.charter {
		h.charter = h.member.Charter()
		for _, x := range slices.Clone(h.readers) {
			if !h.allows(x.o.By) {
				x.Close()
				x.o.Event(Event{Ended: msg.ErrDenied})
			}
		}
	}
	for _, x := range slices.Clone(h.readers) {
		x.o.Event(e)
	}
}

// keep remembers what was read, within its bounds.
func (h *hub) keep(k kept) {
	h.kept = append(h.kept, k)
	h.bytes += k.e.size()
	drop := 0
	for h.bytes > h.s.cfg.MaxKept || len(h.kept)-drop > msg.MaxCount {
		h.bytes -= h.kept[drop].e.size()
		h.kept[drop] = kept{}
		drop++
	}
	h.kept = h.kept[drop:]
}

// history is what was read of the time since, and the last messages of that; nothing if
// neither is asked for.
func (h *hub) history(since time.Duration, last int) (es []Event) {
	if since <= 0 && last <= 0 {
		return nil
	}
	if keep := h.charter.Keep(); since <= 0 || since > keep {
		since = keep
	}
	from, messages := h.s.ep.Wall().Add(-since), 0
	for _, k := range slices.Backward(h.kept) {
		if k.e.Gap == nil {
			if k.at.Before(from) || last > 0 && messages == last {
				break
			}
			messages++
		}
		es = append(es, k.e)
	}
	slices.Reverse(es)
	return es
}

// allows reports whether one may read.
func (h *hub) allows(by peer.Signer) bool {
	return h.charter.OpenJoin || by != nil && h.charter.MayJoin(by.Public())
}

// end tells all readers that nothing more comes.
func (h *hub) end(err error) {
	h.close()
	for _, x := range h.readers {
		x.o.Event(Event{Ended: err})
	}
	h.readers = nil
}

func (h *hub) closeIfIdle() {
	if len(h.readers) == 0 && h.opened {
		h.close()
	}
}

func (h *hub) close() {
	if h.member != nil {
		h.member.Leave()
	}
	h.s.hubs = slices.DeleteFunc(h.s.hubs, func(o *hub) bool { return o == h })
}
