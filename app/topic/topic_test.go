package topic_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/directory"
	"github.com/phyllo-net/phyllo/app/scribe"
	"github.com/phyllo-net/phyllo/app/scribe/msg"
	"github.com/phyllo-net/phyllo/app/topic"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
)

func TestParseName(t *testing.T) {
	for typed, want := range map[string]string{
		"news": "news", "News": "news", "/news": "news", "ann/news": "ann/news", "Ann/Door-1": "ann/door-1", "wetter.köln": "wetter.köln",
	} {
		n, err := topic.ParseName(typed)
		if err != nil || n.String() != want {
			t.Errorf("%q is %q, %v, want %q", typed, n, err, want)
		}
		if again, err := topic.ParseName(n.String()); err != nil || again != n {
			t.Errorf("%q is read again as %q, %v", n, again, err)
		}
	}
	for _, typed := range []string{"", "/", "ann/", "//x", "a/b/c", "#room", "#room/x", "two words", "x\n", "a/\x00", "\xff", fmt.Sprintf("ann/%0129d", 1)} {
		if n, err := topic.ParseName(typed); !errors.Is(err, topic.ErrName) {
			t.Errorf("%q is %q, %v", typed, n, err)
		}
	}
}

func FuzzParseName(f *testing.F) {
	f.Add("news")
	f.Add("Ann/news")
	f.Fuzz(func(t *testing.T, typed string) {
		n, err := topic.ParseName(typed)
		if err != nil {
			return
		}
		if again, err := topic.ParseName(n.String()); err != nil || again != n {
			t.Errorf("%q is %q, and read again %q, %v", typed, n, again, err)
		}
	})
}

// The first who publishes makes a topic of the ring and owns it; all others publish and read,
// empty messages too; two readers of one node have one membership.
func TestFirstOwns(t *testing.T) {
	w := newTown(t, 12)
	early, joined := w.houses[3].begin("news", topic.Options{Waiting: func() bool { return true }})
	w.Sim.RunFor(5 * time.Second)
	if err := w.houses[1].say("news", ann, "one", ""); err != nil {
		t.Fatal(err)
	}
	if err := joined(); err != nil {
		t.Fatal(err)
	}
	w.reads(early, "one", "")
	late, second := w.houses[7].subscribe("news", topic.Options{}), w.houses[3].subscribe("news", topic.Options{Last: 1})
	w.reads(late)
	w.reads(second, "")
	if err := w.houses[2].say("news", bob, "two"); err != nil {
		t.Fatal(err)
	}
	w.reads(early, "one", "", "two")
	w.reads(late, "two")
	w.reads(second, "", "two")
	if err := w.houses[2].call(func(t *task.T) error {
		return w.houses[2].topics.Set(t, name("news"), bob, topic.DefaultRules(name("news")))
	}); !errors.Is(err, topic.ErrOwner) {
		t.Errorf("bob changes what is ann's: %v", err)
	}
	early.x.Close()
	if err := w.houses[2].say("news", bob, "three"); err != nil {
		t.Fatal(err)
	}
	w.reads(second, "", "two", "three")
	w.reads(early, "one", "", "two")
	for _, st := range w.houses[3].topics.List() {
		if st.Name != name("news") || st.Readers != 1 || !st.Place.Member || st.Charter.Creator != ann.Public() {
			t.Errorf("listed is %+v", st)
		}
	}
}

// A person's topic is made by him alone, and only he publishes to it; rules let others do so,
// and take it away again.
func TestRules(t *testing.T) {
	w := newTown(t, 6)
	home, away := w.houses[1], w.houses[2]
	home.is("ann", ann)
	if _, done := away.begin("ann/door", topic.Options{}); !errors.Is(done(), topic.ErrUnknown) {
		t.Error("a topic is read that nobody has made")
	}
	if err := away.say("ann/door", bob, "x"); !errors.Is(err, topic.ErrUnknown) {
		t.Errorf("bob publishes to what ann has not made: %v", err)
	}
	if _, done := away.begin("nobody/door", topic.Options{}); !errors.Is(done(), topic.ErrUnknown) || !errors.Is(done(), directory.ErrNotFound) { // so what is told is how names are looked for
		t.Error("a topic of nobody is read")
	}
	if err := home.say("ann/door", ann, "open"); err != nil {
		t.Fatal(err)
	}
	r := away.subscribe("ann/door", topic.Options{By: bob, Since: time.Hour})
	w.reads(r, "open")
	if err := away.say("ann/door", bob, "x"); !errors.Is(err, msg.ErrDenied) {
		t.Errorf("bob publishes to what is ann's: %v", err)
	}
	rules := topic.DefaultRules(name("ann/door"))
	set := func() {
		t.Helper()
		home.must(func(t *task.T) error { return home.topics.Set(t, name("ann/door"), ann, rules) })
	}
	rules.Publishers = []peer.Key{bob.Public()}
	set()
	if err := away.say("ann/door", bob, "ring"); err != nil {
		t.Errorf("bob may publish now: %v", err)
	}
	w.reads(r, "open", "ring")
	rules.AllRead, rules.Publishers = false, nil
	set()
	w.Sim.RunUntil(func() bool { return r.ended != nil }, 100*time.Millisecond, time.Minute)
	if !errors.Is(r.ended, msg.ErrDenied) {
		t.Errorf("bob reads what is closed: %v", r.ended)
	}
	if _, done := away.begin("ann/door", topic.Options{By: bob}); !errors.Is(done(), msg.ErrDenied) {
		t.Error("bob joins what is closed")
	}
	rules.Count = msg.MaxCount + 1
	if err := home.call(func(t *task.T) error { return home.topics.Set(t, name("ann/door"), ann, rules) }); !errors.Is(err, msg.ErrCharter) {
		t.Errorf("a history without bounds: %v", err)
	}
}

// What several have said is history in one order, as their clocks say, each one's own kept; as
// much of it as is asked for.
func TestHistory(t *testing.T) {
	w := newTown(t, 8)
	var all []string
	for i := range 30 {
		m, by := fmt.Sprint("message ", i), ann
		if i%3 == 1 {
			by = bob
		}
		if err := w.houses[i%2].say("news", by, m); err != nil {
			t.Fatal(err)
		}
		all = append(all, m)
		w.Sim.RunFor(10 * time.Second)
	}
	w.reads(w.houses[5].subscribe("news", topic.Options{Since: time.Hour}), all...)
	w.reads(w.houses[5].subscribe("news", topic.Options{Last: 7}), all[23:]...)
	w.reads(w.houses[4].subscribe("news", topic.Options{Since: 105 * time.Second, Last: 1000}), all[20:]...)
	w.reads(w.houses[4].subscribe("news", topic.Options{Since: 105 * time.Second, Last: 3}), all[27:]...)
}

// All nodes of a ring stop, and start again: the owner's node brings its topic back, by the
// rules that he had set.
func TestOwnerBringsBack(t *testing.T) {
	w := newTown(t, 3)
	home := w.houses[0]
	home.lives = []peer.Signer{ann}
	rules := topic.DefaultRules(name("news"))
	rules.AllPublish = false
	home.must(func(t *task.T) error { return home.topics.Set(t, name("news"), ann, rules) })
	if err := home.say("news", ann, "before"); err != nil {
		t.Fatal(err)
	}
	for _, h := range w.houses {
		w.Sim.Crash(h.node)
	}
	w.Sim.RunFor(time.Minute)
	for _, h := range w.houses {
		w.Sim.Restart(h.node)
	}
	if !w.Sim.RunUntil(func() bool { return len(w.ReadyNodes()) == 3 }, time.Second, 5*time.Minute) {
		t.Fatal("no ring")
	}
	r, joined := w.houses[2].begin("news", topic.Options{Waiting: func() bool { return true }})
	if err := joined(); err != nil {
		t.Fatal(err)
	}
	if err := home.say("news", ann, "after"); err != nil {
		t.Fatal(err)
	}
	w.reads(r, "after")
	if err := w.houses[1].say("news", bob, "x"); !errors.Is(err, msg.ErrDenied) {
		t.Errorf("another rule holds now: %v", err)
	}
}

// The tree tells who hands a topic on to whom: all readers stand in it, each below its parent.
func TestTree(t *testing.T) {
	w := newTown(t, 20)
	if err := w.houses[0].say("news", ann, "x"); err != nil {
		t.Fatal(err)
	}
	for _, h := range w.houses {
		h.subscribe("news", topic.Options{})
	}
	var tree *topic.Tree
	w.houses[4].must(func(t *task.T) (err error) {
		tree, err = w.houses[4].topics.Tree(t, name("news"))
		return err
	})
	if len(tree.Nodes) != 20 || tree.More || tree.Nodes[0].Depth != 0 || !tree.Nodes[0].Parent.IsZero() {
		t.Fatalf("the tree has %d nodes: %+v", len(tree.Nodes), tree)
	}
	depth := make(map[string]int)
	for i, b := range tree.Nodes {
		if d, known := depth[b.Parent.String()]; i > 0 && (!known || b.Depth != d+1) || !b.Member || b.Silent {
			t.Errorf("branch %+v", b)
		}
		depth[b.Node.String()] = b.Depth
	}
	w.houses[4].must(func(t *task.T) error {
		if _, err := w.houses[4].topics.Tree(t, name("other")); !errors.Is(err, topic.ErrUnknown) {
			return fmt.Errorf("the tree of a topic that nobody has made: %w", err)
		}
		return nil
	})
}

// A message of a later version's form is told, not swallowed; one that is too large is refused.
func TestForms(t *testing.T) {
	w := newTown(t, 2)
	h := w.houses[0]
	if err := h.say("news", ann, "one"); err != nil {
		t.Fatal(err)
	}
	r := w.houses[1].subscribe("news", topic.Options{})
	group := h.scribe.Groups()[0]
	w.Sim.Call(h.node, func() { h.scribe.Publisher(group, bob).Publish([]byte("\x02later"), nil) })
	w.reads(r, "newer 1")
	if err := h.say("news", ann, string(make([]byte, topic.MaxMessage)), "x"); err != nil {
		t.Error(err)
	}
	if err := h.say("news", ann, string(make([]byte, topic.MaxMessage+1))); !errors.Is(err, scribe.ErrTooLarge) {
		t.Errorf("a message that is too large: %v", err)
	}
}
