package directory_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/phyllo-net/phyllo/app/directory"
	"github.com/phyllo-net/phyllo/app/directory/record"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/internal/budget"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/kbr/kbrtest"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// refusal is what a hostile message must be answered with.
type refusal struct {
	what    string
	payload []byte
	kind    string // of the answer, or "refused"
}

// TestHostileMessages sends what no honest node sends, directly and by routing, and
// checks that the state does not change.
func TestHostileMessages(t *testing.T) {
	w := newWorld(t, 4, kbrtest.Config{Seed: 70}, nil)
	bob, eve := newToy("bob", 0), newToy("eve", 0)
	rec := w.record("bob", bob, 1)
	w.mustPut(w.members[0], rec)
	a, b := w.members[1], w.members[2]
	claim := func(r *directory.Record, rs ...*record.Receipt) *record.Claim {
		return &record.Claim{Record: r, Receipts: rs}
	}
	stranger := newToy("stranger", 0)
	forged := *w.record("carol", eve, 1)
	forged.Version = 2
	outside := peer.NewCertificate(stranger, peer.NewAdmission(stranger, stranger.Public(), w.now()), stranger.Public(), peer.Salt{}, w.now())
	fake := *a.cert
	fake.Node = id.Tiny(9)
	dave := w.record("dave", eve, 1)
	otherRing := (&directory.Record{Name: "erin", Version: 1}).Sign(outside.Ring, eve, w.now())
	good, err := directory.Encode(mustDecode(t, directory.AskRead("bob")))
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []refusal{
		{"nothing", nil, "refused"},
		{"an unknown kind", []byte{99, 0xa0}, "refused"},
		{"a kind to skip", []byte{200, 0xa0}, "refused"},
		{"a cut message", good[:len(good)-3], "refused"},
		{"a message with a tail", append(append([]byte{}, good...), 0), "refused"},
		{"60 KB of nothing", make([]byte, 40_000), "refused"},
		{"nested 10,000 deep", append([]byte{3}, []byte(strings.Repeat("\x81", 10_000))...), "refused"},
		{"an answer that nobody asked for", directory.SaysAbsent(), "refused"},
		{"a claim without a record", []byte{5, 0xa1, 0x01, 0xa0}, "refused"},
		{"a record with a wrong signature", directory.AskPut(claim(&forged)), "refused"},
		{"a record of another ring", directory.AskPut(claim(otherRing)), "refused"},
		{"a gift without receipts", directory.AskGive(claim(dave)), "answer"},
		{"a gift with receipts by no member", directory.AskGive(claim(dave, directory.ReceiptFor(stranger, outside, w.ring(), dave, 1))), "answer"},
		{"a gift with a receipt under an altered certificate", directory.AskGive(claim(dave, directory.ReceiptFor(a.signer, &fake, w.ring(), dave, 1))), "answer"},
		{"a gift with a receipt for another record", directory.AskGive(claim(dave, directory.ReceiptFor(a.signer, a.cert, w.ring(), rec, 1))), "answer"},
		{"a gift with one of five receipts", directory.AskGive(claim(dave, directory.ReceiptFor(a.signer, a.cert, w.ring(), dave, 5))), "answer"},
		{"a rival with more receipts, put by a stranger", directory.AskPut(claim(w.record("bob", eve, 1),
			directory.ReceiptFor(a.signer, a.cert, w.ring(), w.record("bob", eve, 1), 4))), "answer"},
	} {
		kind, _, err := ask(a, b, x.payload)
		var refused *kbr.RefusedError
		if got := map[bool]string{true: "refused", false: kind}[errors.As(err, &refused)]; got != x.kind {
			t.Errorf("%s: got %s, %v; want %s", x.what, got, err, x.kind)
		}
		for _, n := range []directory.Name{"carol", "dave", "erin"} {
			if b.dir.Keeps(n) {
				t.Fatalf("%s: kept", x.what)
			}
		}
	}
	if b.dir.Stats().BadInput == 0 {
		t.Error("bad input was not counted")
	}
	w.mustFind(a, rec)
	// What is asked of one node is not answered when it comes by routing.
	err = a.node.Call(time.Minute, func(t *task.T) error {
		_, err := kbr.Call(t, a.node.Endpoint(number), b.cert.Node.Add(id.ID{Lo: 1}), directory.AskPut(claim(dave)), kbr.Options{})
		return err
	})
	var refused *kbr.RefusedError
	if !errors.As(err, &refused) || b.dir.Keeps("dave") {
		t.Errorf("a routed claim: %v", err)
	}
}

func mustDecode(t *testing.T, b []byte) wire.Message {
	t.Helper()
	m, err := directory.Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestStrangersGetNoLists: a node that is far from a name cannot list or fetch it, so
// that nobody collects the whole directory.
func TestStrangersGetNoLists(t *testing.T) {
	w := newWorld(t, 40, kbrtest.Config{Seed: 71}, nil)
	rec := w.record("bob", newToy("bob", 0), 1)
	w.mustPut(w.members[0], rec)
	near := w.net.Nearest(rec.Name.Key(), 12)
	var far *member
	for _, m := range w.members {
		if !contains(near, m.node) {
			far = m
		}
	}
	h := w.holders(rec.Name)[0]
	_, b, err := ask(far, h, directory.AskList())
	if err != nil || len(b) > 8 {
		t.Errorf("list: %x, %v", b, err)
	}
	if _, b, err = ask(far, h, directory.AskFetch("bob")); err != nil || len(b) > 8 {
		t.Errorf("fetch: %x, %v", b, err)
	}
	if _, b, err = ask(w.holders(rec.Name)[1], h, directory.AskFetch("bob")); err != nil || len(b) < 100 {
		t.Errorf("a fellow's fetch: %x, %v", b, err)
	}
}

func contains(ns []*kbrtest.Node, n *kbrtest.Node) bool {
	for _, x := range ns {
		if x == n {
			return true
		}
	}
	return false
}

func TestLimits(t *testing.T) {
	w := newWorld(t, 3, kbrtest.Config{Seed: 72}, func(c *directory.Config) {
		c.MaxPerIdentity, c.MaxPerPeer, c.MaxRecords = 3, 5, 12
	})
	bob := newToy("bob", 0)
	for i := range 3 {
		w.mustPut(w.members[0], w.record(fmt.Sprint("bob", i), bob, 1))
	}
	wantErr(t, "a fourth name of one key", w.members[0].put(w.record("bob3", bob, 1)), directory.ErrLimit)
	w.mustPut(w.members[0], w.record("bob2", bob, 2)) // a change is no new name
	for i := range 2 {
		w.mustPut(w.members[0], w.record(fmt.Sprint("guest", i), newToy("guest", i), 1))
	}
	wantErr(t, "a sixth name through one node", w.members[0].put(w.record("guest9", newToy("guest", 9), 1)), directory.ErrLimit)
	for i := range 7 {
		w.mustPut(w.members[1+i/4], w.record(fmt.Sprint("more", i), newToy("more", i), 1))
	}
	wantErr(t, "more than a node keeps", w.members[2].put(w.record("more9", newToy("more", 9), 1)), directory.ErrLimit)
}

// TestFlood: one neighbour's flood is refused, and others are served.
func TestFlood(t *testing.T) {
	w := newWorld(t, 3, kbrtest.Config{Seed: 73}, func(c *directory.Config) { c.PeerReads = 50; c.MaxTasks = 20 })
	rec := w.record("bob", newToy("bob", 0), 1)
	w.mustPut(w.members[0], rec)
	a, b := w.members[0], w.members[1]
	answered, refused := 0, 0
	a.node.Do(func() {
		for range 1000 {
			a.node.Endpoint(number).Ask(b.node.Self(), directory.AskRead("bob"), kbr.Options{}, func(_ kbr.Answer, err error) {
				if err == nil {
					answered++
				} else {
					refused++
				}
			})
		}
	})
	w.net.Run(time.Second)
	if answered > 60 || answered+refused != 1000 {
		t.Errorf("%d answered, %d refused", answered, refused)
	}
	w.mustFind(w.members[2], rec)
	w.net.Run(2 * time.Minute)
	w.mustFind(a, rec)
}

// TestFalseNotice: anybody may say that a name is lost; the owner asks the holders.
func TestFalseNotice(t *testing.T) {
	refreshes := 0
	w := newWorld(t, 3, kbrtest.Config{Seed: 74}, func(c *directory.Config) {
		c.Events.Refreshed = func(directory.Name, *directory.Record, error) { refreshes++ }
	})
	bob := newToy("bob", 0)
	rec := w.record("bob", bob, 1, w.members[0])
	w.mustPut(w.members[0], rec)
	w.members[0].node.Do(func() { w.members[0].dir.Keep(rec, bob) })
	w.net.Run(time.Minute)
	refreshes = 0
	for range 100 {
		if _, _, err := ask(w.members[1], w.members[0], directory.AskLost("bob", bob.Public())); err != nil {
			t.Fatal(err)
		}
	}
	w.net.Run(time.Minute)
	if len(w.members[0].lost) != 0 || len(w.members[0].dir.Kept()) != 1 {
		t.Errorf("lost %v, keeps %d", w.members[0].lost, len(w.members[0].dir.Kept()))
	}
	if refreshes < 1 || refreshes > 8 {
		t.Errorf("100 notices made %d refreshes", refreshes)
	}
}

func TestValidate(t *testing.T) {
	good := directory.Default()
	good.Signer, good.Verifier = newToy("x", 0), toyVerifier{}
	good.Certificate = func() *peer.Certificate { return nil }
	if _, err := directory.New(good); err == nil || !strings.Contains(err.Error(), "Store") {
		t.Errorf("without a store: %v", err)
	}
	w := newWorld(t, 1, kbrtest.Config{}, nil)
	good.Store = w.members[0].disk
	if err := good.Validate(); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*directory.Config){
		"Replicas":       func(c *directory.Config) { c.Replicas = 0 },
		"Refresh":        func(c *directory.Config) { c.Refresh = c.Lapse },
		"Lapse":          func(c *directory.Config) { c.Lapse = 0; c.Refresh = 0 },
		"Hold":           func(c *directory.Config) { c.Hold = -1 },
		"Tentative":      func(c *directory.Config) { c.Tentative = 0 },
		"Sync":           func(c *directory.Config) { c.Sync = 0 },
		"Skew":           func(c *directory.Config) { c.Skew = c.Lapse },
		"Ask":            func(c *directory.Config) { c.Ask = 0 },
		"Patience":       func(c *directory.Config) { c.Patience = c.Ask - 1 },
		"CacheFor":       func(c *directory.Config) { c.CacheFor = -1 },
		"CacheSize":      func(c *directory.Config) { c.CacheSize = 0 },
		"MaxRecords":     func(c *directory.Config) { c.MaxRecords = 0 },
		"MaxPerIdentity": func(c *directory.Config) { c.MaxPerIdentity = -1 },
		"MaxPerPeer":     func(c *directory.Config) { c.MaxPerPeer = 0 },
		"MaxTasks":       func(c *directory.Config) { c.MaxTasks = 1 << 30 },
		"PeerWrites":     func(c *directory.Config) { c.PeerWrites = 0 },
		"PeerReads":      func(c *directory.Config) { c.PeerReads = 0 },
	} {
		c := good
		change(&c)
		if err := c.Validate(); err == nil || name != "Lapse" && !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func samples(rec *directory.Record, w *world) [][]byte {
	m := w.members[0]
	c := &record.Claim{Record: rec, Receipts: []*record.Receipt{directory.ReceiptFor(m.signer, m.cert, w.ring(), rec, 1)}}
	return [][]byte{
		directory.WhereNodes(m.node.Self()), directory.SaysAbsent(), directory.SaysPresent(rec), directory.SaysTaken(c),
		directory.Names("a", "b"), directory.AskPut(c), directory.AskGive(c, c), directory.AskList(), directory.AskFetch(rec.Name),
		directory.AskRead(rec.Name), directory.AskLost(rec.Name, rec.Identity),
	}
}

// TestMessagesRoundTrip: what was decoded encodes to the same bytes.
func TestMessagesRoundTrip(t *testing.T) {
	w := newWorld(t, 1, kbrtest.Config{}, nil)
	rapid.Check(t, func(rt *rapid.T) {
		rec := w.record(rapid.StringMatching(`[#/]?[a-z]{1,20}`).Draw(rt, "name"), newToy("drawn", rapid.IntRange(0, 9).Draw(rt, "identity")),
			rapid.Uint64Range(1, 1<<40).Draw(rt, "version"), w.members[:rapid.IntRange(0, 1).Draw(rt, "devices")]...)
		for _, b := range samples(rec, w) {
			m, err := directory.Decode(b)
			if err != nil {
				rt.Fatal(err)
			}
			if again, err := directory.Encode(m); err != nil || string(again) != string(b) {
				rt.Fatalf("%T: %x, %v; want %x", m, again, err, b)
			}
		}
	})
}

// FuzzMessage feeds bytes to a node, as a message of a neighbour: whatever they are, it
// goes on, and keeps what it had.
func FuzzMessage(f *testing.F) {
	w := newWorld(f, 2, kbrtest.Config{}, func(c *directory.Config) { c.PeerReads, c.PeerWrites = 1_000_000, 1_000_000 })
	rec := w.record("bob", newToy("bob", 0), 1)
	if err := w.members[0].put(rec); err != nil {
		f.Fatal(err)
	}
	for _, b := range samples(rec, w) {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > wire.MaxPayload {
			return
		}
		budget.Decode(t, len(b), func() { directory.Decode(b) })
		if m, err := directory.Decode(b); err == nil {
			if _, err := directory.Encode(m); err != nil {
				t.Fatalf("%T was decoded and does not encode: %v", m, err)
			}
		}
		_, _, _ = ask(w.members[0], w.members[1], b)
		if !w.members[1].dir.Keeps("bob") {
			t.Fatal("the record is gone")
		}
		if err := w.members[1].dir.Check(); err != nil {
			t.Fatal(err)
		}
	})
}

// TestStrangerBringsARival: a claim with more receipts than the standing one has is
// taken from a fellow holder only; five members that sign what they like cannot take a
// name by handing it to the holders.
func TestStrangerBringsARival(t *testing.T) {
	w := newWorld(t, 40, kbrtest.Config{Seed: 75}, nil)
	rec := w.record("bob", newToy("bob", 0), 1)
	w.mustPut(w.members[0], rec)
	near := w.net.Nearest(rec.Name.Key(), 14)
	rival := &record.Claim{Record: w.record("bob", newToy("eve", 0), 1)}
	var stranger *member
	for _, m := range w.members {
		if !contains(near, m.node) {
			stranger = m
			if len(rival.Receipts) < 9 {
				rival.Receipts = append(rival.Receipts, directory.ReceiptFor(m.signer, m.cert, w.ring(), rival.Record, 5))
			}
		}
	}
	for _, h := range w.holders(rec.Name) {
		for _, b := range [][]byte{directory.AskGive(rival), directory.AskPut(rival)} {
			if _, _, err := ask(stranger, h, b); err != nil {
				t.Error(err)
			}
		}
	}
	for _, m := range w.members {
		w.mustFind(m, rec)
	}
}
