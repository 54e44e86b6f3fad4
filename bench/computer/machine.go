package computer

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// About says where figures come from: without it they mean nothing.
type About struct {
	When    time.Time
	Took    time.Duration
	Machine string
	Load    string
	Commit  string
	Command string
}

// Describe says where figures come from that were begun at a time, with the arguments that bench got.
func Describe(ctx context.Context, begun time.Time, load Load, args []string) About {
	return About{
		When: begun, Took: time.Since(begun), Load: load.String(), Commit: commit(ctx),
		Machine: fmt.Sprintf("%s, %d cores, %s of memory, %s/%s, %s",
			processor(), runtime.NumCPU(), memory(), runtime.GOOS, runtime.GOARCH, runtime.Version()),
		Command: strings.Join(append([]string{"go run ./bench"}, args...), " "),
	}
}

// Load is how busy the machine was before anything was measured.
type Load struct {
	known bool
	busy  float64 // share of the processors, 0 to 1, over a second
	mean  string  // of the last minute, as the system says it
}

// calm is how busy a machine may be for its figures to be believed.
const calm = 0.10

// String says to people whether the machine was quiet.
func (l Load) String() string {
	switch {
	case !l.known:
		return "how busy the machine was is not known: this system does not say"
	case l.busy > calm:
		return fmt.Sprintf("the machine was NOT QUIET: %.0f %% busy before the first row (load %s): other work makes figures worse", 100*l.busy, l.mean)
	}
	return fmt.Sprintf("the machine was quiet: %.0f %% busy before the first row (load %s)", 100*l.busy, l.mean)
}

// LookAtLoad watches the processors for a second.
func LookAtLoad(ctx context.Context) (Load, error) {
	idle, all, ok := processorTimes()
	if !ok {
		return Load{}, nil
	}
	second := time.NewTimer(time.Second)
	defer second.Stop()
	select {
	case <-second.C:
	case <-ctx.Done():
		return Load{}, ctx.Err()
	}
	idle2, all2, ok := processorTimes()
	if !ok || all2 == all {
		return Load{}, nil
	}
	l := Load{known: true, busy: 1 - float64(idle2-idle)/float64(all2-all), mean: "unknown"}
	if b, err := os.ReadFile("/proc/loadavg"); err == nil {
		l.mean, _, _ = strings.Cut(string(b), " ")
	}
	return l, nil
}

// processorTimes returns how long all processors together were idle, and altogether,
// in the system's ticks.
func processorTimes() (idle, all uint64, ok bool) {
	b, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, 0, false
	}
	line, _, _ := strings.Cut(string(b), "\n")
	fields := strings.Fields(line) // cpu user nice system idle iowait …
	for i, f := range fields {
		n, err := strconv.ParseUint(f, 10, 64)
		if err != nil {
			continue
		}
		if all += n; i == 4 || i == 5 {
			idle += n
		}
	}
	return idle, all, len(fields) > 5
}

func processor() string {
	b, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "unknown processor"
	}
	for _, line := range strings.Split(string(b), "\n") {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown processor"
}

func memory() string {
	b, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return "unknown size"
	}
	line, _, _ := strings.Cut(string(b), "\n")
	fields := strings.Fields(line) // MemTotal: N kB
	if len(fields) < 2 {
		return "unknown size"
	}
	kib, err := strconv.ParseUint(fields[1], 10, 64)
	if err != nil {
		return "unknown size"
	}
	return fmt.Sprintf("%.0f GiB", float64(kib)/(1<<20))
}

// commit names what was measured, and says whether the tree had changes.
func commit(ctx context.Context) string {
	out, err := exec.CommandContext(ctx, "git", "rev-parse", "--short=12", "HEAD").Output()
	if err != nil {
		return "unknown"
	}
	name := strings.TrimSpace(string(out))
	changes, err := exec.CommandContext(ctx, "git", "status", "--porcelain", "--untracked-files=no").Output()
	if err == nil && len(changes) > 0 {
		name += " with changes"
	}
	return name
}
