package client

import (
	"errors"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/app/past/certificate"
	"github.com/phyllo-net/phyllo/app/past/msg"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// Found is an object that was read: its certificate and content are verified.
type Found struct {
	Certificate *certificate.Certificate
	// Content is nil for a large object: see Client.Fetch.
	Content []byte
	// Chunks are the hashes of the chunks of a large object, one after another.
	Chunks []byte
	// Holders is, of a mutable object, how many nodes its root has named to keep it, and had heard: as
	// many as it wants copies, or all of a smaller ring. 0 for other objects.
	Holders int
	// Rivals are, of a mutable object, the hashes of the certificates of versions that are kept
	// besides this one: see Client.Rival.
	Rivals []id.Hash
	// Apart is how many holders a mutable object has of which no majority had a say in this
	// version, as they had been away for half a minute; 0: a majority had. See Edit.Apart.
	Apart int
}

// Lookup reads an object (PAST, 2.1): from the first replica on the way to its root, and
// if that leads nowhere from each of the holders. Mutable objects are read by Current.
//
// Errors: ErrNotFound, ErrNotReachable, task.ErrStopped.
func (cl *Client) Lookup(t *task.T, o id.Hash) (Found, error) { return cl.find(t, &msg.Get{Object: o}) }

// Inspect is Lookup without the content. Of a mutable object it returns the certificate of one of its
// versions, which need not be the current one.
func (cl *Client) Inspect(t *task.T, o id.Hash) (*certificate.Certificate, error) {
	f, err := cl.find(t, &msg.Get{Object: o, Bare: true})
	return f.Certificate, err
}

func (cl *Client) find(t *task.T, q *msg.Get) (Found, error) {
	if !cl.asker.ep.Ready() {
		return Found{}, ErrNotReachable
	}
	end := cl.asker.ep.Now().Add(cl.cfg.Patience)
	l := &lookup{cl: cl, q: q}
	m, err := task.Await(t, cl.asker.timeout+Grace, func(resolve func(wire.Message, error)) {
		cl.asker.ep.Request(q.Object.Place(), msg.Encode(q), kbr.Options{Timeout: cl.asker.timeout}, func(a kbr.Answer, err error) {
			if err != nil {
				resolve(nil, err)
				return
			}
			resolve(msg.Decode(a.Payload))
		})
	})
	for {
		if err == nil {
			err = l.take(t, m)
		}
		if l.found != nil || errors.Is(err, task.ErrStopped) {
			return l.result(err)
		}
		// The first node is a hint, never enough to say that there is nothing.
		if err = l.askHolders(t); l.found != nil || errors.Is(err, task.ErrStopped) || errors.Is(err, ErrNotFound) {
			return l.result(err)
		}
		wait := cl.asker.some()
		if !cl.asker.ep.Now().Add(wait).Before(end) {
			return Found{}, ErrNotReachable
		}
		if err := t.Sleep(wait); err != nil {
			return Found{}, err
		}
	}
}

// lookup is one Lookup under way.
type lookup struct {
	cl    *Client
	q     *msg.Get
	found *Found
	// reclaimed: a holder showed that the owner gave the object back.
	reclaimed bool
}

func (l *lookup) result(err error) (Found, error) {
	if l.found != nil {
		return *l.found, nil
	}
	return Found{}, err
}

// take verifies an answer and keeps what it brings.
func (l *lookup) take(t *task.T, m wire.Message) error {
	ring, v, wall, q := l.cl.cfg.Ring, l.cl.cfg.Verifier, l.cl.asker.ep.Wall(), l.q
	switch m := m.(type) {
	case *msg.Object:
		_, err := task.Work(t, work, func() (struct{}, error) {
			err := m.Cert.Verify(ring, v)
			switch {
			case err != nil:
			case m.Cert.ID() != q.Object, m.Cert.Expired(wall), m.Cert.Kind == certificate.Mutable && !q.Bare:
				err = msg.ErrMessage // of a mutable object one node alone is not believed
			case !q.Bare:
				err = m.Cert.Fits(m.Content)
			}
			return struct{}{}, err
		})
		if err != nil {
			l.cl.asker.BadInput++
			return err
		}
		l.found = &Found{Certificate: m.Cert, Content: m.Content}
		if m.Cert.Large() {
			l.found.Content, l.found.Chunks = nil, m.Content
		}
		if !q.Bare {
			l.cl.cfg.Verified(m.Cert, m.Content, time.Duration(m.Age)*time.Second)
		}
	case *msg.Absent:
		if m.Reclaim == nil {
			return nil
		}
		_, err := task.Work(t, work, func() (struct{}, error) { return struct{}{}, m.Reclaim.Verify(ring, v) })
		if err != nil || m.Reclaim.Of.ID() != q.Object {
			l.cl.asker.BadInput++
			return err
		}
		l.reclaimed = true
	}
	return nil
}

// askHolders asks the nodes near the object: at first those who keep it if it has no more
// replicas than usual, then all who may.
func (l *lookup) askHolders(t *task.T) error {
	near, err := l.cl.asker.Near(t, l.q.Object.Place(), certificate.MaxCopies)
	if err != nil {
		return err
	}
	first := min(l.cl.cfg.Copies, len(near))
	sure, err := l.ask(t, near[:first])
	switch {
	case err != nil || l.found != nil:
		return err
	case len(sure) >= first/2+1 && Contains(sure, near[0].ID):
		return ErrNotFound // the root is among them, as it keeps even what has one copy
	}
	if _, err := l.ask(t, near[first:]); err != nil || l.found != nil {
		return err
	}
	if l.reclaimed {
		return ErrNotFound
	}
	return ErrNotReachable
}

// ask asks several nodes at once and takes the first good answer. It returns those who
// are sure that there is no such object.
func (l *lookup) ask(t *task.T, to []*peer.Handle) (sure []*peer.Handle, err error) {
	if len(to) == 0 {
		return nil, nil
	}
	rs, err := l.cl.asker.All(t, to, func() wire.Message { return l.q }, func(so []task.Result[wire.Message]) bool {
		return slices.ContainsFunc(so, func(r task.Result[wire.Message]) bool {
			_, ok := r.Value.(*msg.Object)
			return ok
		})
	})
	if err != nil {
		return nil, err
	}
	for i, r := range rs {
		switch m := r.Value.(type) {
		case *msg.Absent:
			if m.Sure {
				sure = append(sure, to[i])
			}
			if err := l.take(t, m); errors.Is(err, task.ErrStopped) {
				return nil, err
			}
		case *msg.Object:
			if err := l.take(t, m); l.found != nil || errors.Is(err, task.ErrStopped) {
				return nil, err
			}
			// Who gives rubbish stops nobody: the others are asked without him.
			return l.ask(t, slices.Delete(slices.Clone(to), i, i+1))
		}
	}
	return sure, nil
}
