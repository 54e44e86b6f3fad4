package work_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/topic"
	"github.com/phyllo-net/phyllo/app/work"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/sim/simtest"
	"github.com/phyllo-net/phyllo/task"
)

func (h *shed) survey() (s work.Survey, err error) {
	err = h.call(func(t *task.T) (err error) {
		s, err = h.work.Survey(t, thumbs, ann)
		return err
	})
	return s, err
}

// The owner of a topic sees what all nodes offer to it, with states, also after the node that knew
// who offers has died; a node that does not answer is counted, and nobody else sees anything.
func TestSurvey(t *testing.T) {
	simtest.Seeds(t, simtest.Size(4, 2), func(t *testing.T, seed uint64) {
		y := newYard(t, seed, 8)
		owner := y.sheds[0]
		if _, err := owner.survey(); !errors.Is(err, topic.ErrUnknown) {
			t.Fatalf("of a topic that is not there: %v", err)
		}
		owner.offer(work.Options{Wait: true}, "mine")
		y.sheds[1].offer(work.Options{Wait: true}, items(90)...)
		y.sheds[2].offer(work.Options{Wait: true}, "other")
		see := func(when string, items, nodes, of int) work.Survey {
			t.Helper()
			var s work.Survey
			var err error
			is := func() bool {
				s, err = owner.survey()
				return err == nil && len(s.Items) == items && s.Nodes == nodes && s.Of == of
			}
			if !y.Sim.RunUntil(is, 10*time.Second, 5*time.Minute) {
				t.Fatalf("%s: %d items, %d of %d nodes, %v; want %d, %d of %d", when, len(s.Items), s.Nodes, s.Of, err, items, nodes, of)
			}
			return s
		}
		s := see("at first", 92, 3, 3)
		if !s.Young || s.More != 0 {
			t.Errorf("in a young ring: %+v", s)
		}
		at := make(map[string]id.ID)
		for _, o := range s.Items {
			at[string(o.Body)] = o.Node
			if o.By != ann.Public() || o.State != work.Queued && o.State != work.Offered {
				t.Fatalf("shown is %+v", o)
			}
		}
		if at["mine"] != y.sheds[0].cert.Node || at["item 89"] != y.sheds[1].cert.Node || at["other"] != y.sheds[2].cert.Node {
			t.Errorf("they lie at %v", at)
		}

		// The node that knows who offers dies, unless it offers itself.
		group := thumbs.GroupOf(ring, ann.Public())
		root := y.sheds[0]
		for _, h := range y.sheds {
			if h.cert.Node.Distance(group.Place()).Cmp(root.cert.Node.Distance(group.Place())) < 0 {
				root = h
			}
		}
		if root.node > 2 {
			y.Sim.Crash(root.node)
			y.Sim.RunFor(40 * time.Second)
		}
		s, err := owner.survey()
		if err != nil || len(s.Items) != 92 || s.Of != 3 {
			t.Errorf("after a death: %d items of %d nodes, %v", len(s.Items), s.Of, err)
		}
		y.Sim.RunFor(6 * time.Minute)
		if s := see("later", 92, 3, 3); s.Young {
			t.Error("the ring is old now")
		}

		thief := y.sheds[2]
		thief.must(func(t *task.T) error {
			_, err := thief.work.Survey(t, thumbs, bob)
			if !errors.Is(err, topic.ErrOwner) {
				return fmt.Errorf("for another than the owner: %v", err)
			}
			ask := work.Snooping(group, ann.Public(), t.Env().Wall().Unix())
			a, err := kbr.CallPeer(t, y.Node(thief.node).Endpoint(appWork), y.Node(y.sheds[1].node).Self(), ask, kbr.Options{})
			var refused *kbr.RefusedError
			if work.Shows(a.Payload) || !errors.As(err, &refused) {
				return fmt.Errorf("without a signature: %v", err)
			}
			return nil
		})
		y.Sim.Crash(y.sheds[1].node)
		see("when one is away", 2, 2, 3)
	})
}
