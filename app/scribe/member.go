package scribe

import (
	"errors"
	"time"

	"github.com/phyllo-net/phyllo/app/scribe/history"
	"github.com/phyllo-net/phyllo/app/scribe/msg"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
)

// Message is one message that a member reads.
type Message struct {
	Publisher peer.Key // who signed it
	// Life tells one start of his program from the next, and Seq is the message's number in
	// it, from 1.
	Life, Seq uint64
	Time      time.Time // by the publisher's clock
	Body      []byte    // the reader's own
}

// Gap says that messages of a publisher cannot be had any more, both ends among them.
type Gap struct {
	Publisher peer.Key
	Life      uint64
	From, To  uint64
}

// Options of a member.
type Options struct {
	// Signer is the member's own key. It may be nil in a group that everybody may join.
	Signer peer.Signer
	// Last asks for up to so many messages of each publisher that came before, and Since for
	// those of the time before; both are bounded by what the group keeps.
	Last  int
	Since time.Duration
	// BestEffort does not wait for what is missing: a message that comes after a later one of
	// its publisher is left out.
	BestEffort bool
	// Message is called with each message, once, in the order of each publisher's.
	Message func(Message)
	// Gap is called, in its place in that order, with what is lost for good. It may be nil.
	Gap func(Gap)
	// Ended is called when the group does not let this member be one any longer. It may be nil.
	Ended func(error)
}

func (o *Options) wantsHistory() bool { return o.Last > 0 || o.Since > 0 }

// Member is this node's membership in a group, from Join to Leave.
type Member struct {
	o      Options
	g      *group
	reader history.Reader
	since  time.Time
	// began tells that it is known what was published before, so that it can be read.
	began, reading bool
	items          []history.Item
	joined         func(error)
}

// Join makes this node a member of a group. When it returns nil, all that is published from
// then on will be read.
func (s *Scribe) Join(t *task.T, group id.Hash, o Options) (*Member, error) {
	g := s.find(group)
	switch {
	case o.Message == nil:
		panic("scribe: Join without Options.Message")
	case g == nil:
		return nil, ErrLimit
	case g.member != nil:
		return nil, ErrMember
	}
	m := &Member{o: o, g: g, reader: history.Reader{Unordered: o.BestEffort}}
	if o.Since > 0 {
		m.since = s.ep.Wall().Add(-o.Since)
	}
	g.member = m
	_, err := task.Await(t, s.cfg.Patience, func(resolve func(struct{}, error)) {
		m.joined = func(err error) { resolve(struct{}{}, err) }
		g.limit()
		if g.attached() && !g.stale() {
			g.inform()
			g.sync()
		} else {
			g.seek()
		}
	})
	if err == nil {
		return m, nil
	}
	m.Leave()
	if errors.Is(err, task.ErrTimeout) {
		err = ErrAway
	}
	return nil, err
}

// Leave ends the membership. Nothing is read any more.
func (m *Member) Leave() {
	if m.g.member == m {
		m.g.member = nil
		m.g.limit()
		m.g.dropIfIdle()
		m.g.inform()
	}
}

// CaughtUp reports whether nothing that the member is to read is still on its way to this
// node, as far as this node has heard.
func (m *Member) CaughtUp() bool { return len(m.g.hist.Missing(1)) == 0 }

// Charter is what holds in the group now.
func (m *Member) Charter() *msg.Charter { return m.g.charter }

// allowed reports whether the charter lets it be a member. Its node may be in the tree for
// others.
func (m *Member) allowed() bool {
	c := m.g.charter
	return c.OpenJoin || m.o.Signer != nil && c.MayJoin(m.o.Signer.Public())
}

// end tells that the group does not let this node be a member.
func (m *Member) end(err error) {
	m.g.member = nil
	if !m.began {
		m.joined(err)
	} else if m.o.Ended != nil {
		m.o.Ended(err)
	}
}

// begin lets it read, once it is known what was published before.
func (m *Member) begin() {
	switch {
	case m.began:
		return
	case !m.allowed():
		m.end(msg.ErrDenied)
		m.g.dropIfIdle()
		m.g.inform()
		return
	}
	m.began = true
	m.g.inform() // it may be a newer charter that lets it in
	h := m.g.hist
	name := msg.Stream{}
	for more := true; more; {
		var seals []*msg.Seal
		var floors []uint64
		seals, floors, more = h.Heads(name, msg.MaxHeads)
		for i, seal := range seals {
			name = seal.Stream()
			m.reader.Start(name, m.start(seal.Last()+1, floors[i]))
		}
	}
	m.joined(nil)
	m.g.read()
}

// start is the first message of a stream that is to be read, of which next is the first that
// is not published yet.
func (m *Member) start(next, floor uint64) uint64 {
	switch {
	case m.o.Since > 0:
		return floor
	case uint64(m.o.Last) < next-floor:
		return next - uint64(m.o.Last)
	}
	return floor
}

// read gives the member what can be read. What comes meanwhile, as from a publisher of this
// node that the reader calls, waits for its turn.
func (g *group) read() {
	m := g.member
	if m == nil || !m.began {
		return
	}
	m.items = m.reader.ReadAll(m.items, g.hist)
	m.giveAll()
}

// readOne is read for one stream.
func (g *group) readOne(name msg.Stream) {
	if m := g.member; m != nil && m.began {
		m.items = m.reader.Read(m.items, g.hist, name)
		m.giveAll()
	}
}

func (m *Member) giveAll() {
	if m.reading {
		return
	}
	m.reading = true
	for len(m.items) > 0 && m.g.member == m {
		it := m.items[0]
		m.items = m.items[1:]
		m.give(it)
	}
	m.items, m.reading = nil, false
}

func (m *Member) give(it history.Item) {
	s := it.Seal
	switch {
	case it.Lost.From > 0 && m.o.Gap != nil:
		m.o.Gap(Gap{s.Publisher, s.Life, it.Lost.From, it.Lost.To})
	case it.Message != nil && !s.At().Before(m.since):
		m.o.Message(Message{Publisher: s.Publisher, Life: s.Life, Seq: it.Seq, Time: s.At(), Body: append([]byte(nil), it.Message...)})
	}
}
