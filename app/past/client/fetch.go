package client

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/app/past/certificate"
	"github.com/phyllo-net/phyllo/app/past/msg"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
)

// Fetch moves chunks of a large object that was found into a sink, in the order of the
// part: from several of its holders at once, nearest first. One that breaks off, lies or has
// lost them is left out, and what one is slow with is asked of another besides. Each chunk is
// verified before the sink is given it. Up to window stretches are in memory meanwhile.
//
// Errors: ErrNotReachable, task.ErrPart, task.ErrStopped, and what the sink says.
func (cl *Client) Fetch(t *task.T, f Found, part task.Part, sink task.Sink) error {
	if err := part.Check(); err != nil || part.Size != f.Certificate.Size {
		return errors.Join(task.ErrPart, err)
	}
	object := f.Certificate.ID()
	part, err := cl.fetchOwn(t, object, part, &verified{chunks: f.Chunks, sink: sink})
	if err != nil {
		return err
	}
	g := &gathering{cl: cl, object: object, hashes: f.Chunks, sink: sink, stretches: cut(part)}
	defer g.stop()
	end := cl.asker.ep.Now().Add(cl.cfg.Patience)
	for {
		near, err := cl.asker.Near(t, object.Place(), int(f.Certificate.Copies))
		if err != nil {
			return err
		}
		cl.byDistance(near)
		moved, err := g.from(t, near)
		if err != nil || len(g.stretches) == 0 {
			return err
		}
		if moved {
			end = cl.asker.ep.Now().Add(cl.cfg.Patience)
		}
		wait := cl.asker.some()
		if !cl.asker.ep.Now().Add(wait).Before(end) {
			return ErrNotReachable
		}
		if err := t.Sleep(wait); err != nil {
			return err
		}
	}
}

// byDistance puts those first that are near in the network; of others nothing is known, and
// they stay in their order.
func (cl *Client) byDistance(hs []*peer.Handle) {
	ep := cl.asker.ep
	far := func(h *peer.Handle) time.Duration {
		if d, known := ep.Proximity(h); known {
			return d
		}
		return time.Hour
	}
	slices.SortStableFunc(hs, func(a, b *peer.Handle) int { return int(far(a)/time.Microsecond) - int(far(b)/time.Microsecond) })
}

// fetchOwn reads what this node keeps itself, and returns what is left to be fetched. The
// error is task.ErrStopped, or the sink's.
func (cl *Client) fetchOwn(t *task.T, object id.Hash, part task.Part, into *verified) (task.Part, error) {
	from := cl.cfg.Own(object)
	if from == nil {
		return part, nil
	}
	for i, n := range part.Chunks {
		_, err := task.Work(t, work, func() (struct{}, error) {
			b, err := from.ReadChunk(n, nil)
			if err != nil {
				return struct{}{}, err
			}
			return struct{}{}, into.WriteChunk(n, b)
		})
		switch {
		case errors.Is(err, task.ErrStopped):
			return part, err
		case into.failed != nil:
			return part, into.failed
		case err != nil: // it is damaged here
			return part.From(i), nil
		}
	}
	return part.From(len(part.Chunks)), nil
}

// fetchFrom fetches from one holder, and returns how many chunks arrived.
func (cl *Client) fetchFrom(t *task.T, h *peer.Handle, object id.Hash, part task.Part, into task.Sink, f *flight) (int, error) {
	with, ticket, err := cl.asker.Ticket(t, h, object)
	switch {
	case err != nil:
		return 0, err
	case f.dropped:
		return 0, task.ErrCancelled
	}
	limit := MoveTime(part.Bytes(len(part.Chunks)))
	m, err := task.Await(t, limit+Grace, func(resolve func(task.Moved, error)) {
		f.cancel = cl.asker.ep.Bulk(task.Transfer{
			With: with, Ticket: ticket, Part: part, Sink: into, Timeout: limit,
		}, func(m task.Moved) { resolve(m, nil) })
	})
	if err != nil {
		f.stop()
		return 0, err
	}
	if errors.Is(m.Err, certificate.ErrContent) {
		cl.asker.BadInput++
	}
	return m.Chunks, m.Err
}

// Ticket asks a holder for the chunks of an object, and returns who will give them: another
// node, if that one keeps the holder's replica.
func (a *Asker) Ticket(t *task.T, h *peer.Handle, object id.Hash) (with *peer.Handle, ticket task.Ticket, err error) {
	m, err := a.One(t, h, &msg.Fetch{Object: object})
	if e, ok := m.(*msg.Elsewhere); ok && err == nil && e.Node.ID != a.ep.Self().ID {
		h = e.Node
		m, err = a.One(t, h, &msg.Fetch{Object: object})
	}
	if err != nil {
		return nil, task.Ticket{}, err
	}
	mv, ok := m.(*msg.Move)
	if !ok {
		return nil, task.Ticket{}, kbr.ErrUnreachable
	}
	return h, task.Ticket(mv.Ticket), nil
}

// verified is a sink that believes only what has the right hash.
type verified struct {
	chunks []byte
	sink   task.Sink
	failed error // what the sink said
}

// WriteChunk implements task.Sink.
func (v *verified) WriteChunk(n int, content []byte) error {
	if sum := sha256.Sum256(content); string(sum[:]) != string(v.chunks[n*sha256.Size:(n+1)*sha256.Size]) {
		return fmt.Errorf("%w: chunk %d has another hash", certificate.ErrContent, n)
	}
	v.failed = v.sink.WriteChunk(n, content)
	return v.failed
}
