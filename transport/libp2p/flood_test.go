package libp2p_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/transport/libp2p"
)

// halfOpenEnv sets how many connections TestHalfOpen keeps open; the goal of the
// project is 10,000.
const halfOpenEnv = "PHYLLO_HALF_OPEN"

// victim is a node in a process of its own, so that its memory can be told.
type victim struct {
	*os.Process
	h *peer.Handle
}

func startVictim(t *testing.T, listen string) *victim {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.Command(self)
	child.Env = append(os.Environ(), childEnv+"="+listen)
	child.Stderr = os.Stderr
	in, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		child.Process.Kill()
		child.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	addr, ok := strings.CutPrefix(strings.TrimSpace(line), "at ")
	if err != nil || !ok {
		t.Fatalf("the node says %q, %v", line, err)
	}
	return &victim{child.Process, &peer.Handle{ID: id.ID{Hi: 2}, Key: keyOf(bytes.Repeat([]byte{2}, 32)), Addrs: []string{addr}}}
}

// field returns a number that follows a word in a file of /proc, or false where there
// is no such file.
func field(file, word string) (int, bool) {
	b, err := os.ReadFile(file)
	if err != nil {
		return 0, false
	}
	_, after, ok := strings.Cut(string(b), word)
	words := strings.Fields(after)
	if !ok || len(words) == 0 {
		return 0, false
	}
	n, err := strconv.Atoi(words[0])
	return n, err == nil
}

// resident is the memory of a process, in KiB.
func (v *victim) resident() (int, bool) {
	return field(fmt.Sprintf("/proc/%d/status", v.Pid), "VmRSS:")
}

// kernel is what the system holds for all TCP connections, in KiB.
func kernel() int {
	pages, _ := field("/proc/net/sockstat", " mem ")
	return pages * os.Getpagesize() >> 10
}

// besiege keeps n connections half open until ctx ends, each from one of 250 addresses
// and made anew as soon as it is closed. It returns when all stand, or were tried.
func besiege(ctx context.Context, addr string, n int) (made *atomic.Int64, wait func()) {
	made = new(atomic.Int64)
	var all, first sync.WaitGroup
	for i := range n {
		first.Add(1)
		all.Go(func() {
			d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 9, byte(i/50%5), byte(1+i%50))}}
			once := sync.OnceFunc(first.Done)
			defer once()
			for ctx.Err() == nil {
				if c, err := d.DialContext(ctx, "tcp", addr); err == nil {
					made.Add(1)
					once()
					unwatch := context.AfterFunc(ctx, func() { c.Close() })
					io.Copy(io.Discard, c)
					unwatch()
					c.Close()
				}
				once()
				select { // a while, as over a network
				case <-time.After(rand.N(time.Second)):
				case <-ctx.Done():
				}
			}
		})
	}
	first.Wait()
	return made, all.Wait
}

// RELIABILITY section 3: while thousands of connections stand half open and come again
// whenever they are closed, a member connects, and little memory is taken.
func TestHalfOpen(t *testing.T) {
	many := 400
	if s := os.Getenv(halfOpenEnv); s != "" {
		var err error
		if many, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
	}
	files := syscall.Rlimit{Cur: uint64(many) + 1000, Max: uint64(many) + 1000}
	var have syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &have) == nil && have.Cur < files.Cur {
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
			t.Fatalf("%d files: %v", files.Cur, err)
		}
	}
	v := startVictim(t, tcpLoop)
	warm := start(t, 3, libp2p.Options{}, tcpLoop)
	if err := warm.Connect(t.Context(), v.h); err != nil {
		t.Fatal(err)
	}
	calm, told := v.resident()
	quiet := kernel()
	ctx, cancel := context.WithCancel(t.Context())
	parts := strings.Split(v.h.Addrs[0], "/")
	began := time.Now()
	made, wait := besiege(ctx, net.JoinHostPort(parts[2], parts[4]), many)
	defer wait()
	defer cancel()

	const tries = 10
	good, most, buffers := 0, 0, 0
	var longest time.Duration
	for k := range tries {
		m := start(t, byte(10+k), libp2p.Options{}, tcpLoop)
		at := time.Now()
		try, end := context.WithTimeout(ctx, 2*time.Second)
		for try.Err() == nil {
			if m.Connect(try, v.h) == nil {
				good++
				longest = max(longest, time.Since(at))
				break
			}
		}
		end()
		now, _ := v.resident()
		most, buffers = max(most, now), max(buffers, kernel())
		m.Transport.Close()
	}
	t.Logf("%d connections, %d made in %v; %d of %d members within 2 s, at most %v; memory %d KiB more, the system's buffers %d KiB more",
		many, made.Load(), time.Since(began).Round(time.Millisecond), good, tries, longest.Round(time.Millisecond), most-calm, buffers-quiet)
	if good < tries-1 {
		t.Errorf("%d of %d members connected", good, tries)
	}
	limit := 16 << 10
	if racing {
		limit *= 4
	}
	if told && most-calm > limit {
		t.Errorf("the memory grew by %d KiB, at most %d", most-calm, limit)
	}
	if len(warm.Links()) != 1 {
		t.Error("the link of a member was lost")
	}
}
