package evaluation

import (
	"context"
	"fmt"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/lab"
	"github.com/phyllo-net/phyllo/lab/evaluation/experiment"
	"github.com/phyllo-net/phyllo/pastry"
	"github.com/phyllo-net/phyllo/sim"
	"github.com/phyllo-net/phyllo/wire"
)

// proveApp is the number of the application that measures.
const proveApp wire.AppID = 1002

// field is a ring that is watched from above while its nodes send messages and ask
// questions: what becomes of each is counted.
type field struct {
	*lab.Ring
	run    *experiment.Run
	name   string // for the progress
	census census
	app    func(*end) kbr.App     // wraps the measuring application of each node, if not nil
	beside func(*end) []kbr.Mount // more applications of each node, if not nil
	tally  *tally
	out    []*passage // what was sent in the last minutes
	first  int        // the number of out[0]
	// lives tells the machines of one node apart: an outcome that never comes is no
	// silence if the machine that waited for it is gone.
	lives []int
}

// passage is one message, or one question, on its way.
type passage struct {
	tally *tally
	from  sim.NodeRef
	life  int // of the sender
	key   id.ID
	at    time.Duration
	asked bool // a question
	roots []sim.NodeRef
	done  bool // delivered, or answered, or failed with an error
}

// newField makes an empty ring. Of c, Seed and Apps are its own; Tune, Observe.Send and
// Observe.Drop may be set.
func newField(run *experiment.Run, name string, c lab.Config) *field {
	f := &field{run: run, name: name, tally: new(tally)}
	tune := c.Tune
	c.Seed, c.Unwatched = run.Params.Seed, true
	c.Tune = func(p *pastry.Config) {
		if tune != nil {
			tune(p)
		}
		p.Observe.Ready = f.ready
	}
	c.Apps = func(i int, _ sim.NodeEnv) []kbr.Mount {
		e := &end{f: f, ref: sim.NodeRef(i)}
		app := kbr.App(e)
		if f.app != nil {
			app = f.app(e)
		}
		mounts := []kbr.Mount{{Number: proveApp, App: app}}
		if f.beside != nil {
			mounts = append(mounts, f.beside(e)...)
		}
		return mounts
	}
	c.Sim.Observe.Life = f.life
	f.Ring = lab.New(c)
	return f
}

func (f *field) ready(n *pastry.Node, yes bool) {
	if ref, ok := f.Sim.Find(n.Self().ID); ok && yes {
		f.census.add(n.Self().ID, ref)
	}
}

func (f *field) life(n sim.NodeRef, what sim.LifeEvent) {
	for int(n) >= len(f.lives) {
		f.lives = append(f.lives, 0)
	}
	switch what {
	case sim.Started:
		f.lives[n]++
	case sim.Crashed, sim.Died, sim.Stopped:
		f.lives[n]++
		f.census.remove(f.Sim.Handle(n).ID)
	}
}

// grow adds n nodes by joins, one each gap, and waits until all are in the ring.
func (f *field) grow(ctx context.Context, n int, gap time.Duration) error {
	want := f.census.len() + n
	for i := range n {
		f.Add()
		f.Sim.RunFor(gap)
		if err := f.run.Step(ctx, i+1, n, f.name+": nodes join"); err != nil {
			return err
		}
	}
	if !f.Sim.RunUntil(func() bool { return f.census.len() == want }, time.Second, 2*time.Minute) {
		return fmt.Errorf("%s: %d of %d nodes are in the ring two minutes after the last one joined", f.name, f.census.len(), want)
	}
	return nil
}

// pass lets virtual time go by.
func (f *field) pass(ctx context.Context, d time.Duration, what string) error {
	const slice = 5 * time.Second
	end := f.Sim.Now() + d
	for f.Sim.Now() < end {
		f.Sim.RunFor(min(slice, end-f.Sim.Now()))
		if err := f.run.Step(ctx, int((d-(end-f.Sim.Now()))/time.Millisecond), int(d/time.Millisecond), f.name+": "+what); err != nil {
			return err
		}
	}
	return nil
}

// send routes a message from a node to a key. Its sender learns nothing.
func (f *field) send(from sim.NodeRef, key id.ID) {
	number := f.note(from, key, false)
	f.Sim.Call(from, func() { f.Node(from).Endpoint(proveApp).Route(key, number, nil) })
}

// ask sends a question to a key's root. It has one outcome, or its asker died.
func (f *field) ask(from sim.NodeRef, key id.ID, o kbr.Options) {
	number := f.note(from, key, true)
	p := f.out[len(f.out)-1]
	f.Sim.Call(from, func() {
		f.Node(from).Endpoint(proveApp).Request(key, number, o, func(a kbr.Answer, err error) { f.outcome(p, a, err) })
	})
}

// route sends messages from random members to random keys, so many in a second, and
// lets time pass until they must have arrived.
func (f *field) route(ctx context.Context, messages, rate int) (*tally, error) {
	return f.routeAs(ctx, messages, rate, func() { f.send(f.census.draw(f.Rand()), f.key()) })
}

// arrived is the time after which a message that is under way arrives no more: nodes keep one
// for the keys of the dead for up to 70 s.
const arrived = 75 * time.Second

// routeAs does what route does with messages sent by send.
func (f *field) routeAs(ctx context.Context, messages, rate int, send func()) (*tally, error) {
	f.begin()
	begun := f.Sim.Now()
	for i := range messages {
		f.Sim.Run(begun + time.Duration(i)*time.Second/time.Duration(rate))
		send()
		if err := f.run.Step(ctx, i+1, messages, f.name+": messages"); err != nil {
			return nil, err
		}
	}
	f.Sim.RunFor(arrived)
	return f.count(), nil
}

// key draws a key.
func (f *field) key() id.ID { return id.ID{Hi: f.Rand().Uint64(), Lo: f.Rand().Uint64()} }

// begin begins a new count. What was sent before is counted where it was.
func (f *field) begin() { f.tally = new(tally) }

// count ends a count: what has no outcome by now is lost.
func (f *field) count() *tally {
	for _, p := range f.out {
		f.settle(p)
	}
	f.first += len(f.out)
	f.out = nil
	return f.tally
}

// patience is how long a message is waited for; a question's time is over long before.
const patience = 2 * time.Minute

// forget settles what is so old that nothing more will come of it.
func (f *field) forget() {
	k := 0
	for k < len(f.out) && f.Sim.Now()-f.out[k].at > patience {
		f.settle(f.out[k])
		f.out[k] = nil
		k++
	}
	f.out = f.out[k:]
	f.first += k
}

func (f *field) settle(p *passage) {
	switch {
	case p.done:
	case f.lives[p.from] != p.life && p.asked: // nobody is left who could be told
		p.tally.asked--
	case f.lives[p.from] != p.life: // it may never have been sent
		p.tally.sent--
	case p.asked:
		p.tally.silent++
	default:
		p.tally.lost++
	}
}
