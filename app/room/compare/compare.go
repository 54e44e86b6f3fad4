// Package compare is how two members' nodes get from each other what each of their logs lacks: by marks, which say how far
// each stream is on a node, and by hashes where these cannot tell. Who asks whether two logs become the same, and what is
// given to whom and asked of whom meanwhile, reads one room, which knows no link and no store.
package compare

import (
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
	// maxIntroduced is of how many devices it is remembered that the user was introduced to them.
	maxIntroduced = 256
)

// errStranger is the outcome of a comparison with somebody who is not known to be in the room after it.
var errStranger = errors.New("not known to be in the room")

// Clock is the node's.
type Clock interface{ Now() task.Instant }

// Deps is what a Comparer sees. All must be set.
type Deps struct {
	Clock Clock
	Room  id.Hash
	User  peer.Key
	Log   *dag.Log
	// Seldom is how long a device is not introduced to again that did not take it.
	Seldom time.Duration
	// Ask asks a device over a link of its own.
	Ask func(t *task.T, d spread.Device, m func(*msg.About) wire.Message) (wire.Message, error)
	// Take adds entries, and reports whether some wait for those that they name. Waits reports whether one does, and
	// Missing are those for which they wait. Read reads entries that are here.
	Take    func(t *task.T, list []*entry.Entry) (lacks bool, err error)
	Waits   func(x id.Hash) bool
	Missing func() []id.Hash
	Read    func(t *task.T, list []id.Hash) ([]*entry.Entry, error)
	// Shares reports whether somebody is in the room, as far as the log is here, or is the user. PutOut is the entry that put
	// somebody out; zero: there is none that holds.
	Shares func(who peer.Key) bool
	PutOut func(who peer.Key) id.Hash
}

// Comparer compares the log of one room with those of others. All is called on the node's loop.
type Comparer struct {
	Deps
	// introduced are devices that were brought what made the user a member, and when.
	introduced map[id.ID]task.Instant
}

// New returns a Comparer that has introduced the user nowhere.
func New(d Deps) *Comparer { return &Comparer{Deps: d, introduced: map[id.ID]task.Instant{}} }

// Answer is what a member is given who asks.
func (c *Comparer) Answer(t *task.T, s *msg.Sync) (*msg.Rest, error) {
	var want []id.Hash
	for _, x := range msg.HashesIn(s.Wanted) {
		if c.Log.Has(x) && x != c.Room {
			want = append(want, x)
		}
	}
	wanted := len(want)
	if len(s.Wanted) == 0 {
		c.Log.Beyond(msg.Marks(s.Marks), func(x id.Hash) bool {
			if x != c.Room {
				want = append(want, x)
			}
			return len(want) <= msg.MaxEntries
		})
	}
	r := &msg.Rest{Heads: msg.AppendHashes(c.Log.Heads()[:min(len(c.Log.Heads()), msg.MaxHeads)])}
	list, err := c.Read(t, want[:min(len(want), msg.MaxEntries)])
	if err != nil {
		return nil, err
	}
	r.Entries = msg.Fill(list)
	r.More = wanted == 0 && len(r.Entries) < len(want)
	if !r.More && len(r.Entries) == 0 {
		r.Marks = msg.AppendMarks(c.Log.Marks())
	}
	return r, nil
}

// With gets from a device what this node lacks, and brings it what it lacks. Without an error, and where it
// is not the user's own, the log is as whole then as somebody else's.
func (c *Comparer) With(t *task.T, d spread.Device) error {
	if out := c.PutOut(d.Who.Key); !out.IsZero() {
		if err := c.askBack(t, d, out); err != nil {
			return err
		}
	}
	err := c.exchange(t, d)
	if refusal := new(kbr.RefusedError); errors.As(err, &refusal) && refusal.Code == msg.RefusedStranger {
		err = c.introduce(t, d)
	}
	if err != nil || d.Who.Key == c.User {
		return err
	}
	if !c.Shares(d.Who.Key) {
		return errStranger // whatever he has answered
	}
	return nil
}

// introduce brings a device of a member on which it is not known that the user is in the room, as most of
// the log is not there, what made him a member and all that came before, and compares logs again.
func (c *Comparer) introduce(t *task.T, d spread.Device) error {
	mine := c.Log.State().Find(c.User).Ruling
	last, was := c.introduced[d.Node]
	if !c.Shares(d.Who.Key) || mine.IsZero() || was && c.Clock.Now().Sub(last) < c.Seldom {
		return errStranger
	}
	if !was && len(c.introduced) >= maxIntroduced {
		clear(c.introduced)
	}
	c.introduced[d.Node] = c.Clock.Now()
	list := c.Log.Among(mine)
	if err := c.bring(t, d, list[1:]); err != nil { // the first is the founding
		return err
	}
	return c.exchange(t, d)
}

// askBack asks a device of somebody who is out of the room by what is here, and in it by its head on
// the shelf, for what has come since: he may have been invited again. The question says only how far the log
// went when he was put out. The error is errStranger where he is still out after it.
func (c *Comparer) askBack(t *task.T, d spread.Device, out id.Hash) error {
	known, stray, end := c.Log.MarksBefore(out), 0, c.Clock.Now().Add(askBackFor)
	for stray < maxStray && c.Clock.Now().Before(end) {
		r, err := c.askRest(t, d, &msg.Sync{Marks: msg.AppendMarks(known)})
		if err != nil {
			return err
		}
		if _, err := c.Take(t, r.Entries); err != nil {
			return err
		}
		if c.Shares(d.Who.Key) {
			return nil
		}
		grown, ours := false, false
		for _, e := range r.Entries { // he has these
			if x := e.Hash(); !c.Log.Has(x) && !c.Waits(x) {
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
				known[at].Last, grown, ours = e.Seq, true, ours || c.Shares(e.Author)
			}
		}
		if !grown {
			return errStranger
		}
		if ours {
			end = c.Clock.Now().Add(askBackFor)
		} else {
			stray++
		}
	}
	return errStranger
}

// exchange is compare with somebody of whom it is not known that he is out of the room.
func (c *Comparer) exchange(t *task.T, d spread.Device) error {
	for range maxRounds {
		before := c.Log.Len()
		r, err := c.askRest(t, d, &msg.Sync{Marks: msg.AppendMarks(c.Log.Marks())})
		if err != nil {
			return err
		}
		if _, err := c.Take(t, r.Entries); err != nil {
			return err
		}
		switch {
		case c.Log.Len() > before:
		case len(r.Entries) > 0:
			// Only branches of a fork came that are here: marks can tell no more.
			return c.fetch(t, d, r.Heads)
		default:
			return c.finish(t, d, r)
		}
	}
	return nil
}

func (c *Comparer) askRest(t *task.T, d spread.Device, s *msg.Sync) (*msg.Rest, error) {
	ans, err := c.Ask(t, d, func(a *msg.About) wire.Message { s.About = a; return s })
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
func (c *Comparer) finish(t *task.T, d spread.Device, r *msg.Rest) error {
	if err := c.fetch(t, d, r.Heads); err != nil {
		return err
	}
	if !c.Shares(d.Who.Key) {
		return errStranger
	}
	var lacks []id.Hash
	c.Log.Beyond(msg.Marks(r.Marks), func(x id.Hash) bool {
		if x != c.Room {
			lacks = append(lacks, x)
		}
		return true
	})
	if slices.Equal(msg.HashesIn(r.Heads), c.Log.Heads()) {
		return nil // a fork that both know
	}
	return c.bring(t, d, lacks)
}

// bring pushes entries that are here to a device, in order, as long as who has it is in the room.
func (c *Comparer) bring(t *task.T, d spread.Device, lacks []id.Hash) error {
	for len(lacks) > 0 {
		if !c.Shares(d.Who.Key) {
			return nil // what came meanwhile has put him out
		}
		list, err := c.Read(t, lacks[:min(len(lacks), msg.MaxEntries)])
		if err != nil {
			return err
		}
		list = msg.Fill(list)
		if len(list) == 0 {
			return nil
		}
		ans, err := c.Ask(t, d, func(a *msg.About) wire.Message { return &msg.Push{About: a, Entries: list} })
		if _, ok := ans.(*msg.Took); err != nil || !ok {
			return err
		}
		last := list[len(list)-1].Hash()
		lacks = lacks[slices.Index(lacks, last)+1:]
	}
	return nil
}

// fetch asks for entries by their hashes, and for those that they name, until all are here.
func (c *Comparer) fetch(t *task.T, d spread.Device, heads []byte) error {
	want := slices.DeleteFunc(msg.HashesIn(heads), c.Log.Has)
	for range maxRounds {
		if len(want) == 0 {
			return nil
		}
		r, err := c.askRest(t, d, &msg.Sync{Wanted: msg.AppendHashes(want[:min(len(want), msg.MaxWanted)])})
		if err != nil {
			return err
		}
		if _, err := c.Take(t, r.Entries); err != nil {
			return err
		}
		next := c.Missing()
		if slices.Equal(next, want) {
			return nil // it does not have them either
		}
		want = next
	}
	return nil
}
