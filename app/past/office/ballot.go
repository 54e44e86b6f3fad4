package office

import (
	"slices"

	"github.com/phyllo-net/phyllo/app/past/certificate"
	"github.com/phyllo-net/phyllo/app/past/client"
	"github.com/phyllo-net/phyllo/app/past/msg"
	"github.com/phyllo-net/phyllo/app/past/voucher"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// ballot is how a root's rulings are told and counted.
type ballot struct {
	of  *Office
	pay *voucher.Payment // for what is ruled to be current
	to  []*peer.Handle   // who are told
	c   *canvass         // at the beginning of a term: what holders have shown of themselves
	// draft: what is ruled is the first version of its branch, and was never complete.
	draft   bool
	besides []certificate.Holders // of which a majority is needed besides
}

// add tells those holders of a ruling, too, that were heard.
func (b *ballot) add(r *certificate.Ruling) {
	for _, hs := range r.Sets() {
		for _, m := range hs {
			if got := b.c.heard[m.Node]; got != nil && (m.Life == 0 || got.Life == m.Life) && !client.Contains(b.to, m.Node) {
				b.to = append(b.to, got.from)
			}
		}
	}
}

// need is how many of some holders must take a ruling, so that each later root hears of it.
// Those that lost their disks answer nobody any more, and are not needed for that.
func (b *ballot) need(hs certificate.Holders) int {
	if b.c == nil {
		return hs.Majority()
	}
	_, lost := b.c.count(hs)
	return max(1, hs.Majority()-lost)
}

// counts reports whether a node that has taken a ruling counts among some holders: it is one of
// them. One that was named without its disk is known now, by the disk that has this ruling.
func (b *ballot) counts(hs certificate.Holders, m certificate.Member) bool {
	if b.c != nil && b.c.heard[m.Node] != nil && b.c.heard[m.Node].Life == m.Life && hs.Has(certificate.Member{Node: m.Node}) {
		return true
	}
	return hs.Has(m)
}

// rule rules that a version is current, among such holders, and that they move away from
// others, if there are any. It returns nil when as many of each set as are needed have it on
// their disks; then the version is the office's current one.
func (b *ballot) rule(t *task.T, v *certificate.Version, now, before certificate.Holders) error {
	of := b.of
	r, err := of.sign(t, v.Certificate, now, before, b.draft)
	if err != nil {
		return err
	}
	rs, err := of.all.asker.All(t, b.to, func() wire.Message {
		return &msg.Accept{Cert: v.Certificate, Content: v.Content, Ruling: r, Payment: b.pay}
	}, func(so []task.Result[wire.Message]) bool { return b.complete(r, so) })
	switch {
	case err != nil:
		return err
	case !b.complete(r, rs):
		return ErrAway
	}
	of.current = &certificate.Version{Certificate: v.Certificate, Content: v.Content, Ruling: r}
	return nil
}

// complete reports whether enough of each set of a ruling have taken it, by the answers of
// those who were told.
func (b *ballot) complete(r *certificate.Ruling, rs []task.Result[wire.Message]) bool {
	for _, hs := range slices.Concat(r.Sets(), b.besides) {
		n := 0
		for i, x := range rs {
			if m, ok := x.Value.(*msg.Accepted); ok && x.Err == nil && b.counts(hs, certificate.Member{Node: b.to[i].ID, Life: m.Life}) {
				n++
			}
		}
		if n < b.need(hs) {
			return false
		}
	}
	return true
}

// sign signs the next ruling of the term.
func (of *Office) sign(t *task.T, c *certificate.Certificate, now, before certificate.Holders, draft bool) (*certificate.Ruling, error) {
	cfg, object, own := &of.all.cfg, of.object, of.all.cfg.Certificate()
	if own == nil {
		return nil, ErrAway
	}
	of.number++
	ring, signer := cfg.Ring, cfg.Signer
	r := certificate.Ruling{Term: of.term, Number: of.number, Holders: now, Before: before, Root: own,
		Origin: of.origin, Draft: draft, Absorbed: of.absorbed}
	return task.Work(t, work, func() (*certificate.Ruling, error) {
		r := r
		r.Certificate = c.Hash(ring)
		return r.Sign(ring, object, signer), nil
	})
}
