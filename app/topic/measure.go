package topic

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
)

// Limits of a measurement.
const (
	// MaxOutstanding is how many messages are under way at once.
	MaxOutstanding = 512
	// MaxMeasure is how long it may take.
	MaxMeasure = 10 * time.Minute
	// MaxRate is how many messages are published in a second.
	MaxRate = 100_000
	// MaxUnderWay is how many bytes of messages are under way at once.
	MaxUnderWay = 4 << 20
	// MaxFollowed is how many readers, besides this node, are asked about messages.
	MaxFollowed = 64

	// followEvery is the time from one message about which readers are asked to the next: what
	// they are asked is far below what they answer in a minute.
	followEvery = 50 * time.Millisecond
	// straggle is how long the last messages are waited for.
	straggle = 20 * time.Second
	// pauseBusy is how long to wait when the outlet, which others share, is full.
	pauseBusy = 5 * time.Millisecond
	// maxSamples is how many times are kept for each kind; of more a fair choice.
	maxSamples = 1 << 16
)

// ErrMeasure is wrapped where a measurement is asked for that is outside of its limits.
var ErrMeasure = errors.New("such a measurement is not made")

// Trial says what is measured. All messages are published by one key, and every reader of the
// topic gets them.
type Trial struct {
	Size        int           // bytes of a message: MarkSize to MaxMessage
	Outstanding int           // messages under way at once: 1 to MaxOutstanding
	Rate        int           // messages in a second, up to MaxRate; 0: as many as Outstanding allows
	For         time.Duration // 1 s to MaxMeasure
	// Stop, which may be nil, is asked now and then whether nobody waits for the outcome.
	Stop func() bool
}

// Validate returns an error that wraps ErrMeasure and names the first number out of its range.
func (c *Trial) Validate() error {
	for _, n := range []struct {
		name       string
		v, min, to int
	}{
		{"size", c.Size, MarkSize, MaxMessage}, {"outstanding", c.Outstanding, 1, MaxOutstanding}, {"rate", c.Rate, 0, MaxRate},
		{"bytes under way (size × outstanding)", c.Size * c.Outstanding, 0, MaxUnderWay},
	} {
		if n.v < n.min || n.v > n.to {
			return fmt.Errorf("%w: %s is %d, want %d to %d", ErrMeasure, n.name, n.v, n.min, n.to)
		}
	}
	if c.For < time.Second || c.For > MaxMeasure {
		return fmt.Errorf("%w: for is %s, want 1s to %s", ErrMeasure, c.For, MaxMeasure)
	}
	return nil
}

// Spread is what many times are like.
type Spread struct {
	Count                int // of what was measured
	P50, P90, P99, Worst time.Duration
}

// Measured is what came out. A message's time begins when it was due: where Trial.Rate is more
// than the ring carries it waits in this node, and that counts.
type Measured struct {
	Messages int // that were published and read here
	Lost     int // published, and not read here within 20 s after the end
	Took     time.Duration
	// Safe is until a majority of those who keep the topic had a message, Read until readers of
	// this node were given it, and All, of some messages, until the last of the readers that
	// were asked had said that he was: with the way of that word back.
	Safe, Read, All Spread
	Readers         int // nodes that read the topic, this one among them
	Followed        int // of them, that were asked at first; this node is not
	Silent          int // of those, that did not answer once, and were asked no longer
}

// Rate is how many messages were read here in a second.
func (m *Measured) Rate() float64 {
	if m.Took == 0 {
		return 0
	}
	return float64(m.Messages) / m.Took.Seconds()
}

// Measure publishes to a topic, which is made if it is the ring's and there is none, and
// measures how long messages take to this node's own readers and to others. The error wraps
// ErrMeasure, or is one of Outlet.Say and Subscribe.
func (s *Topics) Measure(t *task.T, n Name, by peer.Signer, c Trial) (*Measured, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	o, err := s.Open(t, n, by)
	if err != nil {
		return nil, err
	}
	defer o.Close()
	x := &trial{Trial: c, s: s, o: o, shots: make(map[uint64]*shot), life: s.ep.Rand().Uint64()}
	if _, err := o.Say(t, x.body(0)); err != nil {
		return nil, err
	}
	sub, err := s.Subscribe(t, n, Options{By: by, Event: x.heard})
	if err != nil {
		return nil, err
	}
	defer sub.Close()
	for range 2 { // who waits for a topic that was made just now comes soon
		if err := x.find(t, n); err != nil {
			return nil, err
		}
		if len(x.readers) > 0 {
			break
		}
		if err := t.Sleep(again + again/2); err != nil {
			return nil, err
		}
	}
	x.begun = s.ep.Now()
	_, err = task.Await(t, c.For+2*straggle, func(resolve func(struct{}, error)) {
		x.resolve = func(err error) {
			x.over = true
			resolve(struct{}{}, err)
		}
		x.pump()
	})
	x.over = true
	if err != nil && !errors.Is(err, task.ErrTimeout) {
		return nil, err
	}
	return x.outcome(), nil
}

// trial is a measurement under way.
type trial struct {
	Trial
	s       *Topics
	o       *Outlet
	life    uint64 // tells its messages from all others
	number  uint64 // of the last one
	begun   task.Instant
	ended   task.Instant // when the last one was read
	shots   map[uint64]*shot
	readers []*peer.Handle // who are asked
	all     int
	follows bool
	next    task.Instant // when one may be followed again
	timer   task.Timer
	resolve func(error)
	over    bool

	read, silent          int
	safeIn, readIn, allIn samples
}

// shot is a message that is under way.
type shot struct {
	due        task.Instant
	safe, read bool
	asked      int  // readers that have not answered
	follows    bool // all of them are to be heard
}

// body is a message: a mark, and what fills it up.
func (x *trial) body(number uint64) []byte {
	b := make([]byte, 0, x.Size)
	b = binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(b, x.life), number)
	for len(b) < x.Size {
		b = append(b, "phyllo topic bench "...)
	}
	return b[:x.Size]
}

// find learns who reads the topic, and chooses whom to ask.
func (x *trial) find(t *task.T, n Name) error {
	tree, err := x.s.Tree(t, n)
	if err != nil {
		return err
	}
	self := x.s.ep.Self().ID
	var ids []id.ID
	for _, b := range tree.Nodes {
		if b.Member && b.Node != self {
			ids = append(ids, b.Node)
		}
	}
	x.all = len(ids) + 1
	x.s.ep.Rand().Shuffle(len(ids), func(i, j int) { ids[i], ids[j] = ids[j], ids[i] })
	found, err := task.Gather(t, treeAsk, min(len(ids), MaxFollowed), func(i int, resolve func(*peer.Handle, error)) {
		x.s.ep.Find(ids[i], resolve)
	}, nil)
	if err != nil {
		return err
	}
	var hs []*peer.Handle
	for _, f := range found {
		if f.Err == nil {
			hs = append(hs, f.Value)
		}
	}
	// The links to them are made before anything is measured, and who does not answer is left out.
	rs, err := kbr.CallAll(t, x.s.ep, hs, func(int) []byte { return encode(&where{x.o.group}) }, kbr.Options{Timeout: treeAsk}, nil)
	for i, r := range rs {
		if r.Err == nil {
			x.readers = append(x.readers, hs[i])
		}
	}
	return err
}

// pump publishes what is due.
func (x *trial) pump() {
	now := x.s.ep.Now()
	end := x.begun.Add(x.For)
	for !x.over {
		if x.Stop != nil && x.Stop() {
			x.resolve(nil)
			return
		}
		due := now
		if x.Rate > 0 {
			due = x.begun.Add(time.Duration(x.number) * time.Second / time.Duration(x.Rate))
		}
		switch {
		case !due.Before(end) || !now.Before(end):
			if len(x.shots) == 0 {
				x.resolve(nil)
				return
			}
			if !now.Before(end.Add(straggle)) {
				x.resolve(nil)
				return
			}
			x.wake(min(end.Add(straggle).Sub(now), time.Second)) // for the last
			return
		case len(x.shots) >= x.Outstanding:
			x.wake(time.Second) // to see whether anybody still waits
			return
		case now.Before(due):
			x.wake(min(due.Sub(now), time.Second))
			return
		}
		if !x.publish(due) {
			x.wake(pauseBusy)
			return
		}
	}
}

func (x *trial) wake(d time.Duration) {
	x.timer.Stop()
	x.timer = x.s.ep.After(d, x.pump)
}

// publish publishes one message; false: there is no room.
func (x *trial) publish(due task.Instant) bool {
	now := x.s.ep.Now()
	number := x.number + 1
	body := x.body(number)
	p := &shot{due: due}
	x.shots[number] = p
	err := x.o.Publish(body, func(_ uint64, err error) {
		switch {
		case x.over:
		case err != nil:
			x.resolve(fmt.Errorf("after %d messages: %w", x.read, unknown(err)))
		default:
			p.safe = true
			x.safeIn.add(x.s.ep.Now().Sub(p.due), x.s)
			x.settle(number, p)
		}
	})
	if err != nil {
		delete(x.shots, number)
		return false
	}
	x.number = number
	if len(x.readers) > 0 && !x.follows && !now.Before(x.next) {
		x.follow(number, p, body[:MarkSize])
	}
	return true
}

// follow asks other readers whether they have been given a message.
func (x *trial) follow(number uint64, p *shot, mark []byte) {
	x.follows, x.next = true, x.s.ep.Now().Add(followEvery)
	p.asked, p.follows = len(x.readers), true
	for _, h := range x.readers {
		x.s.ep.Ask(h, encode(&seen{x.o.group, mark}), kbr.Options{Timeout: seenWait}, func(_ kbr.Answer, err error) {
			if x.over {
				return
			}
			if err != nil { // it would hold up all that is measured
				x.silent++
				p.follows = false
				x.readers = slices.DeleteFunc(slices.Clone(x.readers), func(o *peer.Handle) bool { return o.ID == h.ID })
			}
			if p.asked--; p.asked == 0 {
				x.follows = false
				x.settle(number, p)
			}
		})
	}
}

// heard is what this node's readers are given.
func (x *trial) heard(e Event) {
	switch {
	case e.Ended != nil && !x.over && x.resolve != nil:
		x.resolve(e.Ended)
		return
	case e.Message == nil || x.over || len(e.Message.Body) < MarkSize || binary.BigEndian.Uint64(e.Message.Body) != x.life:
		return
	}
	number := binary.BigEndian.Uint64(e.Message.Body[8:])
	if p := x.shots[number]; p != nil && !p.read {
		p.read = true
		x.read++
		x.ended = x.s.ep.Now()
		x.readIn.add(x.ended.Sub(p.due), x.s)
		x.settle(number, p)
	}
}

// settle ends a message of which all is known, and publishes the next.
func (x *trial) settle(number uint64, p *shot) {
	if p.follows && p.read && p.asked == 0 {
		p.follows = false
		x.allIn.add(x.s.ep.Now().Sub(p.due), x.s)
	}
	if p.safe && p.read && p.asked == 0 {
		delete(x.shots, number)
		x.wake(0)
	}
}

func (x *trial) outcome() *Measured {
	return &Measured{Messages: x.read, Lost: int(x.number) - x.read, Took: max(x.ended.Sub(x.begun), 0),
		Safe: x.safeIn.spread(), Read: x.readIn.spread(), All: x.allIn.spread(),
		Readers: x.all, Followed: len(x.readers) + x.silent, Silent: x.silent}
}

// samples are times: all of them, or of many a fair choice.
type samples struct {
	count int
	kept  []time.Duration
	worst time.Duration
}

func (l *samples) add(d time.Duration, s *Topics) {
	l.count++
	l.worst = max(l.worst, d)
	if len(l.kept) < maxSamples {
		l.kept = append(l.kept, d)
	} else if i := s.ep.Rand().IntN(l.count); i < maxSamples {
		l.kept[i] = d
	}
}

func (l *samples) spread() Spread {
	if l.count == 0 {
		return Spread{}
	}
	slices.Sort(l.kept)
	at := func(percent int) time.Duration { return l.kept[(len(l.kept)*percent+99)/100-1] }
	return Spread{Count: l.count, P50: at(50), P90: at(90), P99: at(99), Worst: l.worst}
}
