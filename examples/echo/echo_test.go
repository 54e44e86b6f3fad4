package echo_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/examples/echo"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/lab"
	"github.com/phyllo-net/phyllo/sim"
	"github.com/phyllo-net/phyllo/task"
)

// ring is a simulated ring of nodes that run echo.
type ring struct {
	*lab.Ring
	apps map[sim.NodeRef]*echo.App
}

func newRing(t *testing.T, nodes int) *ring {
	r := &ring{apps: make(map[sim.NodeRef]*echo.App)}
	r.Ring = lab.New(lab.Config{Seed: 1, Apps: func(i int, _ sim.NodeEnv) []kbr.Mount {
		app := new(echo.App)
		r.apps[sim.NodeRef(i)] = app
		return []kbr.Mount{{Number: echo.Number, App: app}}
	}})
	t.Cleanup(r.Close)
	if !r.Grow(nodes, 50*time.Millisecond, time.Minute) {
		t.Fatalf("only %d of %d nodes are ready", len(r.ReadyNodes()), nodes)
	}
	return r
}

// nearest is the live node that should answer for a key.
func (r *ring) nearest(key id.ID) (best id.ID) {
	for i, n := range r.Live() {
		if x := r.Sim.Handle(n).ID; i == 0 || id.Closer(key, x, best) {
			best = x
		}
	}
	return best
}

// sayAll lets many nodes say something, each to a key of its own, and checks that
// the nearest node answered each of them.
func (r *ring) sayAll(t *testing.T, texts int) {
	t.Helper()
	live := r.Live()
	for i := range texts {
		from := live[r.Rand().IntN(len(live))]
		key := id.ID{Hi: r.Rand().Uint64(), Lo: r.Rand().Uint64()}
		text := fmt.Sprintf("text %d", i)
		err := r.Call(from, time.Minute, func(t *task.T) error {
			l, err := r.apps[from].Say(t, key, text)
			if err == nil && (l.Text != text || l.By != r.nearest(key)) {
				err = fmt.Errorf("got %q from %s, want %q from %s", l.Text, l.By.Short(), text, r.nearest(key).Short())
			}
			return err
		})
		if err != nil {
			t.Errorf("%s, said by node %d to %s: %v", text, from, key.Short(), err)
		}
	}
}

func TestThousandNodes(t *testing.T) {
	r := newRing(t, 1000)
	r.sayAll(t, 300)
	for range 50 { // it goes on without some of them
		live := r.Live()
		r.Sim.Crash(live[r.Rand().IntN(len(live))])
	}
	r.Sim.RunFor(time.Minute)
	r.sayAll(t, 100)
}

func TestOneTwoThree(t *testing.T) {
	for n := 1; n <= 3; n++ {
		newRing(t, n).sayAll(t, 20)
	}
}

// What is no Line is refused, and the sender learns why.
func TestNonsense(t *testing.T) {
	r := newRing(t, 2)
	for _, to := range r.Live() {
		err := r.Call(0, time.Minute, func(t *task.T) error {
			_, err := kbr.Call(t, r.Node(0).Endpoint(echo.Number), r.Sim.Handle(to).ID, []byte("nonsense"), kbr.Options{})
			return err
		})
		if refused := new(kbr.RefusedError); !errors.As(err, &refused) {
			t.Errorf("node %d: got %v, want a refusal", to, err)
		}
	}
}
