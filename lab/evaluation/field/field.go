package field

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

// App is the number of the application that measures.
const App wire.AppID = 1002

// Field is a ring that is watched from above while its nodes send messages and ask
// questions: what becomes of each is counted.
type Field struct {
	*lab.Ring
	Run    *experiment.Run
	Name   string // for the progress
	Census Census
	App    func(*End) kbr.App     // wraps the measuring application of each node, if not nil
	Beside func(*End) []kbr.Mount // more applications of each node, if not nil
	tally  *Tally
	out    []*Passage // what was sent in the last minutes
	first  int        // the number of out[0]
	// lives tells the machines of one node apart: an outcome that never comes is no
	// silence if the machine that waited for it is gone.
	lives []int
}

// Passage is one message, or one question, on its way.
type Passage struct {
	Tally *Tally
	From  sim.NodeRef
	life  int // of the sender
	Key   id.ID
	at    time.Duration
	asked bool // a question
	roots []sim.NodeRef
	Done  bool // delivered, or answered, or failed with an error
}

// New makes an empty ring. Of c, Seed and Apps are its own; Tune, Observe.Send and
// Observe.Drop may be set.
func New(run *experiment.Run, name string, c lab.Config) *Field {
	f := &Field{Run: run, Name: name, tally: new(Tally)}
	tune := c.Tune
	c.Seed, c.Unwatched = run.Params.Seed, true
	c.Tune = func(p *pastry.Config) {
		if tune != nil {
			tune(p)
		}
		p.Observe.Ready = f.ready
	}
	c.Apps = func(i int, _ sim.NodeEnv) []kbr.Mount {
		e := &End{Field: f, Ref: sim.NodeRef(i)}
		app := kbr.App(e)
		if f.App != nil {
			app = f.App(e)
		}
		mounts := []kbr.Mount{{Number: App, App: app}}
		if f.Beside != nil {
			mounts = append(mounts, f.Beside(e)...)
		}
		return mounts
	}
	c.Sim.Observe.Life = f.life
	f.Ring = lab.New(c)
	return f
}

func (f *Field) ready(n *pastry.Node, yes bool) {
	if ref, ok := f.Sim.Find(n.Self().ID); ok && yes {
		f.Census.add(n.Self().ID, ref)
	}
}

func (f *Field) life(n sim.NodeRef, what sim.LifeEvent) {
	for int(n) >= len(f.lives) {
		f.lives = append(f.lives, 0)
	}
	switch what {
	case sim.Started:
		f.lives[n]++
	case sim.Crashed, sim.Died, sim.Stopped:
		f.lives[n]++
		f.Census.remove(f.Sim.Handle(n).ID)
	}
}

// Grow adds n nodes by joins, one each gap, and waits until all are in the ring.
func (f *Field) Grow(ctx context.Context, n int, gap time.Duration) error {
	want := f.Census.Len() + n
	for i := range n {
		f.Add()
		f.Sim.RunFor(gap)
		if err := f.Run.Step(ctx, i+1, n, f.Name+": nodes join"); err != nil {
			return err
		}
	}
	if !f.Sim.RunUntil(func() bool { return f.Census.Len() == want }, time.Second, 2*time.Minute) {
		return fmt.Errorf("%s: %d of %d nodes are in the ring two minutes after the last one joined", f.Name, f.Census.Len(), want)
	}
	return nil
}

// Pass lets virtual time go by.
func (f *Field) Pass(ctx context.Context, d time.Duration, what string) error {
	const slice = 5 * time.Second
	end := f.Sim.Now() + d
	for f.Sim.Now() < end {
		f.Sim.RunFor(min(slice, end-f.Sim.Now()))
		if err := f.Run.Step(ctx, int((d-(end-f.Sim.Now()))/time.Millisecond), int(d/time.Millisecond), f.Name+": "+what); err != nil {
			return err
		}
	}
	return nil
}

// Send routes a message from a node to a key. Its sender learns nothing.
func (f *Field) Send(from sim.NodeRef, key id.ID) {
	number := f.note(from, key, false)
	f.Sim.Call(from, func() { f.Node(from).Endpoint(App).Route(key, number, nil) })
}

// Ask sends a question to a key's root. It has one outcome, or its asker died.
func (f *Field) Ask(from sim.NodeRef, key id.ID, o kbr.Options) {
	number := f.note(from, key, true)
	p := f.out[len(f.out)-1]
	f.Sim.Call(from, func() {
		f.Node(from).Endpoint(App).Request(key, number, o, func(a kbr.Answer, err error) { f.outcome(p, a, err) })
	})
}

// Route sends messages from random members to random keys, so many in a second, and
// lets time pass until they must have arrived.
func (f *Field) Route(ctx context.Context, messages, rate int) (*Tally, error) {
	return f.RouteAs(ctx, messages, rate, func() { f.Send(f.Census.Draw(f.Rand()), f.Key()) })
}

// Arrived is the time after which a message that is under way arrives no more: nodes keep one
// for the keys of the dead for up to 70 s.
const Arrived = 75 * time.Second

// RouteAs does what route does with messages sent by send.
func (f *Field) RouteAs(ctx context.Context, messages, rate int, send func()) (*Tally, error) {
	f.Begin()
	begun := f.Sim.Now()
	for i := range messages {
		f.Sim.Run(begun + time.Duration(i)*time.Second/time.Duration(rate))
		send()
		if err := f.Run.Step(ctx, i+1, messages, f.Name+": messages"); err != nil {
			return nil, err
		}
	}
	f.Sim.RunFor(Arrived)
	return f.Count(), nil
}

// Key draws a key.
func (f *Field) Key() id.ID { return id.ID{Hi: f.Rand().Uint64(), Lo: f.Rand().Uint64()} }

// Begin begins a new count. What was sent before is counted where it was.
func (f *Field) Begin() { f.tally = new(Tally) }

// Count ends a count: what has no outcome by now is lost.
func (f *Field) Count() *Tally {
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
func (f *Field) forget() {
	k := 0
	for k < len(f.out) && f.Sim.Now()-f.out[k].at > patience {
		f.settle(f.out[k])
		f.out[k] = nil
		k++
	}
	f.out = f.out[k:]
	f.first += k
}

func (f *Field) settle(p *Passage) {
	switch {
	case p.Done:
	case f.lives[p.From] != p.life && p.asked: // nobody is left who could be told
		p.Tally.Asked--
	case f.lives[p.From] != p.life: // it may never have been sent
		p.Tally.Sent--
	case p.asked:
		p.Tally.Silent++
	default:
		p.Tally.Lost++
	}
}
