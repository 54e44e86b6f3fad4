package member_test

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/member"
	"github.com/phyllo-net/phyllo/member/lan"
	"github.com/phyllo-net/phyllo/peer"
)

// join asks a to admit b over the local network; the digits that b shows are sent
// on the channel, and it says yes.
func (b *box) askLAN(a *box) (digits chan string, result chan error) {
	digits, result = make(chan string, 1), make(chan error, 1)
	go func() {
		_, err := b.JoinLAN(b.w.t.Context(), []string{a.addr}, func(d, ring string) bool {
			if ring != "Family" {
				b.w.t.Errorf("asked to join %q", ring)
			}
			digits <- d
			return true
		})
		result <- err
	}()
	return digits, result
}

// admits types a code at f.
func admits(f *box, code string) error {
	_, err := f.Admit(f.w.t.Context(), code)
	return err
}

func TestJoinOverTheLocalNetwork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		f, b := w.founder(), w.box("bob")
		fails(t, admits(f, "123456"), member.ErrLanNone)
		digits, result := b.askLAN(f)
		code := <-digits
		synctest.Wait()
		r, open := f.Pending()
		if !open || r.Addr == "" || time.Until(r.Ends) != lan.Time {
			t.Errorf("pending: %+v, %v", r, open)
		}
		if err := admits(f, code[:3]+" "+code[3:]); err != nil {
			t.Fatal(err)
		}
		if err := <-result; err != nil {
			t.Fatal(err)
		}
		if err := f.Check(b.Certificate()); err != nil {
			t.Error(err)
		}
		if _, open := f.Pending(); open {
			t.Error("still pending")
		}
		fails(t, admits(f, code), member.ErrLanNone)
		b.restart()
		if b.Certificate() == nil {
			t.Error("the membership is lost after a restart")
		}
	})
}

func TestRefusalsOverTheLocalNetwork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		f := w.founder()
		// Wrong digits: one try.
		digits, result := w.box("a").askLAN(f)
		code := <-digits
		fails(t, admits(f, "not digits"), member.ErrLanCode)
		fails(t, admits(f, code), member.ErrLanNone)
		fails(t, <-result, member.ErrLanDenied)
		// The joiner's person says no.
		_, err := w.box("b").JoinLAN(ctx(t), []string{f.addr}, func(string, string) bool { return false })
		fails(t, err, member.ErrLanDenied)
		synctest.Wait()
		// Nobody types anything for a minute; meanwhile nobody else is heard.
		began := time.Now()
		digits, result = w.box("c").askLAN(f)
		code = <-digits
		_, other := w.box("d").askLAN(f)
		fails(t, <-other, member.ErrLanBusy)
		fails(t, <-result, member.ErrLanDenied)
		if d := time.Since(began); d != lan.Time {
			t.Errorf("open for %v", d)
		}
		fails(t, admits(f, code), member.ErrLanNone)
		// Five in an hour.
		for _, name := range []string{"e", "f"} {
			_, err := w.box(name).JoinLAN(ctx(t), []string{f.addr}, func(string, string) bool { return false })
			fails(t, err, member.ErrLanDenied)
			synctest.Wait()
		}
		_, err = w.box("g").JoinLAN(ctx(t), []string{f.addr}, func(string, string) bool { return true })
		fails(t, err, member.ErrLanBusy)
		time.Sleep(time.Hour)
		digits, result = w.box("h").askLAN(f)
		synctest.Wait()
		if err := admits(f, <-digits); err != nil {
			t.Error(err)
		}
		if err := <-result; err != nil {
			t.Error(err)
		}
		// A member is no admitter, and an address may be nobody's.
		m := w.box("m")
		m.joinBy(f)
		_, err = w.box("i").JoinLAN(ctx(t), []string{m.addr}, nil)
		fails(t, err, member.ErrNotAdmitter)
		_, err = w.box("j").JoinLAN(ctx(t), []string{"mem:nobody"}, nil)
		fails(t, err, member.ErrUnreachable)
		// The joiner goes away after it has said yes.
		y := w.stranger("y")
		none := make([]byte, member.NonceSize)
		gone := y.dial(f, hello1, &member.LanAsk{Commit: lan.Commit(none, y.signer.Public())}, &member.LanOpen{Nonce: none}, &member.LanYes{})
		var nonce *member.LanNonce
		for nonce == nil {
			m, err := hear(gone)
			if err != nil {
				t.Fatal(err)
			}
			nonce, _ = m.(*member.LanNonce)
		}
		synctest.Wait()
		gone.Reset()
		if err := admits(f, lan.Digits(f.Certificate().Ring, f.key(), y.signer.Public(), nonce.Nonce, none)); err == nil {
			t.Error("one that is gone was admitted")
		}
		// Or before.
		x := w.stranger("x")
		st := x.dial(f, hello1, &member.LanAsk{Commit: lan.Commit(none, x.signer.Public())}, &member.LanOpen{Nonce: none})
		synctest.Wait()
		st.Reset()
		synctest.Wait()
		if _, open := f.Pending(); open {
			t.Error("a request is open whose asker is gone")
		}
	})
}

// between is one who stands between a joiner and an admitter, has keys and nonces
// without end, and knows everything that was said so far.
type between struct {
	ring                     id.Hash
	admitter, joiner         peer.Key
	toJoiner, toAdmitter     peer.Key // the keys it shows to each
	nonceJoiner, nonceAdmits []byte   // the nonces it shows to each
}

// Whoever has sent his commitment cannot look for a better nonce when he sees the
// admitter's. Here he has already found one that gives the digits that the joiner
// shows (a million tries would do): it is not the one that he has committed to.
func TestGrindingAfterTheCommitment(t *testing.T) {
	w := newWorld(t)
	f := w.founder()
	s := w.stranger("between")
	committed, ground := make([]byte, member.NonceSize), make([]byte, member.NonceSize)
	ground[0] = 1
	st := s.dial(f, hello1, &member.LanAsk{Commit: lan.Commit(committed, s.signer.Public())})
	defer st.Close()
	var theirs *member.LanNonce
	for theirs == nil {
		m, err := hear(st)
		if err != nil {
			t.Fatal(err)
		}
		theirs, _ = m.(*member.LanNonce)
	}
	shown := lan.Digits(f.Certificate().Ring, f.key(), s.signer.Public(), theirs.Nonce, ground)
	s.say(st, &member.LanOpen{Nonce: ground})
	_, err := hear(st)
	fails(t, err, member.ErrLanDenied)
	fails(t, admits(f, shown), member.ErrLanNone)
}

// Whoever stands between, with a million keys and nonces of his own, gets the same
// digits on both sides no oftener than by chance: each side's nonce is drawn when
// his own is fixed already.
func TestGrindingBetweenTwo(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	random := func() (k peer.Key) {
		for i := 0; i < len(k); i += 8 {
			binary.LittleEndian.PutUint64(k[i:], r.Uint64())
		}
		return k
	}
	nonceOf := func() []byte { k := random(); return k[:member.NonceSize] }
	m := between{ring: id.Hash(random()), admitter: random(), joiner: random()}
	equal := 0
	for range tries {
		m.toJoiner, m.toAdmitter = random(), random()
		// The order of the protocol, and what he may still choose at each step:
		// he commits to the admitter, and hears its nonce;
		m.nonceAdmits = nonceOf()
		admitterNonce := nonceOf()
		// the joiner has committed, and he must show a nonce before it opens;
		m.nonceJoiner = nonceOf()
		joinerNonce := nonceOf()
		shown := lan.Digits(m.ring, m.admitter, m.toAdmitter, admitterNonce, m.nonceAdmits)
		if shown == lan.Digits(m.ring, m.toJoiner, m.joiner, m.nonceJoiner, joinerNonce) {
			equal++
		}
	}
	// One in a million is to be expected. That more than 8 come by chance has a
	// probability of 10^-6 (Poisson), and the seed is fixed.
	if equal > 8 {
		t.Errorf("%d of %d got through", equal, tries)
	}
}

// A commitment to one key is worth nothing to another.
func TestSomebodyElsesCommitment(t *testing.T) {
	w := newWorld(t)
	f := w.founder()
	s := w.stranger("s")
	nonce := make([]byte, member.NonceSize)
	st := s.dial(f, hello1, &member.LanAsk{Commit: lan.Commit(nonce, peer.Key{5})}, &member.LanOpen{Nonce: nonce})
	defer st.Close()
	var err error
	for err == nil {
		_, err = hear(st)
	}
	if !errors.Is(err, member.ErrLanDenied) {
		t.Error(err)
	}
}
