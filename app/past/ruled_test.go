package past_test

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/past"
	"github.com/phyllo-net/phyllo/app/past/certificate"
	"github.com/phyllo-net/phyllo/app/past/msg"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/kbr/kbrtest"
	"github.com/phyllo-net/phyllo/sim/simtest"
	"github.com/phyllo-net/phyllo/wire"
)

// version is a version of ann's object, signed by her.
func annsVersion(w *world, number uint64, content string) *certificate.Certificate {
	return (&certificate.Certificate{Kind: certificate.Mutable, Part: annsName.Part, Copies: annsName.Copies, Version: number,
		Content: certificate.ContentHash([]byte(content)), Size: int64(len(content))}).Sign(ring, ann, w.now())
}

// rules is a ruling of a member, about any holders.
func (m *member) rules(c *certificate.Certificate, count uint64, holders ...*member) *certificate.Ruling {
	var ms certificate.Holders
	for _, h := range holders {
		ms = append(ms, &certificate.Member{Node: h.cert.Node, Life: h.past.Life()})
	}
	return (&certificate.Ruling{Term: certificate.Term{Count: count, Root: m.cert.Node}, Number: 1, Holders: ms, Certificate: c.Hash(ring), Root: m.cert}).Sign(ring, c.ID(), m.signer)
}

// TestHostileRulings: what no honest root says is refused, and what is kept stays.
func TestHostileRulings(t *testing.T) {
	w := newWorld(t, 40, kbrtest.Config{Seed: 60}, nil)
	if err := w.members[0].change(0, "one"); err != nil {
		t.Fatal(err)
	}
	o := annsName.ID()
	near := w.nearest(o, 40)
	root, holder, far := near[0], near[1], near[30]
	good := annsVersion(w, 2, "two")
	others := *good
	others.Owner = eve.Public()
	forged := root.rules(good, 99, near[:5]...)
	forged.Sig[5] ^= 1
	changed := root.rules(good, 99, near[:5]...)
	changed.Term.Count++
	moved := root.rules(good, 99, near[:5]...)
	moved.Before = certificate.Holders{{Node: far.cert.Node, Life: 1}}
	later := root.rules(good, 99, near[:5]...)
	later.Number++
	twice := root.rules(good, 99, near[0], near[0])
	crowded := root.rules(good, 99, near[:5]...)
	for n := range uint64(certificate.MaxRivals + 1) {
		crowded.Absorbed = append(crowded.Absorbed, &certificate.Absorbed{Number: n, Kept: true})
	}
	crowded.Origin = crowded.Term
	crowded = crowded.Sign(ring, o, root.signer)
	lacking := root.rules(good, 99, near[:5]...)
	lacking.Origin, lacking.Absorbed = lacking.Term, []*certificate.Absorbed{{Certificate: id.HashOf("a rival"), Kept: true}}
	lacking = lacking.Sign(ring, o, root.signer)
	unborn := root.rules(good, 99, near[:5]...)
	unborn.Draft = true
	unborn = unborn.Sign(ring, o, root.signer)
	stolen := root.rules(good, 99, near[:5]...)
	stolen.Root = far.cert
	two := []byte("two")
	for what, x := range map[string]struct {
		from    *member
		payload []byte
	}{
		"a wrong signature":      {root, past.AskAccept(good, two, forged)},
		"another content":        {root, past.AskAccept(good, []byte("tow"), root.rules(good, 99, near[:5]...))},
		"for another version":    {root, past.AskAccept(good, two, root.rules(annsVersion(w, 3, "two"), 99, near[:5]...))},
		"of a far node":          {far, past.AskAccept(good, two, far.rules(good, 99, near[:5]...))},
		"the term of another":    {far, past.AskPrepare(o, 5, certificate.Term{Count: 99, Root: root.cert.Node})},
		"a term of a far node":   {far, past.AskPrepare(o, 5, certificate.Term{Count: 99, Root: far.cert.Node})},
		"with a rival unknown":   {root, past.AskAccept(good, two, lacking)},
		"a rival of a far node":  {far, past.AskKeep(good, two, root.rules(good, 99, near[:5]...))},
		"a rival, wrongly ruled": {root, past.AskKeep(good, two, forged)},
		"no copies":              {root, past.AskPrepare(o, 0, certificate.Term{Count: 99, Root: root.cert.Node})},
		"to who is not the root": {root, past.AskUpdate(good, two)},
		"what is current, there": {root, past.AskSettle(annsName)},
		"a version of another":   {root, past.AskUpdate(&others, two)},
		"a file":                 {root, past.AskUpdate(sign(w, 1, "two", 5), two)},
		"a ruling about a file":  {root, past.AskAccept(sign(w, 1, "two", 5), two, root.rules(sign(w, 1, "two", 5), 99, near[:5]...))},
	} {
		if _, err := ask(x.from, holder, x.payload); !refused(err) {
			t.Errorf("%s: %v", what, err)
		}
		if v := holder.past.Version(o); v != 1 {
			t.Fatalf("%s: version %d is kept", what, v)
		}
	}
	for what, r := range map[string]*certificate.Ruling{"altered": changed, "of other holders before": moved, "of another number": later, "naming one twice": twice, "under another's certificate": stolen, "without a root": {}, "none": nil, "of too many rivals": crowded, "a draft of nothing": unborn} {
		if err := r.Verify(ring, good, verifier); err == nil {
			t.Errorf("a ruling that is %s is good", what)
		}
	}
	if _, err := ask(root, holder, past.AskAccept(good, two, root.rules(good, 99, near[:5]...))); err != nil || holder.past.Version(o) != 2 {
		t.Errorf("a good one: %v", err)
	}
}

// TestRivalOfLaterRuling: of two rulings about one version that is kept besides the later one stays, whichever
// comes first: it says whom to ask before what was made apart ends. It takes no room that is not taken already.
func TestRivalOfLaterRuling(t *testing.T) {
	w := newWorld(t, 9, kbrtest.Config{Seed: 63}, func(c *past.Config) { c.MaxObjects = 3 })
	if err := w.members[0].change(0, "one"); err != nil {
		t.Fatal(err)
	}
	near, two := w.nearest(annsName.ID(), 9), annsVersion(w, 2, "two")
	for _, c := range []struct{ term, want uint64 }{{5, 5}, {7, 7}, {6, 7}} {
		if _, err := ask(near[0], near[1], past.AskKeep(two, []byte("two"), near[0].rules(two, c.term, near[:5]...))); err != nil {
			t.Fatal(err)
		}
		if got := near[1].past.RivalTerm(annsName.ID(), two.Hash(ring)); got != c.want {
			t.Errorf("after a ruling in term %d that of term %d is kept, want %d", c.term, got, c.want)
		}
	}
	branch := func(c *certificate.Certificate, term uint64) *certificate.Ruling {
		r := near[0].rules(c, term, near[:5]...)
		r.Origin = r.Term
		return r.Sign(ring, c.ID(), near[0].signer)
	}
	if _, err := ask(near[0], near[1], past.AskAccept(two, []byte("two"), branch(two, 8))); err != nil { // what was current is the third
		t.Fatal(err)
	}
	three, more := annsVersion(w, 3, "three"), annsVersion(w, 3, "more")
	if _, err := ask(near[0], near[1], past.AskKeep(more, []byte("more"), near[0].rules(more, 9, near[:5]...))); !refused(err) {
		t.Fatalf("there is room: %v", err)
	}
	for _, c := range []struct {
		payload []byte
		want    uint64
	}{{past.AskAccept(three, []byte("three"), branch(three, 9)), 8}, {past.AskKeep(two, []byte("two"), branch(two, 10)), 10}} {
		_, err := ask(near[0], near[1], c.payload)
		if got := near[1].past.RivalTerm(annsName.ID(), two.Hash(ring)); err != nil || got != c.want {
			t.Errorf("a full holder: %v; the ruling of term %d is kept, want %d", err, got, c.want)
		}
	}
}

// TestNobodyRulesAboutWhatWasLeft: a neighbour that rules late, and of its own, about a version that is kept besides does
// not take the ruling away that a branch apart has left, whether it comes before or after.
func TestNobodyRulesAboutWhatWasLeft(t *testing.T) {
	w := newWorld(t, 9, kbrtest.Config{Seed: 64}, nil)
	o := annsName.ID()
	near, two, three := w.nearest(o, 9), annsVersion(w, 2, "two"), annsVersion(w, 3, "three")
	root, holder, liar, newcomer := near[0], near[1], near[2], near[3]
	left := root.rules(two, 7)
	for n := range byte(5) {
		left.Holders = append(left.Holders, &certificate.Member{Node: id.HashOf("gone", []byte{n}).Place(), Life: 1})
	}
	left.Origin = left.Term
	left = left.Sign(ring, o, root.signer)
	apart := root.rules(three, 9, near[:5]...)
	apart.Origin, apart.Absorbed = apart.Term, []*certificate.Absorbed{left.Point(true)}
	apart.Absorbed[0].Left = 5
	apart = apart.Sign(ring, o, root.signer)
	draft := *apart
	draft.Draft = true
	lie := liar.rules(two, 1000, liar)
	lie.Origin = left.Origin
	late := past.AskKeep(two, []byte("two"), lie.Sign(ring, o, liar.signer))
	for _, c := range []struct {
		what     string
		from, to *member
		payload  []byte
		kept     uint64
	}{
		{"the neighbour's ruling", liar, holder, late, 1000},
		{"that of the majority", root, holder, past.AskAccept(two, []byte("two"), left), 1000},
		{"one apart", root, holder, past.AskAccept(three, []byte("three"), apart), 7},
		{"the neighbour's again", liar, holder, late, 7},
		// One that knows nothing of the object yet cannot tell them apart before it is told what was left.
		{"the neighbour's ruling, to a newcomer", liar, newcomer, late, 1000},
		{"what will be left, to that one", root, newcomer, past.AskKeep(two, []byte("two"), left), 1000},
		{"one apart, to that one", root, newcomer, past.AskAccept(three, []byte("three"), draft.Sign(ring, o, root.signer)), 1000},
		{"what was left, to that one", root, newcomer, past.AskKeep(two, []byte("two"), left), 7},
	} {
		if _, err := ask(c.from, c.to, c.payload); err != nil {
			t.Fatalf("%s: %v", c.what, err)
		}
		if got := c.to.past.RivalTerm(o, two.Hash(ring)); got != c.kept {
			t.Errorf("%s: the rival has a ruling of term %d, want %d", c.what, got, c.kept)
		}
	}
	early := *left
	early.Draft = true
	_, err := ask(root, near[4], past.AskKeep(two, []byte("two"), early.Sign(ring, o, root.signer)))
	if code := msg.Refusal(err); code != msg.RefusedNotHolder { // another try would come to the same before it has the object
		t.Errorf("a draft that was left, to one that lacks the object: %v", err)
	}
}

// TestSettledElsewhere: what a holder's part of a ring has settled it keeps besides once more when a root brings it, in whose
// ruling it is not settled; and so it takes that ruling.
func TestSettledElsewhere(t *testing.T) {
	w := newWorld(t, 9, kbrtest.Config{Seed: 67}, nil)
	o := annsName.ID()
	near, two, three, four := w.nearest(o, 9), annsVersion(w, 2, "two"), annsVersion(w, 3, "three"), annsVersion(w, 4, "four")
	root, holder := near[0], near[1]
	branch := func(c *certificate.Certificate, count uint64, knows ...*certificate.Absorbed) *certificate.Ruling {
		r := root.rules(c, count, near[:5]...)
		r.Origin, r.Absorbed = r.Term, knows
		return r.Sign(ring, o, root.signer)
	}
	rival := branch(two, 7)
	settled := branch(three, 9, rival.Point(false))
	for _, b := range [][]byte{
		past.AskAccept(three, []byte("three"), settled), past.AskKeep(two, []byte("two"), rival),
		past.AskAccept(four, []byte("four"), branch(four, 11, settled.Point(false), rival.Point(true))),
	} {
		if _, err := ask(root, holder, b); err != nil {
			t.Fatal(err)
		}
		w.net.Run(2 * time.Second) // a holder tidies meanwhile
	}
	if v, term := holder.past.Version(o), holder.past.RivalTerm(o, two.Hash(ring)); v != 4 || term != 7 {
		t.Errorf("version %d is current, and the rival has a ruling of term %d", v, term)
	}
}

// TestHugeTerm: a neighbour that takes a term, or rules in one, after which there would be none keeps
// nobody out; nor does one that takes the largest that holders accept.
func TestHugeTerm(t *testing.T) {
	w := newWorld(t, 9, kbrtest.Config{Seed: 65}, nil)
	if err := w.members[0].change(0, "one"); err != nil {
		t.Fatal(err)
	}
	o := annsName.ID()
	w.net.Run(time.Minute)
	near, two := w.nearest(o, 9), annsVersion(w, 2, "two")
	liar := near[2]
	for _, c := range []struct {
		count uint64
		taken bool
	}{
		{math.MaxUint64, false}, {1 << 62, false}, {uint64(w.now().Add(2 * time.Hour).UnixMilli()), false},
		{uint64(w.now().Add(time.Hour).UnixMilli()), true},
	} {
		for _, h := range near[:6] {
			if h == liar {
				continue
			}
			_, err := ask(liar, h, past.AskPrepare(o, 5, certificate.Term{Count: c.count, Root: liar.cert.Node}))
			if refused(err) == c.taken || err != nil && c.taken {
				t.Errorf("term %d is promised: %t, %v", c.count, c.taken, err)
			}
			if c.taken {
				continue
			}
			for _, b := range [][]byte{past.AskAccept(two, []byte("two"), liar.rules(two, c.count, liar)), past.AskKeep(two, []byte("two"), liar.rules(two, c.count, liar))} {
				if _, err := ask(liar, h, b); !refused(err) {
					t.Errorf("a ruling in term %d is taken: %v", c.count, err)
				}
			}
		}
	}
	if err := w.outside([]*member{liar}).change(1, "zwei"); err != nil {
		t.Errorf("a change: %v", err)
	}
	for _, m := range w.members {
		w.mustRead(m, 2, "zwei")
	}
}

// TestDisturbed: a neighbour that takes a later term, or rules in one, whenever the root is at work keeps nobody from making
// or changing the object, as it is farther from it. When the root is silent for long, or gone, it may be the next.
func TestDisturbed(t *testing.T) {
	w := newWorld(t, 9, kbrtest.Config{Seed: 66}, nil)
	o := annsName.ID()
	near, one := w.nearest(o, 9), annsVersion(w, 1, "one")
	root, liar, count, disturbs, made := near[0], near[1], uint64(1000), true, false
	liar.node.OnDeliver = func(_ wire.AppID, d *kbr.Delivery) bool {
		if k := past.KindOf(d.Payload); disturbs && d.Via.ID == root.cert.Node && (k == "prepare" || k == "accept") {
			for _, h := range slices.Concat(near[:1], near[2:5]) {
				count++
				bs := [][]byte{past.AskPrepare(o, 5, certificate.Term{Count: count, Root: liar.cert.Node})}
				if made {
					bs = append(bs, past.AskAccept(one, []byte("one"), liar.rules(one, count, near[:5]...)))
				}
				for _, b := range bs {
					liar.node.Endpoint(number).Ask(h.node.Self(), b, kbr.Options{Timeout: time.Second}, func(kbr.Answer, error) {})
				}
			}
		}
		return false
	}
	take := func() error {
		count++
		_, err := ask(liar, near[2], past.AskPrepare(o, 5, certificate.Term{Count: count, Root: liar.cert.Node}))
		return err
	}
	for version, content := range []string{"one", "two", "three"} {
		w.net.Run(time.Minute)
		began := w.net.Elapsed()
		if err := near[8].change(uint64(version), content); err != nil {
			t.Fatalf("%q: %v", content, err)
		}
		made = true
		if took := w.net.Elapsed() - began; took > 5*time.Second {
			t.Errorf("%q takes %s", content, took)
		}
	}
	disturbs = false
	if err := take(); !refused(err) {
		t.Errorf("a moment after the root has ruled: %v", err)
	}
	w.net.Run(11 * time.Second)
	if err := take(); err != nil {
		t.Errorf("when nothing was heard of the root for a while: %v", err)
	}
	if err := near[8].change(3, "four"); err != nil {
		t.Fatal(err)
	}
	root.node.Kill()
	w.net.Run(time.Second)
	if err := take(); err != nil {
		t.Errorf("when the root is gone: %v", err)
	}
}

// TestPromiseIsOfVoters: who promised a later term takes no ruling of an earlier one that names
// it, as that would be a vote. One that does not name it tells it what is current by now: else
// who is a holder no more, and had promised something to a root that came to nothing, would keep
// for ever what nobody needs.
func TestPromiseIsOfVoters(t *testing.T) {
	w := newWorld(t, 9, kbrtest.Config{Seed: 62}, nil)
	if err := w.members[0].change(0, "one"); err != nil {
		t.Fatal(err)
	}
	o := annsName.ID()
	near := w.nearest(o, 9)
	root, former := near[0], near[6]
	two := annsVersion(w, 2, "two")
	if _, err := ask(root, former, past.AskPrepare(o, 5, certificate.Term{Count: 50, Root: root.cert.Node})); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		what    string
		holders []*member
		version uint64
	}{
		{"names it", append(near[:4:4], former), 0},
		{"names others", near[:5], 2},
	} {
		if _, err := ask(root, former, past.AskAccept(two, []byte("two"), root.rules(two, 9, c.holders...))); err != nil {
			t.Errorf("a ruling of an earlier term that %s: %v", c.what, err)
		}
		if v := former.past.Version(o); v != c.version {
			t.Errorf("after a ruling of an earlier term that %s version %d is kept, want %d", c.what, v, c.version)
		}
	}
	got, err := ask(root, former, past.AskPrepare(o, 5, certificate.Term{Count: 49, Root: root.cert.Node}))
	if err != nil || past.KindOf(got) != "higher" {
		t.Errorf("a promise was forgotten: %s, %v", past.KindOf(got), err)
	}
}

// TestOneLyingVoter: a holder, or the root, that shows an old version, invents a late ruling
// of its own, denies everything, or says yes to changes that it does not make: nobody reads
// anything but what a majority has, and nobody believes in a change that was not made. A holder keeps
// nobody from reading or changing the object by that.
func TestOneLyingVoter(t *testing.T) {
	simtest.WithoutRace(t)
	o := annsName.ID()
	for what, lie := range map[string]struct {
		liar   int // the n-th nearest
		kind   string
		answer func(w *world, liar *member) []byte
		change error // of the next one
	}{
		"shows an old version": {1, "get", func(w *world, liar *member) []byte {
			old := annsVersion(w, 1, "one")
			return past.SaysVersion(old, []byte("one"), liar.rules(old, 1, w.nearest(o, 5)...), liar.past.Life())
		}, nil},
		"rules alone, late": {1, "get", func(w *world, liar *member) []byte {
			old := annsVersion(w, 1, "one")
			return past.SaysVersion(old, []byte("one"), liar.rules(old, 1000, liar), liar.past.Life())
		}, nil},
		"rules late, for all": {1, "get", func(w *world, liar *member) []byte {
			old := annsVersion(w, 1, "one")
			late := liar.rules(old, 1000, w.nearest(o, 5)...)
			late.Origin = liar.past.RulingOf(o).Origin
			return past.SaysVersion(old, []byte("one"), late.Sign(ring, o, liar.signer), liar.past.Life())
		}, nil},
		"promises with a late ruling": {1, "prepare", func(w *world, liar *member) []byte {
			old := annsVersion(w, 1, "one")
			late := liar.rules(old, 1000, liar)
			late.Origin = liar.past.RulingOf(o).Origin
			return past.SaysPromise(old, []byte("one"), late.Sign(ring, o, liar.signer), liar.past.Life())
		}, nil},
		"promises with one that has absorbed all": {1, "prepare", func(w *world, liar *member) []byte {
			old := annsVersion(w, 1, "one")
			late := liar.rules(old, 1000, w.nearest(o, 5)...)
			late.Origin, late.Absorbed = late.Term, []*certificate.Absorbed{liar.past.RulingOf(o).Point(false)}
			return past.SaysPromise(old, []byte("one"), late.Sign(ring, o, liar.signer), liar.past.Life())
		}, nil},
		"denies":             {1, "get", func(*world, *member) []byte { return past.SaysAbsent(nil) }, nil},
		"the root denies":    {0, "settle", func(*world, *member) []byte { return past.SaysAbsent(nil) }, nil},
		"the root lies: yes": {0, "update", func(*world, *member) []byte { return past.SaysUpdated() }, past.ErrNotReachable},
	} {
		t.Run(what, func(t *testing.T) {
			w := newWorld(t, 9, kbrtest.Config{Seed: 61}, func(c *past.Config) { c.Patience = 5 * time.Second })
			for v, content := range []string{"one", "two"} {
				if err := w.members[0].change(uint64(v), content); err != nil {
					t.Fatal(err)
				}
			}
			w.net.Run(time.Minute)
			liar := w.nearest(o, 5)[lie.liar]
			answer := lie.answer(w, liar)
			liar.lies(lie.kind, func() []byte { return answer })
			if lie.kind == "prepare" { // else nobody asks for promises before the change
				if _, err := ask(w.nearest(o, 5)[4], w.nearest(o, 5)[0], past.AskSettle(annsName)); err != nil {
					t.Error(err)
				}
			}
			for _, m := range w.members {
				if f, err := m.current(annsName); err == nil && string(f.Content) != "two" {
					t.Errorf("%q is read", f.Content)
				} else if err != nil && lie.change == nil {
					t.Errorf("a reader: %v", err)
				}
			}
			wantErr(t, "a change", w.outside([]*member{liar}).change(2, "three"), lie.change)
		})
	}
}
