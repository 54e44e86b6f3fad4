package directory

import (
	"encoding/binary"
	"errors"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/app/directory/msg"
	"github.com/phyllo-net/phyllo/app/directory/record"
	"github.com/phyllo-net/phyllo/app/rounds"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// syncRound fetches what this node should keep and does not, and forgets what it need
// not keep.
func (d *Directory) syncRound(t *task.T, r *rounds.Round) error {
	arc, ok := d.ep.Range(d.ep.Self(), d.cfg.Replicas-1)
	if !ok {
		r.Again(time.Second)
		return nil
	}
	near := d.look()
	heard, err := d.listings(t, near, arc)
	if err != nil {
		return err
	}
	if err := d.fetchAll(t, near, heard); err != nil {
		return err
	}
	// Whoever lists names and does not give them was not heard: he keeps nobody waiting.
	for _, h := range heard {
		r.Heard(h.whole, h.sure)
	}
	if !r.Settle() {
		return nil
	}
	return d.tidy(t)
}

// item is one line of a listing.
type item struct {
	name   id.Hash
	digest uint64
}

// heard is what one neighbour listed.
type heard struct {
	items []item
	whole bool // to the end
	sure  bool // and he is no newcomer
}

// listings asks all neighbours what they keep of an arc.
func (d *Directory) listings(t *task.T, near []*peer.Handle, arc id.Range) ([]heard, error) {
	all := make([]heard, len(near))
	if len(near) == 0 {
		return all, nil
	}
	rs, err := task.Gather(t, d.cfg.Patience, len(near), func(i int, resolve func(heard, error)) {
		var h heard
		d.ep.Go(func(t *task.T) (err error) {
			h, err = d.listing(t, near[i], arc)
			return err
		}, func(err error) { resolve(h, err) })
	}, nil)
	for i, r := range rs {
		all[i] = r.Value
	}
	return all, err
}

func (d *Directory) listing(t *task.T, n *peer.Handle, arc id.Range) (h heard, err error) {
	q := &msg.List{Range: arc}
	for len(h.items) <= d.cfg.MaxRecords {
		m, err := d.askFellow(t, n, q)
		if err != nil {
			return h, err
		}
		page, ok := m.(*msg.Listing)
		if !ok {
			return h, msg.ErrMessage
		}
		for at := 0; at < len(page.Entries); at += msg.EntrySize {
			x := item{digest: binary.BigEndian.Uint64(page.Entries[at+len(id.Hash{}):])}
			copy(x.name[:], page.Entries[at:])
			h.items = append(h.items, x)
		}
		if !page.More || len(page.Entries) == 0 {
			h.whole, h.sure = true, page.Sure
			break
		}
		q = &msg.List{Range: arc, After: h.items[len(h.items)-1].name, More: true}
	}
	return h, nil
}

func (d *Directory) askFellow(t *task.T, h *peer.Handle, q wire.Message) (wire.Message, error) {
	return task.Await(t, d.cfg.Ask+grace, func(resolve func(wire.Message, error)) { d.ask(h, q, nil, nil, resolve) })
}

func (d *Directory) onList(a asker, m *msg.List) (wire.Message, *kbr.RefusedError) {
	if !d.rounds.Begun() {
		return nil, refuse(msg.RefusedBusy)
	}
	if !a.origin {
		return nil, refuse(msg.RefusedStranger)
	}
	var after *id.Hash
	if m.More {
		after = &m.After
	}
	es, more := d.shelf.arc(m.Range, after, msg.MaxListing, func(e *entry) bool { return e.stands && d.fellow(a, e.name.Place()) })
	out := &msg.Listing{More: more, Sure: d.rounds.Old()}
	for _, e := range es {
		out.Entries = append(out.Entries, e.name[:]...)
		out.Entries = binary.BigEndian.AppendUint64(out.Entries, e.digest)
	}
	return out, nil
}

// fetchAll fetches what others list and this node lacks, or has differently. Who does
// not give what he listed is marked as not heard.
func (d *Directory) fetchAll(t *task.T, near []*peer.Handle, all []heard) error {
	got := make(map[item]struct{}) // each different thing is fetched once, if all goes well
	for i, h := range near {
		var want []item
		for _, x := range all[i].items {
			_, have := got[x]
			if e := d.shelf.find(x.name); !have && (e == nil || e.digest != x.digest) {
				want = append(want, x)
			}
		}
		for len(want) > 0 {
			n, err := d.fetchSome(t, h, want[:min(msg.MaxFetch, len(want))])
			if errors.Is(err, task.ErrStopped) {
				return err
			}
			if n == 0 {
				all[i].whole = false
				break
			}
			for _, x := range want[:n] {
				got[x] = struct{}{}
			}
			want = want[n:]
		}
	}
	return nil
}

// fetchSome fetches what a neighbour keeps under some names, and returns how many of
// them are done.
func (d *Directory) fetchSome(t *task.T, h *peer.Handle, items []item) (int, error) {
	names := make([]id.Hash, len(items))
	for i, x := range items {
		names[i] = x.name
	}
	m, err := d.askFellow(t, h, &msg.Fetch{Names: names})
	if err != nil {
		return 0, err
	}
	got, ok := m.(*msg.Claims)
	if !ok || int(got.Done) > len(names) {
		return 0, msg.ErrMessage
	}
	for _, c := range got.Claims {
		name := c.Record.Name.Hash()
		if slices.Contains(names, name) {
			fellow := d.fellow(asker{node: h.ID, origin: true}, name.Place())
			d.take(t, c, source{from: h.ID, fellow: fellow})
		}
	}
	return int(got.Done), nil
}

func (d *Directory) onFetch(t *task.T, a asker, m *msg.Fetch) (wire.Message, *kbr.RefusedError) {
	out := &msg.Claims{}
	size := 0
	for _, name := range m.Names {
		e := d.shelf.find(name)
		if e != nil && e.stands && d.fellow(a, name.Place()) {
			s, err := d.body(t, name)
			if err != nil && out.Done == 0 {
				return nil, refuse(msg.RefusedBusy)
			} else if err != nil {
				break
			}
			size += len(wire.MustMarshal(s.Claim))
			if size > msg.MaxClaims && out.Done > 0 {
				break
			}
			out.Claims = append(out.Claims, s.Claim)
		}
		out.Done++
	}
	return out, nil
}

// tidy forgets claims that never stood, names that lapsed and were held long enough,
// and records that others keep now.
func (d *Directory) tidy(t *task.T) error {
	now, wall := d.ep.Now(), d.ep.Wall()
	var old, strange []*entry
	// However wrong the clock may be, it costs a hundredth of the records an hour.
	left := d.erased.left(now, max(1, len(d.shelf.list)/100))
	for _, e := range d.shelf.list {
		switch _, mine := d.holder(e.name.Place()); {
		case !e.stands && e.over(now, wall, &d.cfg):
			old = append(old, e)
		case e.over(now, wall, &d.cfg) && left > 0:
			left--
			d.erased.done++
			old = append(old, e)
		case e.stands && !mine && len(strange) < maxStrange:
			strange = append(strange, e)
		}
	}
	for _, e := range strange {
		switch there, err := d.handOver(t, e.name); {
		case errors.Is(err, task.ErrStopped):
			return err
		case there:
			old = append(old, e)
		}
	}
	if err := d.erase(t, old); errors.Is(err, task.ErrStopped) {
		return err
	}
	return nil
}

// maxStrange is how many records are handed over in one round.
const maxStrange = 64

// handOver gives a record to those who should keep it, and reports whether a majority
// does, or keeps a claim in its place that beat it: then this node need not.
func (d *Directory) handOver(t *task.T, name id.Hash) (bool, error) {
	s, err := d.body(t, name)
	if err != nil {
		return false, err
	}
	to, err := d.seats(t, name.Place())
	if err != nil {
		return false, err
	}
	votes, err := d.poll(t, to, func() wire.Message { return &msg.Give{Claims: []*record.Claim{s.Claim}} }, nil, nil)
	n := 0
	for _, v := range votes {
		if g, ok := v.msg.(*msg.Given); ok && v.err == nil && g.Kept+g.Other == 1 {
			n++
		}
	}
	return n >= record.Majority(to.of), err
}

// Leave hands what this node keeps to those who will keep it next. The assembly
// calls it before it stops the node in order. From then on the node keeps nothing
// new.
func (d *Directory) Leave(t *task.T) error {
	d.leaving = true
	type gift struct {
		to    *peer.Handle
		names []id.Hash
	}
	var gifts []*gift
	for _, e := range d.shelf.list {
		set := d.ep.ReplicaSet(e.name.Place(), d.cfg.Replicas+1)
		if !e.stands || len(set) <= d.cfg.Replicas || !contains(set[:d.cfg.Replicas], d.ep.Self().ID) {
			continue // the others keep it already
		}
		next := set[d.cfg.Replicas]
		i := slices.IndexFunc(gifts, func(g *gift) bool { return g.to.ID == next.ID })
		if i < 0 {
			i = len(gifts)
			gifts = append(gifts, &gift{to: next})
		}
		gifts[i].names = append(gifts[i].names, e.name)
	}
	var failed error
	for _, g := range gifts {
		for len(g.names) > 0 && failed == nil {
			m, refused := d.onFetch(t, asker{node: g.to.ID, origin: true}, &msg.Fetch{Names: g.names[:min(msg.MaxFetch, len(g.names))]})
			if refused != nil {
				failed = refused
				break
			}
			c := m.(*msg.Claims)
			if len(c.Claims) > 0 {
				_, failed = d.askFellow(t, g.to, &msg.Give{Claims: c.Claims})
			}
			g.names = g.names[c.Done:]
		}
		if errors.Is(failed, task.ErrStopped) {
			return failed
		}
	}
	return failed
}
