package member_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/member"
	"github.com/phyllo-net/phyllo/member/invite"
	"github.com/phyllo-net/phyllo/member/register"
	"github.com/phyllo-net/phyllo/peer"
)

// Several proposers at once, and acceptors that are slow, or fail before or after
// they have voted: all that come to an end come to the same value, and so does
// everyone who asks later.
func TestARegisterIsDecidedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const acceptors, proposers, runs = 5, 4, 300
		w := newWorld(t)
		bs := w.council(acceptors)
		decided, contested := 0, 0
		for run := range runs {
			r := &race{t: t, bs: bs, key: peer.Key(id.HashOf("key", run)), random: rand.New(rand.NewPCG(uint64(run), 1)), values: map[peer.Salt]bool{}}
			var wg sync.WaitGroup
			for p := range proposers {
				wg.Go(func() { r.propose(p, r.trouble) })
			}
			wg.Wait()
			if len(r.values) == 1 {
				decided++
			} else {
				contested++
			}
			r.propose(run%acceptors, func() bool { return false })
			if len(r.values) != 1 {
				t.Fatalf("run %d: %d values were decided: %v", run, len(r.values), r.values)
			}
		}
		if decided < runs/4 || contested == 0 {
			t.Errorf("%d runs decided at once and %d did not: the faults are too many or too few", decided, contested)
		}
	})
}

// race is one register and those who want to write it.
type race struct {
	t      *testing.T
	bs     []*box
	key    peer.Key
	mu     sync.Mutex
	random *rand.Rand
	values map[peer.Salt]bool // that somebody took for decided
}

// trouble lets time pass, and then fails at times.
func (r *race) trouble() bool {
	r.mu.Lock()
	wait, fails := time.Duration(r.random.IntN(20))*time.Millisecond, r.random.IntN(12) == 0
	r.mu.Unlock()
	time.Sleep(wait) // in fake time
	return fails
}

func (r *race) propose(p int, fail func() bool) {
	var as []member.Flaky
	for _, b := range r.bs {
		as = append(as, member.Flaky{M: b.Member, Fail: fail})
	}
	salt, err := r.bs[p].Decide(r.t.Context(), as, r.bs[p].View(), r.key, peer.Salt{1, byte(p)})
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil {
		r.values[salt] = true
	} else if !errors.Is(err, register.ErrQuorum) {
		r.t.Error(err)
	}
}

// A proposer that comes too late with its value learns the one that is decided: it has
// done nothing wrong. Many nodes that redeem one invitation at once meet this.
func TestTheSlowerProposerLearns(t *testing.T) {
	f := newWorld(t).founder()
	never := func() bool { return false }
	decide := func(salt peer.Salt, fail func() bool) (peer.Salt, error) {
		return f.Decide(t.Context(), []member.Flaky{{M: f.Member, Fail: fail}}, f.View(), peer.Key{7}, salt)
	}
	asked := 0
	got, err := decide(peer.Salt{1}, func() bool {
		if asked++; asked == 2 { // it has a promise, and has proposed nothing yet
			if other, err := decide(peer.Salt{2}, never); err != nil || other != (peer.Salt{2}) {
				t.Errorf("the faster one: %v, %v", other, err)
			}
		}
		return false
	})
	if err != nil || got != (peer.Salt{2}) {
		t.Errorf("the slower one: %v, %v", got, err)
	}
}

// A decision that only the founder knew is known to any majority of the admitters
// that came later, and none of them decides anew.
func TestDecisionsOutliveTheAdmitters(t *testing.T) {
	w := newWorld(t)
	f := w.founder()
	early := w.box("early")
	place := early.joinBy(f).Certificate.Node
	bs := []*box{f}
	for _, name := range []string{"a", "b", "c", "d"} {
		b := w.box(name)
		if err := f.Promote(ctx(t), b.joinBy(f).Certificate.Node); err != nil {
			t.Fatal(err)
		}
		bs = append(bs, b)
	}
	v := bs[4].invite(invite.Options{Uses: 10})
	for _, off := range []int{0, 1} { // the two oldest
		bs[off].stop()
	}
	// A new disk, the old key: the place is the one of the first day.
	early.disk.Wipe()
	early.restart()
	j, err := early.Redeem(ctx(t), &invite.Invitation{Ring: v.Ring, Secret: v.Secret, Expires: v.Expires, Admitters: v.Admitters})
	if errors.Is(err, register.ErrQuorum) { // the invitation may name the two that are off
		j, err = early.Redeem(ctx(t), bs[4].invite(invite.Options{}))
	}
	if err != nil {
		t.Fatal(err)
	}
	if j.Certificate.Node != place {
		t.Errorf("the place was %s and is %s", place, j.Certificate.Node)
	}
	for _, b := range bs[:2] {
		b.restart()
	}
}

// An admitter that does not know all the others may not vote with them.
func TestOldViewsDoNotDecide(t *testing.T) {
	w := newWorld(t)
	bs := w.council(3)
	as := []member.Flaky{{M: bs[1].Member, Fail: func() bool { return false }}}
	old := id.HashOf("view")
	_, err := bs[1].Decide(context.Background(), as, old, peer.Key{7}, peer.Salt{1})
	fails(t, err, register.ErrQuorum)
	if _, err := bs[1].Decide(context.Background(), as, bs[1].View(), peer.Key{7}, peer.Salt{1}); err != nil {
		t.Error(err)
	}
}
