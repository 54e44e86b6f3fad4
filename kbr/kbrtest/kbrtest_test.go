package kbrtest_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/kbr/kbrtest"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

const number = 300

// echo answers with its own id and what it got, and notes everything.
type echo struct {
	ep        kbr.Endpoint
	got       []string
	deliverys []*kbr.Delivery
	updates   []string
	forwarded int
	farewell  *peer.Handle
}

func (e *echo) Start(ep kbr.Endpoint) { e.ep = ep }
func (e *echo) Deliver(d *kbr.Delivery) {
	e.got = append(e.got, string(d.Payload))
	e.deliverys = append(e.deliverys, d)
	if string(d.Payload) == "no" {
		d.Refuse(7, "because")
		return
	}
	d.Reply(append([]byte(e.ep.Self().ID.Short()+" "), d.Payload...))
}
func (e *echo) Update(n *peer.Handle, joined bool) {
	e.updates = append(e.updates, fmt.Sprint(n.ID.Short(), joined))
}
func (e *echo) Stop() {
	if e.farewell != nil {
		e.ep.Send(e.farewell, []byte("bye"), nil)
	}
}
func (e *echo) Forward(*kbr.Transit) bool { e.forwarded++; return true }

// ring starts n nodes, spread evenly.
func ring(t *testing.T, c kbrtest.Config, n int) (*kbrtest.Net, []*kbrtest.Node, []*echo) {
	t.Helper()
	w := kbrtest.New(c)
	t.Cleanup(w.Close)
	var ns []*kbrtest.Node
	var es []*echo
	for i := range n {
		e := new(echo)
		ns = append(ns, w.Add(kbrtest.Handle(id.Tiny(uint8(i*256/n+1))), kbr.Mount{Number: number, App: e}))
		es = append(es, e)
	}
	w.Run(time.Second)
	return w, ns, es
}

func TestRequestReachesTheRoot(t *testing.T) {
	for _, n := range []int{1, 2, 3, 40, 90} {
		w, ns, es := ring(t, kbrtest.Config{Seed: 1, Loss: 0.2}, n)
		for i := range 50 {
			key := id.Tiny(uint8(i * 5))
			root := w.Nearest(key, 1)[0]
			at := i % n
			err := ns[at].Call(2*time.Minute, func(t *task.T) error {
				a, err := kbr.Call(t, es[at].ep, key, []byte("hello"), kbr.Options{Timeout: time.Minute})
				if err == nil && (a.From != root.Self() || string(a.Payload) != root.Self().ID.Short()+" hello") {
					return fmt.Errorf("%s answered %q, the root is %s", a.From, a.Payload, root.Self())
				}
				return err
			})
			if err != nil {
				t.Fatalf("%d nodes, key %s: %v", n, key.Short(), err)
			}
		}
		total := 0
		for _, e := range es {
			total += len(e.got)
		}
		if total != 50 {
			t.Errorf("%d nodes: 50 requests were delivered %d times", n, total)
		}
	}
}

func TestSameSeedSameTrace(t *testing.T) {
	run := func(seed uint64) uint64 {
		w, ns, es := ring(t, kbrtest.Config{Seed: seed, Loss: 0.1}, 20)
		for i := range 20 {
			ns[i].Do(func() { es[i].ep.Request(id.Tiny(uint8(i*12)), nil, kbr.Options{}, func(kbr.Answer, error) {}) })
		}
		ns[3].Kill()
		w.Run(time.Minute)
		return w.Digest()
	}
	if first, second := run(5), run(5); first != second {
		t.Error("two runs with one seed differ")
	}
	if run(5) == run(6) {
		t.Error("another seed gives the same run")
	}
}

func TestDeathIsNoticedAndRoutedAround(t *testing.T) {
	w, ns, es := ring(t, kbrtest.Config{Seed: 2}, 8)
	victim, watcher := ns[3], ns[0]
	var down []kbr.Down
	watcher.Do(func() { es[0].ep.Watch(victim.Self(), func(d kbr.Down) { down = append(down, d) }) })
	victim.Kill()
	key := victim.Self().ID
	err := watcher.Call(time.Minute, func(t *task.T) error {
		a, err := kbr.Call(t, es[0].ep, key, nil, kbr.Options{})
		if err == nil && a.From.ID == key {
			return errors.New("a dead node answered")
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(down) != 1 || down[0].Why != kbr.Died || down[0].Peer != victim.Self() {
		t.Errorf("the watch saw %v", down)
	}
	if !slices.Contains(es[0].updates, key.Short()+"false") {
		t.Errorf("no Update for the dead: %v", es[0].updates)
	}
	err = watcher.Call(time.Minute, func(t *task.T) error {
		_, err := kbr.CallPeer(t, es[0].ep, victim.Self(), nil, kbr.Options{})
		return err
	})
	if !errors.Is(err, kbr.ErrUnreachable) {
		t.Errorf("asked a dead node: %v", err)
	}
	again := w.Restart(victim, kbr.Mount{Number: number, App: new(echo)})
	w.Run(time.Second)
	if again.Self().Incarnation != 2 {
		t.Errorf("restarted with incarnation %d", again.Self().Incarnation)
	}
	if err := watcher.Call(time.Minute, func(t *task.T) error {
		_, err := kbr.CallPeer(t, es[0].ep, again.Self(), nil, kbr.Options{})
		return err
	}); err != nil {
		t.Errorf("asked a restarted node: %v", err)
	}
}

func TestLeaveSaysGoodbye(t *testing.T) {
	w, ns, es := ring(t, kbrtest.Config{Seed: 3}, 3)
	es[1].farewell = ns[0].Self()
	var why kbr.DownWhy
	ns[0].Do(func() { es[0].ep.Watch(ns[1].Self(), func(d kbr.Down) { why = d.Why }) })
	ns[1].Leave()
	w.Run(time.Second)
	if why != kbr.Left || !slices.Contains(es[0].got, "bye") {
		t.Errorf("why %d, got %v", why, es[0].got)
	}
}

func TestPartitionHasTwoRoots(t *testing.T) {
	w, ns, es := ring(t, kbrtest.Config{Seed: 4}, 6)
	w.Partition(ns[:3])
	w.Run(5 * time.Second)
	root := func(i int) (from id.ID) {
		if err := ns[i].Call(time.Minute, func(t *task.T) error {
			a, err := kbr.Call(t, es[i].ep, ns[0].Self().ID, nil, kbr.Options{})
			if err == nil {
				from = a.From.ID
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
		return from
	}
	if root(1) != ns[0].Self().ID || root(4) == ns[0].Self().ID {
		t.Errorf("roots %s and %s", root(1).Short(), root(4).Short())
	}
	w.Heal()
	w.Run(time.Second)
	if root(4) != ns[0].Self().ID {
		t.Error("not healed")
	}
}

func TestCutLinkIsRelayed(t *testing.T) {
	w, ns, es := ring(t, kbrtest.Config{Seed: 5}, 3)
	w.Cut(ns[0], ns[1])
	if err := ns[0].Call(time.Minute, func(t *task.T) error {
		a, err := kbr.CallPeer(t, es[0].ep, ns[1].Self(), []byte("x"), kbr.Options{})
		if err == nil && (a.Hops != 2 || !a.Relayed) {
			return fmt.Errorf("%d hops, relayed %v", a.Hops, a.Relayed)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	d := es[1].deliverys[0]
	if d.Via.ID != ns[2].Self().ID || d.Claimed.ID != ns[0].Self().ID || d.Direct || d.Hops != 2 || d.Key != ns[1].Self().ID {
		t.Errorf("delivered %+v", d)
	}
}

func TestFarKeysCrossANodeAndCanAvoidIt(t *testing.T) {
	_, ns, es := ring(t, kbrtest.Config{Seed: 6}, 64)
	key := ns[32].Self().ID
	if es[0].ep.ReplicaSet(key, 5) != nil {
		t.Fatal("node 0 knows the replica set of the other side of the ring")
	}
	if err := ns[0].Call(time.Minute, func(t *task.T) error {
		a, err := kbr.Call(t, es[0].ep, key, nil, kbr.Options{Trace: true})
		if err != nil {
			return err
		}
		b, err := kbr.Call(t, es[0].ep, key, nil, kbr.Options{AvoidFirst: []id.ID{a.First}})
		if err == nil && (a.Hops != 2 || len(a.Path) != 2 || b.First == a.First || b.From != a.From) {
			return fmt.Errorf("routes %+v and %+v", a, b)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

func TestLiarOnTheWay(t *testing.T) {
	_, ns, es := ring(t, kbrtest.Config{Seed: 7, Way: func(*kbrtest.Node, id.ID, kbr.Options) []*kbrtest.Node { return nil }}, 3)
	if err := ns[0].Call(time.Minute, func(t *task.T) error {
		_, err := kbr.Call(t, es[0].ep, ns[1].Self().ID, []byte("no"), kbr.Options{})
		var refused *kbr.RefusedError
		if !errors.As(err, &refused) || refused.Code != 7 {
			return fmt.Errorf("want a refusal, got %w", err)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	far, fs, fe := ring(t, kbrtest.Config{Seed: 8}, 64)
	for _, n := range far.Nodes() {
		n.OnTransit = func(_ wire.AppID, tr *kbr.Transit) bool { tr.Answer([]byte("lie")); return false }
	}
	if err := fs[0].Call(time.Minute, func(t *task.T) error {
		a, err := kbr.Call(t, fe[0].ep, fs[32].Self().ID, nil, kbr.Options{})
		if err == nil && (string(a.Payload) != "lie" || a.From.ID != a.First) {
			return fmt.Errorf("answer %+v", a)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

// TestReplicaSetAndRangeAgree checks both against the whole ring: a key lies in
// the range of rank r of a node exactly if the node is among the r+1 nearest.
func TestReplicaSetAndRangeAgree(t *testing.T) {
	for _, n := range []int{1, 2, 4, 5, 6, 7, 12, 60} {
		w, ns, es := ring(t, kbrtest.Config{Seed: 9}, n)
		for rank := range 5 {
			for i, node := range ns {
				r, ok := es[i].ep.Range(node.Self(), rank)
				if !ok {
					t.Fatalf("%d nodes: node %d does not know its own range", n, i)
				}
				for k := range 64 {
					key := id.Tiny(uint8(4 * k)).Add(id.ID{Lo: uint64(k % 3)})
					want := slices.Contains(w.Nearest(key, rank+1), node)
					if r.Contains(key) != want {
						t.Fatalf("%d nodes, rank %d, node %d: range %s, key %s: %v, want %v", n, rank, i, r, key, !want, want)
					}
					set := es[i].ep.ReplicaSet(key, rank+1)
					if set == nil {
						continue
					}
					for j, m := range w.Nearest(key, rank+1) {
						if set[j] != m.Self() {
							t.Fatalf("%d nodes: replica %d of %s is %s, want %s", n, j, key.Short(), set[j], m.Self())
						}
					}
				}
			}
		}
	}
}

func TestWorkIsLostWithTheNode(t *testing.T) {
	w, ns, es := ring(t, kbrtest.Config{Seed: 10}, 1)
	ran, done := false, false
	ns[0].Do(func() { es[0].ep.Work(func() any { ran = true; return nil }, func(any) { done = true }) })
	ns[0].Kill()
	w.Run(time.Second)
	if !ran || done {
		t.Errorf("ran %v, done %v; want true, false", ran, done)
	}
}

func TestTimersStopAndPauseHolds(t *testing.T) {
	w, ns, es := ring(t, kbrtest.Config{Seed: 11}, 1)
	var rang []string
	ns[0].Do(func() {
		es[0].ep.After(time.Second, func() { rang = append(rang, "a") })
		stop := es[0].ep.After(time.Second, func() { rang = append(rang, "b") })
		if !stop.Stop() || stop.Stop() {
			t.Error("Stop: want true, then false")
		}
	})
	ns[0].Pause()
	w.Run(2 * time.Second)
	if len(rang) != 0 {
		t.Error("a paused node handled a timer")
	}
	ns[0].Resume()
	if !slices.Equal(rang, []string{"a"}) {
		t.Errorf("rang %v", rang)
	}
}

func TestKillEndsTasksAndBroadcastReachesScope(t *testing.T) {
	w, ns, es := ring(t, kbrtest.Config{Seed: 12}, 8)
	var result error
	ns[0].Do(func() {
		es[0].ep.Go(func(t *task.T) error { return t.Sleep(time.Hour) }, func(err error) { result = err })
	})
	ns[1].Do(func() { es[1].ep.Broadcast(id.Range{From: ns[2].Self().ID, To: ns[4].Self().ID}, []byte("all")) })
	ns[0].Kill()
	if !errors.Is(result, task.ErrStopped) || ns[0].Tasks() != 0 {
		t.Errorf("task ended with %v, %d left", result, ns[0].Tasks())
	}
	w.Run(time.Second)
	for i, e := range es {
		if got, want := slices.Contains(e.got, "all"), i >= 2 && i <= 4; got != want {
			t.Errorf("node %d got the broadcast: %v, want %v", i, got, want)
		}
	}
}
