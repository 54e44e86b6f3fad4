package directory

import (
	"errors"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/app/directory/msg"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
)

// owned is a name that this node keeps fresh.
type owned struct {
	rec     *Record
	signer  peer.Signer
	timer   task.Timer
	running bool
	again   bool // a hint came while it was running
	fails   int
	last    task.Instant // when the last refresh began
}

const (
	// firstRefresh is about when a name is refreshed after the start.
	firstRefresh = 5 * time.Second
	// hintPause is the least time between two refreshes that others ask for.
	hintPause = 10 * time.Second
)

// Keep refreshes a name from now on, until Forget, or until the name is lost: soon,
// then once in Config.Refresh; after a failure it tries again with longer and longer
// pauses. A name that the ring does not know is claimed. If another node of the same
// person has put a newer record, that one is refreshed. rec need not be signed; its
// Identity must be that of the signer. Keep replaces an earlier one of the same name
// and key.
func (d *Directory) Keep(rec *Record, identity peer.Signer) {
	d.Forget(rec.Name, rec.Identity)
	o := &owned{rec: rec, signer: identity}
	d.owned = append(d.owned, o)
	d.refreshIn(o, firstRefresh/2+time.Duration(d.ep.Rand().Int64N(int64(firstRefresh))))
}

// Forget refreshes a name no longer. It lapses if nobody else does.
func (d *Directory) Forget(name Name, identity peer.Key) {
	d.owned = slices.DeleteFunc(d.owned, func(o *owned) bool {
		gone := o.rec.Name == name && o.rec.Identity == identity
		if gone {
			o.timer.Stop()
		}
		return gone
	})
}

// Kept returns the records that this node keeps fresh, as it knows them.
func (d *Directory) Kept() []*Record {
	rs := make([]*Record, len(d.owned))
	for i, o := range d.owned {
		rs[i] = o.rec
	}
	return rs
}

func (d *Directory) refreshIn(o *owned, in time.Duration) {
	o.timer.Stop()
	o.timer = d.ep.After(in, func() {
		o.running, o.again, o.last = true, false, d.ep.Now()
		d.ep.Go(func(t *task.T) error { return d.refresh(t, o) }, func(err error) { d.refreshed(o, err) })
	})
}

// refreshed plans the next refresh.
func (d *Directory) refreshed(o *owned, err error) {
	o.running = false
	if errors.Is(err, task.ErrStopped) || !slices.Contains(d.owned, o) {
		return
	}
	var takenBy *TakenError
	lost := errors.As(err, &takenBy)
	if lost {
		d.Forget(o.rec.Name, o.rec.Identity)
	}
	if d.cfg.Events.Refreshed != nil {
		d.cfg.Events.Refreshed(o.rec.Name, o.rec, err)
	}
	switch {
	case lost:
		if d.cfg.Events.Lost != nil {
			d.cfg.Events.Lost(o.rec.Name, o.rec.Identity, takenBy.By)
		}
	case err != nil:
		o.fails++
		d.refreshIn(o, min(time.Minute<<min(o.fails-1, 6), d.cfg.Refresh)+d.some())
	case o.again:
		d.refreshIn(o, hintPause)
	default:
		o.fails = 0
		r := d.cfg.Refresh
		d.refreshIn(o, r-r/10+time.Duration(d.ep.Rand().Int64N(int64(r/5))))
	}
}

func (d *Directory) refresh(t *task.T, o *owned) error {
	f, err := d.LookupNow(t, o.rec.Name)
	switch {
	case errors.Is(err, task.ErrStopped):
		return err
	case err == nil && f.Record.Identity != o.rec.Identity:
		return &TakenError{Name: o.rec.Name, By: f.Record.Identity}
	case err == nil && f.Record.Version > o.rec.Version, err == nil && f.Record.Version == o.rec.Version && f.Record.Content() != o.rec.Content():
		o.rec = f.Record // by another node of the same person
	}
	now := d.ep.Wall()
	if err == nil && now.Unix() < f.Record.Time {
		now = time.Unix(f.Record.Time, 0) // this clock, or that node's, is a little off
	}
	next := o.rec.Sign(d.cfg.Ring, o.signer, now)
	if err := d.Put(t, next); err != nil {
		return err
	}
	o.rec = next
	return nil
}

// onLost refreshes at once a name that is said to be lost: the holders will tell.
func (d *Directory) onLost(m *msg.Lost) {
	for _, o := range d.owned {
		switch {
		case o.rec.Name != m.Name || o.rec.Identity != m.Identity:
		case o.running:
			o.again = true
		default:
			d.refreshIn(o, max(0, hintPause-d.ep.Now().Sub(o.last)))
		}
	}
}

// tellLoser tells the nodes of a record's owner that another claim was the stronger.
func (d *Directory) tellLoser(r *Record) {
	for _, dev := range r.Devices {
		d.ep.Find(dev.Node, func(h *peer.Handle, err error) {
			if err == nil {
				d.tell(h, &msg.Lost{Name: r.Name, Identity: r.Identity})
			}
		})
	}
}

func (d *Directory) tell(h *peer.Handle, m *msg.Lost) {
	if h.ID == d.ep.Self().ID {
		d.onLost(m)
		return
	}
	d.ep.Ask(h, d.encode(m), kbr.Options{Timeout: d.cfg.Ask}, func(kbr.Answer, error) {})
}
