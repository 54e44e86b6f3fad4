package work_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/work"
	"github.com/phyllo-net/phyllo/sim"
	"github.com/phyllo-net/phyllo/sim/simtest"
	"github.com/phyllo-net/phyllo/task"
)

// gale is what is offered and done while nodes die and the network loses, doubles and parts.
type gale struct {
	*yard
	lives  map[sim.NodeRef]int    // how often a node has begun to offer or to take
	at     map[string]sim.NodeRef // where it was begun last
	away   *shed                  // who is cut off now, nil: nobody
	number int
	queued []string // items of which it was said that they are queued
	cuts   int      // deaths and partings
}

// strike begins what a node does in its present life, once.
func (g *gale) strike(h *shed, life int) {
	if g.lives[h.node] == life || !g.Ready(h.node) {
		return
	}
	g.lives[h.node] = life
	g.Node(h.node).Tasks().Go(func(t *task.T) error {
		if h.node < 2 {
			return g.offers(t, h)
		}
		var post *work.Post
		var err error
		for post == nil {
			post, err = h.work.Take(t, thumbs, work.TakeOptions{By: bob, Slots: 1 + int(h.node)%2, Waiting: func() bool { return true },
				Job: func(j work.Job) { g.job(h, &post, j) }})
			if err := t.Sleep(time.Second); err != nil {
				return err
			}
		}
		return err
	}, nil)
}

// offers queues an item now and then.
func (g *gale) offers(t *task.T, h *shed) error {
	for {
		if err := t.Sleep(time.Second + time.Duration(t.Env().Rand().Int64N(int64(3*time.Second)))); err != nil {
			return err
		}
		o, err := h.work.Open(t, thumbs, ann, work.Options{Wait: true})
		if err != nil {
			continue
		}
		g.number++
		text := fmt.Sprintf("node %d item %d", h.node, g.number)
		if _, err := o.Add(t, []byte(text)); err == nil {
			g.queued = append(g.queued, text)
		}
		o.Close()
	}
}

// job works at an item for up to four seconds.
func (g *gale) job(h *shed, post **work.Post, j work.Job) {
	text := string(j.Body)
	cut := g.away != nil && (g.away.node == g.at[text] || g.away.node == h.node)
	if g.doing[text]++; g.doing[text] > 1 && !cut { // who is found dead may be at it still
		g.twice++
	}
	g.at[text] = h.node
	g.Node(h.node).Tasks().Go(func(t *task.T) error {
		err := t.Sleep(time.Second + time.Duration(t.Env().Rand().Int64N(int64(3*time.Second))))
		if g.doing[text]--; err != nil {
			return err // it died at work
		}
		g.did[text]++
		return (*post).Confirm(t, j.Item, work.Report{})
	}, nil)
}

// While nodes die, lose their links and are parted, each item that was queued is done, by one
// taker at a time, and again only by who was cut off or died; in the end nothing is left.
func TestStormOfWork(t *testing.T) {
	simtest.Seeds(t, simtest.Size(4, 2), func(t *testing.T, seed uint64) {
		g := &gale{yard: newYard(t, seed, 8), lives: make(map[sim.NodeRef]int), at: make(map[string]sim.NodeRef)}
		g.sheds[0].must(func(t *task.T) error {
			_, err := g.sheds[0].topics.Group(t, thumbs, ann)
			return err
		})
		life := make(map[sim.NodeRef]int)
		strike := func() {
			for _, h := range g.sheds {
				if g.Sim.Alive(h.node) {
					g.Sim.Call(h.node, func() { g.strike(h, life[h.node]+1) })
				}
			}
		}
		weather := sim.Faults{Drop: 0.02, Reorder: 0.02, Duplicate: 0.1, Late: 0.1, LateBy: 20 * time.Second, Delay: 20 * time.Millisecond}
		g.Sim.Inject(weather)
		for range 10 {
			victim := sim.NodeRef(g.Rand().IntN(len(g.sheds)))
			for range 6 {
				strike()
				g.Sim.RunFor(time.Second)
			}
			g.cuts++
			if g.Rand().IntN(2) == 0 {
				g.away = g.sheds[victim]
				g.Sim.Isolate(victim)
				g.Sim.RunFor(time.Duration(g.Rand().Int64N(int64(time.Minute))))
				g.Sim.Heal()
				g.away = nil
				g.Sim.Inject(weather)
				continue
			}
			g.Sim.Crash(victim)
			g.Sim.RunFor(time.Duration(g.Rand().Int64N(int64(10 * time.Second))))
			g.Sim.Restart(victim)
			life[victim]++
		}
		g.Sim.Heal()
		left := func() (n int) {
			for _, h := range g.sheds[:2] {
				n += len(h.work.List())
			}
			return n
		}
		strike()
		for _, h := range g.sheds[:2] { // nobody offers any more
			g.Sim.Crash(h.node)
			g.Sim.RunFor(time.Second)
			g.Sim.Restart(h.node)
		}
		all := func() bool {
			for _, text := range g.queued {
				if g.did[text] == 0 {
					return false
				}
			}
			return true
		}
		g.until("all is done, and nothing left", 10*time.Minute, func() bool { return all() && g.Ready(0) && g.Ready(1) && left() == 0 })
		again := 0
		for _, text := range g.queued {
			again += g.did[text] - 1
		}
		if len(g.queued) < 30 || again > 3*(g.cuts+2) || g.twice > 0 {
			t.Errorf("%d items were queued, %d done again after %d cuts, %d times two were at work on one", len(g.queued), again, g.cuts, g.twice)
		}
	})
}
