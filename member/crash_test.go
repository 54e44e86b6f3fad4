package member_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/member"
	"github.com/phyllo-net/phyllo/member/invite"
	"github.com/phyllo-net/phyllo/member/register"
)

// story is what came of one invitation for one node.
type story struct {
	t        *testing.T
	admitted map[string]id.ID // by name, the place each one was given
}

func (s *story) redeem(b *box, v *invite.Invitation) error {
	s.t.Helper()
	j, err := b.Redeem(ctx(s.t), v)
	if err != nil {
		return err
	}
	if had, ok := s.admitted[b.name]; ok && had != j.Certificate.Node {
		s.t.Errorf("%s was at %s and is at %s", b.name, had, j.Certificate.Node)
	}
	s.admitted[b.name] = j.Certificate.Node
	return nil
}

// Whichever process is killed, and at whichever of its steps: the invitation
// admits one node, and the one that had begun to use it can finish.
func TestKillAtEveryStep(t *testing.T) {
	for _, c := range []struct {
		name   string
		ring   int // admitters
		victim func(joiner *box, bs []*box) *box
	}{
		{"the only admitter", 1, func(_ *box, bs []*box) *box { return bs[0] }},
		{"the joiner, one admitter", 1, func(j *box, _ []*box) *box { return j }},
		{"the admitter that is asked, of three", 3, func(_ *box, bs []*box) *box { return bs[0] }},
		{"another admitter, of three", 3, func(_ *box, bs []*box) *box { return bs[1] }},
		{"the joiner, three admitters", 3, func(j *box, _ []*box) *box { return j }},
	} {
		for _, after := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/after=%v", c.name, after), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t)
				bs := w.council(c.ring)
				killed := 0
				for step := 1; ; step++ {
					for _, b := range bs {
						b.restart() // with fresh limits
					}
					joiner, rival := w.box(fmt.Sprint("joiner", step)), w.box(fmt.Sprint("rival", step))
					victim := c.victim(joiner, bs)
					v := bs[0].invite(invite.Options{})
					s := &story{t: t, admitted: map[string]id.ID{}}
					victim.faults.killAt(step, after)
					first := s.redeem(joiner, v)
					if !victim.faults.isDead() {
						if first != nil {
							t.Errorf("step %d: nobody was killed, and %v", step, first)
						}
						break
					}
					killed++
					victim.restart()
					s.finish(step, joiner, rival, v)
				}
				if killed < 4 {
					t.Errorf("killed %d times only", killed)
				}
			})
		}
	}
}

// finish lets the joiner and a rival use the invitation, in turns, after a crash:
// whoever was written down first gets in, the other one never.
func (s *story) finish(step int, joiner, rival *box, v *invite.Invitation) {
	s.t.Helper()
	order := []*box{joiner, rival}
	if step%2 == 0 {
		slices.Reverse(order)
	}
	for range 2 {
		for _, b := range order {
			err := s.redeem(b, v)
			if err != nil && !errors.Is(err, member.ErrUsed) {
				s.t.Errorf("step %d: %s: %v", step, b.name, err)
			}
		}
	}
	if len(s.admitted) != 1 {
		s.t.Errorf("step %d: admitted %v", step, s.admitted)
	}
}

// The process that invites is killed at every step: either nobody has seen an
// invitation, or it is good.
func TestKillTheOneThatInvites(t *testing.T) {
	w := newWorld(t)
	bs := w.council(3)
	for step := 1; ; step++ {
		for _, b := range bs {
			b.restart()
		}
		bs[0].faults.killAt(step, step%2 == 0)
		v, err := bs[0].Invite(ctx(t), invite.Options{})
		if !bs[0].faults.isDead() {
			if err != nil {
				t.Fatal(err)
			}
			return
		}
		bs[0].restart()
		if err != nil {
			continue
		}
		if _, err := w.box(fmt.Sprint("joiner", step)).Redeem(ctx(t), v); err != nil {
			t.Errorf("step %d: %v", step, err)
		}
	}
}

func turned(v *invite.Invitation, n int) *invite.Invitation {
	u := *v
	u.Admitters = slices.Concat(v.Admitters[n:], v.Admitters[:n])
	return &u
}

// atOnce lets nodes redeem one invitation at the same time, each beginning with
// another admitter, and returns how many got in.
func atOnce(t *testing.T, v *invite.Invitation, bs []*box) int {
	t.Helper()
	errs := make([]error, len(bs))
	var wg sync.WaitGroup
	for i, b := range bs {
		wg.Go(func() { _, errs[i] = b.Redeem(ctx(t), turned(v, i%len(v.Admitters))) })
	}
	wg.Wait()
	in := 0
	for i, err := range errs {
		switch {
		case err == nil:
			in++
		case !errors.Is(err, member.ErrUsed):
			t.Errorf("%s: %v", bs[i].name, err)
		}
	}
	return in
}

func TestRedemptionsAtOnce(t *testing.T) {
	for _, c := range []struct{ admitters, uses, nodes int }{{1, 1, 3}, {3, 1, 3}, {3, 2, 5}} {
		t.Run(fmt.Sprintf("%+v", c), func(t *testing.T) {
			w := newWorld(t)
			council := w.council(c.admitters)
			for round := range 6 {
				for _, b := range council {
					b.restart()
				}
				v := council[0].invite(invite.Options{Uses: c.uses})
				if len(v.Admitters) != c.admitters {
					t.Fatalf("%d admitters named, want %d", len(v.Admitters), c.admitters)
				}
				var bs []*box
				for i := range c.nodes {
					bs = append(bs, w.box(fmt.Sprintf("node%d.%d", round, i)))
				}
				if in := atOnce(t, v, bs); in != c.uses {
					t.Errorf("round %d: %d got in, want %d", round, in, c.uses)
				}
			}
		})
	}
}

// The same key, however often, by whatever invitation and admitter, and whatever
// is restarted meanwhile, has one place.
func TestAHundredTriesByOneKey(t *testing.T) {
	w := newWorld(t)
	bs := w.council(3)
	joiner := w.box("joiner")
	places := map[id.ID]bool{}
	for i := range 100 {
		if i%10 == 0 {
			for _, b := range bs {
				b.restart()
			}
		}
		v := turned(bs[i%3].invite(invite.Options{}), i/3%3)
		j, err := joiner.Redeem(ctx(t), v)
		if err != nil {
			t.Fatalf("try %d: %v", i, err)
		}
		places[j.Certificate.Node] = true
	}
	if len(places) != 1 {
		t.Errorf("one key had %d places", len(places))
	}
}

// Who comes while too few admitters agree asks again by itself for a moment, as there is
// one while they are appointed.
func TestRedeemUntilAdmittersAgree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		bs := w.council(2)
		v := bs[0].invite(invite.Options{})
		bs[1].stop()
		joiner, result := w.box("joiner"), make(chan error)
		go func() {
			_, err := joiner.Redeem(ctx(t), v)
			result <- err
		}()
		synctest.Wait() // one of two is not enough, and it waits before it asks again
		bs[1].restart()
		if err := <-result; err != nil {
			t.Error(err)
		}
	})
}

// Whenever an admitter is appointed while another node is being admitted, that node is
// let in at its first try.
func TestRedeemWhileAdmittersAreAppointed(t *testing.T) {
	for _, admitters := range []int{2, 3} {
		for word := 1; ; word++ {
			appointed := false
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				bs := w.council(admitters)
				next := w.box("next").joinBy(bs[0]).Certificate.Node
				v := bs[0].invite(invite.Options{})
				bs[0].faults.before(word, func() {
					appointed = true
					if err := bs[0].Promote(ctx(t), next); err != nil {
						t.Error(err)
					}
				})
				joiner, begun := w.box("joiner"), time.Now()
				if _, err := joiner.Redeem(ctx(t), v); err != nil {
					t.Errorf("%d admitters, word %d: %v", admitters, word, err)
				}
				if took := time.Since(begun); took >= time.Second { // who asks again waits so long
					t.Errorf("%d admitters, word %d: %v", admitters, word, took)
				}
			})
			if !appointed {
				if word < 8 {
					t.Errorf("%d admitters: only %d words", admitters, word)
				}
				break
			}
		}
	}
}

// Any one of three admitters may be off.
func TestOneAdmitterIsOff(t *testing.T) {
	w := newWorld(t)
	bs := w.council(3)
	v := bs[0].invite(invite.Options{Uses: 10})
	for i, off := range bs {
		off.stop()
		if _, err := w.box(fmt.Sprint("joiner", i)).Redeem(ctx(t), v); err != nil {
			t.Errorf("without %s: %v", off.name, err)
		}
		off.restart()
	}
	bs[0].stop()
	bs[1].stop()
	_, err := w.box("late").Redeem(ctx(t), v)
	fails(t, err, register.ErrQuorum)
	// An invitation by the one that is left names itself alone; the place still
	// needs a majority.
	u, err := bs[2].Invite(ctx(t), invite.Options{})
	if err != nil || len(u.Admitters) != 1 {
		t.Fatalf("%v, %v", u, err)
	}
	_, err = w.box("later").Redeem(ctx(t), u)
	fails(t, err, register.ErrQuorum)
	bs[1].restart()
	if _, err := w.box("last").Redeem(ctx(t), u); err != nil {
		t.Error(err)
	}
	bs[0].restart()
}
