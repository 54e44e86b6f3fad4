package member_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/member/silence"
)

// An admitter that is silent for a week gets two others beside it, as it still counts in every
// majority: then one more may be off, as before. One that is silent for less does not, nor do all
// at once, when it is this node that is cut off; and a restart forgets nothing.
func TestSilentAdmitterIsReplaced(t *testing.T) {
	w := newWorld(t)
	f := w.founder()
	bs := []*box{f}
	for i := range 5 {
		b := w.box(fmt.Sprint("member", i))
		b.joinBy(f)
		w.pass(time.Second)
		bs = append(bs, b)
	}
	office := func(when string, all, up, silent int) {
		t.Helper()
		o, err := f.Office(ctx(t))
		if err != nil || o.All != all || o.Up != up || len(o.Silent) != silent {
			t.Fatalf("%s: the admitters are %+v, %v; want %d, of whom %d answer and %d are silent", when, o, err, all, up, silent)
		}
	}
	week := func(hours int) {
		t.Helper()
		for range hours {
			w.pass(time.Hour)
			f.upkeep() // fails where no majority is up
		}
	}
	week(1)
	office("at first", 3, 3, 0)

	bs[1].stop()
	bs[2].stop()
	week(200)
	office("cut off from all", 3, 1, 0)
	bs[2].restart()
	w.pass(100 * time.Hour) // a clock that is set counts for no more than an hour
	week(100)
	f.restart()
	week(60)
	office("before the week is over", 3, 2, 0)
	bs[1].restart()
	week(1)
	bs[1].stop()
	week(160)
	office("it was back meanwhile", 3, 2, 0)
	week(10)
	office("after a week", 5, 4, 1)
	if o, _ := f.Office(ctx(t)); o.Silent[0].Node != bs[1].Certificate().Node || o.Silent[0].For < silence.For {
		t.Errorf("silent is %+v", o.Silent)
	}
	week(20)
	office("later", 5, 4, 1)

	bs[2].stop()
	w.box("newcomer").joinBy(f)
	bs[1].restart()
	bs[2].restart()
	week(1)
	office("it is back", 5, 5, 0)
}
