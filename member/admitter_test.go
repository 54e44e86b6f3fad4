package member_test

import (
	"errors"
	"testing"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/member"
	"github.com/phyllo-net/phyllo/member/invite"
	"github.com/phyllo-net/phyllo/member/msg"
	"github.com/phyllo-net/phyllo/member/register"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/transport"
	"github.com/phyllo-net/phyllo/wire"
)

// Admitters are trusted with admitting, not with anything else: what one asks of
// another is checked all the same.
func TestHostileAdmitter(t *testing.T) {
	w := newWorld(t)
	bs := w.council(3)
	f, bad := bs[0], bs[1]
	cert := w.box("member").joinBy(f).Certificate
	ring := cert.Ring
	inv := f.invite(invite.Options{})
	alone := func() id.Hash { // an invitation that names the founder only
		bs[2].stop()
		defer bs[2].restart()
		v := f.invite(invite.Options{})
		return member.HashSecret(ring, v.Secret)
	}()
	bad.stop()
	s := w.strangerAs("bad", bad.signer)
	card := member.Share{Admitters: bad.Ours().Admitters}
	hash := member.HashSecret(ring, inv.Secret)
	seat := member.Seat(peer.Key{9})
	value := wire.MustMarshal(map[int]any{1: make([]byte, 16), 2: make([]byte, 32), 3: 1})
	use := wire.MustMarshal(map[int]any{1: peer.Key{9}})
	named := func(ks ...peer.Key) (out []byte) {
		for _, k := range ks {
			out = append(out, k[:]...)
		}
		return out
	}
	wish := func(change func(*peer.Expulsion), by *box) *peer.Expulsion {
		e := &peer.Expulsion{Node: cert.Node, Number: 1, Time: w.time().Unix()}
		change(e)
		e.Sign(ring, by.signer, admissionOf(t, f, by.key()))
		return e
	}
	for _, c := range []struct {
		name string
		ask  any
		want error
	}{
		{"ballot 0", raw(12, 0xa3, 1, 0xa0, 2, 0x40, 3, 0), msg.ErrConversation},
		{"a ballot beyond all", &member.Prepare{Register: seat, View: f.View(), Ballot: 1<<40 + 1}, msg.ErrConversation},
		{"no register", &member.Prepare{View: f.View(), Ballot: 1}, msg.ErrConversation},
		{"two registers", &member.Prepare{Register: member.Register{Key: peer.Key{1}, Invite: hash}, Ballot: 1}, msg.ErrConversation},
		{"another view", &member.Prepare{Register: seat, View: id.Hash{1}, Ballot: 1}, member.ErrView},
		{"a value that is none", &member.Accept{Register: seat, View: f.View(), Ballot: 1, Value: []byte{1}}, msg.ErrConversation},
		{"a place without a view", &member.Accept{Register: seat, Ballot: 1, Value: value}, member.ErrView},
		{"a place of another shape", &member.Accept{Register: seat, View: f.View(), Ballot: 1, Value: wire.MustMarshal(map[int]any{1: []byte{1}})}, msg.ErrConversation},
		{"a place that is decided, anew", &member.Accept{Register: member.Seat(cert.Key), View: f.View(), Ballot: 1 << 30, Value: value}, msg.ErrConversation},
		{"a use beyond the last", &member.Accept{Register: member.Register{Invite: hash, Slot: 1}, Ballot: 1, Value: use}, msg.ErrConversation},
		{"a use of nothing", &member.Accept{Register: member.Register{Invite: id.Hash{5}}, Ballot: 1, Value: use}, member.ErrInviteLost},
		{"a use for nobody", &member.Accept{Register: member.Register{Invite: hash}, Ballot: 1, Value: wire.MustMarshal(map[int]any{})}, msg.ErrConversation},
		{"a use of another's invitation", &member.Prepare{Register: member.Register{Invite: alone}, Ballot: 1}, msg.ErrConversation},
		{"an invitation without us", &member.Keep{Hash: id.Hash{7}, Named: named(bad.key()), Uses: 1, Expires: 1}, msg.ErrConversation},
		{"an invitation without the asker", &member.Keep{Hash: id.Hash{7}, Named: named(f.key()), Uses: 1, Expires: 1}, msg.ErrConversation},
		{"an invitation by half a key", &member.Keep{Hash: id.Hash{7}, Named: make([]byte, 33), Uses: 1, Expires: 1}, msg.ErrConversation},
		{"an invitation for four", &member.Keep{Hash: id.Hash{7}, Named: make([]byte, 128), Uses: 1, Expires: 1}, msg.ErrConversation},
		{"an invitation with other uses", &member.Keep{Hash: hash, Named: named(f.key(), bad.key()), Uses: 1000, Expires: inv.Expires.Unix()}, msg.ErrConversation},
		{"a wish by another", &member.Cosign{Expulsion: wish(func(*peer.Expulsion) {}, f)}, msg.ErrConversation},
		{"a wish on an admitter", &member.Cosign{Expulsion: wish(func(e *peer.Expulsion) { e.Node, e.Admitter = id.ID{}, f.key() }, bad)}, msg.ErrConversation},
		{"a wish to pardon", &member.Cosign{Expulsion: wish(func(e *peer.Expulsion) { e.Pardon = true }, bad)}, msg.ErrConversation},
		{"a wish that was altered", &member.Cosign{Expulsion: func() *peer.Expulsion {
			e := wish(func(*peer.Expulsion) {}, bad)
			e.Number = 2
			return e
		}()}, peer.ErrForged},
		{"a member that is none", &member.Seated{Certificate: peer.NewCertificate(f.signer, admissionOf(t, f, bad.key()), peer.Key{1}, peer.Salt{}, w.time())}, peer.ErrForged},
		{"no question", &member.Done{}, msg.ErrConversation},
		{"a second greeting", hello1, msg.ErrConversation},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := f.disk.Len()
			st := s.dial(f, hello1, &card, c.ask)
			defer st.Close()
			var err error
			for i := 0; err == nil; i++ {
				if i == 3 {
					t.Fatal("it was answered")
				}
				_, err = hear(st)
			}
			fails(t, err, c.want)
			if n := f.disk.Len(); n != before {
				t.Errorf("%d records, and %d before", n, before)
			}
		})
	}
	// A lone admitter's word that it is the only one: taken, as one cannot know,
	// and without effect, as we do know.
	sole := wish(func(e *peer.Expulsion) { e.Sole, e.Time = true, w.time().Unix()+60 }, bad)
	st := s.dial(f, hello1, &card, &member.Cosign{Expulsion: sole})
	defer st.Close()
	for range 3 {
		if _, err := hear(st); err != nil {
			t.Fatal(err)
		}
	}
	if f.Trusts(sole) {
		t.Error("one of three admitters is trusted alone")
	}
	if err := f.Check(cert); err != nil {
		t.Errorf("one of three admitters has expelled a member: %v", err)
	}
	bad.restart()
}

// admissionOf is an admitter's admission as b knows it.
func admissionOf(t *testing.T, b *box, key peer.Key) *peer.Admission {
	t.Helper()
	for _, c := range b.Ours().Admitters {
		if c.Admission.Admitter == key {
			return c.Admission
		}
	}
	t.Fatal("no such admitter")
	return nil
}

// An admitter that answers falsely cannot make another one believe it.
func TestFalseAnswersToAnAdmitter(t *testing.T) {
	w := newWorld(t)
	bs := w.council(2)
	f, bad := bs[0], bs[1]
	cert, adm := bad.Certificate(), admissionOf(t, f, bad.key())
	thief := w.stranger("thief")
	guest := w.box("guest")
	v := f.invite(invite.Options{})
	bad.stop()
	s := w.strangerAs("bad", bad.signer)
	// The twin has another address: the founder learns it from the first share.
	share := &member.Share{Admitters: []*member.Card{{Admission: adm, Node: cert.Node, Addrs: []string{s.addr}}}}
	st := s.dial(f, hello1, share)
	for range 2 {
		if _, err := hear(st); err != nil {
			t.Fatal(err)
		}
	}
	st.Close()
	hello := &member.Hello{Version: 1, Name: "Family", Certificate: cert, Admission: adm}
	for i, answers := range [][]any{
		{hello, &member.Share{Admitters: []*member.Card{{Admission: peer.NewAdmission(thief.signer, thief.signer.Public(), w.time())}}}},
		{hello, &member.Done{}},
		{hello, share, raw(14, 0xa3, 1, 1, 2, 1, 3, 0x40)},                         // accepted, and no value
		{hello, share, raw(14, 0xa1, 1, 1), raw(14, 0xa3, 1, 1, 2, 1, 3, 0x41, 0)}, // a promise, and a value of no shape
		{hello, share, &member.Refuse{Code: member.CodeOf(member.ErrBusy)}},
		{hello, share, raw(99)},
	} {
		s.tr.Serve(msg.Protocol, func(st transport.Stream) {
			defer st.Close()
			for _, a := range answers {
				if _, err := wire.ReadFrame(st, msg.MaxFrame); err != nil {
					return
				}
				s.say(st, a)
			}
		})
		_, err := guest.Redeem(ctx(t), v)
		if !errors.Is(err, register.ErrQuorum) && !errors.Is(err, peer.ErrOtherRing) {
			t.Errorf("answers %d: %v", i, err)
		}
	}
	if guest.Certificate() != nil {
		t.Error("one of two admitters has admitted")
	}
	s.tr.Close()
	bad.restart()
	// The real one may say where it is.
	if _, err := guest.Redeem(ctx(t), bad.invite(invite.Options{})); err != nil {
		t.Error(err)
	}
}
