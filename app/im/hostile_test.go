package im_test

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/directory"
	"github.com/phyllo-net/phyllo/app/im"
	"github.com/phyllo-net/phyllo/app/im/letter"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/kbr/kbrtest"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/store"
	"github.com/phyllo-net/phyllo/store/mem"
	"github.com/phyllo-net/phyllo/task"
)

// attacker is a node without the application, which sends whatever it likes.
type attacker struct {
	*kbrtest.Node
	w *world
}

func (w *world) attacker(number uint8) *attacker {
	return &attacker{w.net.Add(kbrtest.Handle(tiny(number))), w}
}

// raw asks a computer with these bytes.
func (x *attacker) raw(c *computer, payload []byte) (ans kbr.Answer, err error) {
	callErr := x.Call(time.Minute, func(t *task.T) error {
		ans, err = kbr.CallPeer(t, x.Endpoint(appNumber), c.node.Self(), payload, kbr.Options{})
		return nil
	})
	if callErr != nil {
		x.w.Fatal(callErr)
	}
	return ans, err
}

// push sends sealed letters and returns the answer.
func (x *attacker) push(c *computer, to im.User, sealed ...[]byte) im.Pushed {
	x.w.Helper()
	ans, err := x.raw(c, im.Encode(&im.Push{To: to.Key(), Number: 1, Sealed: sealed}))
	if err != nil {
		x.w.Fatal(err)
	}
	m, err := im.Messages.Decode(ans.Payload)
	if err != nil {
		x.w.Fatal(err)
	}
	return *m.(*im.Pushed)
}

// letter is a right letter, which the test then spoils.
func written(from, to im.User, n int) letter.Letter {
	return letter.Letter{
		Ring: ring, From: from.Key(), To: to.Key(), Number: 1, Conv: letter.Conversation(from.Key(), to.Key()),
		Stream: id.HashOf("stream", from.Name).Place(), Counter: uint64(n), ID: letter.MsgID{ID: id.HashOf("id", from.Name, n).Place()},
		Kind: letter.TextKind, Time: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli(), Name: from.Name, Body: []byte("text " + fmt.Sprint(n)),
	}
}

func seal(t testing.TB, l letter.Letter, from, to im.User) []byte {
	t.Helper()
	b, err := l.Seal(from.Signer, sealer{}, to.Seals[0].Opener.SealKey())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// hostile makes a world with bob, who knows mallory, and mallory's node.
func hostile(t testing.TB) (w *world, b *computer, bob, mallory im.User, x *attacker) {
	w = newWorld(t, kbrtest.Config{Seed: 1})
	bob, mallory = user("bob"), user("mallory")
	b = w.computer(200, bob)
	w.list(mallory, 66)
	b.add(bob, "mallory")
	return w, b, bob, mallory, w.attacker(66)
}

func (c *computer) untouched(t *testing.T, what string, before *mem.Store) {
	t.Helper()
	if !sameStore(before, c.disk) {
		t.Errorf("%s: the store has changed", what)
	}
	for _, e := range c.since() {
		if e.Kind == im.EventMessage || e.Kind == im.EventRequest {
			t.Errorf("%s: the user was shown something", what)
		}
	}
}

var tables = []store.Table{"im/users", "im/history", "im/inbox", "im/talks", "im/sent", "im/seen", "im/outbox", "im/lines", "im/pins", "im/contacts"}

func sameStore(a, b *mem.Store) bool {
	dump := func(s *mem.Store) (out []byte) {
		for _, t := range tables {
			s.Scan(t, store.Range{}, func(k, v []byte) bool {
				out = fmt.Appendf(out, "%s %x %x\n", t, k, v)
				return true
			})
		}
		return out
	}
	return bytes.Equal(dump(a), dump(b))
}

func TestForgedLettersChangeNothing(t *testing.T) {
	w, b, bob, mallory, x := hostile(t)
	carol := user("carol")
	good := written(mallory, bob, 1)
	spoil := func(f func(*letter.Letter)) []byte {
		l := good
		f(&l)
		return seal(t, l, mallory, bob)
	}
	resign := func(f func(*letter.Letter)) []byte { // altered after it was signed
		l := good
		l.Sig = mallory.Signer.Sign(l.Signed())
		f(&l)
		p, err := letter.Pad(mustMarshal(&l))
		if err != nil {
			t.Fatal(err)
		}
		s, err := sealer{}.Seal(bob.Seals[0].Opener.SealKey(), letter.Context(ring, bob.Key(), 1), p)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	for what, sealed := range map[string][]byte{
		"of another ring":           spoil(func(l *letter.Letter) { l.Ring = id.HashOf("other ring") }),
		"for another inside":        spoil(func(l *letter.Letter) { l.To = carol.Key() }),
		"of another conversation":   spoil(func(l *letter.Letter) { l.Conv = letter.Conversation(carol.Key(), bob.Key()) }),
		"of another key number":     spoil(func(l *letter.Letter) { l.Number = 2 }),
		"by another, not signed so": spoil(func(l *letter.Letter) { l.From, l.Conv = carol.Key(), letter.Conversation(carol.Key(), bob.Key()) }),
		"text not UTF-8":            spoil(func(l *letter.Letter) { l.Body = []byte("a\xff") }),
		"no text":                   spoil(func(l *letter.Letter) { l.Body = nil }),
		"name not UTF-8":            spoil(func(l *letter.Letter) { l.Name = "\xff" }),
		"name too long":             spoil(func(l *letter.Letter) { l.Name = strings.Repeat("x", letter.MaxName+1) }),
		"counter 0":                 spoil(func(l *letter.Letter) { l.Counter = 0 }),
		"counter 2^64-1":            spoil(func(l *letter.Letter) { l.Counter = math.MaxUint64 }),
		"after itself":              spoil(func(l *letter.Letter) { l.After = l.Counter }),
		"no stream":                 spoil(func(l *letter.Letter) { l.Stream = id.ID{} }),
		"no id":                     spoil(func(l *letter.Letter) { l.ID = letter.MsgID{} }),
		"kind 0":                    spoil(func(l *letter.Letter) { l.Kind = 0 }),
		"altered text":              resign(func(l *letter.Letter) { l.Body = []byte("TEXT 1") }),
		"altered counter":           resign(func(l *letter.Letter) { l.Counter = 2 }),
		"altered id":                resign(func(l *letter.Letter) { l.ID.Lo++ }),
		"altered time":              resign(func(l *letter.Letter) { l.Time++ }),
		"altered name":              resign(func(l *letter.Letter) { l.Name = "carol" }),
		"altered stream":            resign(func(l *letter.Letter) { l.Stream.Lo++ }),
		"altered kind":              resign(func(l *letter.Letter) { l.Kind = 130 }),
		"no signature":              resign(func(l *letter.Letter) { l.Sig = nil }),
		"garbage":                   bytes.Repeat([]byte{7}, 2000),
		"one byte":                  {1},
	} {
		before := b.disk.Clone()
		if got := x.push(b, bob, sealed); got.Took != 0 || got.Verdict != im.VerdictUnreadable {
			t.Errorf("%s: %+v", what, got)
		}
		b.untouched(t, what, before)
	}
	before := b.disk.Clone()
	sealed := seal(t, good, mallory, bob)
	for i := 0; i < len(sealed); i += 13 {
		spoilt := bytes.Clone(sealed)
		spoilt[i] ^= 1 << (i % 8)
		if got := x.push(b, bob, spoilt); got.Took != 0 {
			t.Fatalf("bit %d of byte %d flipped: %+v", i%8, i, got)
		}
	}
	b.untouched(t, "flipped bits", before)
	if got := x.push(b, bob, sealed); got.Took != 1 || got.Verdict != im.VerdictOK {
		t.Fatalf("the right one: %+v", got)
	}
	w.check()
}

func TestReplaysAreFoundAfterAnyTime(t *testing.T) {
	w, b, bob, mallory, x := hostile(t)
	sealed := seal(t, written(mallory, bob, 1), mallory, bob)
	other := written(mallory, bob, 1)
	other.Stream.Lo++
	for i, wait := range []time.Duration{0, time.Second, time.Hour, 2 * 24 * time.Hour} {
		w.net.Run(wait)
		if got := x.push(b, bob, sealed); got.Took != 1 || got.Verdict != im.VerdictOK {
			t.Errorf("replay %d: %+v", i, got)
		}
		// The same id in another stream is the same message.
		if got := x.push(b, bob, seal(t, other, mallory, bob)); got.Took != 1 {
			t.Errorf("replay %d in another stream: %+v", i, got)
		}
		if i == 1 {
			b.kill()
			w.net.Run(5 * time.Second)
			b.start()
		}
	}
	if got := b.inbox(bob, im.InboxOptions{}); len(got) != 1 {
		t.Errorf("%d messages", len(got))
	}
	// Many streams push the first out of memory; the ids stay.
	for i := range im.MaxStreams + 5 {
		l := written(mallory, bob, 100+i)
		l.Stream.Hi += uint64(i)
		if got := x.push(b, bob, seal(t, l, mallory, bob)); got.Took != 1 {
			t.Fatalf("stream %d: %+v", i, got)
		}
	}
	before := len(b.inbox(bob, im.InboxOptions{}))
	x.push(b, bob, sealed)
	if n := len(b.inbox(bob, im.InboxOptions{})); n != before || n != im.MaxStreams+6 {
		t.Errorf("%d messages, then %d", before, n)
	}
}

func TestOrderIsHeldAgainstTheSender(t *testing.T) {
	_, b, bob, mallory, x := hostile(t)
	one, two, three := written(mallory, bob, 1), written(mallory, bob, 2), written(mallory, bob, 3)
	two.After, three.After = 1, 2
	if got := x.push(b, bob, seal(t, two, mallory, bob)); got.Took != 0 || got.Verdict != im.VerdictGap || got.Want != 1 {
		t.Errorf("the second first: %+v", got)
	}
	if got := x.push(b, bob, seal(t, one, mallory, bob), seal(t, three, mallory, bob)); got.Took != 1 || got.Verdict != im.VerdictGap || got.Want != 2 {
		t.Errorf("with a hole: %+v", got)
	}
	if got := x.push(b, bob, seal(t, two, mallory, bob), seal(t, three, mallory, bob)); got.Took != 2 || got.Verdict != im.VerdictOK {
		t.Errorf("the rest: %+v", got)
	}
	if got := texts(b.inbox(bob, im.InboxOptions{})); !slices.Equal(got, []string{"text 1", "text 2", "text 3"}) {
		t.Errorf("got %q", got)
	}
	// A push holds one stream of one sender; what does not belong is not taken.
	four, alien := written(mallory, bob, 4), written(mallory, bob, 5)
	alien.Stream.Lo++
	if got := x.push(b, bob, seal(t, four, mallory, bob), seal(t, alien, mallory, bob)); got.Took != 1 || got.Verdict != im.VerdictUnreadable {
		t.Errorf("two streams: %+v", got)
	}
}

func TestUnknownKindsOfLetters(t *testing.T) {
	_, b, bob, mallory, x := hostile(t)
	l := written(mallory, bob, 1)
	l.Kind = 77
	if got := x.push(b, bob, seal(t, l, mallory, bob)); got.Took != 0 || got.Verdict != im.VerdictRefused {
		t.Errorf("critical: %+v", got)
	}
	l.Kind = 177
	for range 2 {
		if got := x.push(b, bob, seal(t, l, mallory, bob)); got.Took != 1 || got.Verdict != im.VerdictOK {
			t.Errorf("optional: %+v", got)
		}
	}
	l = written(mallory, bob, 2)
	l.Kind, l.Body = letter.ReceiptKind, []byte{0xff}
	if got := x.push(b, bob, seal(t, l, mallory, bob)); got.Took != 0 || got.Verdict != im.VerdictRefused {
		t.Errorf("a receipt that is none: %+v", got)
	}
	if got := b.inbox(bob, im.InboxOptions{}); len(got) != 0 {
		t.Errorf("inbox: %+v", got)
	}
}

// A receiver that refuses makes a message fail, and only that one.
func TestWhatIsRefusedFailsAndHoldsUpNothing(t *testing.T) {
	w := newWorld(t, kbrtest.Config{Seed: 1})
	alice, bob := user("alice"), user("bob")
	a, b := w.computer(10, alice), w.computer(200, bob)
	b.add(bob, "alice")
	n := 0
	b.node.OnDeliver = func(_ uint16App, d *kbr.Delivery) bool {
		m, err := im.Messages.Decode(d.Payload)
		if _, ok := m.(*im.Push); err != nil || !ok {
			return false
		}
		if n++; n == 1 {
			d.Reply(im.Encode(&im.Pushed{Verdict: im.VerdictRefused}))
			return true
		}
		return false
	}
	m1 := a.mustSend(alice, "bob", "one")
	w.net.Run(time.Second)
	m2 := a.mustSend(alice, "bob", "two")
	w.net.Run(time.Minute)
	if msg := a.message(alice, m1); msg.State != im.Failed || msg.Reason == "" {
		t.Errorf("refused: %+v", msg)
	}
	if st := a.state(alice, m2); st != im.Delivered {
		t.Errorf("the next: %v", st)
	}
	w.check()
}

// Receipts are believed only from those who got the message.
func TestForgedReceiptsAreNotBelieved(t *testing.T) {
	w, b, bob, mallory, x := hostile(t)
	alice := user("alice")
	a := w.computer(10, alice)
	a.add(alice, "bob")
	m := b.mustSend(bob, "alice", "hello")
	w.calm(time.Second)
	l := written(mallory, bob, 1)
	l.Kind, l.Body = letter.ReceiptKind, mustMarshal(&letter.Receipt{Read: []letter.MsgID{m}})
	if got := x.push(b, bob, seal(t, l, mallory, bob)); got.Took != 1 {
		t.Errorf("a receipt for another's message: %+v", got)
	}
	if st := b.state(bob, m); st != im.Delivered {
		t.Errorf("mallory says that alice has read it: %v", st)
	}
	w.check()
}

func TestPushesThatAreNone(t *testing.T) {
	w, b, bob, mallory, x := hostile(t)
	sealed := seal(t, written(mallory, bob, 1), mallory, bob)
	before := b.disk.Clone()
	var refused *kbr.RefusedError
	for what, payload := range map[string][]byte{
		"empty":            {},
		"unknown kind":     {9},
		"optional kind":    {200, 0xa0},
		"an answer":        im.Encode(&im.Pushed{}),
		"no letters":       im.Encode(&im.Push{To: bob.Key(), Number: 1}),
		"too many letters": im.Encode(&im.Push{To: bob.Key(), Number: 1, Sealed: slices.Repeat([][]byte{{1}}, letter.MaxBatch+1)}),
		"an empty letter":  im.Encode(&im.Push{To: bob.Key(), Number: 1, Sealed: [][]byte{{}}}),
		"a huge letter":    im.Encode(&im.Push{To: bob.Key(), Number: 1, Sealed: [][]byte{make([]byte, im.MaxSealed+1)}}),
		"cut off":          im.Encode(&im.Push{To: bob.Key(), Number: 1, Sealed: [][]byte{sealed}})[:900],
	} {
		if _, err := x.raw(b, payload); !errors.As(err, &refused) {
			t.Errorf("%s: %v", what, err)
		}
	}
	nobody := user("nobody")
	if got := x.push(b, nobody, sealed); got.Verdict != im.VerdictNoUser || got.Took != 0 {
		t.Errorf("for nobody here: %+v", got)
	}
	var answered error
	x.Do(func() {
		x.Endpoint(appNumber).Request(tiny(b.number-1), im.Encode(&im.Push{To: bob.Key(), Number: 1, Sealed: [][]byte{sealed}}), kbr.Options{},
			func(_ kbr.Answer, err error) { answered = err })
	})
	w.net.Run(time.Second)
	if !errors.As(answered, &refused) {
		t.Errorf("routed: %v", answered)
	}
	b.untouched(t, "all of it", before)
}

// Row 44 of the hostile inputs: first contacts from ever new identities.
func TestFloodsOfFirstContactsAreBounded(t *testing.T) {
	w := newWorld(t, kbrtest.Config{Seed: 1})
	alice, bob := user("alice"), user("bob")
	a, b := w.computer(10, alice), w.computer(200, bob)
	took, records := 0, 0
	for n := range 12 { // nodes, with 60 identities each
		x := w.attacker(uint8(30 + n))
		for i := range 60 {
			who := user(fmt.Sprintf("m%d-%d", n, i))
			took += int(x.push(b, bob, seal(t, written(who, bob, 1), who, bob)).Took)
		}
		if n == 0 {
			records = b.disk.Len()
		}
		x.Kill()
	}
	if took != w.cfg.MaxRequests {
		t.Errorf("%d requests were taken, %d may wait", took, w.cfg.MaxRequests)
	}
	if n := b.disk.Len(); n > records || records > 6*w.cfg.MaxRequests {
		t.Errorf("the store grew to %d and then %d records", records, n)
	}
	if n := len(b.contacts(bob)); n != w.cfg.MaxRequests {
		t.Errorf("%d are shown", n)
	}
	// Those who are known do not feel it.
	b.add(bob, "alice")
	m := a.mustSend(alice, "bob", "hello")
	w.calm(10 * time.Second)
	if st := a.state(alice, m); st != im.Delivered {
		t.Errorf("alice's message is %v", st)
	}
}

// One node cannot fill all the room in an hour, however many identities it makes.
func TestOneNodeAsksSlowly(t *testing.T) {
	w := newWorld(t, kbrtest.Config{Seed: 1})
	w.cfg.MaxRequests, w.cfg.RequestsPerHour = 100, 7
	bob := user("bob")
	b := w.computer(200, bob)
	x := w.attacker(30)
	took := 0
	flood := func() {
		took = 0
		for i := range 30 {
			who := user(fmt.Sprintf("m%d-%v", i, w.net.Elapsed()))
			got := x.push(b, bob, seal(t, written(who, bob, 1), who, bob))
			took += int(got.Took)
			if got.Took == 0 && got.Verdict != im.VerdictLater {
				t.Fatalf("%+v", got)
			}
		}
	}
	for range 3 {
		if flood(); took != 7 {
			t.Errorf("%d in an hour", took)
		}
		w.net.Run(time.Hour)
	}
}

func TestManyPushesAtOnceAreBounded(t *testing.T) {
	w, b, bob, mallory, x := hostile(t)
	sealed := seal(t, written(mallory, bob, 1), mallory, bob)
	busy, ok := 0, 0
	x.Do(func() {
		for range 100 {
			x.Endpoint(appNumber).Ask(b.node.Self(), im.Encode(&im.Push{To: bob.Key(), Number: 1, Sealed: [][]byte{sealed}}), kbr.Options{},
				func(a kbr.Answer, err error) {
					m, bad := im.Messages.Decode(a.Payload)
					if err != nil || bad != nil {
						t.Error(err, bad)
						return
					}
					switch m.(*im.Pushed).Verdict {
					case im.VerdictOK:
						ok++
					case im.VerdictLater:
						busy++
					}
				})
		}
	})
	w.net.Run(time.Minute)
	if ok == 0 || busy == 0 || ok+busy != 100 {
		t.Errorf("%d taken, %d sent away", ok, busy)
	}
	if n := len(b.inbox(bob, im.InboxOptions{})); n != 1 {
		t.Errorf("%d messages", n)
	}
}

// A name that is claimed is believed only if the directory gives the key for it.
func TestStrangersAreShownByWhatIsProven(t *testing.T) {
	w := newWorld(t, kbrtest.Config{Seed: 1})
	bob, alice := user("bob"), user("alice")
	b := w.computer(200, bob)
	w.computer(10, alice)
	x := w.attacker(66)
	liar := keyed("alice", "liar")
	nameless := keyed("", "nameless")
	for _, who := range []im.User{liar, nameless} {
		if got := x.push(b, bob, seal(t, written(who, bob, 1), who, bob)); got.Took != 1 {
			t.Fatalf("%+v", got)
		}
	}
	for _, m := range b.inbox(bob, im.InboxOptions{}) {
		if m.With.Proven() || m.With.Name != "" || !m.Request || m.With.String() != directory.Fingerprint(m.With.Key) {
			t.Errorf("shown as %q: %+v", m.With, m.With)
		}
	}
	c := b.contact(bob, directory.Fingerprint(liar.Key()))
	if c.Claimed != "alice" || c.Name != "" || !c.Request || c.Waiting != 1 {
		t.Errorf("the liar: %+v", c)
	}
	// Accepting the liar does not make him alice.
	b.add(bob, directory.Fingerprint(liar.Key()))
	if c := b.contact(bob, directory.Fingerprint(liar.Key())); c.Name != "" || c.Request || !c.Added {
		t.Errorf("accepted by fingerprint: %+v", c)
	}
	b.add(bob, "alice")
	if c := b.contact(bob, "alice"); c.Key != alice.Key() {
		t.Errorf("alice is %v", c.Key)
	}
	w.check()
}

// A name that looks like somebody's fingerprint does not stand before him.
func TestNobodyHidesBehindANameThatLooksLikeAFingerprint(t *testing.T) {
	w := newWorld(t, kbrtest.Config{Seed: 1})
	bob, alice := user("bob"), user("alice")
	b := w.computer(200, bob)
	a := w.computer(10, alice)
	fake := keyed(directory.Fingerprint(alice.Key()), "fake")
	f := w.computer(20, fake)
	a.mustSend(alice, "bob", "hello")
	f.mustSend(fake, "bob", "hello")
	w.calm(10 * time.Second)
	if c := b.contact(bob, directory.Fingerprint(alice.Key())); c.Key != alice.Key() {
		t.Errorf("found %+v", c)
	}
}

// A write that failed and has landed all the same is seen before anything else is
// written: nothing overwrites it.
func TestWriteThatFailedAndLandedIsNotOverwritten(t *testing.T) {
	w := newWorld(t, kbrtest.Config{Seed: 1})
	alice, bob := user("alice"), user("bob")
	a, b := w.computer(10, alice), w.computer(200, bob)
	b.add(bob, "alice")
	a.add(alice, "bob")
	failed := false
	b.disk.Fail(func(op mem.Op) error {
		if op.Kind == mem.Write && !failed && slices.ContainsFunc(op.Writes, func(o store.Op) bool { return o.Table == "im/seen" }) {
			failed = true
			return mem.Landed(store.ErrFull)
		}
		return nil
	})
	m := a.mustSend(alice, "bob", "landed")
	if !w.net.RunUntil(time.Minute, func() bool { return failed }) {
		t.Fatal("no write")
	}
	b.mustSend(bob, "alice", "in between")
	w.calm(2 * time.Minute)
	if st := a.state(alice, m); st != im.Delivered {
		t.Errorf("%v", st)
	}
	if got := texts(b.inbox(bob, im.InboxOptions{})); !slices.Equal(got, []string{"landed"}) {
		t.Errorf("bob has %q", got)
	}
}

// What is said in errors and answers holds no text and no key material.
func TestErrorsHoldNoSecrets(t *testing.T) {
	w, b, bob, mallory, x := hostile(t)
	l := written(mallory, bob, 1)
	l.Body = []byte("very secret\xff")
	_, err := letter.Open(seal(t, l, mallory, bob), ring, bob.Key(), 1, bob.Seals[0].Opener, verifier{})
	if err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("%v", err)
	}
	_, err = x.raw(b, append([]byte{1}, "very secret"...))
	if err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("%v", err)
	}
	_, err = b.send(bob, "alice", "very secret\xff")
	if err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("%v", err)
	}
	w.check()
}

var _ peer.Verifier = verifier{}
