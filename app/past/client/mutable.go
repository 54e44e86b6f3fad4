package client

import (
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
// ErrNotReachable and ErrUncertain (the change may have been made, or may be made later),
// task.ErrStopped.
func (cl *Client) Change(t *task.T, part certificate.Part, copies uint8, replaces uint64, content []byte, owner peer.Signer) (Found, error) {
	if len(content) > MaxContent {
		return Found{}, ErrTooLarge
	}
	ring, wall := cl.cfg.Ring, cl.asker.ep.Wall()
	c, err := task.Work(t, work, func() (*certificate.Certificate, error) {
		c := (&certificate.Certificate{
			Kind: certificate.Mutable, Part: part, Content: certificate.ContentHash(content), Size: int64(len(content)),
			Copies: copies, Version: replaces + 1,
		}).Sign(ring, owner, wall)
		return c, c.Check()
	})
	if err != nil {
		return Found{}, err
	}
	name := Name{c.Owner, part, copies}
	uncertain := false
	bill := &bill{cl: cl, cert: c, due: replaces == 0}
	end := cl.asker.ep.Now().Add(3 * cl.cfg.Patience)
	for {
		if err := bill.pay(t); err != nil && !errors.Is(err, ErrNotReachable) {
			return Found{}, err
		}
		m, err := cl.askRoot(t, name, &msg.Update{Cert: c, Content: content, Payment: bill.payment})
		if errors.Is(err, task.ErrStopped) {
			return Found{}, err
		}
		switch m := m.(type) {
		case *msg.Updated:
			switch holders, err := cl.confirm(t, name, c); {
			case holders > 0:
				bill.settle()
				return Found{Certificate: c, Content: content, Holders: holders}, nil
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
			uncertain = true
		}
		if err := cl.again(t, end); err != nil {
			return Found{}, err
		}
	}
}

// confirm asks the holders whether a version is current, as the root says, or one that came
// after it. The root alone is not believed. It returns how many nodes are holders, 0 if the
// version is not confirmed.
func (cl *Client) confirm(t *task.T, n Name, c *certificate.Certificate) (holders int, err error) {
	v, agreed, err := cl.peek(t, n)
	if err != nil || !agreed {
		return 0, err
	}
	if v.Certificate.Version > c.Version || v.Certificate.Hash(cl.cfg.Ring) == c.Hash(cl.cfg.Ring) {
		return len(v.Ruling.Holders), nil
	}
	return 0, nil
}

func found(v *certificate.Version) Found {
	return Found{Certificate: v.Certificate, Content: v.Content, Holders: len(v.Ruling.Holders)}
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

// askRoot asks the root of a mutable object.
func (cl *Client) askRoot(t *task.T, n Name, q wire.Message) (wire.Message, error) {
	near, err := cl.asker.Near(t, n.ID().Place(), int(n.Copies))
	if err != nil {
		return nil, err
	}
	// To take office takes the root several questions.
	return task.Await(t, rootTime(cl.asker.timeout), func(resolve func(wire.Message, error)) {
		cl.asker.AskFor(near[0], q, rootTime(cl.asker.timeout), resolve)
	})
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

// Current reads a mutable object: what a majority of its holders has on their disks, so
// that no reader goes back in time.
//
// Errors: ErrNotFound, ErrNotReachable, task.ErrStopped.
func (cl *Client) Current(t *task.T, n Name) (Found, error) {
	end := cl.asker.ep.Now().Add(3 * cl.cfg.Patience)
	for {
		v, agreed, err := cl.peek(t, n)
		if err != nil && !errors.Is(err, ErrNotReachable) {
			return Found{}, err
		}
		if agreed {
			return found(v), nil
		}
		// Something is half done, or nobody has it: the root completes it, or says so.
		m, err := cl.askRoot(t, n, &msg.Settle{Object: n.ID(), Copies: n.Copies})
		if errors.Is(err, task.ErrStopped) {
			return Found{}, err
		}
		_, none := m.(*msg.Absent)
		switch {
		case err == nil && none && v == nil:
			return Found{}, ErrNotFound
		case err == nil && !none:
			if v, agreed, err = cl.peek(t, n); agreed && err == nil {
				return found(v), nil
			}
		}
		if err := cl.again(t, end); err != nil {
			return Found{}, err
		}
	}
}

// peek asks the k nearest nodes what they have. It returns the latest version, and whether
// a majority of the holders that its ruling names has it.
func (cl *Client) peek(t *task.T, n Name) (latest *certificate.Version, agreed bool, err error) {
	near, err := cl.asker.Near(t, n.ID().Place(), int(n.Copies))
	if err != nil {
		return nil, false, err
	}
	near = near[:min(int(n.Copies), len(near))]
	rs, err := cl.asker.All(t, near, func() wire.Message { return &msg.Get{Object: n.ID()} }, nil)
	if err != nil {
		return nil, false, err
	}
	got := make([]*certificate.Version, len(rs))
	for i, r := range rs {
		m, ok := r.Value.(*msg.Object)
		if !ok || m.Ruling == nil {
			continue
		}
		v := &certificate.Version{Certificate: m.Cert, Content: m.Content, Ruling: m.Ruling}
		switch err := cl.verify(t, n.ID(), v); {
		case errors.Is(err, task.ErrStopped):
			return nil, false, err
		case err != nil:
			cl.asker.BadInput++
			continue
		}
		if got[i] = v; latest == nil || v.After(latest) {
			latest = v
		}
	}
	if latest == nil {
		return nil, false, nil
	}
	have := 0
	for i, v := range got {
		if v != nil && !latest.After(v) && latest.Ruling.Holders.Has(certificate.Member{Node: near[i].ID, Life: rs[i].Value.(*msg.Object).Life}) {
			have++
		}
	}
	// While the object moves, others are holders too. And who names fewer holders than there
	// are nodes is no root of now: a ruling of one holder would be agreed to by one liar.
	r := latest.Ruling
	return latest, r.Settled() && len(r.Holders) >= len(near) && have >= r.Holders.Majority(), nil
}
