package topic_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/directory"
	"github.com/phyllo-net/phyllo/app/scribe"
	"github.com/phyllo-net/phyllo/app/topic"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/lab"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/sim"
	"github.com/phyllo-net/phyllo/sim/standin"
	"github.com/phyllo-net/phyllo/store/mem"
	"github.com/phyllo-net/phyllo/task"
)

const (
	appDirectory = 1
	appScribe    = 7
	appTopic     = 9
	seed         = 5
)

var (
	authority = standin.NewSigner(seed, 0)
	ring      = peer.RingID(authority.Public())
	ann       = standin.NewSigner(seed, 1001)
	bob       = standin.NewSigner(seed, 1002)
)

// town is a ring whose nodes run topics.
type town struct {
	*lab.Ring
	t      testing.TB
	houses []*house
}

// house is one node, and what its reader was told.
type house struct {
	w      *town
	node   sim.NodeRef
	disk   *mem.Store
	cert   *peer.Certificate
	dir    *directory.Directory
	scribe *scribe.Scribe
	topics *topic.Topics
	lives  []peer.Signer
}

// reader is one subscription, and what it was told.
type reader struct {
	x     *topic.Subscription
	read  []string
	ended error
}

func newTown(t testing.TB, n int) *town {
	t.Helper()
	return newTownOf(t, n, sim.Config{})
}

func newTownOf(t testing.TB, n int, c sim.Config) *town {
	t.Helper()
	w := &town{t: t}
	w.Ring = lab.New(lab.Config{Seed: seed, Unwatched: true, Sim: c,
		ID:   func(i int) id.ID { return w.house(i).cert.Node },
		Apps: func(i int, _ sim.NodeEnv) []kbr.Mount { return w.house(i).build() }})
	t.Cleanup(func() {
		for _, x := range w.Live() {
			if err := w.houses[x].scribe.Check(); err != nil {
				t.Error(err)
			}
		}
		w.Close()
	})
	if !w.Grow(n, 100*time.Millisecond, time.Minute) {
		t.Fatal("no ring")
	}
	w.Sim.RunFor(5 * time.Second)
	return w
}

func (w *town) house(i int) *house {
	for len(w.houses) <= i {
		k, at := len(w.houses), time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		key := standin.NewSigner(seed, uint64(k)+1).Public()
		w.houses = append(w.houses, &house{w: w, node: sim.NodeRef(k), disk: mem.New(),
			cert: peer.NewCertificate(authority, peer.NewAdmission(authority, authority.Public(), at), key, peer.Salt{byte(k)}, at)})
	}
	return w.houses[i]
}

func (h *house) build() []kbr.Mount {
	must := func(err error) {
		if err != nil {
			h.w.t.Fatal(err)
		}
	}
	d := directory.Default()
	d.Ring, d.Signer, d.Verifier, d.Store = ring, standin.NewSigner(seed, uint64(h.node)+1), standin.Verifier{}, h.disk
	d.Certificate = func() *peer.Certificate { return h.cert }
	var err error
	h.dir, err = directory.New(d)
	must(err)
	s := scribe.Default()
	s.Ring, s.Verifier = ring, standin.Verifier{}
	h.scribe, err = scribe.New(s)
	must(err)
	c := topic.Default()
	c.Ring, c.Scribe, c.Directory, c.Store = ring, h.scribe, h.dir, h.disk
	c.Signers = func() []peer.Signer { return h.lives }
	h.topics, err = topic.New(c)
	must(err)
	return []kbr.Mount{{Number: appDirectory, App: h.dir}, {Number: appScribe, App: h.scribe}, {Number: appTopic, App: h.topics}}
}

func name(typed string) topic.Name {
	n, err := topic.ParseName(typed)
	if err != nil {
		panic(err)
	}
	return n
}

func (h *house) call(f func(*task.T) error) error {
	h.w.t.Helper()
	return h.w.Call(h.node, 3*time.Minute, f)
}

func (h *house) must(f func(*task.T) error) {
	h.w.t.Helper()
	if err := h.call(f); err != nil {
		h.w.t.Fatalf("node %d: %v", h.node, err)
	}
}

// is claims a person's name, and lets him live here.
func (h *house) is(who string, by peer.Signer) {
	h.w.t.Helper()
	h.lives = append(h.lives, by)
	h.must(func(t *task.T) error {
		return h.dir.Put(t, (&directory.Record{Name: directory.Name(who), Version: 1}).Sign(ring, by, t.Env().Wall()))
	})
}

// say publishes messages, one after another.
func (h *house) say(n string, by peer.Signer, messages ...string) error {
	return h.call(func(t *task.T) error {
		o, err := h.topics.Open(t, name(n), by)
		if err != nil {
			return err
		}
		defer o.Close()
		for _, m := range messages {
			if _, err := o.Say(t, []byte(m)); err != nil {
				return err
			}
		}
		return nil
	})
}

// begin subscribes, without waiting for it.
func (h *house) begin(n string, o topic.Options) (r *reader, done func() error) {
	r = new(reader)
	over, result := false, error(nil)
	o.Event = func(e topic.Event) {
		switch {
		case e.Message != nil:
			r.read = append(r.read, string(e.Message.Body))
		case e.Gap != nil:
			r.read = append(r.read, fmt.Sprintf("gap %d-%d", e.Gap.From, e.Gap.To))
		case e.Newer != nil:
			r.read = append(r.read, fmt.Sprintf("newer %d", e.Newer.Seq))
		default:
			r.ended = e.Ended
		}
	}
	h.w.Sim.Call(h.node, func() {
		h.w.Node(h.node).Tasks().Go(func(t *task.T) (err error) {
			r.x, err = h.topics.Subscribe(t, name(n), o)
			return err
		}, func(err error) { over, result = true, err })
	})
	return r, func() error {
		if !h.w.Sim.RunUntil(func() bool { return over }, 20*time.Millisecond, 3*time.Minute) {
			h.w.t.Fatal("subscribing takes for ever")
		}
		return result
	}
}

func (h *house) subscribe(n string, o topic.Options) *reader {
	h.w.t.Helper()
	r, done := h.begin(n, o)
	if err := done(); err != nil {
		h.w.t.Fatalf("node %d subscribes: %v", h.node, err)
	}
	return r
}

// reads waits until a reader has read exactly this.
func (w *town) reads(r *reader, want ...string) {
	w.t.Helper()
	w.Sim.RunUntil(func() bool { return len(r.read) >= len(want) }, 20*time.Millisecond, time.Minute)
	if fmt.Sprint(r.read) != fmt.Sprint(want) {
		w.t.Errorf("read %q, want %q", r.read, want)
	}
}
