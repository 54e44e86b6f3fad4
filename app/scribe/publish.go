package scribe

import (
	"errors"
	"time"

	"github.com/phyllo-net/phyllo/app/scribe/msg"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
)

const (
	// inFlight is how many batches of a publisher are under way at once.
	inFlight = 8
	// maxQueue and maxQueued are how many messages, and bytes of them, wait at most.
	maxQueue  = 8192
	maxQueued = 8 << 20
	// again and againLongest are between two tries to bring a batch to the root.
	again        = 50 * time.Millisecond
	againLongest = 2 * time.Second
	// impatience is which part of Config.Ask a root is waited for that took batches before: then
	// it may be gone, and the batch is routed to who is root now.
	impatience = 2
)

// Create makes a group by its charter, which its creator signed for this ring, or changes
// it by one of a higher version. When it returns nil a majority of those who keep the group
// have it.
func (s *Scribe) Create(t *task.T, c *msg.Charter) error {
	if err := c.Verify(s.cfg.Ring, s.cfg.Verifier); err != nil {
		return err
	}
	return s.change(t, c.Group(s.cfg.Ring).Place(), &msg.Create{Charter: c})
}

// change brings something to the root, until it is taken or refused for good.
func (s *Scribe) change(t *task.T, key id.ID, m *msg.Create) error {
	end := s.ep.Now().Add(s.cfg.Patience)
	for pause := again; ; pause = min(2*pause, againLongest) {
		_, _, err := s.askRoot(t, key, m)
		if err == nil {
			return nil
		}
		switch msg.Refusal(err) {
		case msg.RefusedOlder, msg.RefusedDenied, msg.RefusedLimit, msg.RefusedMalformed:
			return outcome(err)
		}
		if end.Before(s.ep.Now()) || errors.Is(err, task.ErrStopped) {
			return outcome(err)
		}
		if err := t.Sleep(pause); err != nil {
			return err
		}
	}
}

// Publisher publishes in one group with one key.
type Publisher struct {
	s      *Scribe
	group  id.Hash
	signer peer.Signer
	root   *peer.Handle // who took the last batch
	life   uint64
	next   uint64 // number of the next message
	age    time.Duration
	last   task.Instant // when a batch was signed last

	queue  []letter
	queued int // bytes
	gather task.Timer
	waits  bool // gather runs
	flight []*flight
	closed bool
}

// letter is a message that waits to be signed.
type letter struct {
	body []byte
	at   task.Instant
	done func(uint64, error)
}

// flight is a batch on its way to the root.
type flight struct {
	batch   *msg.Batch
	letters []letter
	pause   time.Duration
	again   task.Timer   // it is sent again then
	waits   bool         // again runs
	sent    int          // how often it was
	routed  int          // of these by routing
	root    *peer.Handle // to whom; nil: by routing
	early   bool         // it came before one that it follows
	taken   bool
}

// Publisher returns a publisher. Its streams begin anew: whoever publishes with one key in
// several places has several streams.
func (s *Scribe) Publisher(group id.Hash, signer peer.Signer) *Publisher {
	return &Publisher{s: s, group: group, signer: signer}
}

// Publish sends a message, which the publisher keeps from then on, to all members. done,
// which may be nil, is called once: with the message's number when a majority of those who
// keep the group have it, or with an error; after ErrAway it may have been published all
// the same. The error returned is ErrTooLarge or ErrBusy; then done is not called.
func (p *Publisher) Publish(message []byte, done func(seq uint64, err error)) error {
	switch {
	case len(message) == 0 || len(message) > msg.MaxMessage:
		return ErrTooLarge
	case len(p.queue) >= maxQueue || p.queued+len(message) > maxQueued || p.closed || p.s.stopped:
		return ErrBusy
	}
	p.queue = append(p.queue, letter{message, p.s.ep.Now(), done})
	p.queued += len(message)
	p.pump()
	return nil
}

// Close ends it: what was not taken yet ends with ErrAway.
func (p *Publisher) Close() {
	p.closed = true
	p.fail(ErrAway)
}

// pump signs what waits: at once if nothing is under way; otherwise what comes meanwhile is
// gathered for a moment, so that members check one signature for it.
func (p *Publisher) pump() {
	for len(p.queue) > 0 && len(p.flight) < inFlight {
		if waited := p.s.ep.Now().Sub(p.queue[0].at); len(p.flight) > 0 && !p.batchful() && waited < p.s.cfg.Gather {
			if !p.waits {
				p.waits = true
				p.gather = p.s.ep.After(p.s.cfg.Gather-waited, func() {
					p.waits = false
					p.pump()
				})
			}
			return
		}
		p.launch()
	}
}

// batchful reports whether more waits than goes into one batch.
func (p *Publisher) batchful() bool {
	return len(p.queue) >= msg.MaxMessages || p.queued >= msg.MaxBody
}

// launch signs a batch and sends it.
func (p *Publisher) launch() {
	now := p.s.ep.Now()
	if p.life == 0 || p.age > 0 && len(p.flight) == 0 && now.Sub(p.last) > p.age {
		p.live()
	}
	p.last = now
	n, size := 0, 0
	for ; n < len(p.queue) && n < msg.MaxMessages && size+len(p.queue[n].body) <= msg.MaxBody; n++ {
		size += len(p.queue[n].body)
	}
	f := &flight{letters: append([]letter(nil), p.queue[:n]...), pause: again}
	clear(p.queue[:n])
	p.queue, p.queued = p.queue[n:], p.queued-size
	p.sign(f, p.base(), p.next)
	p.next += uint64(n)
	p.flight = append(p.flight, f)
	p.send(f)
}

// sign makes the batch of what is in a flight. All before base was taken.
func (p *Publisher) sign(f *flight, base, first uint64) {
	bodies := make([][]byte, len(f.letters))
	for i, l := range f.letters {
		bodies[i] = l.body
	}
	f.batch = msg.NewBatch(p.s.cfg.Ring, p.group, p.life, base, first, bodies, p.signer, p.s.ep.Wall())
}

// base is the number before which all was taken.
func (p *Publisher) base() uint64 {
	if len(p.flight) > 0 {
		return p.flight[0].batch.Seal.First
	}
	return p.next
}

// live begins another life: the last one's messages may be forgotten by now. Two that begin
// in one moment with one key are told apart by chance.
func (p *Publisher) live() {
	life := uint64(p.s.ep.Wall().UnixMilli())<<20 | p.s.ep.Rand().Uint64()>>44
	p.life, p.next = max(life, p.life+1), 1
}

func (p *Publisher) send(f *flight) {
	m := msg.Encode(&msg.Publish{Group: p.group, Batch: f.batch})
	f.sent++
	sent := f.sent
	f.root, f.early = p.root, false
	done := func(a kbr.Answer, err error) {
		if err == nil || f.sent == sent {
			p.answered(f, a, err)
		}
	}
	if p.root != nil {
		p.s.ep.Ask(p.root, m, kbr.Options{Timeout: p.s.cfg.Ask / impatience}, done)
		return
	}
	// A route may lead past the dead for as long as nobody there holds them to be: another one is
	// tried before the overlay's own patience ends.
	wait := min(p.s.cfg.Ask/impatience<<min(f.routed, 4), 3*p.s.cfg.Ask)
	f.routed++
	p.s.ep.Request(p.group.Place(), m, kbr.Options{Timeout: wait, Straight: true}, done)
}

func (p *Publisher) answered(f *flight, a kbr.Answer, err error) {
	if p.closed || f.taken || !p.flies(f) {
		return
	}
	if err == nil {
		if m, bad := msg.Decode(a.Payload); bad == nil {
			if done, ok := m.(*msg.Done); ok && !a.Relayed {
				p.age, p.root = time.Duration(done.Age)*time.Second, a.From
			}
		}
		f.taken = true
		p.land()
		return
	}
	switch msg.Refusal(err) {
	case msg.RefusedGap: // one before it is on its way still
		f.early = true
		if s := f.batch.Seal; f == p.flight[0] && s.Base < s.First { // or was taken by a root that is gone
			p.sign(f, s.First, s.First)
		} else {
			p.hasten()
		}
	case msg.RefusedNoGroup, msg.RefusedDenied, msg.RefusedClock, msg.RefusedLimit:
		p.fail(outcome(err))
		return
	case 0:
		p.forsake(f.root)
	default:
		p.root = nil
	}
	if p.s.ep.Now().Sub(f.letters[0].at) > p.s.cfg.Patience {
		p.fail(ErrAway)
		return
	}
	p.sendLater(f)
}

// hasten sends the first batch at once if it waits to be sent again: a root that asks for it rules
// by now.
func (p *Publisher) hasten() {
	if f := p.flight[0]; f.waits {
		f.pause = again
		p.resend(f)
	}
}

// sendLater sends a batch again after a pause.
func (p *Publisher) sendLater(f *flight) {
	f.again.Stop()
	f.waits = true
	f.again = p.s.ep.After(f.pause, func() { p.resend(f) })
	f.pause = min(2*f.pause, againLongest)
}

// forsake takes a root that does not answer for gone: all that is on its way to it goes to who
// is root now.
func (p *Publisher) forsake(root *peer.Handle) {
	if root == nil {
		return
	}
	p.root = nil
	for _, f := range p.flight {
		if f.root == root && f.sent > 0 {
			f.root, f.sent = nil, f.sent+1 // what becomes of the last try counts no more
			f.pause = again
			p.sendLater(f)
		}
	}
}

// resend sends a batch again, if it is under way still.
func (p *Publisher) resend(f *flight) {
	f.waits = false
	if f.again.Stop(); !p.closed && !f.taken && p.flies(f) {
		p.send(f)
	}
}

func (p *Publisher) flies(f *flight) bool {
	for _, o := range p.flight {
		if o == f {
			return true
		}
	}
	return false
}

// land tells what was taken, in its order.
func (p *Publisher) land() {
	landed := false
	for len(p.flight) > 0 && p.flight[0].taken {
		landed = true
		f := p.flight[0]
		p.flight = p.flight[1:]
		for i, l := range f.letters {
			if l.done != nil {
				l.done(f.batch.Seal.First+uint64(i), nil)
			}
		}
	}
	for _, f := range p.flight {
		if landed && f.early {
			p.resend(f)
		}
	}
	p.pump()
}

// fail ends all that is under way, and begins another life: the numbers of what was not
// taken are not used again.
func (p *Publisher) fail(err error) {
	var all []letter
	for _, f := range p.flight {
		all = append(all, f.letters...)
	}
	all = append(all, p.queue...)
	p.flight, p.queue, p.queued = nil, nil, 0
	p.root = nil
	p.live()
	for _, l := range all {
		if l.done != nil {
			l.done(0, err)
		}
	}
}
