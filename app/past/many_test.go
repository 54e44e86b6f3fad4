package past_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/past"
	"github.com/phyllo-net/phyllo/app/past/certificate"
	"github.com/phyllo-net/phyllo/app/past/msg"
	"github.com/phyllo-net/phyllo/app/past/voucher"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/kbr/kbrtest"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/sim/simtest"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// insertAtOnce stores so many files, all at once, and returns where they are.
func (m *member) insertAtOnce(n int, f func(i int) past.File) []past.Stored {
	m.w.t.Helper()
	stored, left := make([]past.Stored, n), n
	m.node.Do(func() {
		for i := range n {
			m.node.Endpoint(number).Go(func(t *task.T) (err error) {
				stored[i], err = m.past.Insert(t, f(i), ann)
				return err
			}, func(err error) {
				if left--; err != nil {
					m.w.t.Errorf("file %d: %v", i, err)
				}
			})
		}
	})
	if !m.w.net.RunUntil(3*time.Minute, func() bool { return left == 0 }) {
		m.w.t.Fatalf("%d of %d files are not stored", left, n)
	}
	return stored
}

// counts counts messages about files: those about one, and those about many with what they hold.
type counts struct{ alone, together, files int }

func (w *world) countPuts() *counts {
	c := new(counts)
	for _, m := range w.live() {
		m.node.OnDeliver = func(_ wire.AppID, d *kbr.Delivery) bool {
			switch past.KindOf(d.Payload) {
			case "put":
				c.alone++
			case "put many":
				c.together++
				c.files += past.Many(d.Payload)
			}
			return false
		}
	}
	return c
}

func signatures(ss []past.Stored) (owners, holders int) {
	os, hs := make(map[string]bool), make(map[string]bool)
	for _, s := range ss {
		os[string(s.Certificate.Sig)] = true
		for _, r := range s.Receipts {
			hs[string(r.Sig)] = true
		}
	}
	return len(os), len(hs)
}

// TestManyAtOnce: files that are stored at once are signed together and sent together, and each
// is afterwards what any other file is: found, verified by itself, copied, given back.
func TestManyAtOnce(t *testing.T) {
	w := newWorld(t, simtest.Size(24, 12), kbrtest.Config{Seed: 90}, paying(100_000_000))
	m := w.members[0]
	content := func(i int) past.File { return file(fmt.Sprint("round two, content ", i), 3) }
	m.insertAtOnce(64, func(i int) past.File { return file(name(i), 3) }) // pays ahead for the next
	c := w.countPuts()
	stored := m.insertAtOnce(64, content)
	for _, s := range stored {
		w.checkStored(s)
	}
	owners, holders := signatures(stored)
	if owners > 64/8+8 || holders > 3*64/2 {
		t.Errorf("64 files have %d signatures of their owner and %d of holders", owners, holders)
	}
	if c.together == 0 || c.alone+c.together > 3*64/2 {
		t.Errorf("%d files were sent alone, and %d in %d messages", c.alone, c.files, c.together)
	}
	for i := 0; i < 64; i += 9 {
		w.mustFind(w.members[i%len(w.members)], stored[i].Certificate.ID(), string(content(i).Content))
	}
	gone := stored[20].Certificate.ID()
	if err := m.reclaim(gone, ann); err != nil {
		t.Fatal(err)
	}
	dead := w.nearest(stored[21].Certificate.ID(), 1)[0]
	dead.node.Kill()
	w.net.Run(time.Hour)
	dead.restart()
	w.net.Run(time.Hour)
	w.whole(true)
	_, err := m.lookup(gone)
	wantErr(t, "what was given back", err, past.ErrNotFound)
	w.mustFind(dead, stored[21].Certificate.ID(), string(content(21).Content))
}

// TestOneAfterAnother: who stores one file at a time has each signed alone, and waits for nobody.
func TestOneAfterAnother(t *testing.T) {
	w := newWorld(t, 9, kbrtest.Config{Seed: 91}, nil)
	c := w.countPuts()
	for i := range 5 {
		before := w.net.Elapsed()
		s, err := w.members[0].insert(file(name(i), 3))
		if err != nil || s.Certificate.Batch != nil {
			t.Fatalf("%v, signed with others: %t", err, s.Certificate.Batch != nil)
		}
		w.checkStored(s)
		if took := w.net.Elapsed() - before; took > time.Second {
			t.Errorf("it took %s", took)
		}
	}
	if c.together != 0 {
		t.Errorf("%d messages were about many", c.together)
	}
}

// TestHolderOfMany: what a holder does with a message about many files of which some, or all, are
// not right (rows 33 to 36).
func TestHolderOfMany(t *testing.T) {
	w := newWorld(t, 4, kbrtest.Config{Seed: 92}, nil)
	a, b := w.members[0], w.members[1]
	x, salt := []byte("x"), byte(0)
	fresh := func(n int, change func(i int, c *certificate.Certificate)) []*certificate.Certificate {
		cs := make([]*certificate.Certificate, n)
		for i := range cs {
			c := *sign(w, 0, "x", 3)
			salt++
			c.Salt = peer.Salt{salt, 9}
			if change != nil {
				change(i, &c)
			}
			cs[i] = &c
		}
		return certificate.SignAll(cs, ring, ann, w.now())
	}
	spoiled := func(i int, change func(c *certificate.Certificate)) []*certificate.Certificate {
		cs := fresh(3, nil)
		change(cs[i])
		return cs
	}
	twice := fresh(2, nil)
	for _, c := range []struct {
		what string
		cs   []*certificate.Certificate
		want []uint16 // nil: all of it is refused
	}{
		{"three", fresh(3, nil), []uint16{0, 0, 0}},
		{"one", fresh(1, nil), []uint16{0}},
		{"64", fresh(64, nil), make([]uint16, 64)},
		{"65", append(fresh(64, nil), fresh(1, nil)...), nil},
		{"none", nil, nil},
		{"one of them twice", []*certificate.Certificate{twice[0], twice[1], twice[0]}, []uint16{0, 0, msg.RefusedAlone}},
		{"what is there already", twice, []uint16{msg.RefusedAlone, msg.RefusedAlone}},
		{"one with a wrong signature", spoiled(1, func(c *certificate.Certificate) { c.Sig = make([]byte, peer.SignatureSize) }), []uint16{0, msg.RefusedInvalid, 0}},
		{"one with the path of another", spoiled(1, func(c *certificate.Certificate) { c.Batch = fresh(3, nil)[1].Batch }), []uint16{0, msg.RefusedInvalid, 0}},
		{"one of another owner", spoiled(2, func(c *certificate.Certificate) { c.Owner = eve.Public() }), []uint16{0, 0, msg.RefusedInvalid}},
		{"one of another content", spoiled(0, func(c *certificate.Certificate) { c.Content[0]++ }), []uint16{msg.RefusedInvalid, 0, 0}},
		{"one with a path far too long", spoiled(0, func(c *certificate.Certificate) {
			c.Batch = &certificate.Batch{Count: 64, Beside: make([]id.Hash, 100)}
		}), nil},
		{"one of another size", spoiled(0, func(c *certificate.Certificate) { c.Size = 2 }), nil},
		{"a block", fresh(2, func(_ int, c *certificate.Certificate) {
			c.Kind, c.Part, c.Salt, c.Expires = certificate.Block, certificate.Part{}, peer.Salt{}, w.now().Add(time.Hour).UnixMilli()
		}), nil},
		{"a mutable object", fresh(1, func(_ int, c *certificate.Certificate) {
			c.Kind, c.Salt, c.Version = certificate.Mutable, peer.Salt{}, 1
		}), nil},
		{"of next week", certificate.SignAll(fresh(2, nil), ring, ann, w.now().AddDate(0, 0, 7)), []uint16{msg.RefusedClock, msg.RefusedClock}},
	} {
		before := b.past.Stats().Objects
		got, err := ask(a, b, past.AskPutMany(c.cs, x))
		codes, signed := past.Answered(got)
		if refused(err) != (c.want == nil) || !slices.Equal(codes, c.want) {
			t.Errorf("%s: %v, codes %v, want %v", c.what, err, codes, c.want)
			continue
		}
		stored := 0
		for i, code := range codes {
			if code == 0 {
				stored++
			}
			if code != msg.RefusedAlone && b.past.Keeps(c.cs[i].ID()) != (code == 0) {
				t.Errorf("%s: code %d of number %d is not what became of it", c.what, code, i)
			}
		}
		if n := b.past.Stats().Objects - before; n != stored || signed != (stored > 0) {
			t.Errorf("%s: %d objects more, %d were said to be stored, signed: %t", c.what, n, stored, signed)
		}
	}
	w.net.Run(time.Hour)
	w.whole(true)
}

// TestUnpaidAmongMany: of many files those that nobody paid for are not kept.
func TestUnpaidAmongMany(t *testing.T) {
	w := newWorld(t, 9, kbrtest.Config{Seed: 93}, paying(10_000))
	m, x := w.members[0], []byte("content")
	c, other := sign(w, 1, "content", 3), sign(w, 2, "content", 3)
	pay := m.pay(c)
	holder := w.nearest(c.ID(), 1)[0]
	for _, q := range []struct {
		what    string
		payload []byte
		want    []uint16
	}{
		{"without a payment", past.AskPutMany([]*certificate.Certificate{c}, x), []uint16{msg.RefusedUnpaid}},
		{"with a voucher that there is not", past.AskPutManyFor(c, x, pay, 1), nil},
		{"paid for another", past.AskPutManyFor(other, x, pay, 0), []uint16{msg.RefusedUnpaid}},
		{"paid for", past.AskPutManyFor(c, x, pay, 0), []uint16{0}},
	} {
		got, err := ask(m, holder, q.payload)
		if codes, _ := past.Answered(got); refused(err) != (q.want == nil) || !slices.Equal(codes, q.want) {
			t.Errorf("%s: %v, codes %v, want %v", q.what, err, codes, q.want)
		}
	}
}

// TestLyingHoldersOfMany: a holder that signs nothing, answers something else, or does not know the
// message, costs the files nothing: others keep them, or it is asked about each alone.
func TestLyingHoldersOfMany(t *testing.T) {
	for what, answer := range map[string]func(m *member, d *kbr.Delivery){
		"a receipt that it has not signed": func(m *member, d *kbr.Delivery) {
			d.Reply(past.SaysStoredMany(past.Many(d.Payload), m.cert, m.w.now().UnixMilli()))
		},
		"receipts of another": func(m *member, d *kbr.Delivery) {
			d.Reply(past.SaysStoredMany(past.Many(d.Payload), m.w.members[0].cert, m.w.now().UnixMilli()))
		},
		"too few answers":            func(m *member, d *kbr.Delivery) { d.Reply(past.SaysStoredMany(1, m.cert, m.w.now().UnixMilli())) },
		"another message":            func(_ *member, d *kbr.Delivery) { d.Reply(past.SaysAbsent(nil)) },
		"no message":                 func(_ *member, d *kbr.Delivery) { d.Reply([]byte{1, 2, 3}) },
		"nobody":                     func(_ *member, d *kbr.Delivery) { d.Reply(past.SaysStoredMany(past.Many(d.Payload), nil, 1)) },
		"as an earlier version does": func(_ *member, d *kbr.Delivery) { d.Refuse(msg.RefusedMalformed, "") },
		"that it has no room":        func(_ *member, d *kbr.Delivery) { d.Refuse(msg.RefusedBusy, "") },
	} {
		t.Run(what, func(t *testing.T) {
			w := newWorld(t, 9, kbrtest.Config{Seed: 94}, nil)
			for _, liar := range w.members[3:5] {
				liar.node.OnDeliver = func(_ wire.AppID, d *kbr.Delivery) bool {
					if past.KindOf(d.Payload) != "put many" {
						return false
					}
					answer(liar, d)
					return true
				}
			}
			for _, s := range w.members[0].insertAtOnce(30, func(i int) past.File { return file(name(i), 3) }) {
				w.checkStored(s)
			}
		})
	}
}

// TestManyWhileNodesCome: a holder that has heard its fellows once takes many files at once while others come, and asks nobody
// about what pays for them. One that has just started needs answers of others for that, and has each file asked about alone.
func TestManyWhileNodesCome(t *testing.T) {
	w := newWorld(t, 9, kbrtest.Config{Seed: 95}, paying(100_000))
	m, x, silent := w.members[0], []byte("content"), false
	newcomer := w.join()
	for _, m := range w.members {
		m.node.OnDeliver = func(app wire.AppID, d *kbr.Delivery) bool {
			return silent && app == accounts || app == number && past.KindOf(d.Payload) == "compare"
		}
	}
	w.net.Run(10 * time.Second)
	old := w.members[4]
	near := func(holder *member) (c *certificate.Certificate, pay *voucher.Payment) {
		for n := byte(1); ; n++ {
			if c = sign(w, n, "content", 3); w.nearest(c.ID(), 1)[0] == holder {
				return c, m.pay(c)
			}
		}
	}
	for _, q := range []struct {
		what   string
		holder *member
		want   uint16
	}{{"one that was there before", old, 0}, {"one that has just started", newcomer, msg.RefusedAlone}} {
		c, pay := near(q.holder)
		if q.holder.past.Settled() {
			t.Fatalf("%s has heard its fellows", q.what)
		}
		silent = true
		began := w.net.Elapsed()
		got, err := ask(m, q.holder, past.AskPutManyFor(c, x, pay, 0))
		if codes, _ := past.Answered(got); err != nil || !slices.Equal(codes, []uint16{q.want}) {
			t.Errorf("%s: %v, codes %v, want %d", q.what, err, codes, q.want)
		}
		if took := w.net.Elapsed() - began; took > time.Second {
			t.Errorf("%s answers after %s", q.what, took)
		}
		silent = false
		if _, err := ask(m, q.holder, past.AskPaidPut(c, x, pay)); err != nil {
			t.Errorf("%s, alone: %v", q.what, err)
		}
	}
}
