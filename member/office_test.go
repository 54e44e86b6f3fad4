package member_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/keys"
	"github.com/phyllo-net/phyllo/member"
	"github.com/phyllo-net/phyllo/member/invite"
	"github.com/phyllo-net/phyllo/member/msg"
	"github.com/phyllo-net/phyllo/member/register"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/wire"
)

const day = 24 * time.Hour

func (b *box) isAdmitter() bool {
	r, err := b.Ring()
	return err == nil && r.Admitter
}

func (b *box) upkeep() error { _, err := b.Upkeep(ctx(b.w.t)); return err }

func TestTheFirstTwoMembersBecomeAdmitters(t *testing.T) {
	w := newWorld(t)
	f := w.founder()
	check := func(when string, bs []*box, want ...bool) {
		t.Helper()
		if err := f.upkeep(); err != nil {
			t.Errorf("%s: %v", when, err)
		}
		for i, b := range bs {
			if b.isAdmitter() != want[i] {
				t.Errorf("%s: %s is an admitter: %v", when, b.name, b.isAdmitter())
			}
		}
	}
	a, b, c, d := w.box("a"), w.box("b", func(c *member.Config) { c.Decline = true }), w.box("c"), w.box("d")
	all := []*box{a, b, c, d}
	a.joinBy(f)
	w.pass(time.Second)
	check("with one member", all, false, false, false, false)
	b.joinBy(f)
	w.pass(time.Second)
	check("with one that is willing", all, false, false, false, false)
	c.joinBy(f)
	w.pass(time.Second)
	a.stop()
	check("with one that is up", all, false, false, false, false)
	a.restart()
	d.joinBy(f)
	check("with two", all, true, false, true, false)
	check("once more", all, true, false, true, false)
	if v := a.invite(invite.Options{}); len(v.Admitters) != 3 {
		t.Errorf("%d admitters named", len(v.Admitters))
	}
	if err := f.Promote(ctx(t), b.Certificate().Node); !errors.Is(err, member.ErrDeclined) {
		t.Errorf("a node that declines: %v", err)
	}
	// In a ring of 12 there are two more, so that any two may be off.
	for i := range 7 {
		w.pass(time.Second)
		w.box(fmt.Sprint("more", i)).joinBy(f)
		check("with fewer than 12", all, true, false, true, i == 6)
	}
	a.stop()
	c.stop()
	o, err := f.Office(ctx(t))
	if err != nil || o.All != 5 || o.Up != 3 || o.Needed() != 3 {
		t.Errorf("the admitters are %+v, %v: want 5, of whom 3 answer", o, err)
	}
	w.box("last").joinBy(f)
	a.restart()
	c.restart()
}

func TestPromote(t *testing.T) {
	w := newWorld(t)
	f, b := w.founder(), w.box("bob")
	node := b.joinBy(f).Certificate.Node
	fails(t, f.Promote(ctx(t), id.Tiny(3)), member.ErrUnknownNode)
	fails(t, b.Promote(ctx(t), node), member.ErrNoAuthority)
	fails(t, w.box("x").Promote(ctx(t), node), member.ErrNoRing)
	b.stop()
	if err := f.Promote(ctx(t), node); err == nil {
		t.Error("an admitter that is off was appointed")
	}
	b.restart()
	for range 2 { // the second time there is nothing to do
		if err := f.Promote(ctx(t), node); err != nil {
			t.Fatal(err)
		}
	}
	b.restart()
	if !b.isAdmitter() {
		t.Error("the office is lost after a restart")
	}
	c := w.box("carol")
	c.joinBy(b)
	f.stop()
	_, err := w.box("dave").Redeem(ctx(t), b.invite(invite.Options{}))
	fails(t, err, register.ErrQuorum) // one of two
	f.restart()
}

// The next admitter is not appointed before a majority stands on the step before.
func TestPromoteNeedsAMajority(t *testing.T) {
	w := newWorld(t)
	bs := w.council(3)
	next := w.box("next")
	node := next.joinBy(bs[0]).Certificate.Node
	bs[1].stop()
	bs[2].stop()
	fails(t, bs[0].Promote(ctx(t), node), register.ErrQuorum)
	if next.isAdmitter() {
		t.Error("it was appointed")
	}
	bs[2].restart()
	if err := bs[0].Promote(ctx(t), node); err != nil {
		t.Error(err)
	}
	bs[1].restart()
}

func TestNoMoreThanSixteenAdmitters(t *testing.T) {
	w := newWorld(t)
	f := w.founder()
	extra := w.box("extra").joinBy(f).Certificate.Node
	authority, err := keys.LoadSigner(authorityFile(t, f), keys.RingKey)
	if err != nil {
		t.Fatal(err)
	}
	told := &member.Share{}
	other := w.stranger("other")
	for i := range msg.MaxAdmitters - 1 {
		key := peer.Key(id.HashOf("admitter", i))
		if i == 0 {
			key = other.signer.Public()
		}
		told.Admitters = append(told.Admitters, &member.Card{Admission: peer.NewAdmission(authority, key, w.time()), Node: id.Tiny(uint8(i + 1))})
	}
	st := other.dial(f, hello1, told)
	defer st.Close()
	for range 2 {
		if _, err := hear(st); err != nil {
			t.Fatal(err)
		}
	}
	fails(t, f.Promote(ctx(t), extra), member.ErrTooMany)
	// All that they tell each other fits a frame.
	s := f.Ours()
	if len(s.Admitters) != msg.MaxAdmitters {
		t.Errorf("it knows %d admitters", len(s.Admitters))
	}
	for _, c := range s.Admitters {
		c.Addrs = []string{long('a'), long('b'), long('c')}
	}
	for range member.MaxShared {
		e := &peer.Expulsion{Admitter: f.key(), Number: 1 << 63, Time: 1 << 40}
		e.Sign(f.Certificate().Ring, f.signer, nil)
		s.Expelled = append(s.Expelled, e)
	}
	b, err := member.Messages.Encode(&member.Appoint{Admission: s.Admitters[0].Admission, Share: *s})
	if err != nil || len(b) > msg.MaxFrame {
		t.Errorf("%d bytes, %v", len(b), err)
	}
	if _, err := member.Messages.Decode(b); err != nil {
		t.Error(err)
	}
}

func long(c byte) string {
	b := make([]byte, peer.MaxAddrLen)
	for i := range b {
		b[i] = c
	}
	return string(b)
}

func TestRenewal(t *testing.T) {
	w := newWorld(t)
	bs := w.council(3)
	m := w.box("member")
	old := m.joinBy(bs[0]).Certificate
	w.pass(59 * day)
	fails(t, m.Renew(ctx(t)), member.ErrTooEarly)
	if err := m.upkeep(); err != nil || m.Certificate() != old {
		t.Errorf("renewed after 59 days, %v", err)
	}
	w.pass(day)
	bs[0].stop() // who admitted it is off
	if err := m.upkeep(); err != nil {
		t.Fatal(err)
	}
	c := m.Certificate()
	if c.Node != old.Node || c.Salt != old.Salt || c.NotBefore != w.time().Unix() || c.Admission.Admitter == bs[0].key() {
		t.Errorf("renewed as %+v", c)
	}
	for _, b := range bs {
		b.restart()
	}
	for _, b := range bs { // admitters renew each other's
		if err := b.upkeep(); err != nil {
			t.Error(err)
		}
		if c := b.Certificate(); c.NotBefore != w.time().Unix() || c.Admission.Admitter == b.key() {
			t.Errorf("%s renewed as %+v", b.name, c)
		}
	}
	m.restart()
	if m.Certificate().NotBefore != c.NotBefore {
		t.Error("the new certificate is lost after a restart")
	}
	w.pass(91 * day)
	if err := m.Renew(ctx(t)); !errors.Is(err, peer.ErrExpired) {
		t.Errorf("renewed too late: %v", err)
	}
	// The admitters' own ended as well while they were off; they still may sign.
	for _, b := range bs {
		if err := b.upkeep(); err != nil {
			t.Error(err)
		}
	}
	if j := m.joinBy(bs[1]); j.Certificate.Node != old.Node {
		t.Errorf("with a new invitation the place is %s, and was %s", j.Certificate.Node, old.Node)
	}
}

func TestRenewalAfterTheAdmitterWasExpelled(t *testing.T) {
	w := newWorld(t)
	bs := w.council(3)
	f, bad, good := bs[0], bs[1], bs[2]
	known, late := w.box("known"), w.box("late")
	cert := known.joinBy(bad).Certificate
	if cert.Admission.Admitter == f.key() {
		t.Fatal("the founder admitted it")
	}
	w.pass(day)
	if err := f.Expel(ctx(t), bad.Certificate().Node); err != nil {
		t.Fatal(err)
	}
	if err := known.Merge(good.Expulsions()); err != nil {
		t.Fatal(err)
	}
	// A certificate that the expelled one signs afterwards, with an old date.
	adm := cert.Admission
	forged := peer.NewCertificate(bad.signer, adm, late.key(), peer.Salt{9}, w.time().Add(-2*day))
	fails(t, good.Check(forged), peer.ErrIsExpelled)
	_, err := late.Redeem(ctx(t), &invite.Invitation{Ring: cert.Ring, Secret: make([]byte, 16), Expires: w.time(),
		Admitters: []invite.Admitter{{Node: bad.Certificate().Node, Key: bad.key(), Addrs: []string{bad.addr}}}})
	if err == nil {
		t.Error("an expelled admitter has admitted somebody")
	}
	if err := good.Check(cert); err != nil {
		t.Errorf("who was known before: %v", err)
	}
	if err := known.upkeep(); err != nil {
		t.Fatal(err)
	}
	c := known.Certificate()
	if c.Admission.Admitter == bad.key() || c.Node != cert.Node {
		t.Errorf("renewed as %+v", c)
	}
	// Who has not renewed within 7 days is out.
	w.pass(7*day + time.Second)
	fails(t, good.Check(cert), peer.ErrIsExpelled)
	if err := good.Check(c); err != nil {
		t.Error(err)
	}
	// A pardon brings the admitter back.
	if err := f.Pardon(ctx(t), bad.Certificate().Node); err != nil {
		t.Fatal(err)
	}
	if err := good.Check(cert); err != nil {
		t.Errorf("after the pardon: %v", err)
	}
}

func TestExpelByTwo(t *testing.T) {
	w := newWorld(t)
	bs := w.council(3)
	changed := make(chan struct{}, 16)
	m := w.box("member", func(c *member.Config) { c.Changed = func() { changed <- struct{}{} } })
	node := m.joinBy(bs[0]).Certificate.Node
	<-changed
	// Away from the founder, who has the authority.
	a, b := bs[1], bs[2]
	fails(t, m.Expel(ctx(t), a.Certificate().Node), member.ErrUnknownNode)
	if err := m.Check(a.Certificate()); err != nil {
		t.Fatal(err)
	}
	fails(t, m.Expel(ctx(t), a.Certificate().Node), member.ErrNoAuthority)
	other := w.box("other")
	other.joinBy(bs[0])
	if err := m.Check(other.Certificate()); err != nil {
		t.Fatal(err)
	}
	fails(t, m.Expel(ctx(t), other.Certificate().Node), member.ErrNotAdmitter)
	fails(t, a.Expel(ctx(t), id.Tiny(9)), member.ErrUnknownNode)
	fails(t, a.Expel(ctx(t), b.Certificate().Node), member.ErrNoAuthority)
	fails(t, a.Pardon(ctx(t), node), member.ErrNoAuthority)
	for range 2 { // one admitter, however often, is one
		fails(t, a.Expel(ctx(t), node), member.ErrNeedsSecond)
	}
	if l := list(t, b, node); l.Expelled || !l.Wished {
		t.Errorf("at the second: %+v", l)
	}
	a.restart()
	b.restart()
	if err := b.Expel(ctx(t), node); err != nil {
		t.Fatal(err)
	}
	for _, x := range bs {
		if l := list(t, x, node); !l.Expelled || l.Wished {
			t.Errorf("at %s: %+v", x.name, l)
		}
		fails(t, x.Check(m.Certificate()), peer.ErrIsExpelled)
		x.restart()
		fails(t, x.Check(m.Certificate()), peer.ErrIsExpelled)
	}
	if err := b.Expel(ctx(t), node); err != nil {
		t.Errorf("once more: %v", err)
	}
	// The overlay brings it to the member; it cannot come back by itself.
	if err := m.Merge(a.Expulsions()); err != nil {
		t.Fatal(err)
	}
	<-changed
	w.pass(61 * day)
	fails(t, m.Renew(ctx(t)), peer.ErrIsExpelled)
	_, err := m.Redeem(ctx(t), a.invite(invite.Options{}))
	fails(t, err, peer.ErrIsExpelled)
	if err := bs[0].Pardon(ctx(t), node); err != nil {
		t.Fatal(err)
	}
	if j := m.joinBy(a); j.Certificate.Node != node {
		t.Error("pardoned, at another place")
	}
}

func list(t *testing.T, b *box, node id.ID) member.Record {
	t.Helper()
	rs, err := b.List()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rs {
		if r.Node == node {
			return r
		}
	}
	t.Errorf("%s does not know %s", b.name, node)
	return member.Record{}
}

func TestExpelByWishesThatMeet(t *testing.T) {
	w := newWorld(t)
	bs := w.council(3)
	m := w.box("member")
	node := m.joinBy(bs[0]).Certificate.Node
	a, b := bs[1], bs[2]
	b.stop()
	fails(t, a.Expel(ctx(t), node), member.ErrNeedsSecond)
	a.stop()
	b.restart()
	fails(t, b.Expel(ctx(t), node), member.ErrNeedsSecond) // does not know of a's
	a.restart()
	if err := b.Expel(ctx(t), node); err != nil { // a has the same wish, and signs
		t.Fatal(err)
	}
	for _, x := range []*box{a, b} {
		if l := list(t, x, node); !l.Expelled || l.Wished {
			t.Errorf("at %s: %+v", x.name, l)
		}
	}
	a.restart()
}

func TestExpelAlone(t *testing.T) {
	w := newWorld(t)
	f := w.founder()
	m := w.box("member")
	node := m.joinBy(f).Certificate.Node
	if err := f.Expel(ctx(t), node); err != nil {
		t.Fatal(err)
	}
	fails(t, f.Check(m.Certificate()), peer.ErrIsExpelled)
	if err := f.Expel(ctx(t), f.Certificate().Node); err == nil {
		t.Error("a node expelled itself")
	}
}

// The ring's only admitter without the authority's key signs alone.
func TestExpelBySoleAdmitter(t *testing.T) {
	w := newWorld(t)
	f := w.founder()
	m := w.box("member")
	node := m.joinBy(f).Certificate.Node
	w.pass(time.Minute)
	removeAuthority(t, f)
	if err := f.Expel(ctx(t), node); err != nil {
		t.Fatal(err)
	}
	if es := f.Expulsions(); len(es) != 1 || !es[0].Sole || !f.Trusts(es[0]) {
		t.Errorf("%+v", es)
	}
	fails(t, f.Check(m.Certificate()), peer.ErrIsExpelled)
	fails(t, f.Pardon(ctx(t), node), member.ErrNoAuthority)
}

func TestMergeTakesNothingBad(t *testing.T) {
	w := newWorld(t)
	bs := w.council(2)
	m := w.box("member")
	cert := m.joinBy(bs[0]).Certificate
	e := &peer.Expulsion{Node: cert.Node, Number: 1, Time: w.time().Unix()}
	e.Sign(cert.Ring, bs[0].signer, cert.Admission)
	fails(t, bs[1].Merge([]*peer.Expulsion{e}), peer.ErrForged)
	fails(t, bs[1].Merge([]*peer.Expulsion{nil}), peer.ErrForged)
	if n := len(bs[1].Expulsions()); n != 0 {
		t.Errorf("%d entries were taken", n)
	}
	if err := bs[1].Merge(nil); err != nil {
		t.Error(err)
	}
	fails(t, w.box("x").Merge([]*peer.Expulsion{e}), member.ErrNoRing)
}

func TestList(t *testing.T) {
	w := newWorld(t)
	bs := w.council(3)
	var nodes []id.ID
	for i, by := range bs {
		w.pass(time.Minute)
		nodes = append(nodes, w.box(fmt.Sprint("m", i)).joinBy(by).Certificate.Node)
	}
	for _, b := range bs { // every admitter knows of all, whoever admitted them
		rs, err := b.List()
		if err != nil || len(rs) != 6 {
			t.Fatalf("%s lists %d, %v", b.name, len(rs), err)
		}
		for i, r := range rs[3:] {
			if r.Node != nodes[i] || r.By != bs[i].key() || r.ByNode != bs[i].Certificate().Node || r.AdmittedBy != bs[i].key() ||
				r.Admitter || r.Self || r.Expelled || !r.Ends.Equal(r.Since.Add(peer.CertificateLife)) {
				t.Errorf("%s lists %+v", b.name, r)
			}
		}
		for _, r := range rs[:3] {
			if !r.Admitter || r.Self != (r.Key == b.key()) {
				t.Errorf("%s lists %+v", b.name, r)
			}
		}
	}
	_, err := w.box("x").List()
	fails(t, err, member.ErrNoRing)
}

// RELIABILITY.md section 5, rows 5 and 6, with the real signatures.
func TestAnotherKeyThanTheCertificates(t *testing.T) {
	b := newWorld(t).founder()
	other, err := keys.NewSigner(keys.Random())
	if err != nil {
		t.Fatal(err)
	}
	m, err := member.Open(ctx(t), member.Config{Folder: b.folder, Node: other, Store: b.disk})
	if err == nil {
		m.Close()
	}
	fails(t, err, member.ErrOtherKey)
}

func TestCheck(t *testing.T) {
	w := newWorld(t)
	f, m := w.founder(), w.box("member")
	cert := m.joinBy(f).Certificate
	adm := cert.Admission
	forge := func(change func(*peer.Certificate)) *peer.Certificate {
		c := *cert
		change(&c)
		h := id.HashOf("certificate", c.Ring, c.Node, c.Salt[:], c.Key[:], c.NotBefore, c.NotAfter)
		c.Sig = m.signer.Sign(h[:])
		return &c
	}
	for _, c := range []struct {
		name string
		cert *peer.Certificate
		want error
	}{
		{"good", cert, nil},
		{"none", nil, peer.ErrForged},
		{"self-signed", forge(func(*peer.Certificate) {}), peer.ErrForged},
		{"self-made admitter", forge(func(c *peer.Certificate) { c.Admission = peer.NewAdmission(m.signer, m.key(), w.time()) }), peer.ErrOtherRing},
		{"admission of the founder, signed by himself", peer.NewCertificate(m.signer, adm, m.key(), peer.Salt{}, w.time()), peer.ErrForged},
		{"chosen id", forge(func(c *peer.Certificate) { c.Node = id.Tiny(1) }), peer.ErrForged},
		{"not yet valid", peer.NewCertificate(f.signer, adm, m.key(), cert.Salt, w.time().Add(peer.ClockSkew+time.Second)), peer.ErrExpired},
		{"expired", peer.NewCertificate(f.signer, adm, m.key(), cert.Salt, w.time().Add(-peer.CertificateLife-peer.ClockSkew-time.Second)), peer.ErrExpired},
		{"nearly valid", peer.NewCertificate(f.signer, adm, m.key(), cert.Salt, w.time().Add(peer.ClockSkew)), nil},
	} {
		t.Run(c.name, func(t *testing.T) { fails(t, f.Check(c.cert), c.want) })
	}
	enc := wire.MustMarshal(cert)
	for i := range 8 * len(enc) { // certificates travel as bytes, of which each bit counts
		b := bytes.Clone(enc)
		b[i/8] ^= 1 << (i % 8)
		if c, err := peer.ParseCertificate(b); err == nil && f.Check(c) == nil {
			t.Errorf("bit %d turned over, and nobody saw it", i)
		}
	}
	fails(t, w.box("x").Check(cert), member.ErrNoRing)
	w.pass(10 * 365 * day) // a clock that is wrong by ten years says so
	err := f.Check(cert)
	fails(t, err, peer.ErrExpired)
	if want := "this clock says 2037"; err == nil || !containsText(err, want) {
		t.Errorf("%v, want %q", err, want)
	}
}

func TestInviteOptions(t *testing.T) {
	w := newWorld(t)
	f := w.founder()
	for _, c := range []struct {
		o    invite.Options
		says string
	}{
		{invite.Options{Uses: -1}, "--uses takes 1 to 1000"}, {invite.Options{Uses: 1001}, "--uses takes 1 to 1000"},
		{invite.Options{Expires: time.Second}, "--expires takes 1m"}, {invite.Options{Expires: -time.Hour}, "--expires takes 1m"},
		{invite.Options{Expires: 91 * 24 * time.Hour}, "--expires takes 1m"},
	} {
		if _, err := f.Invite(ctx(t), c.o); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%+v: %v, want %q", c.o, err, c.says)
		}
	}
	v := f.invite(invite.Options{Uses: 2, Expires: time.Hour})
	if got := v.Expires.Sub(w.time()); got != time.Hour {
		t.Errorf("expires in %v", got)
	}
	if len(v.String()) > 400 {
		t.Errorf("%d characters for one admitter", len(v.String()))
	}
	_, err := w.box("nobody").Invite(ctx(t), invite.Options{})
	fails(t, err, member.ErrNoRing)
	b := w.box("bob")
	if _, err := b.Redeem(ctx(t), v); err != nil {
		t.Fatal(err)
	}
	_, err = b.Invite(ctx(t), invite.Options{})
	fails(t, err, member.ErrNotAdmitter)
}
