package client

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"github.com/phyllo-net/phyllo/app/past/certificate"
	"github.com/phyllo-net/phyllo/app/past/msg"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

var (
	// ErrConflict: see ConflictError.
	ErrConflict = errors.New("another version is current")
	// ErrUncertain: the holders did not answer in time whether the version became current,
	// and another one is by now.
	ErrUncertain = errors.New("it is not known whether the change was made: read what is there now")
)

// ConflictError says that another version is current than the one that was to be replaced.
// It is an ErrConflict.
type ConflictError struct {
	Current Found // verified; without a certificate if there is no such object
}

// Error implements error.
func (e *ConflictError) Error() string {
	if e.Current.Certificate == nil {
		return "there is no version that could be replaced"
	}
	return fmt.Sprintf("version %d is current: change that one", e.Current.Certificate.Version)
}

// Is makes the error an ErrConflict.
func (e *ConflictError) Is(target error) bool { return target == ErrConflict }

// Name is what the id of a mutable object is made of.
type Name struct {
	Owner  peer.Key
	Part   certificate.Part // see certificate.NamePart
	Copies uint8            // k, 1 to certificate.MaxCopies
}

// ID is the object's id.
func (n Name) ID() id.Hash { return certificate.MutableID(n.Owner, n.Part, n.Copies) }

// Change puts content in place of a version of the owner's mutable object, 0 for an object
// that is new. It returns nil when the root has ruled so and a majority of the k nearest
// nodes has it on their disks.
//
// Errors: ErrTooLarge, certificate.ErrCertificate, a *ConflictError, ErrClock, ErrQuota,
// ErrNotReachable and ErrUncertain (the change may have been made, or may be made later), but
// ErrUnsent, which is an ErrNotReachable, if it surely was not; task.ErrStopped.
//
// A conflict is the word of one root. That the version which it shows was signed by the owner is verified, that it is
// current is not: who builds on that asks a majority with Current or Latest.
func (cl *Client) Change(t *task.T, part certificate.Part, copies uint8, replaces uint64, content []byte, owner peer.Signer) (Found, error) {
	return cl.Edit(t, Edit{Part: part, Copies: copies, Replaces: replaces, Content: content}, owner)
}

// Edit is a change of a mutable object.
type Edit struct {
	Part     certificate.Part
	Copies   uint8
	Replaces uint64 // the version in whose place the content is put; 0: the object is new
	Content  []byte
	// Resolves are rivals of the object that are not kept any more after it: at most
	// certificate.MaxRivals.
	Resolves []id.Hash
	// Apart: where a majority of the holders has been away for half a minute it may be made without it. Then it is
	// current for who cannot see that majority either, and Found.Apart tells of it; what the majority
	// makes meanwhile and this meet later, and none is lost. Without it a change is made by a
	// majority or not at all.
	Apart bool
	// Within is how long it is tried, at least once; 0: three times Config.Patience.
	Within time.Duration
}

// Edit is Change, with more that can be said about it.
func (cl *Client) Edit(t *task.T, e Edit, owner peer.Signer) (Found, error) {
	part, copies, replaces, content := e.Part, e.Copies, e.Replaces, e.Content
	if len(content) > MaxContent {
		return Found{}, ErrTooLarge
	}
	ring, wall := cl.cfg.Ring, cl.asker.ep.Wall()
	c, err := task.Work(t, work, func() (*certificate.Certificate, error) {
		c := (&certificate.Certificate{
			Kind: certificate.Mutable, Part: part, Content: certificate.ContentHash(content), Size: int64(len(content)),
			Copies: copies, Version: replaces + 1, Resolves: e.Resolves,
		}).Sign(ring, owner, wall)
		return c, c.Check()
	})
	if err != nil {
		return Found{}, err
	}
	name := Name{c.Owner, part, copies}
	last, err := cl.seen(t, name.ID(), Sighting{})
	if err != nil {
		return Found{}, err
	}
	if last.Version != replaces {
		last.Certificate = id.Hash{} // what is to be replaced was seen by another node
	}
	uncertain, sent := false, false
	bill := &bill{cl: cl, cert: c, due: replaces == 0}
	end := cl.asker.ep.Now().Add(cmp.Or(e.Within, 3*cl.cfg.Patience))
	for {
		if err := bill.pay(t); err != nil && !errors.Is(err, ErrNotReachable) {
			return Found{}, err
		}
		m, by, err := cl.askRoot(t, name, &msg.Update{Cert: c, Content: content, Payment: bill.payment, Replaces: last.Certificate, Apart: e.Apart})
		if errors.Is(err, task.ErrStopped) {
			return Found{}, err
		}
		nothing := by == nil || by.ID == cl.asker.ep.Self().ID && begunNothing(err)
		sent = sent || !nothing
		switch m := m.(type) {
		case *msg.Updated:
			switch r, err := cl.confirm(t, name, c); {
			case r != nil && (e.Apart || r.Apart() == 0):
				bill.settle()
				if _, err := cl.seen(t, name.ID(), Sighting{c.Version, c.Hash(ring)}); err != nil {
					return Found{}, err
				}
				return Found{Certificate: c, Content: content, Holders: heard(r), Apart: r.Apart()}, nil
			case errors.Is(err, task.ErrStopped):
				return Found{}, err
			}
		case *msg.Object, *msg.Absent:
			if err := cl.conflict(t, name, m); err == nil || errors.Is(err, task.ErrStopped) {
				return Found{}, err
			} else if errors.Is(err, ErrConflict) && uncertain {
				return Found{}, ErrUncertain
			} else if errors.Is(err, ErrConflict) {
				return Found{}, err
			}
		}
		switch msg.Refusal(err) {
		case msg.RefusedClock:
			return Found{}, ErrClock
		case msg.RefusedUnpaid:
			bill.due, bill.payment = true, nil
		case msg.RefusedNotRoot, msg.RefusedBusy, msg.RefusedMalformed:
		default:
			uncertain = uncertain || !nothing
		}
		if err := cl.again(t, end); errors.Is(err, ErrNotReachable) && !sent {
			return Found{}, ErrUnsent
		} else if err != nil {
			return Found{}, err
		}
	}
}

// begunNothing reports whether a root which refuses so has done nothing to make the change. Of other nodes it is only their word.
func begunNothing(err error) bool {
	switch msg.Refusal(err) {
	case msg.RefusedNotRoot, msg.RefusedBusy, msg.RefusedMalformed, msg.RefusedUnpaid, msg.RefusedUndecided:
		return true
	}
	return false
}

// confirm asks the holders whether a version is current, as the root says, or one that came
// after it. The root alone is not believed. It returns the ruling about what is current, nil if the
// version is not confirmed.
func (cl *Client) confirm(t *task.T, n Name, c *certificate.Certificate) (*certificate.Ruling, error) {
	s, err := cl.peek(t, n)
	if err != nil {
		return nil, err
	}
	agreed := s.agreed
	if !agreed && !s.overrule() {
		return nil, nil
	}
	v := s.latest
	if agreed && v.Certificate.Version > c.Version || v.Certificate.Hash(cl.cfg.Ring) == c.Hash(cl.cfg.Ring) {
		return v.Ruling, nil
	}
	return nil, nil
}

// heard is how many holders of a ruling had been heard by its root: others are named who are away.
func heard(r *certificate.Ruling) (n int) {
	for _, m := range r.Holders {
		if m.Life != 0 {
			n++
		}
	}
	return n
}

func found(v *certificate.Version) Found {
	return Found{Certificate: v.Certificate, Content: v.Content, Holders: heard(v.Ruling), Rivals: v.Ruling.Rivals(), Apart: v.Ruling.Apart()}
}

// verify returns nil if a version is one of the object, signed by its owner and by a root.
func (cl *Client) verify(t *task.T, o id.Hash, v *certificate.Version) error {
	ring, ver := cl.cfg.Ring, cl.cfg.Verifier
	_, err := task.Work(t, work, func() (struct{}, error) { return struct{}{}, v.Verify(ring, o, ver) })
	return err
}

// again waits for the next try, or returns ErrNotReachable when it is too late for one.
func (cl *Client) again(t *task.T, end task.Instant) error {
	wait := cl.asker.some()
	if !cl.asker.ep.Now().Add(wait).Before(end) {
		return ErrNotReachable
	}
	return t.Sleep(wait)
}

// askRoot asks the root of a mutable object. by is who was asked; nil: nobody.
func (cl *Client) askRoot(t *task.T, n Name, q wire.Message) (m wire.Message, by *peer.Handle, err error) {
	near, err := cl.asker.Near(t, n.ID().Place(), int(n.Copies))
	if err != nil {
		return nil, nil, err
	}
	// To take office takes the root several questions.
	m, err = task.Await(t, rootTime(cl.asker.timeout), func(resolve func(wire.Message, error)) {
		cl.asker.AskFor(near[0], q, rootTime(cl.asker.timeout), resolve)
	})
	return m, near[0], err
}

// rootTime is how long a root may take.
func rootTime(ask time.Duration) time.Duration { return 4 * ask }

// conflict returns what the root says is current as a *ConflictError, if it is proven.
func (cl *Client) conflict(t *task.T, n Name, m wire.Message) error {
	o, ok := m.(*msg.Object)
	if !ok {
		return &ConflictError{}
	}
	if o.Ruling == nil {
		return ErrNotReachable
	}
	v := &certificate.Version{Certificate: o.Cert, Content: o.Content, Ruling: o.Ruling}
	if err := cl.verify(t, n.ID(), v); err != nil {
		cl.asker.BadInput++
		return err
	}
	return &ConflictError{Current: found(v)}
}
