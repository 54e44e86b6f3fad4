package room

import (
	"bytes"
	"errors"
	"slices"
	"time"

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

// Limits of comparisons of logs.
const (
	// maxRounds is how many answers one comparison takes.
	maxRounds = 10_000
	// askBackFor is how long somebody who was put out is asked whether he was invited again since he last told of
	// something new of who is in the room, and maxStray how many answers are taken that do not: what he has signed
	// himself has no end.
	askBackFor = 30 * time.Second
	maxStray   = 16
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

// errStranger is the outcome of a comparison with somebody who is not known to be in the room after it.
var errStranger = errors.New("not known to be in the room")

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
	var want []id.Hash
	for _, x := range msg.HashesIn(s.Wanted) {
		if h.log.Has(x) && x != h.id {
			want = append(want, x)
		}
	}
	wanted := len(want)
	if len(s.Wanted) == 0 {
		h.log.Beyond(msg.Marks(s.Marks), func(x id.Hash) bool {
			if x != h.id {
				want = append(want, x)
			}
			return len(want) <= msg.MaxEntries
		})
	}
	r := &msg.Rest{Heads: msg.AppendHashes(h.log.Heads()[:min(len(h.log.Heads()), msg.MaxHeads)])}
	list, err := h.read(t, want[:min(len(want), msg.MaxEntries)])
	if err != nil {
		return err
	}
	r.Entries = msg.Fill(list)
	r.More = wanted == 0 && len(r.Entries) < len(want)
	if !r.More && len(r.Entries) == 0 {
		r.Marks = msg.AppendMarks(h.log.Marks())
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
	if out := h.putOut(d.Who.Key); !out.IsZero() {
		if err := h.askBack(t, d, out); err != nil {
			return err
		}
	}
	err := h.exchange(t, d)
	if refusal := new(kbr.RefusedError); errors.As(err, &refusal) && refusal.Code == msg.RefusedStranger {
		err = h.introduce(t, d)
	}
	if err != nil || d.Who.Key == h.acc.key {
		return err
	}
	if !h.shares(d.Who.Key) {
		return errStranger // whatever he has answered
	}
	return h.whole(t)
}

// introduce brings a device of a member on which it is not known that the user is in the room, as most of
// the log is not there, what made him a member and all that came before, and compares logs again.
func (h *hall) introduce(t *task.T, d device) error {
	m, mine := h.rooms(), h.log.State().Find(h.acc.key).Ruling
	last, was := h.introduced[d.Node]
	if !h.shares(d.Who.Key) || mine.IsZero() || was && m.ep.Now().Sub(last) < seldom*m.cfg.SyncEvery {
		return errStranger
	}
	if !was && len(h.introduced) >= maxPending {
		clear(h.introduced)
	}
	h.introduced[d.Node] = m.ep.Now()
	list := h.log.Among(mine)
	if err := h.bring(t, d, list[1:]); err != nil { // the first is the founding
		return err
	}
	return h.exchange(t, d)
}

// askBack asks a device of somebody who is out of the room by what is here, and in it by its head on
// the shelf, for what has come since: he may have been invited again. The question says only how far the log
// went when he was put out. The error is errStranger where he is still out after it.
func (h *hall) askBack(t *task.T, d device, out id.Hash) error {
	known, stray, end := h.log.MarksBefore(out), 0, h.rooms().ep.Now().Add(askBackFor)
	for stray < maxStray && h.rooms().ep.Now().Before(end) {
		r, err := h.askRest(t, d, &msg.Sync{Marks: msg.AppendMarks(known)})
		if err != nil {
			return err
		}
		if _, err := h.take(t, r.Entries); err != nil {
			return err
		}
		if h.shares(d.Who.Key) {
			return nil
		}
		grown, ours := false, false
		for _, e := range r.Entries { // he has these
			if x := e.Hash(); !h.log.Has(x) && h.pending[x] == nil {
				continue // of what is made up there is no end
			}
			name := entry.StreamName(e.Author, e.Stream)
			at := slices.IndexFunc(known, func(m dag.Mark) bool { return m.Stream == name })
			if at < 0 && len(known) == dag.MaxAllStreams {
				return errStranger
			}
			if at < 0 {
				at, known = len(known), append(known, dag.Mark{Stream: name})
			}
			if known[at].Last < e.Seq {
				known[at].Last, grown, ours = e.Seq, true, ours || h.shares(e.Author)
			}
		}
		if !grown {
			return errStranger
		}
		if ours {
			end = h.rooms().ep.Now().Add(askBackFor)
		} else {
			stray++
		}
	}
	return errStranger
}

// exchange is compare with somebody of whom it is not known that he is out of the room.
func (h *hall) exchange(t *task.T, d device) error {
	for range maxRounds {
		before := h.log.Len()
		r, err := h.askRest(t, d, &msg.Sync{Marks: msg.AppendMarks(h.log.Marks())})
		if err != nil {
			return err
		}
		if _, err := h.take(t, r.Entries); err != nil {
			return err
		}
		switch {
		case h.log.Len() > before:
		case len(r.Entries) > 0:
			// Only branches of a fork came that are here: marks can tell no more.
			return h.fetch(t, d, r.Heads)
		default:
			return h.finish(t, d, r)
		}
	}
	return nil
}

func (h *hall) askRest(t *task.T, d device, s *msg.Sync) (*msg.Rest, error) {
	ans, err := h.ask(t, d, func(a *msg.About) wire.Message { s.About = a; return s })
	if err != nil {
		return nil, err
	}
	r, ok := ans.(*msg.Rest)
	if !ok {
		return nil, wire.ErrMalformed
	}
	return r, nil
}

// finish asks for what marks did not tell of, then pushes what the device lacks.
func (h *hall) finish(t *task.T, d device, r *msg.Rest) error {
	if err := h.fetch(t, d, r.Heads); err != nil {
		return err
	}
	if !h.shares(d.Who.Key) {
		return errStranger
	}
	var lacks []id.Hash
	h.log.Beyond(msg.Marks(r.Marks), func(x id.Hash) bool {
		if x != h.id {
			lacks = append(lacks, x)
		}
		return true
	})
	if slices.Equal(msg.HashesIn(r.Heads), h.log.Heads()) {
		return nil // a fork that both know
	}
	return h.bring(t, d, lacks)
}

// bring pushes entries that are here to a device, in order, as long as who has it is in the room.
func (h *hall) bring(t *task.T, d device, lacks []id.Hash) error {
	for len(lacks) > 0 {
		if !h.shares(d.Who.Key) {
			return nil // what came meanwhile has put him out
		}
		list, err := h.read(t, lacks[:min(len(lacks), msg.MaxEntries)])
		if err != nil {
			return err
		}
		list = msg.Fill(list)
		if len(list) == 0 {
			return nil
		}
		ans, err := h.ask(t, d, func(a *msg.About) wire.Message { return &msg.Push{About: a, Entries: list} })
		if _, ok := ans.(*msg.Took); err != nil || !ok {
			return err
		}
		last := list[len(list)-1].Hash()
		lacks = lacks[slices.Index(lacks, last)+1:]
	}
	return nil
}

// fetch asks for entries by their hashes, and for those that they name, until all are here.
func (h *hall) fetch(t *task.T, d device, heads []byte) error {
	want := slices.DeleteFunc(msg.HashesIn(heads), h.log.Has)
	for range maxRounds {
		if len(want) == 0 {
			return nil
		}
		r, err := h.askRest(t, d, &msg.Sync{Wanted: msg.AppendHashes(want[:min(len(want), msg.MaxWanted)])})
		if err != nil {
			return err
		}
		if _, err := h.take(t, r.Entries); err != nil {
			return err
		}
		next := h.missing()
		if slices.Equal(next, want) {
			return nil // it does not have them either
		}
		want = next
	}
	return nil
}

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
