package node_test

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/phyllo-net/phyllo/api"
)

// event is the next event of a command that prints them as JSON.
func (r *running) event() (e api.WorkEvent) {
	r.t.Helper()
	if err := json.Unmarshal([]byte(r.next()), &e); err != nil {
		r.t.Fatal(err)
	}
	return e
}

// kill ends a process at once.
func kill(t *testing.T, pid int) {
	t.Helper()
	p, err := os.FindProcess(pid)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Kill(); err != nil {
		t.Fatal(err)
	}
}

// TestWorkOfProcesses: three real nodes; the first offers items, which the others take, one by
// a command and one line by line. The node of who has an item in his hands is killed (kill -9):
// the item is offered again, and all are done, each told once. What fails is told, and so is that
// there is nobody; the offerer's own node is killed, too, and offers on when it is back what was
// left there before there were takers.
func TestWorkOfProcesses(t *testing.T) {
	if testing.Short() {
		t.Skip("needs three processes")
	}
	beside(t)
	a, b := twoProcesses(t)
	c := newProcess(t)
	pid := a.admit(c)
	a.must("user", "add", "ann")
	if out, err := a.run("work", "offer", "thumbs", "nobody"); err == nil || !strings.Contains(out, "nobody takes items") {
		t.Errorf("offered to nobody: %v, %s", err, out)
	}
	victim := c.begin("work", "take", "thumbs", "--json")
	if e := victim.event(); e.Event != api.WorkBegin {
		t.Fatalf("the taker is told %+v", e)
	}
	offer := a.begin("work", "offer", "thumbs", "--wait", "--json")
	offer.write("item 0")
	first := victim.event()
	if first.Event != api.WorkJob || first.Text != "item 0" || first.Before != 0 {
		t.Fatalf("the taker is given %+v", first)
	}
	for _, want := range []string{api.WorkQueued, api.WorkTaken} {
		if e := offer.event(); e.Event != want {
			t.Fatalf("who offers is told %+v, want %s", e, want)
		}
	}
	taker := b.begin("work", "take", "thumbs", "-j", "2", "--", "sh", "-c", `test "$1" != bad && echo "$1 before $PHYLLO_BEFORE"`, "sh", "{}")
	kill(t, pid)
	if line := taker.next(); line != "item 0 before 1" {
		t.Errorf("the second taker does %q", line)
	}
	want := map[string]string{"item 0": api.WorkDone, "bad": api.WorkFailed}
	offer.write("bad")
	for i := 1; i < 20; i++ {
		text := fmt.Sprint("item ", i)
		want[text] = api.WorkDone
		offer.write(text)
	}
	offer.stdin.Close()
	again := 0
	for range offer.lines {
	}
	for line := range strings.Lines(offer.out.String()) {
		var e api.WorkEvent
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatal(err)
		}
		if e.Over() {
			if want[e.Text] != e.Event {
				t.Errorf("%q has the outcome %s, want %s: %s", e.Text, e.Event, want[e.Text], e.Why)
			}
			delete(want, e.Text)
		} else if e.Event == api.WorkAgain && e.Item == first.Item {
			again++
		}
	}
	if len(want) > 0 || again != 1 || offer.err == nil || !strings.Contains(offer.notes.String(), "1 of 21 items not done") {
		t.Errorf("left are %v; item 0 was offered again %d times; %v %s", want, again, offer.err, offer.notes.String())
	}
	taker.stdin.Close()

	left := a.begin("work", "offer", "later", "--leave", "--json")
	left.write("kept")
	if e := left.event(); e.Event != api.WorkQueued {
		t.Fatalf("who leaves an item is told %+v", e)
	}
	// Once this one was searched for, the other was, too, and had to wait.
	if out, err := a.run("work", "offer", "later", "not kept"); err == nil || !strings.Contains(out, "nobody takes items") {
		t.Errorf("offered to nobody: %v, %s", err, out)
	}
	if out := left.end(); strings.Count(out, "\n") != 1 {
		t.Errorf("who leaves an item that nobody takes yet is told %s", out)
	}
	kill(t, a.status().PID)
	a.up()
	late := b.begin("work", "take", "later", "--count", "1")
	line := late.next()
	number, text, _ := strings.Cut(line, "\t")
	if text != "kept" {
		t.Fatalf("after the restart the taker is given %q", line)
	}
	late.write("nonsense", "done "+number)
	if late.end(); !strings.Contains(late.notes.String(), "not understood") {
		t.Errorf("a confirmation that makes no sense: %s", late.notes.String())
	}
	if out := a.must("work", "list"); !strings.Contains(out, "no items here") {
		t.Errorf("left is %s", out)
	}
	// The owner of a topic sees what other nodes offer to it.
	b.must("work", "offer", "later", "elsewhere", "--leave")
	b.until("the owner sees what another node offers", func() bool {
		out, err := a.run("work", "list", "later")
		return err == nil && strings.Contains(out, "elsewhere") && strings.Contains(out, "1 of 1 node that offers items to it answered")
	})
	a.must("topic", "set", "ann/door", "--read", "owner")
	for _, args := range [][]string{{"work", "take", "ann/door", "--", "true"}, {"work", "offer", "ann/door", "x"}} {
		if out, err := b.run(args...); err == nil || !strings.Contains(out+err.Error(), "does not allow it") {
			t.Errorf("%s: %v %s", args, err, out)
		}
	}
}
