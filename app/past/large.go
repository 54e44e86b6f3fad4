package past

import (
	"errors"
	"maps"
	"time"

	"github.com/phyllo-net/phyllo/app/past/certificate"
	"github.com/phyllo-net/phyllo/app/past/client"
	"github.com/phyllo-net/phyllo/app/past/msg"
	"github.com/phyllo-net/phyllo/app/past/turn"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/store"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// larges is what a holder knows of contents that are moved chunk by chunk: they lie in
// Config.Blobs, each before the record that speaks of it.
type larges struct {
	filling turn.Turns // blobs that are being put
	// strays are blobs of which no record speaks, since when; a put of them may go on.
	strays map[id.Hash]task.Instant
	// brought are the contents that are on their way for objects that are not here yet, one
	// for each: a payment is for one, and chunks take room before the object is taken.
	brought map[id.Hash]id.Hash
	// tickets are those that are out, for the chunks of objects that are to be kept here.
	tickets map[id.Hash]*given
	// lodgings are where the chunks of objects go that this node has no room for.
	lodgings map[id.Hash]*lodging
}

// given is a ticket for a transfer to this node that has not ended.
type given struct {
	to   id.ID // who has asked for it, for himself or
	of   id.ID // who has the chunks
	stop func()
}

// commitTime bounds what brings a content to the disk.
const commitTime = 5 * time.Minute

// outline is that of a large object, whose body was verified.
func outline(c *certificate.Certificate, body []byte) (store.Outline, error) {
	return store.ParseOutline(c.Size, body)
}

// whole reports whether a blob is there and not damaged.
func whole(b store.Blobs, h id.Hash) (bool, error) {
	s, err := b.Stat(h)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	return err == nil && !s.Damaged, err
}

// refill looks what a large object that is to be kept lacks. It returns nil and no code if
// nothing does: then the object may be taken. Otherwise the chunks are expected from who
// asks, here or at the node that is to keep them for this one.
func (p *Past) refill(t *task.T, a asker, m *msg.Put) (wire.Message, uint16) {
	c, o := m.Cert, m.Cert.ID()
	if code := p.mayTake(o, c); code != 0 {
		return nil, code
	}
	if p.cfg.Blobs == nil {
		return nil, msg.RefusedFull
	}
	ring, v := p.cfg.Ring, p.cfg.Verifier
	switch e := p.shelf.find(o); {
	case e == nil && p.cfg.Capacity == 0:
		return nil, p.noRoom()
	case e == nil:
	case e.gone && c.Date <= e.date, !e.gone && e.content != c.Content:
		return nil, 0 // taking it says why not
	case e.pointer() && e.state == (&kept{Cert: c}).entry(ring).state:
		return nil, 0 // it is kept elsewhere
	}
	if _, err := task.Work(t, disk, func() (struct{}, error) {
		return struct{}{}, errors.Join(c.Fits(m.Content), c.Verify(ring, v))
	}); err != nil {
		p.stats.BadInput++
		return nil, msg.RefusedInvalid
	}
	from := a.from
	if a.node == p.ep.Self().ID {
		from = p.ep.Self()
	}
	switch {
	case from == nil || !a.origin: // chunks go straight from one node to another
		return nil, msg.RefusedBusy
	case !p.stays(c):
		return p.sendOn(t, from, m)
	}
	return p.fill(t, c, m.Content, a.node, from)
}

// fill has come what a large content lacks here, for one who asks: from a node, as the answer
// says, or, without one, from the object's holders; nil and no code if it lacks nothing.
func (p *Past) fill(t *task.T, c *certificate.Certificate, body []byte, asks id.ID, from *peer.Handle) (wire.Message, uint16) {
	o := c.ID()
	if other, some := p.brought[o]; some && other != c.Content {
		return nil, msg.RefusedBusy
	}
	p.brought[o] = c.Content
	if x := p.tickets[o]; x != nil && from != nil && x.to == asks && x.of == from.ID {
		x.stop() // it never heard of that ticket, or the stream broke off
	}
	if p.filling.Take(t, c.Content) != nil {
		return nil, msg.RefusedBusy
	}
	draft, err := p.draft(t, c, body)
	switch {
	case errors.Is(err, store.ErrFull), errors.Is(err, store.ErrQuota):
		p.filling.Leave(c.Content)
		return nil, msg.RefusedFull
	case err != nil:
		p.filling.Leave(c.Content)
		return nil, msg.RefusedFailed
	case draft == nil:
		p.filling.Leave(c.Content)
		return nil, 0
	}
	if from == nil {
		p.pull(c, draft)
		return &msg.Coming{}, 0
	}
	return p.expect(c, draft, asks, from), 0
}

// expect expects what a draft lacks from a node, which is told so. This node itself gives it by
// keepLarge.
func (p *Past) expect(c *certificate.Certificate, d store.Draft, asks id.ID, from *peer.Handle) wire.Message {
	part := task.Part{Size: c.Size, Chunks: d.Missing()}
	if from.ID == p.ep.Self().ID {
		p.putDown(d, c.Content, nil)
		return msg.NewMove(task.Ticket{}, part.Chunks)
	}
	ticket, stop := p.ep.Admit(task.Transfer{
		With: from, Part: part, Sink: d, Timeout: client.MoveTime(part.Bytes(len(part.Chunks))),
	}, func(m task.Moved) {
		if errors.Is(m.Err, store.ErrMismatch) {
			p.stats.BadInput++
		}
		delete(p.tickets, c.ID())
		p.putDown(d, c.Content, nil)
	})
	p.tickets[c.ID()] = &given{to: asks, of: from.ID, stop: stop}
	return msg.NewMove(ticket, part.Chunks)
}

// draft begins to put a blob; nil if it is there.
func (p *Past) draft(t *task.T, c *certificate.Certificate, body []byte) (store.Draft, error) {
	b := p.cfg.Blobs
	return task.Work(t, disk, func() (store.Draft, error) {
		if there, err := whole(b, c.Content); there || err != nil {
			return nil, err
		}
		o, err := outline(c, body)
		if err != nil {
			return nil, err
		}
		d, err := b.Create(o)
		if err != nil || len(d.Missing()) > 0 {
			return d, err
		}
		return nil, errors.Join(d.Commit(), d.Close())
	})
}

// putDown commits a draft that lacks nothing, and closes it, also if it does.
func (p *Past) putDown(d store.Draft, blob id.Hash, done func(error)) {
	p.ep.Go(func(t *task.T) error {
		_, err := task.Work(t, commitTime, func() (struct{}, error) {
			var err error
			if len(d.Missing()) == 0 {
				err = d.Commit()
			}
			return struct{}{}, errors.Join(err, d.Close())
		})
		p.filling.Leave(blob)
		return err
	}, done)
}

// copyLarge fetches the chunks of a large object from another holder, with what is there of
// them already. It reports whether all are there.
func (p *Past) copyLarge(t *task.T, h *peer.Handle, c *certificate.Certificate, body []byte) (bool, error) {
	ring, v := p.cfg.Ring, p.cfg.Verifier
	if p.cfg.Blobs == nil || p.mayTake(c.ID(), c) != 0 || p.shelf.find(c.ID()) == nil && !p.room(c.Size) {
		return false, nil
	}
	if _, err := task.Work(t, disk, func() (struct{}, error) {
		return struct{}{}, errors.Join(c.Fits(body), c.Verify(ring, v))
	}); err != nil {
		p.stats.BadInput++
		return false, passStop(err)
	}
	if err := p.filling.Take(t, c.Content); err != nil {
		return false, passStop(err)
	}
	d, err := p.draft(t, c, body)
	if err != nil || d == nil {
		p.filling.Leave(c.Content)
		return err == nil, passStop(err)
	}
	if err := p.drain(t, h, c, d); err != nil {
		return false, err
	}
	all := len(d.Missing()) == 0
	if _, err := task.Await(t, commitTime+disk, func(resolve func(struct{}, error)) {
		p.putDown(d, c.Content, func(err error) { resolve(struct{}{}, err) })
	}); err != nil {
		return false, passStop(err)
	}
	return all, nil
}

// drain fetches from a holder what a draft lacks, as far as that goes. The error is
// task.ErrStopped.
func (p *Past) drain(t *task.T, h *peer.Handle, c *certificate.Certificate, d store.Draft) error {
	with, ticket, err := p.asker.Ticket(t, h, c.ID())
	if err != nil {
		return passStop(err)
	}
	part := task.Part{Size: c.Size, Chunks: d.Missing()}
	_, err = task.Bulk(t, p.ep, task.Transfer{
		With: with, Ticket: ticket, Part: part, Sink: d, Timeout: client.MoveTime(part.Bytes(len(part.Chunks))),
	})
	if errors.Is(err, store.ErrMismatch) {
		p.stats.BadInput++
	}
	return passStop(err)
}

// passStop keeps of an error that the node stops.
func passStop(err error) error {
	if errors.Is(err, task.ErrStopped) {
		return err
	}
	return nil
}

// onFetch gives out the chunks of a large object.
func (p *Past) onFetch(t *task.T, a asker, m *msg.Fetch) (wire.Message, uint16) {
	e := p.shelf.find(m.Object)
	if e != nil && e.pointer() {
		return p.whereabouts(t, e.object, e.at)
	}
	if e == nil || e.gone || !e.large() || a.from == nil || !a.origin {
		return nil, msg.RefusedNotHolder
	}
	b := p.cfg.Blobs
	there, err := task.Work(t, disk, func() (bool, error) { return whole(b, e.content) })
	if err != nil || !there {
		return nil, msg.RefusedFailed
	}
	part := task.Whole(e.size)
	ticket, _ := p.ep.Admit(task.Transfer{
		With: a.from, Part: part, Source: store.BlobSource{Blobs: b, Hash: e.content}, Timeout: client.MoveTime(e.size),
	}, func(m task.Moved) {
		if errors.Is(m.Err, store.ErrCorrupt) {
			p.lose(e)
		}
	})
	return msg.NewMove(ticket, nil), 0
}

// own gives the chunks of a large object that this node keeps: see client.Config.
func (p *Past) own(o id.Hash) task.Source {
	e := p.shelf.find(o)
	if e == nil || e.gone || !e.large() {
		return nil
	}
	return store.BlobSource{Blobs: p.cfg.Blobs, Hash: e.content}
}

// keepLarge takes a content over from an application of this node: see client.Config.
func (p *Past) keepLarge(size int64, chunks []byte, from task.Source, done func(error)) {
	p.ep.Go(func(t *task.T) error {
		if p.cfg.Blobs == nil {
			return client.ErrFull
		}
		c := &certificate.Certificate{Size: size, Content: certificate.LargeHash(size, chunks)}
		if err := p.filling.Take(t, c.Content); err != nil {
			return err
		}
		d, err := p.draft(t, c, chunks)
		if err != nil || d == nil {
			p.filling.Leave(c.Content)
			return err
		}
		for _, n := range d.Missing() {
			if _, err = task.Work(t, disk, func() (struct{}, error) {
				b, err := from.ReadChunk(n, nil)
				if err != nil {
					return struct{}{}, err
				}
				return struct{}{}, d.WriteChunk(n, b)
			}); err != nil {
				break
			}
		}
		_, put := task.Await(t, commitTime+disk, func(resolve func(struct{}, error)) {
			p.putDown(d, c.Content, func(err error) { resolve(struct{}{}, err) })
		})
		return errors.Join(err, put)
	}, done)
}

// sweep deletes blobs of which no record speaks, when a put of them has had the time to
// go on: after a crash, a put that was given up, or a reclaim.
func (p *Past) sweep(t *task.T) error {
	b, was := p.cfg.Blobs, p.strays
	if b == nil {
		return nil
	}
	there, err := task.Work(t, disk, func() (hashes []id.Hash, err error) {
		if hashes, err = b.Drafts(); err != nil {
			return nil, err
		}
		err = b.List(id.Hash{}, func(s store.BlobStat) bool {
			hashes = append(hashes, s.Hash)
			return true
		})
		return hashes, err
	})
	if err != nil {
		return err
	}
	p.strays = make(map[id.Hash]task.Instant)
	var old []id.Hash
	for _, h := range there {
		since, known := was[h]
		switch {
		case p.wantsBlob(h):
		case !known:
			p.strays[h] = p.ep.Now()
		case p.ep.Now().Sub(since) < p.cfg.Surplus:
			p.strays[h] = since
		default:
			old = append(old, h)
		}
	}
	maps.DeleteFunc(p.lodgings, func(_ id.Hash, l *lodging) bool { return p.ep.Now() >= l.until })
	maps.DeleteFunc(p.brought, func(_, h id.Hash) bool {
		_, lies := p.strays[h]
		return !lies && !p.filling.Held(h)
	})
	return p.deleteBlobs(t, old)
}

// wantsBlob reports whether a record speaks of a blob, a damaged one too, as its other chunks
// may be the last there are; or it is being put.
func (p *Past) wantsBlob(h id.Hash) bool {
	return p.shelf.speaksOf(h) || p.lost.blobs[h] > 0 || p.filling.Held(h)
}

// deleteBlobs deletes blobs of which no record speaks.
func (p *Past) deleteBlobs(t *task.T, hs []id.Hash) error {
	b := p.cfg.Blobs
	for _, h := range hs {
		if p.wantsBlob(h) {
			continue
		}
		p.filling.Hold(h)
		_, err := task.Work(t, disk, func() (struct{}, error) { return struct{}{}, b.Delete(h) })
		p.filling.Leave(h)
		if err != nil {
			return err
		}
	}
	return nil
}
