package member_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/internal/budget"
	"github.com/phyllo-net/phyllo/keys"
	"github.com/phyllo-net/phyllo/member"
	"github.com/phyllo-net/phyllo/member/invite"
	"github.com/phyllo-net/phyllo/member/msg"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/transport"
	"github.com/phyllo-net/phyllo/wire"
)

// stranger is a machine that speaks the protocol by hand.
type stranger struct {
	t      testing.TB
	w      *world
	signer *keys.Signer
	tr     transport.Transport
	addr   string
}

func (w *world) stranger(name string) *stranger {
	w.t.Helper()
	s, err := keys.NewSigner(keys.Random())
	if err != nil {
		w.t.Fatal(err)
	}
	return w.strangerAs(name, s)
}

// strangerAs has another's key: what a thief can do, or a member that was altered.
func (w *world) strangerAs(name string, s *keys.Signer) *stranger {
	w.t.Helper()
	addr := "mem:stranger-" + name
	tr, err := w.net.Join(s.Public(), transport.Config{Listen: []string{addr}, Events: noEvents{},
		Check: func(*peer.Certificate) error { return nil }})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { tr.Close() })
	return &stranger{t: w.t, w: w, signer: s, tr: tr, addr: addr}
}

// dial opens a conversation with b and sends messages and raw frames.
func (s *stranger) dial(b *box, say ...any) transport.Stream {
	s.t.Helper()
	st, err := s.tr.Open(ctx(s.t), b.key(), []string{b.addr}, msg.Protocol)
	if err != nil {
		s.t.Fatal(err)
	}
	st.SetDeadline(time.Now().Add(30 * time.Second))
	s.say(st, say...)
	return st
}

func (s *stranger) say(st transport.Stream, say ...any) {
	s.t.Helper()
	for _, m := range say {
		if _, err := st.Write(frame(s.t, m)); err != nil {
			return // the other end has had enough, as it may
		}
	}
}

// frame is a message as it is written; bytes stand for themselves.
func frame(t testing.TB, m any) []byte {
	t.Helper()
	raw, ok := m.([]byte)
	if !ok {
		body, err := member.Messages.Encode(m.(wire.Message))
		if err != nil {
			t.Fatal(err)
		}
		if raw, err = wire.AppendFrame(nil, body); err != nil {
			t.Fatal(err)
		}
	}
	return raw
}

// hear reads the next message; a refusal is the error it stands for.
func hear(st transport.Stream) (wire.Message, error) {
	b, err := wire.ReadFrame(st, msg.MaxFrame)
	if err != nil {
		return nil, err
	}
	m, err := member.Messages.Decode(b)
	if r, ok := m.(*member.Refuse); ok {
		return nil, member.ErrOf(r.Code)
	}
	return m, err
}

var hello1 = &member.Greet{Min: 1, Max: 1}

// raw is a frame with this body.
func raw(body ...byte) []byte {
	b, err := wire.AppendFrame(nil, body)
	if err != nil {
		panic(err) // the test's own
	}
	return b
}

// What strangers and members may not do, and what they hear: nothing that costs
// much, and no change of the state.
func TestHostileQuestions(t *testing.T) {
	w := newWorld(t)
	bs := w.council(3)
	f := bs[0]
	m := w.box("member")
	cert := m.joinBy(f).Certificate
	inv := f.invite(invite.Options{})
	thief, second := w.stranger("thief"), w.stranger("second") // each one is heard so often only
	// A member that speaks by hand, and one whose admission is another's.
	m.stop()
	insider := w.strangerAs("insider", m.signer)
	foreign := peer.NewAdmission(thief.signer, second.signer.Public(), w.time())
	hash := member.HashSecret(cert.Ring, inv.Secret)
	view := f.View()
	wish := &peer.Expulsion{Node: cert.Node, Number: 1, Time: w.time().Unix()}
	wish.Sign(cert.Ring, f.signer, cert.Admission)

	for _, c := range []struct {
		name string
		by   *stranger
		say  []any
		want error
	}{
		{"no greeting", thief, []any{&member.Redeem{Secret: inv.Secret}}, msg.ErrConversation},
		{"version 255", thief, []any{&member.Greet{Min: 255, Max: 255}}, transport.ErrVersion},
		{"version 0", thief, []any{raw(1, 0xa2, 1, 0, 2, 0)}, msg.ErrConversation},
		{"an unknown message", thief, []any{hello1, raw(100, 0xa0)}, msg.ErrConversation},
		{"an unknown message that may be skipped, and a wrong one", thief, []any{hello1, raw(200, 0xa0), hello1}, msg.ErrConversation},
		{"too many that may be skipped", thief, append([]any{hello1}, slices.Repeat([]any{raw(200)}, 9)...), msg.ErrConversation},
		{"an empty frame", thief, []any{[]byte{0, 0, 0, 0}}, member.ErrRefused},
		{"a frame of 4 GiB", thief, []any{[]byte{0xff, 0xff, 0xff, 0xff}}, member.ErrRefused},
		{"a frame above the limit", thief, []any{hello1, []byte{0, 0, 0x40, 1}}, member.ErrRefused},
		{"depth", thief, []any{raw(append([]byte{1}, bytes.Repeat([]byte{0x81}, 10_000)...)...)}, msg.ErrConversation},
		{"a secret of 15 bytes", thief, []any{hello1, &member.Redeem{Secret: make([]byte, 15)}}, msg.ErrConversation},
		{"a wrong secret", thief, []any{hello1, &member.Redeem{Secret: make([]byte, 16)}}, member.ErrInviteLost},
		{"the secret's hash", thief, []any{hello1, &member.Redeem{Secret: hash[:16]}}, member.ErrInviteLost},
		{"a share by a stranger", second, []any{hello1, &member.Share{}}, member.ErrNotAdmitter},
		{"a share by a member", insider, []any{hello1, &member.Share{}}, member.ErrNotAdmitter},
		{"a share with a false admission", second, []any{hello1, &member.Share{Admitters: []*member.Card{{Admission: foreign}}}}, peer.ErrOtherRing},
		{"a share with an admitter's card", second, []any{hello1, &member.Share{Admitters: []*member.Card{{Admission: cert.Admission}}}}, member.ErrNotAdmitter},
		{"a share with an empty card", second, []any{hello1, raw(8, 0xa1, 1, 0x81, 0x40)}, msg.ErrConversation},
		{"a share with a missing card", second, []any{hello1, raw(8, 0xa1, 1, 0x81, 0xf6)}, msg.ErrConversation},
		{"a vote by a stranger", second, []any{hello1, &member.Prepare{Register: member.Seat(thief.signer.Public()), View: view, Ballot: 1}}, msg.ErrConversation},
		{"a vote by a member", insider, []any{hello1, &member.Accept{Register: member.Seat(m.key()), View: view, Ballot: 1, Value: []byte{0xa0}}}, msg.ErrConversation},
		{"the registers", insider, []any{hello1, &member.Pull{}}, msg.ErrConversation},
		{"a new invitation by a member", insider, []any{hello1, &member.Keep{Hash: hash, Named: make([]byte, 32), Uses: 1, Expires: 1}}, msg.ErrConversation},
		{"a wish by a member", insider, []any{hello1, &member.Cosign{Expulsion: wish}}, msg.ErrConversation},
		{"office without an admission", second, []any{hello1, raw(9, 0xa0)}, msg.ErrConversation},
		{"office by a false authority", second, []any{hello1, &member.Appoint{Admission: peer.NewAdmission(thief.signer, f.key(), w.time())}}, peer.ErrOtherRing},
		{"office for another", second, []any{hello1, &member.Appoint{Admission: cert.Admission}}, nil}, // true, and nothing new
		{"another's certificate", second, []any{hello1, &member.Renew{Certificate: cert}}, peer.ErrForged},
		{"a certificate that is new", insider, []any{hello1, &member.Renew{Certificate: cert}}, member.ErrTooEarly},
		{"no certificate", insider, []any{hello1, raw(6, 0xa0)}, msg.ErrConversation},
		{"the founder's own key", w.strangerAs("twin", f.signer), []any{hello1, &member.Share{}}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := f.disk.Len()
			st := c.by.dial(f, c.say...)
			defer st.Close()
			var err error
			for range 3 {
				var got wire.Message
				if got, err = hear(st); err != nil {
					break
				}
				if _, ok := got.(*member.Welcome); ok {
					t.Fatal("a certificate was given")
				}
				if _, ok := got.(*member.Hello); !ok && c.want == nil {
					return
				}
			}
			fails(t, err, c.want)
			if n := f.disk.Len(); n != before {
				t.Errorf("%d records, and %d before", n, before)
			}
		})
	}
	if _, err := w.box("guest").Redeem(ctx(t), inv); err != nil {
		t.Errorf("after all that the invitation is not good any more: %v", err)
	}
}

// A frame that is cut off, a garbage greeting and a silent peer end the
// conversation, and nobody else's.
func TestBrokenStreams(t *testing.T) {
	w := newWorld(t)
	f := w.founder()
	s := w.stranger("s")
	for name, b := range map[string][]byte{
		"half a length": {0, 0}, "half a body": {0, 0, 0, 9, 1, 0xa2}, "HTTP": []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
		"SSH": []byte("SSH-2.0-OpenSSH_9.6\r\n"), "random": bytes.Repeat([]byte{0x9e, 0x37, 0x79, 0xb9}, 1000),
	} {
		st := s.dial(f, b)
		st.CloseWrite()
		for {
			if _, err := hear(st); err != nil {
				break
			}
		}
		st.Close()
		if _, err := f.Invite(ctx(t), invite.Options{}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// pipe is a stream over a net.Pipe, with a key that it claims to have proven.
type pipe struct {
	net.Conn
	key peer.Key
}

func (p pipe) Remote() peer.Key  { return p.key }
func (p pipe) Addr() string      { return "pipe" }
func (p pipe) CloseWrite() error { return nil }
func (p pipe) Reset() error      { return p.Close() }

// RELIABILITY.md section 5, rows 1 and 2: who says nothing, or a byte a second,
// is gone after 5 s.
func TestSlowPeers(t *testing.T) {
	for _, every := range []time.Duration{0, time.Second} {
		t.Run(fmt.Sprint(every), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				f := w.founder()
				near, far := net.Pipe()
				began := time.Now()
				ended := make(chan struct{})
				go func() { defer close(ended); f.Answer(pipe{far, peer.Key{1}}) }()
				wrote := make(chan struct{})
				go func() {
					defer close(wrote)
					for _, b := range frame(t, hello1) {
						if every == 0 {
							return
						}
						if _, err := near.Write([]byte{b}); err != nil {
							return
						}
						time.Sleep(every)
					}
				}()
				<-ended
				if d := time.Since(began); d < 4*time.Second || d > 6*time.Second {
					t.Errorf("it ended after %v", d)
				}
				near.Close()
				<-wrote
			})
		})
	}
}

func TestStrangersAreLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		f := w.founder()
		s := w.stranger("s")
		try := func() error {
			st := s.dial(f, hello1, &member.Redeem{Secret: make([]byte, 16)})
			defer st.Close()
			for {
				if _, err := hear(st); err != nil {
					return err
				}
			}
		}
		for i := range member.PerPeer {
			if err := try(); !errors.Is(err, member.ErrInviteLost) {
				t.Fatalf("try %d: %v", i, err)
			}
		}
		fails(t, try(), member.ErrBusy)
		time.Sleep(4 * time.Second)
		fails(t, try(), member.ErrInviteLost)
		// Other keys are heard, but not any number of them at once, nor in all.
		var open []transport.Stream
		for i := range member.AtOnce {
			st := w.stranger(fmt.Sprint("idle", i)).dial(f, hello1)
			if _, err := hear(st); err != nil {
				t.Fatal(err)
			}
			open = append(open, st)
		}
		other := w.stranger("other")
		st := other.dial(f, hello1)
		_, err := hear(st)
		fails(t, err, member.ErrBusy)
		for _, st := range append(open, st) {
			st.Close()
		}
		synctest.Wait()
		busy := 0
		for i := range 200 {
			st := w.stranger(fmt.Sprint("flood", i)).dial(f, hello1)
			if _, err := hear(st); errors.Is(err, member.ErrBusy) {
				busy++
			}
			st.Close()
			synctest.Wait()
		}
		if busy < 80 {
			t.Errorf("of 200 new keys %d were sent away", busy)
		}
		// An admitter is heard all the same.
		time.Sleep(time.Minute)
		if _, err := w.box("guest").Redeem(ctx(t), f.invite(invite.Options{})); err != nil {
			t.Error(err)
		}
	})
}

// false admitters: the joiner says nothing but the versions it speaks.
func TestTheJoinerChecksFirst(t *testing.T) {
	w := newWorld(t)
	f := w.founder()
	m := w.box("member")
	cert := m.joinBy(f).Certificate
	m.stop()
	inv := f.invite(invite.Options{})
	bad := w.strangerAs("bad", m.signer) // a member that plays the admitter
	own := peer.NewAdmission(bad.signer, bad.signer.Public(), w.time())
	authority, err := keys.LoadSigner(authorityFile(t, f), keys.RingKey)
	if err != nil {
		t.Fatal(err)
	}
	office := peer.NewAdmission(authority, bad.signer.Public(), w.time())
	for _, c := range []struct {
		name  string
		hello any
		want  error
	}{
		{"a member", &member.Hello{Version: 1, Name: "Family", Certificate: cert}, member.ErrNotAdmitter},
		{"a member with the founder's admission", &member.Hello{Version: 1, Name: "Family", Certificate: cert, Admission: cert.Admission}, peer.ErrForged},
		{"the founder's certificate", &member.Hello{Version: 1, Name: "Family", Certificate: f.Certificate(), Admission: cert.Admission}, peer.ErrForged},
		{"an admitter with another's certificate", &member.Hello{Version: 1, Name: "Family", Certificate: f.Certificate(), Admission: office}, peer.ErrForged},
		{"an admission that was altered", &member.Hello{Version: 1, Name: "Family", Certificate: cert,
			Admission: &peer.Admission{Authority: office.Authority, Admitter: office.Admitter, Since: 1, Sig: office.Sig}}, peer.ErrForged},
		{"a ring of its own", &member.Hello{Version: 1, Name: "Family", Admission: own,
			Certificate: peer.NewCertificate(bad.signer, own, bad.signer.Public(), peer.Salt{}, w.time())}, peer.ErrOtherRing},
		{"an ended certificate", &member.Hello{Version: 1, Name: "Family", Admission: cert.Admission,
			Certificate: peer.NewCertificate(f.signer, cert.Admission, m.key(), cert.Salt, w.time().Add(-100*day))}, peer.ErrExpired},
		{"another version", &member.Hello{Version: 9, Name: "Family", Certificate: cert}, transport.ErrVersion},
		{"a hidden name", &member.Hello{Version: 1, Name: "\x1b[2J", Certificate: cert}, msg.ErrConversation},
		{"no certificate", raw(2, 0xa2, 1, 1, 2, 0x61, 'x'), msg.ErrConversation},
		{"a welcome at once", &member.Welcome{Certificate: cert}, msg.ErrConversation},
		{"a refusal", &member.Refuse{Code: 77}, nil},
		{"nothing", raw(99), msg.ErrConversation},
	} {
		t.Run(c.name, func(t *testing.T) {
			heard := make(chan []byte, 1)
			bad.tr.Serve(msg.Protocol, func(st transport.Stream) {
				defer st.Close()
				g, err := wire.ReadFrame(st, msg.MaxFrame)
				if err != nil {
					t.Error(err)
				}
				if _, err := st.Write(frame(t, c.hello)); err != nil {
					t.Error(err)
				}
				rest, _ := io.ReadAll(st) // it is reset in most cases
				heard <- append(g, rest...)
			})
			v := *inv
			v.Admitters = []invite.Admitter{{Node: cert.Node, Key: bad.signer.Public(), Addrs: []string{bad.addr}}}
			joiner := w.box("joiner-" + strings.ReplaceAll(c.name, " ", "-"))
			_, err := joiner.Redeem(ctx(t), &v)
			if err == nil || c.want != nil && !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
			if got := <-heard; !bytes.Equal(got, frame(t, hello1)[wire.FrameHeader:]) {
				t.Errorf("it heard %x", got)
			}
			if joiner.Certificate() != nil {
				t.Error("it joined")
			}
		})
	}
	// The certificate is the one of the node named, and the key is not.
	bad.tr.Serve(msg.Protocol, func(st transport.Stream) {
		defer st.Close()
		if _, err := wire.ReadFrame(st, msg.MaxFrame); err != nil {
			t.Error(err)
		}
		bad.say(st, &member.Hello{Version: 1, Name: "Family", Certificate: f.Certificate(), Admission: office})
		_, _ = io.ReadAll(st) // until the joiner ends it
	})
	u := *inv
	u.Admitters = []invite.Admitter{{Node: f.Certificate().Node, Key: bad.signer.Public(), Addrs: []string{bad.addr}}}
	_, err = w.box("w").Redeem(ctx(t), &u)
	fails(t, err, peer.ErrForged)
	// Another node than the one named answers there.
	v := *inv
	v.Admitters = []invite.Admitter{{Node: f.Certificate().Node, Key: f.key(), Addrs: []string{bad.addr}}}
	_, err = w.box("x").Redeem(ctx(t), &v)
	fails(t, err, transport.ErrOtherKey)
	v.Admitters = []invite.Admitter{{Node: id.Tiny(3), Key: f.key(), Addrs: []string{f.addr}}}
	_, err = w.box("y").Redeem(ctx(t), &v)
	fails(t, err, peer.ErrForged)
	v = *inv
	v.Ring = id.Hash{1}
	_, err = w.box("z").Redeem(ctx(t), &v)
	fails(t, err, peer.ErrOtherRing)
}

// An admitter that is false in what it gives.
func TestFalseWelcomes(t *testing.T) {
	w := newWorld(t)
	f := w.founder()
	cert := f.Certificate()
	adm := cert.Admission
	inv := f.invite(invite.Options{})
	f.stop()
	bad := w.strangerAs("bad", f.signer)
	thief := w.stranger("thief")
	for i, c := range []struct {
		welcome func(peer.Key) any
		want    error
	}{
		{func(k peer.Key) any { return &member.Welcome{Certificate: cert} }, peer.ErrForged}, // another's
		{func(k peer.Key) any {
			return &member.Welcome{Certificate: peer.NewCertificate(thief.signer, adm, k, peer.Salt{}, w.time())}
		}, peer.ErrForged},
		{func(k peer.Key) any {
			a := peer.NewAdmission(thief.signer, k, w.time())
			return &member.Welcome{Certificate: peer.NewCertificate(thief.signer, a, k, peer.Salt{}, w.time())}
		}, peer.ErrOtherRing},
		{func(k peer.Key) any {
			return &member.Welcome{Certificate: peer.NewCertificate(f.signer, adm, k, peer.Salt{}, w.time()),
				Admitters: []*member.Card{{Admission: peer.NewAdmission(thief.signer, k, w.time())}}}
		}, peer.ErrForged},
		{func(k peer.Key) any { return &member.Done{} }, msg.ErrConversation},
		{func(k peer.Key) any { return raw(7, 0xa0) }, msg.ErrConversation},
	} {
		joiner := w.box(fmt.Sprint("joiner", i))
		bad.tr.Serve(msg.Protocol, func(st transport.Stream) {
			defer st.Close()
			for _, answer := range []any{&member.Hello{Version: 1, Name: "Family", Certificate: cert, Admission: adm}, c.welcome(joiner.key())} {
				if _, err := wire.ReadFrame(st, msg.MaxFrame); err != nil {
					t.Error(err)
				}
				if _, err := st.Write(frame(t, answer)); err != nil {
					t.Error(err)
				}
			}
			_, _ = io.ReadAll(st) // until the joiner ends it
		})
		v := *inv
		v.Admitters = []invite.Admitter{{Node: cert.Node, Key: f.key(), Addrs: []string{bad.addr}}}
		_, err := joiner.Redeem(ctx(t), &v)
		fails(t, err, c.want)
		if joiner.Certificate() != nil {
			t.Errorf("welcome %d was taken", i)
		}
	}
	bad.tr.Close()
	f.restart()
}

// RELIABILITY.md section 5, rows 21 and 22: what was said by one is worth nothing
// when another says it, or the same once more.
func TestReplays(t *testing.T) {
	w := newWorld(t)
	f := w.founder()
	inv := f.invite(invite.Options{})
	a, b := w.stranger("a"), w.stranger("b")
	redeem := &member.Redeem{Secret: inv.Secret}
	get := func(s *stranger) (*peer.Certificate, error) {
		st := s.dial(f, hello1, redeem)
		defer st.Close()
		for {
			m, err := hear(st)
			if err != nil {
				return nil, err
			}
			if w, ok := m.(*member.Welcome); ok {
				return w.Certificate, nil
			}
		}
	}
	first, err := get(a)
	if err != nil || first.Key != a.signer.Public() {
		t.Fatalf("%+v, %v", first, err)
	}
	_, err = get(b)
	fails(t, err, member.ErrUsed)
	for range 2 {
		again, err := get(a)
		if err != nil || again.Node != first.Node {
			t.Fatalf("%+v, %v", again, err)
		}
		w.pass(time.Hour)
	}
}

// A conversation of any bytes ends, without a panic and without a certificate.
func FuzzAnswer(f *testing.F) {
	greet := frame(f, hello1)
	f.Add(greet)
	f.Add(slices.Concat(greet, frame(f, &member.Redeem{Secret: make([]byte, 16)})))
	f.Add(slices.Concat(greet, frame(f, &member.Share{})))
	f.Add(slices.Concat(greet, frame(f, &member.LanAsk{}), frame(f, &member.LanOpen{Nonce: make([]byte, member.NonceSize)})))
	f.Add(slices.Concat(greet, frame(f, &member.Prepare{Register: member.Seat(peer.Key{1}), Ballot: 1})))
	w := newWorld(f)
	b := w.founder()
	f.Fuzz(func(t *testing.T, in []byte) {
		s := &script{in: bytes.NewReader(in)}
		b.Answer(s)
		for s.out.Len() > 0 {
			frame, err := wire.ReadFrame(&s.out, msg.MaxFrame)
			if err != nil {
				t.Fatal(err)
			}
			m, err := member.Messages.Decode(frame)
			if err != nil {
				t.Fatal(err)
			}
			if _, ok := m.(*member.Welcome); ok {
				t.Fatal("a certificate was given")
			}
		}
	})
}

// script is a stream whose other end says what is written beforehand.
type script struct {
	in  *bytes.Reader
	out bytes.Buffer
}

func (s *script) Read(b []byte) (int, error)  { return s.in.Read(b) }
func (s *script) Write(b []byte) (int, error) { return s.out.Write(b) }
func (s *script) Close() error                { return nil }
func (s *script) Remote() peer.Key            { return peer.Key{1} }
func (s *script) Addr() string                { return "script" }
func (s *script) SetDeadline(time.Time) error { return nil }
func (s *script) CloseWrite() error           { return nil }
func (s *script) Reset() error                { return nil }

func FuzzDecode(f *testing.F) {
	w := newWorld(f)
	b := w.founder()
	cert := b.Certificate()
	for _, m := range []wire.Message{hello1, &member.Hello{Version: 1, Name: "x", Certificate: cert, Admission: cert.Admission},
		&member.Renew{Certificate: cert, Addrs: []string{"a"}}, &member.Welcome{Certificate: cert}, b.Ours(),
		&member.Keep{Named: make([]byte, 64), Uses: 1}, &member.Accept{Register: member.Seat(peer.Key{1}), Ballot: 1, Value: []byte{1}},
		&member.Vote{Promised: 1}, &member.Page{More: true}, &member.Seated{Certificate: cert}, &member.LanYes{}} {
		enc, err := member.Messages.Encode(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(enc)
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		budget.Decode(t, len(in), func() { member.Messages.Decode(in) })
		m, err := member.Messages.Decode(in)
		if err != nil {
			return
		}
		again, err := member.Messages.Encode(m)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := member.Messages.Decode(again); err != nil {
			t.Fatalf("%T cannot be read again: %v", m, err)
		}
	})
}

func TestRefusalsCrossTheStream(t *testing.T) {
	seen := map[uint8]bool{}
	fails(t, member.ErrOf(member.CodeOf(io.ErrUnexpectedEOF)), member.ErrRefused)
	for code := range 256 {
		err := member.ErrOf(uint8(code))
		if back := member.CodeOf(err); member.ErrOf(back) != err {
			t.Errorf("code %d: %v comes back as %v", code, err, member.ErrOf(back))
		}
		seen[member.CodeOf(err)] = true
	}
	if len(seen) != len(member.Refusals)+1 {
		t.Errorf("%d codes for %d errors", len(seen), len(member.Refusals))
	}
}
