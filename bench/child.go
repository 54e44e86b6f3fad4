package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/pprof"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/phyllo-net/phyllo/bench/row"
)

// job is a row over one transport, still to be measured.
type job struct {
	row       *row.Row
	transport string
}

// choose returns what the flags ask for.
func choose(f *flags) []job {
	var out []job
	for _, r := range rows() {
		over := r.Transports
		if len(over) == 0 {
			over = []string{""}
		}
		for _, t := range over {
			if f.only.MatchString(row.Key(r.Name, t)) {
				out = append(out, job{&r, t})
			}
		}
	}
	return out
}

// measureAll measures the rows one after another, and then those that take minutes,
// side by side. The results stand in the order of the jobs.
func measureAll(ctx context.Context, jobs []job, f *flags) []row.Result {
	results := make([]row.Result, len(jobs))
	one := func(i int) {
		begun := time.Now()
		results[i] = jobs[i].measure(ctx, f)
		said := "done"
		if err := results[i].Err; err != nil {
			said = err.Error()
		}
		fmt.Fprintf(os.Stderr, "%-18s %5.0f s  %s\n", row.Key(jobs[i].row.Name, jobs[i].transport), time.Since(begun).Seconds(), said)
	}
	for i, j := range jobs {
		if !j.row.Slow {
			one(i)
		}
	}
	var slow sync.WaitGroup
	for i, j := range jobs {
		if j.row.Slow {
			slow.Go(func() { one(i) })
		}
	}
	slow.Wait()
	return results
}

// measure measures a row in a process of its own.
func (j job) measure(ctx context.Context, f *flags) row.Result {
	x := row.Result{Row: j.row, Transport: j.transport, Rounds: j.row.Rounds}
	if f.quick {
		x.Rounds = min(x.Rounds, 2)
	}
	args := []string{"-row", j.row.Name, "-over", j.transport, "-rounds", strconv.Itoa(x.Rounds)}
	if f.quick {
		args = append(args, "-quick")
	}
	if f.profiles != "" {
		args = append(args, "-profiles", f.profiles)
	}
	rounds, err := askItself(ctx, j.row.Apart, args)
	if err != nil {
		x.Err = err
		return x
	}
	x.Best = j.row.Best(rounds, j.transport)
	return x
}

// askItself runs this program for one row and reads its rounds. Apart, it has a
// network of its own, with nothing but a loopback device.
func askItself(ctx context.Context, apart bool, args []string) ([]row.Round, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	name := self
	if apart {
		script := `ip link set lo up && exec "$0" "$@"`
		name, args = "unshare", append([]string{"-n", "sh", "-c", script, self}, args...)
	}
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		if apart && errors.Is(err, exec.ErrNotFound) {
			return nil, errors.New("this row needs Linux with the programs unshare and ip (util-linux, iproute2), as root")
		}
		return nil, fmt.Errorf("%w: %s", err, strings.TrimSpace(said.String()))
	}
	var rounds []row.Round
	if err := json.Unmarshal(out.Bytes(), &rounds); err != nil {
		return nil, fmt.Errorf("reading the rounds: %w", err)
	}
	if len(rounds) == 0 {
		return nil, errors.New("nothing was measured")
	}
	return rounds, nil
}

// measureHere is the other end of askItself.
func measureHere(ctx context.Context, f *flags) error {
	r, ok := find(f.inner.row)
	if !ok {
		return fmt.Errorf("there is no row %q", f.inner.row)
	}
	if f.profiles != "" {
		end, err := profile(filepath.Join(f.profiles, strings.ReplaceAll(row.Key(r.Name, f.inner.over), "/", "-")+".prof"))
		if err != nil {
			return err
		}
		defer end()
	}
	rounds, err := r.Measure(ctx, &row.Env{Transport: f.inner.over, Rounds: f.inner.rounds, Quick: f.quick})
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(rounds)
}

// profile writes where the processors spend their time, until end is called.
func profile(path string) (end func(), err error) {
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		f.Close()
		return nil, err
	}
	return func() {
		pprof.StopCPUProfile()
		f.Close()
	}, nil
}
