package book

import (
	"fmt"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/member/invite"
	"github.com/phyllo-net/phyllo/member/msg"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/wire"
)

// Admitters returns all that were ever seen of a ring, sorted by key.
func (b Book) Admitters(ring id.Hash) (as []*invite.Admitter, err error) {
	err = Each(b, ring, TagAdmitter, nil, func(_ []byte, r *Admitter) bool {
		as = append(as, &invite.Admitter{Node: r.Node, Key: r.Admission.Admitter, Addrs: r.Addrs, Admission: r.Admission})
		return true
	})
	return as, err
}

// Expulsions returns the set of a ring.
func (b Book) Expulsions(ring id.Hash) (out peer.Expulsions, err error) {
	err = Each(b, ring, TagExpulsion, nil, func(_ []byte, e *Expulsion) bool {
		out.Add(e.Expulsion)
		return true
	})
	return out, err
}

// Members returns those that are known of a ring, above an id, as many as a message holds.
func (b Book) Members(ring id.Hash, after id.ID) (*msg.KnownPage, error) {
	p := &msg.KnownPage{}
	from := after.Bytes()
	err := Each(b, ring, TagKnown, from[:], func(_ []byte, r *Known) bool {
		if len(p.Known) == msg.MaxKnown {
			p.More = true
			return false
		}
		p.Known = append(p.Known, &msg.Acquaintance{Certificate: r.Certificate, Addrs: invite.FirstAddrs(r.Addrs)})
		return true
	})
	return p, err
}

// Places returns the registers of a ring's places, above a key (zero: all), as many as a
// message holds.
func (b Book) Places(ring id.Hash, after peer.Key) (*msg.Page, error) {
	p := &msg.Page{}
	var from []byte
	if !after.IsZero() {
		from = after[:]
	}
	err := Each(b, ring, TagPlace, from, func(rest []byte, s *msg.RegisterState) bool {
		if len(p.Places) == msg.MaxPage {
			p.More = true
			return false
		}
		p.Places = append(p.Places, &msg.Place{Key: peer.Key(rest), State: *s})
		return true
	})
	return p, err
}

// AdmittedBy returns the admitter that drew the place of a node with this key, the zero
// key where it is not known.
func (b Book) AdmittedBy(ring id.Hash, key peer.Key, node id.ID) (peer.Key, error) {
	var state msg.RegisterState
	if _, err := b.Read(ring, TagPlace, key[:], &state); err != nil || state.Accepted == 0 {
		return peer.Key{}, err
	}
	var v msg.PlaceValue
	if err := wire.Unmarshal(state.Value, &v); err != nil {
		return peer.Key{}, err
	}
	if peer.NodeID(key, v.Salt) != node {
		return peer.Key{}, nil
	}
	return v.By, nil
}

// Wishes returns how many expulsions of a ring wait for their second signature.
func (b Book) Wishes(ring id.Hash) (n int, err error) {
	err = Each(b, ring, TagWish, nil, func(_ []byte, _ *Wish) bool { n++; return true })
	return n, err
}

// Old invitations are dropped when there are many.
const (
	manyInvites = 2000
	oldInvite   = 90 * 24 * time.Hour
)

// KeepInvite keeps an invitation under its secret's hash, and drops old ones at now where
// there are many. msg.ErrConversation: it was kept before, and said something else.
func (b Book) KeepInvite(ring id.Hash, hash []byte, r Invite, now time.Time) error {
	var have Invite
	switch old, err := b.Read(ring, TagInvite, hash, &have); {
	case err != nil:
		return err
	case old && (!slices.Equal(have.Named, r.Named) || have.Uses != r.Uses || have.Expires != r.Expires):
		return fmt.Errorf("%w: an invitation that changes", msg.ErrConversation)
	}
	if err := b.dropInvites(ring, now.Add(-oldInvite).Unix()); err != nil {
		return err
	}
	return b.Put(ring, TagInvite, hash, r)
}

// dropInvites removes invitations that ended before, where there are many. To
// drop one is safe: a secret whose hash is not known is refused.
func (b Book) dropInvites(ring id.Hash, before int64) error {
	n := 0
	var old [][]byte
	err := Each(b, ring, TagInvite, nil, func(hash []byte, r *Invite) bool {
		n++
		if r.Expires < before {
			old = append(old, hash)
		}
		return true
	})
	if err != nil || n < manyInvites {
		return err
	}
	for _, hash := range old {
		if err := b.Drop(ring, TagInvite, hash); err != nil {
			return err
		}
	}
	return nil
}
