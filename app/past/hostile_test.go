package past_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/past"
	"github.com/phyllo-net/phyllo/app/past/certificate"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/internal/budget"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/kbr/kbrtest"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/sim/simtest"
	"github.com/phyllo-net/phyllo/sim/standin"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// ask sends bytes from one node to another.
func ask(from, to *member, payload []byte) (answer []byte, err error) {
	err = from.node.Call(time.Minute, func(t *task.T) error {
		a, err := kbr.CallPeer(t, from.node.Endpoint(number), to.node.Self(), payload, kbr.Options{Timeout: 5 * time.Second})
		answer = a.Payload
		return err
	})
	return answer, err
}

func refused(err error) bool {
	var r *kbr.RefusedError
	return errors.As(err, &r)
}

// TestHostileMessages are rows 33 to 37 of the hostile input: what no honest node sends
// is refused, and what is kept stays as it is.
func TestHostileMessages(t *testing.T) {
	w := newWorld(t, 4, kbrtest.Config{Seed: 40}, nil)
	o := w.mustInsert(w.members[0], file("content", 3))
	a, b := w.members[1], w.nearest(o, 1)[0]
	have, err := b.lookup(o)
	if err != nil {
		t.Fatal(err)
	}
	good := past.AskPut(sign(w, 8, "x", 3), []byte("x"))
	changed := func(change func(*certificate.Certificate)) *certificate.Certificate {
		c := *sign(w, 8, "x", 3)
		change(&c)
		return &c
	}
	signed := func(change func(*certificate.Certificate)) *certificate.Certificate {
		c := changed(change)
		return c.Sign(ring, ann, w.now())
	}
	x := []byte("x")
	for _, m := range []struct {
		what    string
		payload []byte
	}{
		{"nothing", nil},
		{"an unknown kind", []byte{99, 0xa0}},
		{"a kind to skip", []byte{200, 0xa0}},
		{"a cut message", good[:len(good)-3]},
		{"a message with a tail", append(append([]byte{}, good...), 0)},
		{"nested 10,000 deep", append([]byte{3}, []byte(strings.Repeat("\x81", 10_000))...)},
		{"an answer that nobody asked for", past.SaysAbsent(nil)},
		{"an object that nobody asked for", past.SaysObject(sign(w, 8, "x", 3), x)},
		{"no copies", past.AskPut(signed(func(c *certificate.Certificate) { c.Copies = 0 }), x)},
		{"255 copies", past.AskPut(signed(func(c *certificate.Certificate) { c.Copies = 255 }), x)},
		{"size -1", past.AskPut(signed(func(c *certificate.Certificate) { c.Size = -1 }), x)},
		{"size 2^62", past.AskPut(signed(func(c *certificate.Certificate) { c.Size = 1 << 62 }), x)},
		{"an end before its date", past.AskPut(signed(func(c *certificate.Certificate) { c.Expires = 1 }), x)},
		{"another size", past.AskPut(signed(func(c *certificate.Certificate) { c.Size = 2 }), x)},
		{"another content", past.AskPut(sign(w, 8, "x", 3), []byte("y"))},
		{"more than it says", past.AskPut(sign(w, 8, "x", 3), make([]byte, past.MaxContent))},
		{"a wrong signature", past.AskPut(changed(func(c *certificate.Certificate) { c.Sig = make([]byte, peer.SignatureSize) }), x)},
		{"another's key", past.AskPut(changed(func(c *certificate.Certificate) { c.Owner = eve.Public() }), x)},
		{"of another ring", past.AskPut(sign(w, 8, "x", 3).Sign(id.HashOf("other"), ann, w.now()), x)},
		{"of next week", past.AskPut(sign(w, 8, "x", 3).Sign(ring, ann, w.now().AddDate(0, 0, 7)), x)},
		{"a mutable object", past.AskPut(signed(func(c *certificate.Certificate) {
			c.Kind, c.Salt, c.Version = certificate.Mutable, peer.Salt{}, 1
		}), x)},
		{"a reclaim by another", past.AskReclaim(certificate.NewReclaim(ring, have.Certificate, eve, w.now()))},
		{"a reclaim of next week", past.AskReclaim(certificate.NewReclaim(ring, have.Certificate, ann, w.now().AddDate(0, 0, 7)))},
		{"a reclaim of a certificate taken over", past.AskReclaim(certificate.NewReclaim(ring,
			changed(func(c *certificate.Certificate) { *c = *have.Certificate; c.Owner = eve.Public() }), eve, w.now()))},
	} {
		if _, err := ask(a, b, m.payload); !refused(err) {
			t.Errorf("%s: %v", m.what, err)
		}
		if b.past.Keeps(sign(w, 8, "x", 3).ID()) || !b.past.Keeps(o) {
			t.Fatalf("%s: what is kept has changed", m.what)
		}
	}
	if _, err := ask(a, b, past.AskPut(sign(w, 8, "x", 3), x)); err != nil {
		t.Errorf("a good one: %v", err)
	}
	w.net.Run(time.Hour)
	w.whole(false)
}

// TestMadeUpReclaims: who signs reclaims of objects that never were, others for each holder, fills none with
// them, nor keeps it from what is stored, or from remembering what was really reclaimed; and holders do not
// ask each other for them again and again.
func TestMadeUpReclaims(t *testing.T) {
	w := newWorld(t, 3, kbrtest.Config{Seed: 47}, func(c *past.Config) { c.MaxObjects = 20 })
	a := w.members[0]
	for i := range 60 {
		from, to := w.members[i%3], w.members[(i+1)%3]
		c := (&certificate.Certificate{Kind: certificate.File, Salt: peer.Salt{byte(i), 1}, Copies: 3, Content: id.HashOf("x")}).Sign(ring, eve, w.now())
		if _, err := ask(from, to, past.AskReclaim(certificate.NewReclaim(ring, c, eve, w.now()))); err != nil {
			t.Fatalf("reclaim %d: %v", i, err)
		}
	}
	w.net.Run(30 * time.Minute)
	gets := 0
	for _, m := range w.members {
		m.node.OnDeliver = func(_ wire.AppID, d *kbr.Delivery) bool {
			if past.KindOf(d.Payload) == "get" {
				gets++
			}
			return false
		}
	}
	w.net.Run(time.Hour)
	if gets > 0 {
		t.Errorf("in an hour they ask each other %d times for what they do not want", gets)
	}
	o := w.mustInsert(a, file("content", 3))
	if err := a.reclaim(o, ann); err != nil {
		t.Fatal(err)
	}
	w.net.Run(30 * time.Minute)
	for _, m := range w.members {
		if n := m.past.Gone(); n < 1 || n > 6 {
			t.Errorf("%s remembers %d reclaimed objects", m.node.Self(), n)
		}
	}
	for i := range 10 {
		w.mustInsert(a, past.File{Part: certificate.NamePart([]byte("space"), name(i)), Content: []byte("content"), Copies: 3})
	}
}

// TestManyReclaimed: who remembers many objects that it had, and that were reclaimed, remembers too what was
// reclaimed while it was away.
func TestManyReclaimed(t *testing.T) {
	w := newWorld(t, 3, kbrtest.Config{Seed: 48}, func(c *past.Config) { c.MaxObjects = 20 })
	a, away := w.members[0], w.members[2]
	come := func(i int) id.Hash {
		return w.mustInsert(a, past.File{Part: certificate.NamePart([]byte("space"), name(i)), Content: []byte("content"), Copies: 3})
	}
	drop := func(o id.Hash) {
		if err := a.reclaim(o, ann); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 8 {
		drop(come(i))
	}
	away.node.Kill()
	drop(come(8))
	away.restart()
	w.net.Run(30 * time.Minute)
	for _, m := range w.members {
		if n := m.past.Gone(); n != 9 {
			t.Errorf("%s remembers %d reclaimed objects", m.node.Self(), n)
		}
	}
}

// TestFarNodesKeepNothing: only who is near an object keeps it, and only fellows may ask
// for lists.
func TestFarNodesKeepNothing(t *testing.T) {
	w := newWorld(t, 60, kbrtest.Config{Seed: 41}, nil)
	c := sign(w, 1, "x", 3)
	near := w.nearest(c.ID(), 60)
	if _, err := ask(near[0], near[20], past.AskPut(c, []byte("x"))); !refused(err) {
		t.Errorf("number 20 of the nearest: %v", err)
	}
	far := w.nearest(id.HashOf("x"), 60)
	for what, b := range map[string][]byte{"compare": past.AskCompare(), "strays": past.AskStrays()} {
		if _, err := ask(far[0], far[59], b); !refused(err) {
			t.Errorf("%s, by a stranger: %v", what, err)
		}
		if _, err := ask(far[0], w.nearest(id.HashOf("x"), 2)[1], b); err != nil {
			t.Errorf("%s, by a fellow: %v", what, err)
		}
	}
}

// lies lets a node answer with bytes of its own.
func (m *member) lies(kind string, answer func() []byte) {
	m.node.OnDeliver = func(_ wire.AppID, d *kbr.Delivery) bool {
		if past.KindOf(d.Payload) != kind {
			return false
		}
		d.Reply(answer())
		return true
	}
}

// TestOneLyingHolder: whatever one holder says, also the root, readers get the content,
// and nobody deletes or overwrites anything (S4, S12; attackers A9 and A10).
func TestOneLyingHolder(t *testing.T) {
	simtest.WithoutRace(t)
	for what, lie := range map[string]struct {
		kind   string
		answer func(w *world, o id.Hash) []byte
	}{
		"another content": {"get", func(w *world, o id.Hash) []byte {
			f, _ := w.nearest(o, 3)[2].lookup(o)
			return past.SaysObject(f.Certificate, []byte("CONTENT"))
		}},
		"another object": {"get", func(w *world, o id.Hash) []byte { return past.SaysObject(sign(w, 9, "content", 3), []byte("content")) }},
		"nothing there":  {"get", func(*world, id.Hash) []byte { return past.SaysAbsent(nil) }},
		"rubbish":        {"get", func(*world, id.Hash) []byte { return []byte("rubbish") }},
		"a false reclaim": {"get", func(w *world, o id.Hash) []byte {
			f, _ := w.nearest(o, 3)[2].lookup(o)
			return past.SaysAbsent(certificate.NewReclaim(ring, f.Certificate, eve, w.now()))
		}},
		"that it has all": {"have", func(*world, id.Hash) []byte { return past.SaysHaving(1) }},
	} {
		t.Run(what, func(t *testing.T) {
			w := newWorld(t, 10, kbrtest.Config{Seed: 42}, nil)
			o := w.mustInsert(w.members[0], file("content", 3))
			answer := lie.answer(w, o)
			liar := w.nearest(o, 1)[0]
			liar.lies(lie.kind, func() []byte { return answer })
			liar.node.OnTransit = nil
			for _, m := range w.members {
				if m != liar {
					w.mustFind(m, o, "content")
				}
			}
			w.net.Run(2 * time.Hour)
			if n := len(w.having(o)); n < 3 {
				t.Errorf("%d replicas, want 3", n)
			}
		})
	}
}

// TestFalseReceipts is row 39: receipts of nodes that do not exist, or for something else,
// are no copies.
func TestFalseReceipts(t *testing.T) {
	outside := standin.NewSigner(9, 9)
	stranger := peer.NewCertificate(outside, peer.NewAdmission(outside, outside.Public(), time.Unix(1.9e9, 0)), outside.Public(), peer.Salt{}, time.Unix(1.9e9, 0))
	for what, receipt := range map[string]func(w *world, liar, other *member, c *certificate.Certificate) *certificate.Receipt{
		"of a stranger": func(w *world, _, _ *member, c *certificate.Certificate) *certificate.Receipt {
			return certificate.NewReceipt(ring, c.ID(), c.Hash(ring), stranger, outside, w.now())
		},
		"of another member": func(w *world, _, other *member, c *certificate.Certificate) *certificate.Receipt {
			return certificate.NewReceipt(ring, c.ID(), c.Hash(ring), other.cert, other.signer, w.now())
		},
		"for another object": func(w *world, liar, _ *member, c *certificate.Certificate) *certificate.Receipt {
			return certificate.NewReceipt(ring, id.HashOf("other"), c.Hash(ring), liar.cert, liar.signer, w.now())
		},
		"for another certificate": func(w *world, liar, _ *member, c *certificate.Certificate) *certificate.Receipt {
			return certificate.NewReceipt(ring, c.ID(), id.HashOf("other"), liar.cert, liar.signer, w.now())
		},
	} {
		w := newWorld(t, 3, kbrtest.Config{Seed: 43}, nil)
		c := sign(w, 1, "x", 3)
		near := w.nearest(c.ID(), 3)
		near[1].lies("put", func() []byte { return past.SaysStored(receipt(w, near[1], near[0], c)) })
		s, err := near[2].store(c, "x")
		if wantErr(t, what, err, past.ErrTooFew); len(s.Receipts) != 2 {
			t.Errorf("%s: %d receipts, want 2", what, len(s.Receipts))
		}
	}
}

// TestExistsIsProven: that a content is taken is believed with the owner's signature only.
func TestExistsIsProven(t *testing.T) {
	w := newWorld(t, 3, kbrtest.Config{Seed: 44}, nil)
	c := sign(w, 1, "x", 3)
	other := *sign(w, 1, "y", 3)
	other.Sig = make([]byte, peer.SignatureSize)
	near := w.nearest(c.ID(), 3)
	near[0].lies("put", func() []byte { return past.SaysExists(&other) })
	_, err := near[2].store(c, "x")
	wantErr(t, "one of three lies", err, past.ErrTooFew)
	w.mustFind(near[2], c.ID(), "x")
}

// TestNodesOnTheWay: a lookup stops at the first replica on its way, and what a node on
// the way invents is not believed.
func TestNodesOnTheWay(t *testing.T) {
	w := newWorld(t, 60, kbrtest.Config{Seed: 45}, nil)
	o := w.mustInsert(w.members[0], file("content", 3))
	for _, m := range w.members {
		m.node.OnTransit = func(_ wire.AppID, tr *kbr.Transit) bool {
			if past.KindOf(tr.Payload) == "get" && tr.Answer != nil {
				tr.Answer(past.SaysAbsent(nil))
				return false
			}
			return true
		}
	}
	for _, m := range w.members {
		w.mustFind(m, o, "content")
	}
}

func TestConfig(t *testing.T) {
	good := past.Default()
	good.Signer, good.Verifier, good.Certificate = ann, verifier, func() *peer.Certificate { return nil }
	if err := good.Validate(); err == nil {
		t.Error("no store: accepted")
	}
	w := newWorld(t, 1, kbrtest.Config{}, nil)
	good.Store = w.members[0].disk
	if err := good.Validate(); err != nil {
		t.Error(err)
	}
	for what, change := range map[string]func(*past.Config){
		"Signer":      func(c *past.Config) { c.Signer = nil },
		"Verifier":    func(c *past.Config) { c.Verifier = nil },
		"Certificate": func(c *past.Config) { c.Certificate = nil },
		"Copies":      func(c *past.Config) { c.Copies = 17 },
		"Capacity":    func(c *past.Config) { c.Capacity = -1 },
		"Cache":       func(c *past.Config) { c.Cache = 9 },
		"CacheSize":   func(c *past.Config) { c.CacheSize = -1 },
		"CacheFor":    func(c *past.Config) { c.CacheFor = -1 },
		"Primary":     func(c *past.Config) { c.Diversion.Primary = 2 },
		"LostAfter":   func(c *past.Config) { c.LostAfter = -1 },
		"Absence":     func(c *past.Config) { c.Absence = -1 },
		"Apart":       func(c *past.Config) { c.Apart = c.Absence + 1 },
		"Sync":        func(c *past.Config) { c.Sync = 0 },
		"Surplus":     func(c *past.Config) { c.Surplus = 25 * time.Hour },
		"Forget":      func(c *past.Config) { c.Forget = time.Minute },
		"Skew":        func(c *past.Config) { c.Skew = 0 },
		"Ask":         func(c *past.Config) { c.Ask = 0 },
		"Patience":    func(c *past.Config) { c.Patience = c.Ask - 1 },
		"MaxObjects":  func(c *past.Config) { c.MaxObjects = 0 },
		"MaxTasks":    func(c *past.Config) { c.MaxTasks = 0 },
		"PeerWrites":  func(c *past.Config) { c.PeerWrites = 0 },
		"PeerReads":   func(c *past.Config) { c.PeerReads = 0 },
	} {
		c := good
		change(&c)
		if _, err := past.New(c); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// FuzzMessage feeds bytes to a node, as a message of a neighbour: whatever they are, it
// answers or refuses, and stays as it should be.
func FuzzMessage(f *testing.F) {
	w := newWorld(f, 3, kbrtest.Config{Seed: 46}, nil)
	o := w.mustInsert(w.members[0], file("content", 3))
	for _, b := range [][]byte{
		past.AskGet(o), past.AskPut(sign(w, 1, "x", 3), []byte("x")), past.AskWhere(o.Place()), past.AskCompare(), past.AskStrays(), past.AskOffer(3),
		past.AskReclaim(certificate.NewReclaim(ring, sign(w, 1, "x", 3), ann, w.now())), past.SaysAbsent(nil), past.SaysHaving(3),
		past.AskSettle(annsName), past.AskUpdate(annsVersion(w, 1, "x"), []byte("x")), past.AskPrepare(o, 3, certificate.Term{Count: 9, Root: w.members[0].cert.Node}),
		past.AskAccept(annsVersion(w, 1, "x"), []byte("x"), w.members[0].rules(annsVersion(w, 1, "x"), 9, w.members...)),
	} {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		budget.Decode(t, len(b), func() { past.Decode(b) })
		if m, err := past.Decode(b); err == nil {
			if _, err := past.Encode(m); err != nil {
				t.Fatalf("%T was read and is not written: %v", m, err)
			}
		}
		if _, err := ask(w.members[0], w.members[1], b); err != nil && !refused(err) {
			t.Fatal(err)
		}
		if err := errors.Join(w.members[1].past.Check(), w.members[1].past.CheckDisk()); err != nil {
			t.Fatal(fmt.Errorf("after %x: %w", b, err))
		}
	})
}
