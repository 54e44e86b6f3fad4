package space_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/phyllo-net/phyllo/app/past"
	"github.com/phyllo-net/phyllo/app/space"
	"github.com/phyllo-net/phyllo/app/space/tree"
	"github.com/phyllo-net/phyllo/kbr/kbrtest"
	"github.com/phyllo-net/phyllo/sim/simtest"
	"github.com/phyllo-net/phyllo/task"
)

// act is what somebody did to a name.
type act struct {
	name string
	kind actKind
	seen uint64 // the version that a conditional put is to replace, 0: none
	meta string // what it puts
}

type actKind uint8

const (
	reads actKind = iota
	puts
	putsIf
	removes
)

// outcome is what he learned.
type outcome struct {
	known   bool
	refused bool   // the condition did not hold, or there was nothing to remove
	number  uint64 // of the version read or made
	meta    string // read
}

// nameState is what stands under a name: nothing if meta is empty. A version that was made by
// a put without an outcome has a number that nobody knows yet: 0.
type nameState struct {
	number uint64
	meta   string
}

// nameModel is one name.
var nameModel = porcupine.NondeterministicModel{
	Partition: func(ops []porcupine.Operation) (parts [][]porcupine.Operation) {
		of := make(map[string]int)
		for _, op := range ops {
			n := op.Input.(act).name
			if _, ok := of[n]; !ok {
				of[n] = len(parts)
				parts = append(parts, nil)
			}
			parts[of[n]] = append(parts[of[n]], op)
		}
		return parts
	},
	Init: func() []any { return []any{nameState{}} },
	Step: func(state, input, output any) []any {
		s, in, out := state.(nameState), input.(act), output.(outcome)
		return s.step(in, out)
	},
	Equal:             func(a, b any) bool { return a == b },
	DescribeOperation: func(in, out any) string { return fmt.Sprintf("%+v -> %+v", in, out) },
}

// step returns the states that may follow.
func (s nameState) step(in act, out outcome) []any {
	next := nameState{out.number, in.meta}
	// may: the version that is to be replaced may be the current one.
	may := in.seen == 0 && s.meta == "" || in.seen != 0 && s.meta != "" && (s.number == in.seen || s.number == 0)
	// must: it certainly is.
	must := in.seen == 0 && s.meta == "" || in.seen != 0 && s.meta != "" && s.number == in.seen
	switch {
	case in.kind == reads:
		if out.meta == s.meta && (s.number == 0 || s.meta == "" || s.number == out.number) {
			return []any{nameState{out.number, out.meta}}
		}
		return nil
	case in.kind == putsIf && out.known && out.refused:
		if must {
			return nil
		}
		return []any{s}
	case in.kind == putsIf && out.known:
		if !may {
			return nil
		}
		return []any{next}
	case in.kind == removes && out.known && out.refused:
		if s.meta != "" {
			return nil
		}
		return []any{s}
	case in.kind == removes && out.known:
		if s.meta == "" {
			return nil
		}
		return []any{nameState{}}
	case in.kind == removes: // it may have been made, now or at the very end
		return []any{nameState{}, s}
	case in.kind == putsIf && !may:
		return []any{s}
	case out.known:
		return []any{next}
	}
	return []any{nameState{0, in.meta}, s}
}

// clients change and read a few names in a space, from several nodes.
type clients struct {
	*world
	h    space.Handle
	rng  *rand.Rand
	ops  []porcupine.Operation
	made int
	n    int
	stop bool
}

func (c *clients) begin(a act) int {
	c.ops = append(c.ops, porcupine.Operation{ClientId: len(c.ops), Input: a, Call: int64(c.net.Elapsed()), Return: 1 << 62, Output: outcome{}})
	return len(c.ops) - 1
}

func (c *clients) done(op int, out outcome) {
	out.known = true
	c.ops[op].Output, c.ops[op].Return = out, int64(c.net.Elapsed())
	if a := c.ops[op].Input.(act); a.kind != reads && !out.refused {
		c.made++
	}
}

// start starts a client on some node that lives.
func (c *clients) start() {
	var live []*member
	for _, m := range c.members {
		if m.node.Alive() {
			live = append(live, m)
		}
	}
	m := live[c.rng.IntN(len(live))]
	c.n++
	num := c.n
	m.node.Do(func() {
		m.node.Endpoint(2).Go(func(t *task.T) error {
			seen := make(map[string]uint64)
			for n := 0; !c.stop; n++ {
				if err := t.Sleep(time.Duration(c.rng.Int64N(int64(8 * time.Second)))); err != nil {
					return err
				}
				sp, err := m.spaces.Open(t, ann, c.h)
				if errors.Is(err, task.ErrStopped) {
					return err
				}
				if err == nil {
					c.one(t, sp, fmt.Sprintf("name %d", c.rng.IntN(3)), fmt.Sprint(num, "-", n), seen)
				}
			}
			return nil
		}, nil)
	})
}

// one reads or changes a name once.
func (c *clients) one(t *task.T, sp *space.Space, name, meta string, seen map[string]uint64) {
	a := act{name: name, kind: actKind(c.rng.IntN(4)), meta: meta, seen: seen[name]}
	op := c.begin(a)
	pairs := []tree.Pair{{Key: "is", Value: meta}}
	cond := space.Cond{Absent: a.seen == 0, Version: a.seen}
	var v *tree.Version
	var err error
	switch a.kind {
	case reads:
		err = sp.Look(t, func(sn space.Snapshot) (err error) {
			v, err = sn.Version(name, 0)
			return err
		})
		if errors.Is(err, space.ErrNotFound) {
			seen[name] = 0
			c.done(op, outcome{})
		} else if err == nil {
			seen[name] = v.Number
			c.done(op, outcome{number: v.Number, meta: v.Meta[0].Value})
		}
		return
	case puts:
		v, _, err = sp.Put(t, name, space.File{Meta: pairs}, space.Cond{})
	case putsIf:
		v, _, err = sp.Put(t, name, space.File{Meta: pairs}, cond)
	case removes:
		v, err = sp.Remove(t, name, 0, space.Cond{})
	}
	switch {
	case err == nil:
		c.done(op, outcome{number: v.Number})
	case errors.Is(err, space.ErrChanged), errors.Is(err, space.ErrNotFound):
		c.done(op, outcome{refused: true})
	}
}

// fault does something to the ring.
func (c *clients) fault() {
	m := c.members[c.rng.IntN(len(c.members))]
	live := 0
	for _, m := range c.members {
		if m.node.Alive() {
			live++
		}
	}
	switch n := c.rng.IntN(10); {
	case n < 3 && m.node.Alive() && live > 3:
		m.node.Kill()
		c.start()
	case n < 7:
		for _, m := range c.members {
			if !m.node.Alive() {
				m.restart()
				break
			}
		}
	case n == 7:
		cut := 1 + c.rng.IntN(len(c.members)-1)
		var sides [2][]*kbrtest.Node
		for i, m := range c.members {
			if m.node.Alive() {
				side := 0
				if i >= cut {
					side = 1
				}
				sides[side] = append(sides[side], m.node)
			}
		}
		c.net.Partition(sides[0], sides[1])
	default:
		c.net.Heal()
	}
}

// TestNames: many put, remove and read the same names through several nodes, with and without
// conditions, while nodes die, come back and are parted. What they see could have been seen
// one after another, as here nobody goes on without a majority.
func TestNames(t *testing.T) {
	simtest.WithoutRace(t)
	simtest.Seeds(t, 3, func(t *testing.T, seed uint64) {
		rng := rand.New(rand.NewPCG(seed, 12))
		w := newTunedWorld(t, 5+rng.IntN(4), seed, 4<<10, func(c *past.Config) { c.Apart = c.Absence })
		c := &clients{world: w, rng: rng, h: w.members[0].create(space.Founding{Name: "x", History: seed%2 == 0})}
		for range 5 {
			c.start()
		}
		for range 12 {
			w.net.Run(time.Duration(rng.Int64N(int64(40 * time.Second))))
			c.fault()
		}
		c.net.Heal()
		for _, m := range w.members {
			if !m.node.Alive() {
				m.restart()
			}
		}
		w.net.Run(time.Minute)
		c.stop = true
		w.net.Run(30 * time.Minute)
		c.ops = slices.DeleteFunc(c.ops, func(op porcupine.Operation) bool {
			return op.Input.(act).kind == reads && op.Return == 1<<62
		})
		model := nameModel.ToModel()
		if !porcupine.CheckOperations(model, c.ops) {
			t.Errorf("%d operations are not linearizable", len(c.ops))
		}
		if c.made < 20 {
			t.Errorf("%d changes were made", c.made)
		}
	})
}

// many is how many files TestManyPuts puts.
func many(t *testing.T) int {
	n, err := strconv.Atoi(os.Getenv("PHYLLO_PUTS"))
	if err != nil {
		return 300
	}
	return n
}

// TestManyPuts: files are put through three nodes, all at once, one fifth of them under names that
// others put too. All are there: each under its name, and of those with one name the last,
// with the others among its versions. PHYLLO_PUTS says how many (`make puts`: 10,000).
func TestManyPuts(t *testing.T) {
	simtest.WithoutRace(t)
	n := many(t)
	w := newWorld(t, 5, 20)
	h := w.members[0].create(space.Founding{Name: "x", History: true})
	want := make(map[string]int) // versions of each name
	left := 0
	for i := range n {
		name := fmt.Sprintf("%d/%05d", i%7, i)
		if i%5 == 0 {
			name = fmt.Sprintf("common/%05d", i%(n/2))
		}
		want[name]++
		m := w.members[i%3]
		left++
		m.node.Do(func() {
			m.node.Endpoint(2).Go(func(t *task.T) error {
				sp, err := m.spaces.Open(t, ann, h)
				if err == nil {
					_, err = putting(t, sp, name, fmt.Appendf(nil, "content %d", i), space.Cond{})
				}
				return err
			}, func(err error) {
				left--
				if err != nil {
					t.Errorf("%s: %v", name, err)
				}
			})
		})
	}
	if !w.net.RunUntil(2*time.Hour, func() bool { return left == 0 }) {
		t.Fatalf("%d of %d puts have no end", left, n)
	}
	t.Logf("%d puts took %s of the ring's time", n, w.net.Elapsed())
	got := 0
	if err := w.members[4].in(ann, h, func(t *task.T, sp *space.Space) error {
		return sp.Look(t, func(sn space.Snapshot) error {
			return sn.Scan("", func(e *tree.Entry) (string, bool) {
				if got += len(e.Versions); len(e.Versions) != want[e.Name] {
					w.t.Errorf("%s has %d versions, want %d", e.Name, len(e.Versions), want[e.Name])
				}
				return "", true
			})
		})
	}); err != nil || got != n {
		t.Errorf("%d of %d are there: %v", got, n, err)
	}
}

// TestAnswersAreLost: who is cut off while his change is being made, at any moment, finds out
// whether it was made, and does not make it twice.
func TestAnswersAreLost(t *testing.T) {
	simtest.WithoutRace(t)
	made := 0
	for delay := 5 * time.Millisecond; delay < 700*time.Millisecond; delay += 35 * time.Millisecond {
		w := newWorld(t, 7, uint64(delay))
		a := w.members[6]
		h := w.members[0].create(space.Founding{Name: "x", History: true})
		if _, err := a.put(ann, h, "before", nil, space.Cond{}); err != nil {
			t.Fatal(err)
		}
		var result error
		ended := false
		a.node.Do(func() {
			a.node.Endpoint(2).Go(func(t *task.T) error {
				sp, err := a.spaces.Open(t, ann, h)
				if err == nil {
					_, _, err = sp.Put(t, "f", space.File{}, space.Cond{Absent: true})
				}
				return err
			}, func(err error) { result, ended = err, true })
		})
		w.net.Run(delay)
		var others []*kbrtest.Node
		for _, m := range w.members[:6] {
			others = append(others, m.node)
		}
		w.net.Partition(others, []*kbrtest.Node{a.node})
		w.net.Run(90 * time.Second)
		early := ended
		w.net.Heal()
		if !w.net.RunUntil(10*time.Minute, func() bool { return ended }) {
			t.Fatal("the put has no end")
		}
		if result != nil && !errors.Is(result, space.ErrUncertain) {
			t.Errorf("cut off after %s: %v", delay, result)
		}
		w.net.Run(5 * time.Minute)
		versions := 0
		if err := w.members[1].in(ann, h, func(t *task.T, sp *space.Space) error {
			return sp.Look(t, func(sn space.Snapshot) error {
				e, err := sn.Entry("f")
				if err == nil {
					versions = len(e.Versions)
				}
				return err
			})
		}); err != nil && !(errors.Is(err, space.ErrNotFound) && result != nil) || versions > 1 {
			t.Errorf("cut off after %s: %d versions, %v; the put said %v", delay, versions, err, result)
		}
		if !early && result == nil {
			made++
		}
	}
	if made < 3 {
		t.Errorf("only %d puts were cut off in the middle", made)
	}
}
