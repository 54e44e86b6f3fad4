package topic

import (
	"errors"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/app/scribe"
	"github.com/phyllo-net/phyllo/app/scribe/msg"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
)

// MaxMessage is the largest message, in bytes; the smallest is empty.
const MaxMessage = msg.MaxMessage - 1

// form is the first byte of what is published: so that a message may be empty, and later
// versions may say more. Who does not know a form says so to his reader.
const form = 1

// idle is how long an outlet stays open that nobody uses: who begins anew begins another
// stream, which each member keeps an account of.
const idle = 10 * time.Minute

// Outlet is where one key publishes to one topic. Several users of it share its stream.
type Outlet struct {
	target
	s      *Topics
	by     peer.Signer
	p      *scribe.Publisher
	uses   int
	unused task.Timer
}

// Open opens a topic to publish to it, and makes one of the ring if there is none. Close it
// when nothing more comes. The error is ErrUnknown if it cannot be made, or one of the
// directory. Whether by may publish is known with the first message.
func (s *Topics) Open(t *task.T, n Name, by peer.Signer) (*Outlet, error) {
	at, err := s.findOrMake(t, n, by)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(s.outlets, func(o *Outlet) bool { return o.group == at.group && o.by.Public() == by.Public() })
	if i < 0 {
		i = len(s.outlets)
		s.outlets = append(s.outlets, &Outlet{target: at, s: s, by: by, p: s.cfg.Scribe.Publisher(at.group, by)})
	}
	o := s.outlets[i]
	o.uses++
	o.unused.Stop()
	return o, nil
}

// Close ends one use of it.
func (o *Outlet) Close() {
	if o.uses--; o.uses == 0 {
		o.unused = o.s.ep.After(idle, func() {
			o.p.Close()
			o.s.outlets = slices.DeleteFunc(o.s.outlets, func(x *Outlet) bool { return x == o })
		})
	}
}

// Publish sends a message to all subscribers. done, which may be nil, is called once: with the
// message's number when a majority of those who keep the topic have it, or with an error. The
// error returned is scribe.ErrTooLarge or scribe.ErrBusy; then done is not called.
func (o *Outlet) Publish(message []byte, done func(seq uint64, err error)) error {
	return o.p.Publish(append([]byte{form}, message...), done)
}

// Say publishes a message and waits until it is taken. If the topic was forgotten by all who
// kept it, its owner makes it anew.
func (o *Outlet) Say(t *task.T, message []byte) (uint64, error) {
	for try := 1; ; try++ {
		seq, err := o.say(t, message)
		if !errors.Is(err, scribe.ErrNoGroup) || try == tries {
			return seq, unknown(err)
		}
		if err := o.s.remake(t, o.target, o.by); err != nil && (!errors.Is(err, ErrUnknown) || try == tries-1) {
			return 0, err
		} else if err != nil { // its owner may be about to make it
			if err := t.Sleep(again); err != nil {
				return 0, err
			}
		}
	}
}

const (
	// sayTime is longer than a Publisher's own patience.
	sayTime = 2 * time.Hour
	// tries is how often a message is brought to a topic that nobody keeps.
	tries = 3
)

func (o *Outlet) say(t *task.T, message []byte) (uint64, error) {
	return task.Await(t, sayTime, func(resolve func(uint64, error)) {
		if err := o.Publish(message, resolve); err != nil {
			resolve(0, err)
		}
	})
}
