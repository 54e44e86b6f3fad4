package kbrtest

import (
	"container/heap"
	"hash"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
)

// Config decides a run. Zero values stand for the defaults named here.
type Config struct {
	// Seed of all that is random.
	Seed uint64
	// Delay of one link, one way; 10 ms. Each message takes up to half as long
	// again.
	Delay time.Duration
	// Loss is the chance of each message to be lost on each link, 0 to 1.
	// Requests, answers and Send are repeated every Retry, Route is not.
	Loss float64
	// Retry is the time between repetitions; 1 s.
	Retry time.Duration
	// Notice is the time until the others see that a node is dead or behind a
	// partition; 3 s. That one joined or left they see after Delay.
	Notice time.Duration
	// ChunkDelay is the time that a chunk of a bulk transfer takes besides Delay; 100 ms.
	ChunkDelay time.Duration
	// WorkDelay is the time until work is done; 1 ms.
	WorkDelay time.Duration
	// LeafSet is the number of neighbours that a node knows, half on each side; 32.
	LeafSet int
	// Start is the time of day at the start; 2030-01-01.
	Start time.Time
	// Way, if not nil, names the nodes between the source and the root, in
	// place of the built-in choice: one node on the way if the key is too far
	// from the source, none otherwise.
	Way func(from *Node, key id.ID, o kbr.Options) []*Node
}

func (c Config) withDefaults() Config {
	def := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	def(&c.Delay, 10*time.Millisecond)
	def(&c.Retry, time.Second)
	def(&c.Notice, 3*time.Second)
	def(&c.WorkDelay, time.Millisecond)
	def(&c.ChunkDelay, 100*time.Millisecond)
	if c.LeafSet == 0 {
		c.LeafSet = 32
	}
	if c.Start.IsZero() {
		c.Start = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	return c
}

// Net is the whole fake overlay.
type Net struct {
	cfg    Config
	rng    *rand.Rand
	now    task.Instant
	queue  events
	seq    uint64
	nodes  []*Node // in the order of Add, dead ones among them
	cuts   map[[2]id.ID]bool
	digest hash.Hash64
	// expected are the transfers that nodes wait for.
	expected map[task.Ticket]*bulk
}

// boot is the boot clock's reading at the start, so that no test rests on zero.
const boot = task.Instant(time.Hour)

// New returns an overlay without nodes.
func New(c Config) *Net {
	return &Net{
		cfg: c.withDefaults(), rng: rand.New(rand.NewPCG(c.Seed, 0x6b6272)), now: boot,
		cuts: make(map[[2]id.ID]bool), digest: fnv.New64a(),
		expected: make(map[task.Ticket]*bulk),
	}
}

// Handle returns a handle for a node with this id, of incarnation 1. Its key is
// made of the id; tests with certificates make their own handles.
func Handle(node id.ID) *peer.Handle {
	return &peer.Handle{ID: node, Key: peer.Key(id.HashOf("kbrtest key", node)), Incarnation: 1, Addrs: []string{"fake/" + node.Short()}}
}

// Now is the virtual boot clock of all nodes.
func (w *Net) Now() task.Instant { return w.now }

// Elapsed is the virtual time since the start.
func (w *Net) Elapsed() time.Duration { return w.now.Sub(boot) }

// Nodes returns the nodes that are alive, in the order of Add.
func (w *Net) Nodes() []*Node {
	var ns []*Node
	for _, n := range w.nodes {
		if n.alive {
			ns = append(ns, n)
		}
	}
	return ns
}

// Node returns the live node with this id, or nil.
func (w *Net) Node(node id.ID) *Node {
	for _, n := range w.nodes {
		if n.alive && n.self.ID == node {
			return n
		}
	}
	return nil
}

// Nearest returns up to n live and ready nodes nearest to key, nearest first, as
// one who sees everything knows them.
func (w *Net) Nearest(key id.ID, n int) []*Node {
	ns := slices.DeleteFunc(w.Nodes(), func(n *Node) bool { return !n.ready })
	sortNearest(key, ns)
	return ns[:min(n, len(ns))]
}

// Digest is equal for two runs with the same trace.
func (w *Net) Digest() uint64 { return w.digest.Sum64() }

// Step handles the next event and reports whether there was one.
func (w *Net) Step() bool {
	if len(w.queue) == 0 {
		return false
	}
	e := heap.Pop(&w.queue).(*event)
	w.now = max(w.now, e.at)
	w.handle(e)
	return true
}

func (w *Net) handle(e *event) {
	switch n := e.node; {
	case n == nil:
		e.f()
	case !n.alive:
	case n.paused:
		n.held = append(n.held, e)
	default:
		w.note(e)
		n.run(e.f)
	}
}

// note adds an event to the digest of the trace.
func (w *Net) note(e *event) {
	var b [24]byte
	for i := range 8 {
		b[i] = byte(uint64(w.now) >> (8 * i))
		b[8+i] = byte(e.seq >> (8 * i))
		b[16+i] = byte(e.node.self.ID.Hi >> (8 * i))
	}
	w.digest.Write(b[:])
}

// Run lets d of virtual time pass.
func (w *Net) Run(d time.Duration) {
	end := w.now.Add(d)
	for len(w.queue) > 0 && !end.Before(w.queue[0].at) {
		w.Step()
	}
	w.now = end
}

// RunUntil runs until over reports true, which is asked after each event, and
// returns true; or until limit has passed, and returns false.
func (w *Net) RunUntil(limit time.Duration, over func() bool) bool {
	end := w.now.Add(limit)
	for !over() {
		if len(w.queue) == 0 || end.Before(w.queue[0].at) {
			w.now = end
			return over()
		}
		w.Step()
	}
	return true
}

// Close ends the tasks of all nodes, without a word to anybody. Call it at the
// end of a test.
func (w *Net) Close() {
	for _, n := range w.nodes {
		n.end()
	}
	w.queue = nil
}

type event struct {
	at   task.Instant
	seq  uint64
	node *Node // nil: the net's own
	f    func()
}

// after has f called d from now, as an input of node n.
func (w *Net) after(d time.Duration, n *Node, f func()) {
	w.seq++
	heap.Push(&w.queue, &event{at: w.now.Add(max(d, 0)), seq: w.seq, node: n, f: f})
}

// travel is the time that one message takes on one link.
func (w *Net) travel() time.Duration {
	return w.cfg.Delay + time.Duration(w.rng.Int64N(int64(w.cfg.Delay)/2+1))
}

func (w *Net) lost() bool { return w.cfg.Loss > 0 && w.rng.Float64() < w.cfg.Loss }

// events is a heap ordered by time, then by the order in which they were made.
type events []*event

func (q events) Len() int { return len(q) }
func (q events) Less(i, j int) bool {
	return q[i].at < q[j].at || q[i].at == q[j].at && q[i].seq < q[j].seq
}
func (q events) Swap(i, j int) { q[i], q[j] = q[j], q[i] }

// Push implements heap.Interface.
func (q *events) Push(x any) { *q = append(*q, x.(*event)) }

// Pop implements heap.Interface.
func (q *events) Pop() any {
	last := len(*q) - 1
	e := (*q)[last]
	(*q)[last] = nil
	*q = (*q)[:last]
	return e
}

// sortNearest orders nodes by their distance to key.
func sortNearest(key id.ID, ns []*Node) {
	slices.SortFunc(ns, func(a, b *Node) int {
		switch {
		case a.self.ID == b.self.ID:
			return 0
		case id.Closer(key, a.self.ID, b.self.ID):
			return -1
		}
		return 1
	})
}
