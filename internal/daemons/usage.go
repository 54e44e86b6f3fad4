package daemons

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/phyllo-net/phyllo/api/socket"
)

// Usage is what a process costs at one moment.
type Usage struct {
	RSS int64 // resident memory, in bytes
	FDs int   // open files and connections
	CPU time.Duration
}

// clockTick is the unit of CPU times in /proc on all of Linux's platforms for Go.
const clockTick = 10 * time.Millisecond

// Usage asks the system what the process costs.
func (d *Daemon) Usage() (Usage, error) {
	var u Usage
	dir := filepath.Join("/proc", strconv.Itoa(d.PID()))
	b, err := os.ReadFile(filepath.Join(dir, "statm"))
	if err != nil {
		return u, fmt.Errorf("what the process of %s costs: %w", d.Home, err)
	}
	var size, pages int64
	if _, err := fmt.Sscan(string(b), &size, &pages); err != nil {
		return u, fmt.Errorf("reading statm %q: %w", b, err)
	}
	u.RSS = pages * int64(os.Getpagesize())
	if b, err = os.ReadFile(filepath.Join(dir, "stat")); err != nil {
		return u, err
	}
	_, rest, _ := strings.Cut(string(b), ") ") // behind the program's name
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return u, fmt.Errorf("reading stat %q: too short", b)
	}
	for _, f := range fields[11:13] {
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return u, fmt.Errorf("reading stat %q: %w", b, err)
		}
		u.CPU += time.Duration(n) * clockTick
	}
	entries, err := os.ReadDir(filepath.Join(dir, "fd"))
	u.FDs = len(entries)
	return u, err
}

// Busy is the time that all processors of the machine have worked since it started, or
// 0 where the system does not say.
func Busy() (sum time.Duration) {
	b, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0
	}
	first, _, _ := strings.Cut(string(b), "\n")
	for i, f := range strings.Fields(first) { // cpu user nice system idle iowait irq softirq steal
		if n, err := strconv.ParseInt(f, 10, 64); err == nil && i != 4 && i != 5 && i < 9 {
			sum += time.Duration(n) * clockTick
		}
	}
	return sum
}

// Machine names the machine on which all this runs: processor, cores, system and Go.
func Machine() string {
	cpu := "an unknown processor"
	if b, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.SplitSeq(string(b), "\n") {
			if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
				cpu = strings.TrimSpace(value)
				break
			}
		}
	}
	return fmt.Sprintf("%s, %d cores, %s/%s, %s", cpu, runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version())
}

// Metrics reads the node's metrics at its control socket, those of the Go runtime
// among them (go_goroutines). Samples with labels have them in their name, as
// phyllo_bad_input_total{kind="slow"}.
func (d *Daemon) Metrics(ctx context.Context) (map[string]float64, error) {
	t := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", filepath.Join(d.Home, socket.Name))
	}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://phyllo/metrics", nil)
	if err != nil {
		return nil, err
	}
	resp, err := t.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	out := map[string]float64{}
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		name, value, ok := strings.Cut(lines.Text(), "} ")
		if ok {
			name += "}"
		} else {
			name, value, ok = strings.Cut(lines.Text(), " ")
		}
		if !ok || strings.HasPrefix(name, "#") {
			continue
		}
		if out[name], err = strconv.ParseFloat(value, 64); err != nil {
			return nil, fmt.Errorf("metric %q: %w", lines.Text(), err)
		}
	}
	return out, lines.Err()
}
