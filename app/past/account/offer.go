package account

import (
	"errors"
	"math/bits"

	"github.com/phyllo-net/phyllo/app/past/account/msg"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// view is what a keeper has seen of a member's offer.
type view struct {
	offered int64
	heard   bool  // the member has said what it offers
	common  int64 // bytes of what both should keep
	// right has a bit for each of the last proofs asked, the latest the lowest, of which
	// there were asked.
	right uint64
	asked int
}

// window is how many proofs count.
const window = 64

func (v *view) note(right bool) {
	v.right <<= 1
	if right {
		v.right |= 1
	}
	v.asked = min(v.asked+1, window)
}

// seen is what the member was seen to store, in bytes: that part of what both should keep
// for which it answers.
func (v *view) seen() int64 {
	if v.asked == 0 {
		return 0
	}
	return v.common * int64(bits.OnesCount64(v.right)) / int64(v.asked)
}

// offer is what a member offers, and what of it counts here.
func (a *Accounts) offer(member id.ID) (offered, counted int64) {
	if member == a.ep.Self().ID {
		o := a.cfg.Storage.Offered()
		return o, o // to oneself one keeps one's word
	}
	v := a.views[member]
	if v == nil {
		return 0, 0
	}
	return v.offered, min(v.offered, a.cfg.Free+2*v.seen())
}

// limit is what a member may use, in bytes of all replicas: offered/(1.2 k) and the gift, at
// k replicas.
func (a *Accounts) limit(member id.ID) int64 {
	_, counted := a.offer(member)
	return a.allowed(counted)
}

// allowed is what a member may use that offers so much, if all of that counts.
func (a *Accounts) allowed(offered int64) int64 {
	return int64(a.cfg.Copies)*a.cfg.Gift + offered/6*5
}

// SetGift changes what each member may store without an offer: see Config.Gift. An error of
// one out of its range changes nothing.
func (a *Accounts) SetGift(bytes int64) error {
	c := a.cfg
	if c.Gift = bytes; c.Validate() != nil {
		return c.Validate()
	}
	a.cfg.Gift = bytes
	return nil
}

// prove asks the members whose accounts this node keeps what they offer, and for proofs
// that they have what they should. Silence says nothing about them (RELIABILITY, S14); who
// says that it has not what it should have is seen to store less.
func (a *Accounts) prove(t *task.T) error {
	views := make(map[id.ID]*view)
	for _, h := range a.ep.NeighborSet(4 * (a.cfg.Keepers + 1)) {
		if !a.votes(h.ID) {
			continue
		}
		v := a.views[h.ID]
		if v == nil {
			v = new(view)
		}
		common, drawn := a.cfg.Storage.Common(h.ID, msg.MaxProofs)
		q := &msg.Show{Objects: drawn, Nonce: a.ep.Rand().Uint64()}
		m, err := a.askOne(t, h, q)
		if errors.Is(err, task.ErrStopped) {
			return err
		}
		views[h.ID] = v
		s, ok := m.(*msg.Shown)
		if err != nil || !ok || len(s.Proofs) != len(drawn) {
			continue
		}
		v.offered, v.heard, v.common = s.Offered, true, common
		for i, o := range drawn {
			want, err := a.cfg.Storage.Prove(t, o, q.Nonce)
			if errors.Is(err, task.ErrStopped) {
				return err
			} else if err != nil {
				continue // it is not here any more
			}
			v.note(s.Proofs[i] == want)
			if s.Proofs[i] == want {
				a.stats.Proofs++
			} else {
				a.stats.Unproven++
			}
		}
	}
	a.views = views
	return nil
}

// onShow answers those who keep this node's account.
func (a *Accounts) onShow(t *task.T, from id.ID, m *msg.Show) (wire.Message, uint16) {
	if !a.keeps(from, a.ep.Self().ID) {
		return nil, msg.RefusedNotKeeper
	}
	s := &msg.Shown{Offered: min(a.cfg.Storage.Offered(), msg.MaxBytes)}
	for _, o := range m.Objects {
		p, err := a.cfg.Storage.Prove(t, o, m.Nonce)
		if errors.Is(err, task.ErrStopped) {
			return nil, msg.RefusedBusy
		} else if err != nil {
			p = id.Hash{}
		}
		s.Proofs = append(s.Proofs, p)
	}
	return s, 0
}
