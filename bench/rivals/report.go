package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

// Report is all that was measured, with what one must know to believe it.
type Report struct {
	When     time.Time         `json:"when"`
	Machine  string            `json:"machine"`
	Command  string            `json:"command"`
	Commit   string            `json:"commit"`
	Versions map[string]string `json:"versions"`
	Runs     []*Run            `json:"runs"`
	// Failed tells of runs that came to nothing.
	Failed []string `json:"failed,omitempty"`
}

// compared are the modules whose versions are told.
var compared = []string{"github.com/libp2p/go-libp2p", "github.com/libp2p/go-libp2p-kad-dht", "github.com/quic-go/quic-go"}

func newReport(args []string, runs []*Run) *Report {
	r := &Report{
		When: time.Now().UTC(), Machine: fmt.Sprintf("%s, %d cores, %s/%s", processor(), runtime.NumCPU(), runtime.GOOS, runtime.GOARCH),
		Command: strings.Join(append([]string{"cd bench/rivals && go run ."}, args...), " "),
		Commit:  commit(), Versions: map[string]string{"go": runtime.Version()}, Runs: runs,
	}
	if b, ok := debug.ReadBuildInfo(); ok {
		for _, d := range b.Deps {
			if slices.Contains(compared, d.Path) {
				r.Versions[d.Path] = d.Version
			}
		}
	}
	return r
}

// commit names the state of phyllo that was measured.
func commit() string {
	out, err := exec.Command("git", "describe", "--always", "--dirty").Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}

func processor() string {
	f, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return "unknown processor"
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if name, value, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown processor"
}

// readReports joins the runs of earlier reports. What is told of machine and versions
// is that of the first, and all must agree in it.
func readReports(paths []string) (*Report, error) {
	var all *Report
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		r := new(Report)
		if err := json.Unmarshal(b, r); err != nil {
			return nil, fmt.Errorf("%s is no report of this program: %w", path, err)
		}
		switch {
		case all == nil:
			all = r
		case r.Machine != all.Machine || r.Commit != all.Commit:
			return nil, fmt.Errorf("%s is of another machine or commit than %s: measure again", path, paths[0])
		default:
			all.Runs, all.Failed = append(all.Runs, r.Runs...), append(all.Failed, r.Failed...)
			all.Command += "; " + r.Command
		}
	}
	return all, nil
}

func (r *Report) write(path string) error {
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(b, '\n'), 0o644)
}
