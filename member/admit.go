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
	"github.com/phyllo-net/phyllo/member/book"
	"github.com/phyllo-net/phyllo/member/clock"
	"github.com/phyllo-net/phyllo/member/invite"
	"github.com/phyllo-net/phyllo/member/msg"
	"github.com/phyllo-net/phyllo/member/register"
	"github.com/phyllo-net/phyllo/member/talk"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/wire"
)

// Invite makes an invitation and returns when the admitters named in it have it
// on their disks. It names this node and two others, if two answer (with one
// other, both would have to be up to redeem it), else this node alone. Errors:
// ErrNoRing, ErrNotAdmitter, or what is wrong with the options.
func (m *Member) Invite(ctx context.Context, o invite.Options) (*invite.Invitation, error) {
	o, err := o.Complete()
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
		defer a.Close()
		if len(a.Open) == 2 {
			v, err := m.issueInvitation(ctx, self.Ring, o, mine, a)
			if err == nil {
				return v, nil
			}
			m.cfg.Log.Info("the invitation names this node alone", "why", err)
		}
	}
	return m.issueInvitation(ctx, self.Ring, o, mine, &talk.Assembly{})
}

// assembleSome begins conversations with n of the others, those that answer.
func (m *Member) assembleSome(ctx context.Context, ring id.Hash, others []*invite.Admitter, n int) *talk.Assembly {
	cs, _ := m.talkAll(ctx, ring, others)
	a := &talk.Assembly{Open: map[peer.Key]*talk.Session{}}
	for i, c := range cs {
		switch {
		case c == nil:
		case len(a.Open) < n:
			a.Open[others[i].Key] = c
		default:
			c.Stream.Close()
		}
	}
	return a
}

// issueInvitation makes a secret and lets all named admitters keep its hash. One
// that fails on the way is forgotten: nobody has seen its secret.
func (m *Member) issueInvitation(ctx context.Context, ring id.Hash, o invite.Options, mine invite.Admitter, a *talk.Assembly) (*invite.Invitation, error) {
	v := &invite.Invitation{Ring: ring, Admitters: []invite.Admitter{mine}, Secret: make([]byte, invite.SecretSize), Expires: m.cfg.Now().Add(o.Expires).Truncate(time.Second)}
	if _, err := io.ReadFull(m.cfg.Rand, v.Secret); err != nil {
		return nil, fmt.Errorf("make an invitation: the random source failed: %w", err)
	}
	named := slices.Clone(m.key[:])
	for k, c := range a.Open {
		named = append(named, k[:]...)
		v.Admitters = append(v.Admitters, invite.Admitter{Node: c.Hello.Certificate.Node, Key: k, Addrs: m.toldAddrs(k)})
	}
	q := &msg.Keep{Hash: invite.HashSecret(ring, v.Secret), Named: named, Uses: uint32(o.Uses), Expires: v.Expires.Unix()}
	if err := m.keepInvitation(m.key, q); err != nil {
		return nil, err
	}
	for _, c := range a.Open {
		stop := c.Watch(ctx)
		_, err := talk.Ask[*msg.Done](c, talk.StepTime, q)
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
	if a := m.roll.Admitter(key); a != nil {
		told = a.Addrs
	}
	m.mu.Unlock()
	return invite.FirstAddrs(m.addrsOf(key, told))
}

func (m *Member) keepInvitation(by peer.Key, q *msg.Keep) error {
	ring, err := m.ring()
	if err != nil {
		return err
	}
	return m.book.KeepInvite(ring, q.Hash[:], book.Invite{Named: q.Named, Uses: q.Uses, Expires: q.Expires, By: by}, m.cfg.Now())
}

func (m *Member) answerKeep(from peer.Key, q *msg.Keep) (wire.Message, error) {
	r := book.Invite{Named: q.Named}
	if !r.Names(from) || !r.Names(m.key) {
		return nil, fmt.Errorf("%w: the invitation does not name both", msg.ErrConversation)
	}
	if err := m.keepInvitation(from, q); err != nil {
		return nil, err
	}
	return &msg.Done{}, nil
}

// answerRedeem admits the key at the other end of the stream, if the secret is
// one of an invitation that is good for it.
func (m *Member) answerRedeem(ctx context.Context, c *talk.Session, q *msg.Redeem) error {
	self, _, err := m.office()
	if err != nil {
		return err
	}
	hash := invite.HashSecret(self.Ring, q.Secret)
	var inv book.Invite
	switch have, err := m.get(book.TagInvite, hash[:], &inv); {
	case err != nil:
		return err
	case !have:
		return ErrInviteLost
	}
	if err := c.Within(talk.DecideTime); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, talk.DecideTime)
	defer cancel()
	// Before a use is spent it is known that enough admitters answer.
	a, err := m.assembleAll(ctx, self.Ring)
	if err != nil {
		return err
	}
	defer a.Close()
	if err := m.use(ctx, a.Of(inv.Keys(), m.key, m.registers), hash, &inv, c.Stream.Remote()); err != nil {
		return err
	}
	_, err = m.admit(ctx, c, a, q.Addrs, q.Time)
	return err
}

// use spends one use of an invitation on a key, or finds the one that was spent
// on it already. After the end of an invitation it only does the latter, so that
// an answer that was lost can still be had.
func (m *Member) use(ctx context.Context, named *register.Council, hash id.Hash, inv *book.Invite, key peer.Key) error {
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
func (m *Member) admit(ctx context.Context, c *talk.Session, a *talk.Assembly, addrs []string, now int64) (id.ID, error) {
	key := c.Stream.Remote()
	_, adm, err := m.office()
	if err != nil {
		return id.ID{}, err
	}
	salt, err := m.placeByAll(ctx, a, key)
	if err != nil {
		return id.ID{}, err
	}
	cert := peer.NewCertificate(m.cfg.Node, adm, key, salt, clock.Beginning(m.cfg.Now(), now))
	m.mu.Lock()
	_, admitterOut := m.roll.Out.AdmitterExpelled(key)
	out := m.roll.Out.Expelled(cert.Node) || admitterOut
	m.mu.Unlock()
	if out {
		return id.ID{}, fmt.Errorf("node %s: %w", cert.Node.Short(), peer.ErrIsExpelled)
	}
	if err := m.note(cert, addrs); err != nil {
		return id.ID{}, err
	}
	m.tellSeated(ctx, a, &msg.Seated{Certificate: cert, Addrs: addrs})
	if err := c.Within(talk.StepTime); err != nil {
		return id.ID{}, err
	}
	return cert.Node, c.Send(&msg.Welcome{Certificate: cert, Admitters: m.ours().Admitters})
}

// tellSeated lets the other admitters know whom this one admits, so that `member
// list` shows it everywhere, and each can renew the certificate. Who does not
// answer learns it from the others.
func (m *Member) tellSeated(ctx context.Context, a *talk.Assembly, s *msg.Seated) {
	var wg sync.WaitGroup
	for _, c := range a.Open {
		wg.Go(func() {
			stop := c.Watch(ctx)
			defer stop()
			if _, err := talk.Ask[*msg.Done](c, talk.StepTime, s); err != nil {
				m.cfg.Log.Info("an admitter was not told of a new member", "node", c.Hello.Certificate.Node.Short(), "why", err)
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
func (m *Member) placeByAll(ctx context.Context, a *talk.Assembly, key peer.Key) (peer.Salt, error) {
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
		a.Close()
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
