package work_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/directory"
	"github.com/phyllo-net/phyllo/app/scribe"
	"github.com/phyllo-net/phyllo/app/scribe/anycast"
	"github.com/phyllo-net/phyllo/app/topic"
	"github.com/phyllo-net/phyllo/app/work"
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
	appAnycast   = 11
	appWork      = 12
)

var (
	authority = standin.NewSigner(5, 0)
	ring      = peer.RingID(authority.Public())
	ann       = standin.NewSigner(5, 1001)
	bob       = standin.NewSigner(5, 1002)
	thumbs    = name("thumbnails")
)

// yard is a ring whose nodes offer and take work.
type yard struct {
	*lab.Ring
	t     testing.TB
	seed  uint64
	sheds []*shed
	doing map[string]int // takers that are at work on an item now
	did   map[string]int // how often it was done
	twice int            // jobs that were begun while another was at work on the item
}

// shed is one node, and what its programs were told.
type shed struct {
	y      *yard
	node   sim.NodeRef
	disk   *mem.Store
	cert   *peer.Certificate
	dir    *directory.Directory
	topics *topic.Topics
	work   *work.Work
	lives  []peer.Signer
	asks   int // Config.PeerAsks; 0: as always
	told   []work.Event
	bodies map[id.Hash]string
	ends   map[string]work.Outcome // of items that were offered here
	// answers, if it is there, may answer what is asked here.
	answers func(*kbr.Delivery) (answered bool)
}

// front is what is asked of a shed first.
type front struct {
	*work.Work
	h *shed
}

func (f front) Deliver(d *kbr.Delivery) {
	if f.h.answers == nil || !f.h.answers(d) {
		f.Work.Deliver(d)
	}
}

func newYard(t testing.TB, seed uint64, n int) *yard {
	t.Helper()
	y := &yard{t: t, seed: seed, doing: make(map[string]int), did: make(map[string]int)}
	y.Ring = lab.New(lab.Config{Seed: seed, Unwatched: true,
		ID:   func(i int) id.ID { return y.shed(i).cert.Node },
		Apps: func(i int, _ sim.NodeEnv) []kbr.Mount { return y.shed(i).build() }})
	t.Cleanup(y.Close)
	if !y.Grow(n, 100*time.Millisecond, time.Minute) {
		t.Fatal("no ring")
	}
	y.Sim.RunFor(5 * time.Second)
	return y
}

func (y *yard) shed(i int) *shed {
	for len(y.sheds) <= i {
		k, at := len(y.sheds), time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		key := standin.NewSigner(y.seed, uint64(k)+1).Public()
		y.sheds = append(y.sheds, &shed{y: y, node: sim.NodeRef(k), disk: mem.New(), lives: []peer.Signer{ann, bob},
			bodies: make(map[id.Hash]string), ends: make(map[string]work.Outcome),
			cert: peer.NewCertificate(authority, peer.NewAdmission(authority, authority.Public(), at), key, peer.Salt{byte(k)}, at)})
	}
	return y.sheds[i]
}

func (h *shed) build() []kbr.Mount {
	must := func(err error) {
		if err != nil {
			h.y.t.Fatal(err)
		}
	}
	d := directory.Default()
	d.Ring, d.Signer, d.Verifier, d.Store = ring, standin.NewSigner(h.y.seed, uint64(h.node)+1), standin.Verifier{}, h.disk
	d.Certificate = func() *peer.Certificate { return h.cert }
	var err error
	h.dir, err = directory.New(d)
	must(err)
	s := scribe.Default()
	s.Ring, s.Verifier = ring, standin.Verifier{}
	groups, err := scribe.New(s)
	must(err)
	signers := func() []peer.Signer { return h.lives }
	c := topic.Default()
	c.Ring, c.Scribe, c.Directory, c.Store, c.Signers = ring, groups, h.dir, h.disk, signers
	h.topics, err = topic.New(c)
	must(err)
	a := anycast.Default()
	a.Ring, a.Verifier, a.Tree = ring, standin.Verifier{}, groups
	walks, err := anycast.New(a)
	must(err)
	wc := work.Default()
	wc.Topics, wc.Scribe, wc.Anycast, wc.Store, wc.Signers = h.topics, groups, walks, h.disk, signers
	wc.Ring, wc.Verifier = ring, standin.Verifier{}
	if h.asks > 0 {
		wc.PeerAsks = h.asks
	}
	h.work, err = work.New(wc)
	must(err)
	return []kbr.Mount{{Number: appDirectory, App: h.dir}, {Number: appScribe, App: groups}, {Number: appTopic, App: h.topics},
		{Number: appAnycast, App: walks}, {Number: appWork, App: front{h.work, h}}}
}

func name(typed string) topic.Name {
	n, err := topic.ParseName(typed)
	if err != nil {
		panic(err)
	}
	return n
}

func (h *shed) call(f func(*task.T) error) error { return h.y.Call(h.node, 3*time.Minute, f) }

func (h *shed) must(f func(*task.T) error) {
	h.y.t.Helper()
	if err := h.call(f); err != nil {
		h.y.t.Fatalf("node %d: %v", h.node, err)
	}
}

// offer queues items, whose outcomes go to h.ends.
func (h *shed) offer(o work.Options, bodies ...string) (offers *work.Offers, ids []id.Hash) {
	h.y.t.Helper()
	o.Tell = func(e work.Event) {
		h.told = append(h.told, e)
		if e.Outcome != "" {
			h.ends[h.bodies[e.Item]] = e.Outcome
		}
	}
	h.must(func(t *task.T) (err error) {
		if offers, err = h.work.Open(t, thumbs, ann, o); err != nil {
			return err
		}
		for _, b := range bodies {
			x, err := offers.Add(t, []byte(b))
			if err != nil {
				return err
			}
			h.bodies[x[0]] = b
			ids = append(ids, x...)
		}
		return nil
	})
	return offers, ids
}

// taker is a program that takes items, and works some time at each.
type taker struct {
	h    *shed
	post *work.Post
	jobs []work.Job
	lost int
	fail func(work.Job) bool
	mute bool // it confirms nothing
	errs []error
}

// take begins to take items.
func (h *shed) take(slots int, each time.Duration, change ...func(*taker)) *taker {
	h.y.t.Helper()
	k := &taker{h: h, fail: func(work.Job) bool { return false }}
	for _, f := range change {
		f(k)
	}
	h.must(func(t *task.T) (err error) {
		if _, err := h.topics.Group(t, thumbs, ann); err != nil { // there is such a topic
			return err
		}
		k.post, err = h.work.Take(t, thumbs, work.TakeOptions{By: bob, Slots: slots, Waiting: func() bool { return true },
			Job: func(j work.Job) { k.job(j, each) }, Lost: func(id.Hash) { k.lost++ }})
		return err
	})
	return k
}

func (k *taker) job(j work.Job, each time.Duration) {
	y, what := k.h.y, string(j.Body)
	k.jobs = append(k.jobs, j)
	if y.doing[what]++; y.doing[what] > 1 {
		y.twice++
	}
	tasks := y.Node(k.h.node).Tasks()
	tasks.Go(func(t *task.T) error {
		if err := t.Sleep(each/2 + time.Duration(t.Env().Rand().Int64N(int64(each)))); err != nil {
			return err
		}
		if k.mute {
			return nil
		}
		failed := k.fail(j)
		if !failed {
			y.did[what]++
		}
		return k.post.Confirm(t, j.Item, work.Report{Failed: failed, Why: "it failed"})
	}, func(err error) {
		if !k.mute {
			y.doing[what]--
		}
		if err != nil && err != task.ErrStopped {
			k.errs = append(k.errs, fmt.Errorf("%s: %w", what, err))
		}
	})
}

// until runs the ring until something is so.
func (y *yard) until(what string, limit time.Duration, is func() bool) {
	y.t.Helper()
	if !y.Sim.RunUntil(is, 20*time.Millisecond, limit) {
		y.t.Fatalf("after %v still not: %s", limit, what)
	}
}
