package member_test

import (
	"errors"
	"os"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/keys"
	"github.com/phyllo-net/phyllo/member"
	"github.com/phyllo-net/phyllo/member/book"
	"github.com/phyllo-net/phyllo/member/invite"
	"github.com/phyllo-net/phyllo/member/register"
	"github.com/phyllo-net/phyllo/peer"
)

func TestFoundInviteAndJoin(t *testing.T) {
	w := newWorld(t)
	f, b := w.founder(), w.box("bob")
	v := f.invite(invite.Options{})
	j, err := b.Redeem(ctx(t), v)
	if err != nil {
		t.Fatal(err)
	}
	if j.Name != "Family" || j.Ring != v.Ring || len(j.Contacts) != 1 || j.Contacts[0].Addrs[0] != f.addr || j.Contacts[0].ID != f.Certificate().Node {
		t.Errorf("joined %+v", j)
	}
	for _, pair := range [][2]*box{{f, b}, {b, f}} {
		if err := pair[0].Check(pair[1].Certificate()); err != nil {
			t.Error(err)
		}
	}
	again, err := b.Redeem(ctx(t), v)
	if err != nil || again.Certificate.Node != j.Certificate.Node {
		t.Errorf("a lost answer: %v, %v", again, err)
	}
	_, err = w.box("carol").Redeem(ctx(t), v)
	fails(t, err, member.ErrUsed)
	for _, b := range []*box{f, b} {
		node := b.Certificate().Node
		b.restart()
		r, err := b.Ring()
		if err != nil || r.ID != v.Ring || r.Name != "Family" || b.Certificate().Node != node {
			t.Errorf("after a restart: %+v, %v", r, err)
		}
		if r.Admitter != (b == f) || r.Authority != (b == f) {
			t.Errorf("after a restart %s has %+v", b.name, r)
		}
	}
}

// TestContactsOfAFounder: the ring's first node finds its first member again, also if it
// starts anew before anybody else is an admitter.
func TestContactsOfAFounder(t *testing.T) {
	w := newWorld(t)
	f, b := w.founder(), w.box("bob")
	if _, err := b.Redeem(ctx(t), f.invite(invite.Options{})); err != nil {
		t.Fatal(err)
	}
	f.restart()
	if c := f.Contacts(); len(c) != 1 || c[0].ID != b.Certificate().Node || len(c[0].Addrs) == 0 {
		t.Errorf("after a restart it would ask %+v", c)
	}
}

// The whole story over real connections: a ring, its admitters, a joiner by
// invitation and one from the local network, a renewal, an expulsion.
func TestOverRealConnections(t *testing.T) {
	w := newWorld(t)
	w.net = nil
	bs := w.council(3)
	v := bs[0].invite(invite.Options{Uses: 2})
	if len(v.Admitters) != 3 || len(v.String()) > 1000 {
		t.Errorf("%d admitters in %d characters", len(v.Admitters), len(v.String()))
	}
	var nodes []*box
	for _, name := range []string{"a", "b", "c", "d"} {
		nodes = append(nodes, w.box(name))
	}
	if in := atOnce(t, v, nodes[:3]); in != 2 {
		t.Errorf("%d got in, want 2", in)
	}
	lan := nodes[3]
	_, err := lan.JoinLAN(ctx(t), bs[1].tr.Addrs(), func(digits, _ string) bool {
		go bs[1].Admit(ctx(t), digits)
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	w.pass(61 * day)
	if err := lan.upkeep(); err != nil {
		t.Fatal(err)
	}
	node := lan.Certificate().Node
	fails(t, bs[1].Expel(ctx(t), node), member.ErrNeedsSecond)
	if err := bs[2].Expel(ctx(t), node); err != nil {
		t.Fatal(err)
	}
	for _, b := range bs {
		fails(t, b.Check(lan.Certificate()), peer.ErrIsExpelled)
	}
}

func TestAnInvitationEnds(t *testing.T) {
	w := newWorld(t)
	f, b := w.founder(), w.box("bob")
	v := f.invite(invite.Options{Uses: 2})
	if _, err := b.Redeem(ctx(t), v); err != nil {
		t.Fatal(err)
	}
	w.pass(24*time.Hour + time.Second)
	_, err := w.box("carol").Redeem(ctx(t), v)
	fails(t, err, member.ErrInviteEnded)
	if _, err := b.Redeem(ctx(t), v); err != nil {
		t.Errorf("an answer that was lost cannot be had after the end: %v", err)
	}
	// A secret that was never given out.
	u := *v
	u.Secret = make([]byte, 16)
	_, err = w.box("dave").Redeem(ctx(t), &u)
	fails(t, err, member.ErrInviteLost)
	// Nobody is there.
	f.stop()
	_, err = w.box("erin").Redeem(ctx(t), v)
	fails(t, err, member.ErrUnreachable)
	f.restart()
}

func TestRingNames(t *testing.T) {
	w := newWorld(t)
	b := w.box("bob")
	for _, name := range []string{"", " x", "x ", "a\nb", "\x1b[31mred", "a\u202eb", "\xff", string(make([]byte, 65))} {
		if err := b.Found(name); err == nil {
			t.Errorf("a ring was founded as %q", name)
		}
	}
	if _, err := b.Ring(); !errors.Is(err, member.ErrNoRing) || b.Certificate() != nil {
		t.Errorf("a ring came to be: %v", err)
	}
	if err := b.Found("Straße 5 – Ça va"); err != nil {
		t.Error(err)
	}
}

func TestANodeAloneMayLeaveItsRing(t *testing.T) {
	w := newWorld(t)
	f, b := w.founder(), w.box("bob")
	if err := b.Found("Bob's own"); err != nil {
		t.Fatal(err)
	}
	own := b.Certificate()
	if alone, err := b.IsAlone(); !alone || err != nil {
		t.Fatalf("alone: %v, %v", alone, err)
	}
	j := b.joinBy(f)
	if c := b.Certificate(); c.Key != own.Key || c.Salt == own.Salt || c.Ring != j.Ring {
		t.Errorf("in the new ring as %+v", c)
	}
	if r, err := b.Ring(); err != nil || r.Name != "Family" || r.Authority || r.Admitter {
		t.Errorf("in %+v, %v", r, err)
	}
	fails(t, b.Check(own), peer.ErrOtherRing)
	b.restart()
	if c := b.Certificate(); c.Ring != j.Ring {
		t.Error("back in the old ring after a restart")
	}
	// Who is with others stays.
	other := w.box("other")
	if err := other.Found("Other"); err != nil {
		t.Fatal(err)
	}
	_, err := b.Redeem(ctx(t), other.invite(invite.Options{}))
	fails(t, err, member.ErrInRing)
	_, err = f.Redeem(ctx(t), other.invite(invite.Options{}))
	fails(t, err, member.ErrInRing)
	fails(t, b.Found("Third"), member.ErrInRing)
	_, err = b.JoinLAN(ctx(t), []string{other.addr}, func(string, string) bool { return true })
	fails(t, err, member.ErrInRing)
}

func TestBackupAndRestore(t *testing.T) {
	cheap := keys.Cost{Time: 1, Memory: 16, Threads: 1}
	pass := []byte("correct horse battery")
	w := newWorld(t)
	f, b := w.founder(), w.box("bob")
	ring := f.Certificate().Ring
	_, err := b.Backup(pass, cheap)
	fails(t, err, member.ErrNoRing)
	b.joinBy(f)
	_, err = b.Backup(pass, cheap)
	fails(t, err, member.ErrNoAuthority)
	_, err = f.Backup([]byte("x"), cheap)
	fails(t, err, keys.ErrShortPassphrase)
	text, err := f.Backup(pass, cheap)
	if err != nil {
		t.Fatal(err)
	}
	fails(t, b.Restore(text, []byte("wrong passphrase")), keys.ErrPassphrase)
	fails(t, b.Restore(text[:100], pass), keys.ErrTruncated)

	f.stop() // the founder's machine is gone
	if err := b.Restore(text, pass); err != nil {
		t.Fatal(err)
	}
	b.restart()
	if r, err := b.Ring(); err != nil || r.ID != ring || !r.Authority || !r.Admitter {
		t.Errorf("restored: %+v, %v", r, err)
	}
	if err := b.Expel(ctx(t), f.Certificate().Node); err != nil {
		t.Errorf("the authority cannot expel the old admitter: %v", err)
	}
	w.box("carol").joinBy(b)
	// On a machine that was in no ring.
	fresh := w.box("fresh")
	if err := fresh.Restore(text, pass); err != nil {
		t.Fatal(err)
	}
	if r, err := fresh.Ring(); err != nil || r.ID != ring || r.Name != "Family" || !r.Admitter {
		t.Errorf("restored: %+v, %v", r, err)
	}
	if err := b.Check(fresh.Certificate()); err != nil {
		t.Error(err)
	}
	// Not on one that is with others elsewhere.
	other := w.box("other")
	if err := other.Found("Other"); err != nil {
		t.Fatal(err)
	}
	w.box("friend").joinBy(other)
	fails(t, other.Restore(text, pass), member.ErrInRing)
	f.restart()
}

// Of three admitters the founder and another are gone for ever. Certificates are renewed by the one that
// is left; with the backup of the authority it puts the others out, and lets members in.
func TestFounderGoneForEver(t *testing.T) {
	w := newWorld(t)
	bs := w.council(3)
	last, m := bs[2], w.box("member")
	m.joinBy(bs[0])
	pass := []byte("correct horse battery")
	text, err := bs[0].Backup(pass, keys.Cost{Time: 1, Memory: 16, Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	gone := []id.ID{bs[0].Certificate().Node, bs[1].Certificate().Node}
	bs[0].stop()
	bs[1].stop()
	w.pass(60 * day)
	if err := m.upkeep(); err != nil || m.Certificate().NotBefore != w.time().Unix() {
		t.Errorf("with one of three admitters a certificate is not renewed: %v", err)
	}
	_, err = w.box("early").Redeem(ctx(t), last.invite(invite.Options{}))
	fails(t, err, register.ErrQuorum)
	fails(t, last.Expel(ctx(t), gone[0]), member.ErrNoAuthority)
	if err := last.Restore(text, pass); err != nil {
		t.Fatal(err)
	}
	for _, node := range gone {
		if err := last.Expel(ctx(t), node); err != nil {
			t.Errorf("the authority cannot expel an admitter that is gone: %v", err)
		}
	}
	w.box("late").joinBy(last)
	if o, err := last.Office(ctx(t)); err != nil || o.All != 1 || o.Up != 1 {
		t.Errorf("admitters: %+v, %v", o, err)
	}
}

func TestStateThatCannotBeUsed(t *testing.T) {
	w := newWorld(t)
	f := w.founder()
	path := authorityFile(t, f)
	open := func() error {
		_, err := member.Open(ctx(t), member.Config{Folder: f.folder, Node: f.signer, Store: &shared{s: f.disk, f: &faults{}}})
		return err
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	fails(t, open(), keys.ErrMode)
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := f.disk.Put(book.Table, []byte("self"), []byte("garbage")); err != nil {
		t.Fatal(err)
	}
	if open() == nil {
		t.Error("garbage was read as a membership")
	}
	for _, c := range []member.Config{{}, {Folder: "x"}, {Folder: "x", Node: f.signer}} {
		if _, err := member.Open(ctx(t), c); err == nil {
			t.Errorf("opened with %+v", c)
		}
	}
}
