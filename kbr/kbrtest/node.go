package kbrtest

import (
	"errors"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// Node is one node of the fake overlay.
type Node struct {
	// OnDeliver, if not nil, sees a message before the application, and reports
	// whether it dealt with it: so a node lies.
	OnDeliver func(app wire.AppID, d *kbr.Delivery) (dealt bool)
	// OnBulk, if not nil, sees each chunk that comes to this node or leaves it over a bulk
	// transfer, may change it, and breaks the transfer off with an error: so streams break,
	// and nodes lie.
	OnBulk func(tr *task.Transfer, chunk int, content []byte) error
	// OnTransit, if not nil, sees a routed message that passes (not at its source
	// and not at its root), and may answer, change or stop it as kbr.Forwarder
	// does: so a node on the way lies.
	OnTransit func(app wire.AppID, t *kbr.Transit) (goesOn bool)

	net    *Net
	self   *peer.Handle
	mounts []kbr.Mount
	rng    *rand.Rand
	tasks  *task.Group
	timers []slot
	free   []uint32
	saved  []byte
	skew   time.Duration

	alive, ready, paused, left bool

	held    []*event // inputs that wait while the node is paused
	side    int      // of the partition
	view    []*Node  // the other nodes that it believes to be alive, by id
	leaves  []*Node  // those of the view that are its leaf set
	watches []*watch
}

type slot struct {
	f     func()
	round uint32
}

type watch struct {
	peer *peer.Handle
	f    func(kbr.Down)
}

// Add starts a node and lets it join: it is ready, knows the others at once, and
// they learn of it after Config.Delay.
func (w *Net) Add(self *peer.Handle, mounts ...kbr.Mount) *Node {
	return w.start(&Node{self: self, mounts: mounts, ready: true})
}

// AddUnready starts a node that is not in the ring yet; see Node.SetReady.
func (w *Net) AddUnready(self *peer.Handle, mounts ...kbr.Mount) *Node {
	return w.start(&Node{self: self, mounts: mounts})
}

func (w *Net) start(n *Node) *Node {
	if w.Node(n.self.ID) != nil {
		panic("kbrtest: two live nodes with one id")
	}
	n.net, n.alive = w, true
	n.rng = rand.New(rand.NewPCG(w.cfg.Seed^n.self.ID.Hi, n.self.ID.Lo^n.self.Incarnation))
	n.tasks = task.NewGroup(n)
	w.nodes = append(w.nodes, n)
	n.run(func() {
		for _, m := range n.mounts {
			m.App.Start(&endpoint{n, m.Number})
		}
		n.look()
	})
	w.changed(w.cfg.Delay)
	return n
}

// Restart starts a dead node anew, with the next incarnation and what it saved.
func (w *Net) Restart(old *Node, mounts ...kbr.Mount) *Node {
	if old.alive {
		panic("kbrtest: Restart of a node that is alive")
	}
	h := *old.self
	h.Incarnation++
	return w.start(&Node{self: &h, mounts: mounts, ready: true, saved: old.saved, skew: old.skew, side: old.side})
}

// Self is the node's handle.
func (n *Node) Self() *peer.Handle { return n.self }

// Alive reports whether the node was neither killed nor has left.
func (n *Node) Alive() bool { return n.alive }

// Tasks is the number of the node's tasks that have not ended.
func (n *Node) Tasks() int { return n.tasks.Len() }

// Saved is what the node last gave to Env.Save.
func (n *Node) Saved() []byte { return n.saved }

// Endpoint returns what the application with this number was given at its start.
// Use it inside Do.
func (n *Node) Endpoint(app wire.AppID) kbr.Endpoint { return &endpoint{n, app} }

// SetReady lets the node enter the ring, or makes it forward only.
func (n *Node) SetReady(ready bool) {
	n.ready = ready
	n.run(n.look)
	n.net.changed(n.net.cfg.Delay)
}

// SkewWall moves the node's time of day against the true one. Its boot clock is
// not touched.
func (n *Node) SkewWall(d time.Duration) { n.skew = d }

// Do runs f inside of the node, now.
func (n *Node) Do(f func()) {
	if n.alive {
		n.run(f)
	}
}

// ErrNotOver is returned by Call for a task that was not over in time.
var ErrNotOver = errors.New("kbrtest: the task was not over within the limit")

// Call runs f as a task of the node, lets virtual time pass until it ends, and
// returns its error; ErrNotOver if it takes longer than limit (it goes on then).
func (n *Node) Call(limit time.Duration, f func(*task.T) error) error {
	over, result := false, ErrNotOver
	if !n.alive {
		return task.ErrStopped
	}
	n.run(func() {
		n.tasks.Go(f, func(err error) { over, result = true, err })
	})
	n.net.RunUntil(limit, func() bool { return over })
	return result
}

// Kill ends the node without a word, as the loss of its power does. The others
// see it after Config.Notice.
func (n *Node) Kill() {
	if n.alive {
		n.end()
		n.net.changed(n.net.cfg.Notice)
	}
}

// Leave stops the node in order: its applications are told, what they send still
// goes out, and the others know after Config.Delay.
func (n *Node) Leave() {
	if !n.alive {
		return
	}
	n.run(func() {
		for _, m := range slices.Backward(n.mounts) {
			m.App.Stop()
		}
	})
	n.left = true
	n.end()
	n.net.changed(n.net.cfg.Delay)
}

// end frees what a dead node would hold.
func (n *Node) end() {
	n.alive, n.ready = false, false
	n.tasks.Stop()
	n.timers, n.free, n.held, n.watches = nil, nil, nil, nil
}

// Pause stops the node's process; what comes for it waits. The others believe it
// to be alive: use Kill for a death that they should see.
func (n *Node) Pause() { n.paused = true }

// Resume lets a paused node go on.
func (n *Node) Resume() {
	held := n.held
	n.paused, n.held = false, nil
	for _, e := range held {
		n.net.handle(e)
	}
}

// run lets the node handle one input.
func (n *Node) run(f func()) {
	f()
	if n.alive {
		n.tasks.Run()
	}
}

// app returns the application with this number, or nil.
func (n *Node) app(number wire.AppID) kbr.App {
	for _, m := range n.mounts {
		if m.Number == number {
			return m.App
		}
	}
	return nil
}

// Now implements task.Env.
func (n *Node) Now() task.Instant { return n.net.now }

// Wall implements task.Env.
func (n *Node) Wall() time.Time { return n.net.cfg.Start.Add(n.net.Elapsed() + n.skew) }

// Rand implements task.Env.
func (n *Node) Rand() *rand.Rand { return n.rng }

// After implements task.Env.
func (n *Node) After(d time.Duration, f func()) task.Timer {
	if !n.alive {
		return task.Timer{}
	}
	var at uint32
	if last := len(n.free) - 1; last >= 0 {
		at, n.free = n.free[last], n.free[:last]
	} else {
		at = uint32(len(n.timers))
		n.timers = append(n.timers, slot{})
	}
	n.timers[at].f = f
	round := n.timers[at].round
	n.net.after(d, n, func() {
		if n.StopTimer(at, round) {
			f()
		}
	})
	return task.MakeTimer(n, at, round)
}

// StopTimer implements task.Stopper.
func (n *Node) StopTimer(at, round uint32) bool {
	if int(at) >= len(n.timers) || n.timers[at].f == nil || n.timers[at].round != round {
		return false
	}
	n.timers[at].f = nil
	n.timers[at].round++
	n.free = append(n.free, at)
	return true
}

// Work implements task.Env: f runs at once.
func (n *Node) Work(f func() any, done func(any)) {
	if !n.alive {
		return
	}
	r := f()
	n.net.after(n.net.cfg.WorkDelay, n, func() { done(r) })
}

// Save implements task.Env.
func (n *Node) Save(snapshot []byte) { n.saved = snapshot }
