package past

import (
	"errors"
	"fmt"
	"time"

	"github.com/phyllo-net/phyllo/app/past/certificate"
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
// Errors: ErrTooLarge, certificate.ErrCertificate, a *ConflictError, ErrClock,
// ErrNotReachable and ErrUncertain (the change may have been made, or may be made later),
// task.ErrStopped.
func (p *Past) Change(t *task.T, part certificate.Part, copies uint8, replaces uint64, content []byte, owner peer.Signer) (Found, error) {
	if len(content) > MaxContent {
		return Found{}, ErrTooLarge
	}
	ring, wall := p.cfg.Ring, p.ep.Wall()
	c, err := task.Work(t, disk, func() (*certificate.Certificate, error) {
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
	end := p.ep.Now().Add(3 * p.cfg.Patience)
	for {
		m, err := p.askRoot(t, name, &update{Cert: c, Content: content})
		if errors.Is(err, task.ErrStopped) {
			return Found{}, err
		}
		switch m := m.(type) {
		case *updated:
			switch holders, err := p.confirm(t, name, c); {
			case holders > 0:
				return Found{Certificate: c, Content: content, Holders: holders}, nil
			case errors.Is(err, task.ErrStopped):
				return Found{}, err
			}
		case *object, *absent:
			if err := p.conflict(t, name, m); err == nil || errors.Is(err, task.ErrStopped) {
				return Found{}, err
			} else if errors.Is(err, ErrConflict) && uncertain {
				return Found{}, ErrUncertain
			} else if errors.Is(err, ErrConflict) {
				return Found{}, err
			}
		}
		switch refusal(err) {
		case refusedClock:
			return Found{}, ErrClock
		case refusedNotRoot, refusedBusy, refusedMalformed:
		default:
			uncertain = true
		}
		if err := p.again(t, end); err != nil {
			return Found{}, err
		}
	}
}

// confirm asks the holders whether a version is current, as the root says, or one that came
// after it. The root alone is not believed. It returns how many nodes are holders, 0 if the
// version is not confirmed.
func (p *Past) confirm(t *task.T, n Name, c *certificate.Certificate) (holders int, err error) {
	v, agreed, err := p.peek(t, n)
	if err != nil || !agreed {
		return 0, err
	}
	if v.cert.Version > c.Version || v.cert.Hash(p.cfg.Ring) == c.Hash(p.cfg.Ring) {
		return len(v.ruling.Holders), nil
	}
	return 0, nil
}

func (v *version) found() Found {
	return Found{Certificate: v.cert, Content: v.content, Holders: len(v.ruling.Holders)}
}

// again waits for the next try, or returns ErrNotReachable when it is too late for one.
func (p *Past) again(t *task.T, end task.Instant) error {
	wait := p.some()
	if !p.ep.Now().Add(wait).Before(end) {
		return ErrNotReachable
	}
	return t.Sleep(wait)
}

// askRoot asks the root of a mutable object.
func (p *Past) askRoot(t *task.T, n Name, q wire.Message) (wire.Message, error) {
	near, err := p.near(t, n.ID().Place(), int(n.Copies))
	if err != nil {
		return nil, err
	}
	// To take office takes the root several questions.
	return task.Await(t, rootTime(p.cfg.Ask), func(resolve func(wire.Message, error)) { p.askFor(near[0], q, rootTime(p.cfg.Ask), resolve) })
}

// rootTime is how long a root may take.
func rootTime(ask time.Duration) time.Duration { return 4 * ask }

// conflict returns what the root says is current as a *ConflictError, if it is proven.
func (p *Past) conflict(t *task.T, n Name, m wire.Message) error {
	o, ok := m.(*object)
	if !ok {
		return &ConflictError{}
	}
	if o.Ruling == nil {
		return ErrNotReachable
	}
	v := &version{o.Cert, o.Content, o.Ruling}
	if err := p.verify(t, n.ID(), v); err != nil {
		p.stats.BadInput++
		return err
	}
	return &ConflictError{Current: v.found()}
}

// Current reads a mutable object: what a majority of its holders has on their disks, so
// that no reader goes back in time.
//
// Errors: ErrNotFound, ErrNotReachable, task.ErrStopped.
func (p *Past) Current(t *task.T, n Name) (Found, error) {
	end := p.ep.Now().Add(3 * p.cfg.Patience)
	for {
		v, agreed, err := p.peek(t, n)
		if err != nil && !errors.Is(err, ErrNotReachable) {
			return Found{}, err
		}
		if agreed {
			return v.found(), nil
		}
		// Something is half done, or nobody has it: the root completes it, or says so.
		m, err := p.askRoot(t, n, &settle{Object: n.ID(), Copies: n.Copies})
		if errors.Is(err, task.ErrStopped) {
			return Found{}, err
		}
		_, none := m.(*absent)
		switch {
		case err == nil && none && v == nil:
			return Found{}, ErrNotFound
		case err == nil && !none:
			if v, agreed, err = p.peek(t, n); agreed && err == nil {
				return v.found(), nil
			}
		}
		if err := p.again(t, end); err != nil {
			return Found{}, err
		}
	}
}

// peek asks the k nearest nodes what they have. It returns the latest version, and whether
// a majority of the holders that its ruling names has it.
func (p *Past) peek(t *task.T, n Name) (latest *version, agreed bool, err error) {
	near, err := p.near(t, n.ID().Place(), int(n.Copies))
	if err != nil {
		return nil, false, err
	}
	near = near[:min(int(n.Copies), len(near))]
	rs, err := p.askAll(t, near, func() wire.Message { return &get{Object: n.ID()} }, nil)
	if err != nil {
		return nil, false, err
	}
	got := make([]*version, len(rs))
	for i, r := range rs {
		m, ok := r.Value.(*object)
		if !ok || m.Ruling == nil {
			continue
		}
		v := &version{m.Cert, m.Content, m.Ruling}
		switch err := p.verify(t, n.ID(), v); {
		case errors.Is(err, task.ErrStopped):
			return nil, false, err
		case err != nil:
			p.stats.BadInput++
			continue
		}
		if got[i] = v; latest == nil || v.after(latest) {
			latest = v
		}
	}
	if latest == nil {
		return nil, false, nil
	}
	have := 0
	for i, v := range got {
		if v != nil && !latest.after(v) && latest.ruling.Has(certificate.Member{Node: near[i].ID, Life: rs[i].Value.(*object).Life}) {
			have++
		}
	}
	// Who names fewer holders than there are nodes is no root of now: a ruling of one holder
	// would be agreed to by one liar.
	return latest, len(latest.ruling.Holders) >= len(near) && have >= latest.ruling.Majority(), nil
}
