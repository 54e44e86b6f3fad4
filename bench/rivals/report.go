package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

// Report is all that was measured.
type Report struct {
	Part        // beside kad-dht
	Runs []*Run `json:"runs,omitempty"`
	// Topics are measured beside gossipsub.
	Topics *TopicReport `json:"topics,omitempty"`
}

// TopicReport is all that was measured of topics.
type TopicReport struct {
	Part
	Runs []*TopicRun `json:"runs,omitempty"`
}

// Part is what one must know of measurements to believe them. The parts of a report may be
// of different days and commits.
type Part struct {
	When     time.Time         `json:"when,omitzero"`
	Machine  string            `json:"machine,omitempty"`
	Command  string            `json:"command,omitempty"`
	Commit   string            `json:"commit,omitempty"`
	Versions map[string]string `json:"versions,omitempty"`
	// Failed tells of runs that came to nothing.
	Failed []string `json:"failed,omitempty"`
}

// Modules whose versions are told.
const (
	libp2pModule = "github.com/libp2p/go-libp2p"
	kadModule    = "github.com/libp2p/go-libp2p-kad-dht"
	pubsubModule = "github.com/libp2p/go-libp2p-pubsub"
	quicModule   = "github.com/quic-go/quic-go"
)

// compared are all of them.
var compared = []string{libp2pModule, kadModule, pubsubModule, quicModule}

func newPart(args []string) Part {
	p := Part{
		When: time.Now().UTC(), Machine: fmt.Sprintf("%s, %d cores, %s/%s", processor(), runtime.NumCPU(), runtime.GOOS, runtime.GOARCH),
		Command: strings.Join(append([]string{"cd bench/rivals && go run ."}, args...), " "),
		Commit:  commit(), Versions: map[string]string{"go": runtime.Version()},
	}
	if b, ok := debug.ReadBuildInfo(); ok {
		for _, d := range b.Deps {
			if slices.Contains(compared, d.Path) {
				p.Versions[d.Path] = d.Version
			}
		}
	}
	return p
}

// fail notes that a run came to nothing.
func (p *Part) fail(run fmt.Stringer, err error) {
	p.Failed = append(p.Failed, fmt.Sprintf("%s: %v", run, err))
}

// of returns one part alone, or all of the report if it is not said which.
func (r *Report) of(part string) *Report {
	switch part {
	case kadPart:
		return &Report{Part: r.Part, Runs: r.Runs}
	case topicsPart:
		return &Report{Topics: r.Topics}
	}
	return r
}

// failed tells of the runs of all parts that came to nothing.
func (r *Report) failed() []string {
	if r.Topics == nil {
		return r.Failed
	}
	return slices.Concat(r.Failed, r.Topics.Failed)
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

// readReports joins the runs of earlier reports, part by part.
func readReports(paths []string) (*Report, error) {
	all := new(Report)
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		r := new(Report)
		if err := json.Unmarshal(b, r); err != nil {
			return nil, fmt.Errorf("%s is no report of this program: %w", path, err)
		}
		if err := all.join(r); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	return all, nil
}

// join adds the runs of another report.
func (r *Report) join(other *Report) error {
	if err := r.Part.join(&other.Part); err != nil {
		return err
	}
	r.Runs = append(r.Runs, other.Runs...)
	switch {
	case other.Topics == nil:
	case r.Topics == nil:
		r.Topics = other.Topics
	default:
		if err := r.Topics.Part.join(&other.Topics.Part); err != nil {
			return err
		}
		r.Topics.Runs = append(r.Topics.Runs, other.Topics.Runs...)
	}
	return nil
}

// join makes two parts of one kind one, if they are of one machine and commit. What else is
// told is that of the first.
func (p *Part) join(other *Part) error {
	switch {
	case other.When.IsZero(): // it has nothing of this kind
	case p.When.IsZero():
		*p = *other
	case p.Machine != other.Machine || p.Commit != other.Commit:
		return errors.New("it is of another machine or commit than what it is to be joined with: measure again")
	default:
		p.Failed = append(p.Failed, other.Failed...)
		p.Command += "; " + other.Command
	}
	return nil
}

func (r *Report) write(path string) error {
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(b, '\n'), 0o644)
}
