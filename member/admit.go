package member

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/member/invite"
	"github.com/phyllo-net/phyllo/member/msg"
	"github.com/phyllo-net/phyllo/member/register"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/wire"
)

// InviteOptions shape an invitation.
type InviteOptions struct {
	Uses    int           // 0 means DefaultUses
	Expires time.Duration // from now; 0 means DefaultExpiry
}

func (o InviteOptions) complete() (InviteOptions, error) {
	if o.Uses == 0 {
		o.Uses = invite.DefaultUses
	}
	if o.Expires == 0 {
		o.Expires = invite.DefaultExpiry
	}
	if o.Uses < 1 || o.Uses > invite.MaxUses {
		return o, fmt.Errorf("an invitation for %d nodes: --uses takes 1 to %d", o.Uses, invite.MaxUses)
	}
	if o.Expires < time.Minute || o.Expires > invite.MaxExpiry {
		return o, fmt.Errorf("an invitation for %v: --expires takes 1m to %v", o.Expires, invite.MaxExpiry)
	}
	return o, nil
}

// names reports whether a key is one of the invitation's admitters.
func (r *inviteRecord) names(key peer.Key) bool { return slices.Contains(r.keys(), key) }

func (r *inviteRecord) keys() []peer.Key {
	var out []peer.Key
	for k := range slices.Chunk(r.Named, peer.KeySize) {
		if len(k) == peer.KeySize {
			out = append(out, peer.Key(k))
		}
	}
	return out
}

// Invite makes an invitation and returns when the admitters named in it have it
// on their disks. It names this node and two others, if two answer (with one
// other, both would have to be up to redeem it), else this node alone. Errors:
// ErrNoRing, ErrNotAdmitter, or what is wrong with the options.
func (m *Member) Invite(ctx context.Context, o InviteOptions) (*invite.Invitation, error) {
	o, err := o.complete()
	if err != nil {
		return nil, err
	}
	self, _, err := m.office()
	if err != nil {
		return nil, err
	}
	as, _ := m.view()
	others := m.withoutMe(as)
	mine := invite.Admitter{Node: self.Certificate.Node, Key: m.key, Addrs: m.addrs()}
	if len(others) >= 2 {
		a := m.assembleSome(ctx, self.Ring, others, 2)
		defer a.close()
		if len(a.open) == 2 {
			v, err := m.issueInvitation(ctx, self.Ring, o, mine, a)
			if err == nil {
				return v, nil
			}
			m.cfg.Log.Info("the invitation names this node alone", "why", err)
		}
	}
	return m.issueInvitation(ctx, self.Ring, o, mine, &assembly{})
}

// assembleSome begins conversations with n of the others, those that answer.
func (m *Member) assembleSome(ctx context.Context, ring id.Hash, others []*invite.Admitter, n int) *assembly {
	cs, _ := m.talkAll(ctx, ring, others)
	a := &assembly{open: map[peer.Key]*session{}}
	for i, c := range cs {
		switch {
		case c == nil:
		case len(a.open) < n:
			a.open[others[i].Key] = c
		default:
			c.s.Close()
		}
	}
	return a
}

// issueInvitation makes a secret and lets all named admitters keep its hash. One
// that fails on the way is forgotten: nobody has seen its secret.
func (m *Member) issueInvitation(ctx context.Context, ring id.Hash, o InviteOptions, mine invite.Admitter, a *assembly) (*invite.Invitation, error) {
	v := &invite.Invitation{Ring: ring, Admitters: []invite.Admitter{mine}, Secret: make([]byte, invite.SecretSize), Expires: m.cfg.Now().Add(o.Expires).Truncate(time.Second)}
	if _, err := io.ReadFull(m.cfg.Rand, v.Secret); err != nil {
		return nil, fmt.Errorf("make an invitation: the random source failed: %w", err)
	}
	named := slices.Clone(m.key[:])
	for k, c := range a.open {
		named = append(named, k[:]...)
		v.Admitters = append(v.Admitters, invite.Admitter{Node: c.hello.Certificate.Node, Key: k, Addrs: m.toldAddrs(k)})
	}
	q := &msg.Keep{Hash: invite.HashSecret(ring, v.Secret), Named: named, Uses: uint32(o.Uses), Expires: v.Expires.Unix()}
	if err := m.keepInvitation(m.key, q); err != nil {
		return nil, err
	}
	for _, c := range a.open {
		stop := c.watch(ctx)
		_, err := ask[*msg.Done](c, stepTime, q)
		stop()
		if err != nil {
			return nil, err
		}
	}
	return v, nil
}

// toldAddrs are the addresses of an admitter that are handed on.
func (m *Member) toldAddrs(key peer.Key) []string {
	m.mu.Lock()
	var told []string
	if a := m.admitter(key); a != nil {
		told = a.Addrs
	}
	m.mu.Unlock()
	return invite.FirstAddrs(m.addrsOf(key, told))
}

// Old invitations are dropped when there are many.
const (
	manyInvites = 2000
	oldInvite   = 90 * 24 * time.Hour
)

func (m *Member) keepInvitation(by peer.Key, q *msg.Keep) error {
	ring, _, err := m.inRing()
	if err != nil {
		return err
	}
	r := inviteRecord{Named: q.Named, Uses: q.Uses, Expires: q.Expires, By: by}
	var have inviteRecord
	switch old, err := m.get(tagInvite, q.Hash[:], &have); {
	case err != nil:
		return err
	case old && (!slices.Equal(have.Named, r.Named) || have.Uses != r.Uses || have.Expires != r.Expires):
		return fmt.Errorf("%w: an invitation that changes", msg.ErrConversation)
	}
	if err := m.dropInvites(ring); err != nil {
		return err
	}
	return m.putIn(ring, tagInvite, q.Hash[:], r)
}

// dropInvites removes invitations that ended long ago, where there are many. To
// drop one is safe: a secret whose hash is not known is refused.
func (m *Member) dropInvites(ring id.Hash) error {
	n, before := 0, m.cfg.Now().Add(-oldInvite).Unix()
	var old [][]byte
	err := each(m, ring, tagInvite, nil, func(hash []byte, r *inviteRecord) bool {
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
		if err := m.cfg.Store.Delete(Table, recordKey(ring, tagInvite, hash)); err != nil {
			return err
		}
	}
	return nil
}

func (m *Member) answerKeep(from peer.Key, q *msg.Keep) (wire.Message, error) {
	r := inviteRecord{Named: q.Named}
	if !r.names(from) || !r.names(m.key) {
		return nil, fmt.Errorf("%w: the invitation does not name both", msg.ErrConversation)
	}
	if err := m.keepInvitation(from, q); err != nil {
		return nil, err
	}
	return &msg.Done{}, nil
}

// answerRedeem admits the key at the other end of the stream, if the secret is
// one of an invitation that is good for it.
func (m *Member) answerRedeem(ctx context.Context, c *session, q *msg.Redeem) error {
	self, _, err := m.office()
	if err != nil {
		return err
	}
	hash := invite.HashSecret(self.Ring, q.Secret)
	var inv inviteRecord
	switch have, err := m.get(tagInvite, hash[:], &inv); {
	case err != nil:
		return err
	case !have:
		return ErrInviteLost
	}
	if err := c.within(decideTime); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, decideTime)
	defer cancel()
	// Before a use is spent it is known that enough admitters answer.
	a, err := m.assembleAll(ctx, self.Ring)
	if err != nil {
		return err
	}
	defer a.close()
	if err := m.use(ctx, a.of(m, inv.keys()), hash, &inv, c.s.Remote()); err != nil {
		return err
	}
	_, err = m.admit(ctx, c, a, q.Addrs, q.Time)
	return err
}

// use spends one use of an invitation on a key, or finds the one that was spent
// on it already. After the end of an invitation it only does the latter, so that
// an answer that was lost can still be had.
func (m *Member) use(ctx context.Context, named *register.Council, hash id.Hash, inv *inviteRecord, key peer.Key) error {
	own := wire.MustMarshal(msg.UseValue{Key: key})
	ended := m.cfg.Now().Unix() > inv.Expires
	if ended {
		own = nil
	}
	for slot := range inv.Uses {
		value, err := m.registers.Decide(ctx, named, msg.Register{Invite: hash, Slot: slot}, own)
		if err != nil {
			return err
		}
		if value == nil {
			return ErrInviteEnded
		}
		var u msg.UseValue
		if err := wire.Unmarshal(value, &u); err != nil {
			return err
		}
		if u.Key == key {
			return nil
		}
	}
	if ended {
		return ErrInviteEnded
	}
	return ErrUsed
}

// admit gives the key at the other end its place and a certificate. That it may
// have one was decided before. addrs and now are what it said of itself.
func (m *Member) admit(ctx context.Context, c *session, a *assembly, addrs []string, now int64) (id.ID, error) {
	key := c.s.Remote()
	_, adm, err := m.office()
	if err != nil {
		return id.ID{}, err
	}
	salt, err := m.placeByAll(ctx, a, key)
	if err != nil {
		return id.ID{}, err
	}
	cert := peer.NewCertificate(m.cfg.Node, adm, key, salt, m.beginning(now))
	m.mu.Lock()
	_, admitterOut := m.out.AdmitterExpelled(key)
	out := m.out.Expelled(cert.Node) || admitterOut
	m.mu.Unlock()
	if out {
		return id.ID{}, fmt.Errorf("node %s: %w", cert.Node.Short(), peer.ErrIsExpelled)
	}
	if err := m.note(cert, addrs); err != nil {
		return id.ID{}, err
	}
	m.tellSeated(ctx, a, &msg.Seated{Certificate: cert, Addrs: addrs})
	if err := c.within(stepTime); err != nil {
		return id.ID{}, err
	}
	return cert.Node, c.send(&msg.Welcome{Certificate: cert, Admitters: m.ours().Admitters})
}

// tellSeated lets the other admitters know whom this one admits, so that `member
// list` shows it everywhere, and each can renew the certificate. Who does not
// answer learns it from the others.
func (m *Member) tellSeated(ctx context.Context, a *assembly, s *msg.Seated) {
	var wg sync.WaitGroup
	for _, c := range a.open {
		wg.Go(func() {
			stop := c.watch(ctx)
			defer stop()
			if _, err := ask[*msg.Done](c, stepTime, s); err != nil {
				m.cfg.Log.Info("an admitter was not told of a new member", "node", c.hello.Certificate.Node.Short(), "why", err)
			}
		})
	}
	wg.Wait()
}

// newViews is how often a place is decided anew because the admitters changed meanwhile.
const newViews = 8

// placeByAll decides the salt of a key, or finds the one decided before. While admitters
// are appointed or expelled, those there are do not know the same ones for a moment: then
// they are assembled anew, as who comes to be admitted has no part in that.
func (m *Member) placeByAll(ctx context.Context, a *assembly, key peer.Key) (peer.Salt, error) {
	for again := 0; ; again++ {
		salt, err := m.placeOf(ctx, &a.Council, key)
		if again == newViews || !errors.Is(err, register.ErrView) || register.Pause(ctx, again) != nil {
			return salt, err
		}
		m.cfg.Log.Debug("the admitters have changed while a place was decided", "why", err)
		ring, _, err := m.inRing()
		if err != nil {
			return salt, err
		}
		next, err := m.assembleAll(ctx, ring)
		if err != nil {
			return salt, err
		}
		a.close()
		*a = *next
	}
}

// placeOf decides the salt of a key, or finds the one decided before. An error that
// wraps register.ErrView: the admitters who answer do not know the same ones.
func (m *Member) placeOf(ctx context.Context, c *register.Council, key peer.Key) (peer.Salt, error) {
	own := msg.PlaceValue{By: m.key, Time: m.cfg.Now().Unix()}
	if _, err := io.ReadFull(m.cfg.Rand, own.Salt[:]); err != nil {
		return own.Salt, fmt.Errorf("draw a salt: the random source failed: %w", err)
	}
	value, err := m.registers.Decide(ctx, c, msg.Register{Key: key}, wire.MustMarshal(own))
	if err != nil {
		return own.Salt, err
	}
	var decided msg.PlaceValue
	err = wire.Unmarshal(value, &decided)
	return decided.Salt, err
}
