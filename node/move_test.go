//go:build unix

package node_test

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/node/home"
	"github.com/phyllo-net/phyllo/node/records"
	"github.com/phyllo-net/phyllo/store/disk"
)

// TestLaptopMoves: a machine gets another address while its node runs. The others
// reach it there within seconds, and it is the same node as before: no incarnation is
// spent, no message lost.
func TestLaptopMoves(t *testing.T) {
	if testing.Short() {
		t.Skip("needs three processes")
	}
	beside(t)
	n := newInternet(t, false)
	one, two, laptop := inSpace(t, n.onStreet("one", 11)), inSpace(t, n.onStreet("two", 12)), inSpace(t, n.onStreet("laptop", 13))
	one.up()
	for _, p := range []*process{two, laptop} {
		one.admit(p)
	}
	two.must("user", "add", "ann")
	laptop.must("user", "add", "bob")
	two.must("send", "bob", "before")
	moves := time.Now()
	for _, host := range []int{77, 78} {
		old := n.addr(0, host-1)
		if host == 77 {
			old = n.addr(0, 13)
		}
		n.script("ip addr del "+n.mask(old)+" dev up0\nip addr add "+n.mask(n.addr(0, host))+" dev up0", "laptop")
		two.until("the laptop is reached at its new place", func() bool {
			out, err := two.run("ping", "bob")
			return err == nil && strings.Contains(out, "direct") && strings.Contains(out, n.addr(0, host))
		})
		if out := two.must("send", "--wait", "1m", "bob", "after"); !strings.Contains(out, "delivered") {
			t.Errorf("to the moved one: %q", out)
		}
	}
	laptop.until("it has told of both moves", func() bool { return strings.Count(laptop.log(), "addresses have changed") >= 2 })
	if got := laptop.inbox(3); strings.Join(got, " ") != "before after after" {
		t.Errorf("bob got %q", got)
	}
	laptop.must("down")
	if since := laptop.incarnation(); !since.Before(moves) {
		t.Errorf("the laptop has a new incarnation since %v, and moved from %v on", since, moves)
	}
}

// incarnation is that of a node that is down, as the time when it began.
func (p *process) incarnation() time.Time {
	p.t.Helper()
	s, err := disk.Open(disk.Config{Dir: filepath.Join(p.home, home.StoreName)})
	if err != nil {
		p.t.Fatal(err)
	}
	b, err := records.Records{Store: s}.Get([]byte("incarnation"))
	if err := s.Close(); err != nil {
		p.t.Fatal(err)
	}
	if err != nil || len(b) != 8 {
		p.t.Fatalf("the record of the incarnation: %x, %v", b, err)
	}
	return time.UnixMilli(int64(binary.BigEndian.Uint64(b)))
}

// TestStoppedProcess: a process is stopped until the others have given it up, and
// PHYLLO_STOPPED (a time, as 60s) at least. It comes back by itself: what was sent to it
// meanwhile arrives, and it names the others' answers, not its old ones.
func TestStoppedProcess(t *testing.T) {
	if testing.Short() {
		t.Skip("needs three processes")
	}
	beside(t)
	least, err := time.ParseDuration(os.Getenv("PHYLLO_STOPPED"))
	if err != nil && os.Getenv("PHYLLO_STOPPED") != "" {
		t.Fatal(err)
	}
	one, two, sleeper := newProcess(t), newProcess(t), newProcess(t)
	one.up()
	pid := 0
	for _, p := range []*process{two, sleeper} {
		pid = one.admit(p)
	}
	one.must("user", "add", "ann")
	sleeper.must("user", "add", "bob")
	one.must("send", "bob", "one")
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Kill(pid, syscall.SIGCONT) })
	stopped := time.Now()
	one.must("send", "--wait", "0s", "bob", "two")
	one.until("the others have given it up", func() bool {
		return one.logged("does not answer any more") && two.logged("does not answer any more")
	})
	// While it lies still a name is claimed, which the sleeper knows nothing of.
	two.must("user", "add", "carol")
	select {
	case <-time.After(least - time.Since(stopped)):
	case <-t.Context().Done():
	}
	if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	woken := time.Now()
	one.until("it answers a ping", func() bool { _, err := one.run("ping", "bob"); return err == nil })
	if got := sleeper.inbox(2); strings.Join(got, " ") != "one two" {
		t.Errorf("bob got %q", got)
	}
	sleeper.until("it knows what has happened", func() bool {
		out, err := sleeper.run("send", "carol", "who are you?")
		return err == nil && strings.Contains(out, "delivered")
	})
	t.Logf("stopped for %v, all is well %v after", woken.Sub(stopped).Round(time.Millisecond), time.Since(woken).Round(time.Millisecond))
}
