package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// counts are what a process has used and sent.
type counts struct {
	cpu      float64            // µs of processor time
	bytes    float64            // on the loopback device, headers included
	messages map[string]float64 // of each side
}

func (c counts) minus(d counts) counts { return c.plus(d.times(-1)) }

func (c counts) plus(d counts) counts {
	sum := counts{c.cpu + d.cpu, c.bytes + d.bytes, map[string]float64{}}
	for _, side := range []string{phyllo, kadDHT} {
		sum.messages[side] = c.messages[side] + d.messages[side]
	}
	return sum
}

func (c counts) times(f float64) counts {
	return counts{c.cpu * f, c.bytes * f, map[string]float64{phyllo: c.messages[phyllo] * f, kadDHT: c.messages[kadDHT] * f}}
}

// meters read the counts of this process, in which both networks are.
type meters struct {
	phyllo *phylloNet
	kad    *kadNet
	values []kadValue // that kad keeps
}

func (m *meters) read() counts {
	c := usage()
	c.messages = map[string]float64{phyllo: float64(m.phyllo.messages()), kadDHT: float64(m.kad.messages())}
	return c
}

// usage reads the counts that belong to no side.
func usage() counts { return counts{cpu: processorTime(), bytes: deviceBytes()} }

// processorTime is what this process has used, in µs.
func processorTime() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(fmt.Sprintf("getrusage: %v", err)) // it has no reason to fail
	}
	return micros(time.Duration(u.Utime.Nano() + u.Stime.Nano()))
}

// deviceBytes is what the loopback device of this process's network has carried. Where
// the system does not tell it, it is 0, and so are all costs in bytes.
func deviceBytes() float64 {
	f, err := os.Open("/proc/self/net/dev")
	if err != nil {
		return 0
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		name, rest, ok := strings.Cut(strings.TrimSpace(lines.Text()), ":")
		if !ok || name != "lo" {
			continue
		}
		var received float64
		if _, err := fmt.Sscan(rest, &received); err == nil {
			return received
		}
	}
	return 0
}

// heldMemory is the heap that is in use and the stacks, in bytes, after collections.
func heldMemory() float64 {
	runtime.GC()
	runtime.GC() // what the first one let go of by finalizers
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc + m.StackInuse)
}

// files is how many sockets two networks of a hundred nodes may need, linked each to
// each, with room to spare.
const files = 1 << 16

// allowFiles lets this process have so many sockets: beyond what it may by itself, if
// the system lets it, and otherwise all that it may.
func allowFiles() {
	var may syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &may) != nil {
		return // what is missing is told by whoever opens too many
	}
	more := syscall.Rlimit{Cur: max(files, may.Cur), Max: max(files, may.Max)}
	if syscall.Setrlimit(syscall.RLIMIT_NOFILE, &more) != nil {
		may.Cur = may.Max
		_ = syscall.Setrlimit(syscall.RLIMIT_NOFILE, &may)
	}
}
