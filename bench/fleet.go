package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"

	"github.com/phyllo-net/phyllo/api"
)

// fleet is some processes of `phyllo up` in one ring.
type fleet struct {
	dir string // for all that they write
	all []*daemon
}

// startFleet builds phyllo and starts so many.
func startFleet(ctx context.Context, n int) (_ *fleet, err error) {
	dir, err := os.MkdirTemp("", "phyllo-daemons-")
	if err != nil {
		return nil, err
	}
	f := &fleet{dir: dir}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.stop())
		}
	}()
	program := filepath.Join(dir, "phyllo")
	if out, err := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", program, "./cmd/phyllo").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("building phyllo (in the repository's folder, with Go): %w: %s", err, out)
	}
	invitation := ""
	for i := range n {
		d, err := startDaemon(ctx, program, filepath.Join(dir, strconv.Itoa(i)), invitation)
		if err != nil {
			return nil, err
		}
		f.all = append(f.all, d)
		if i == 0 {
			if invitation, err = d.invite(ctx); err != nil {
				return nil, err
			}
		}
	}
	return f, nil
}

// stop kills all, and removes what they wrote.
func (f *fleet) stop() error {
	for _, d := range f.all {
		d.cmd.Process.Kill() // it may have ended already
		d.cmd.Wait()         // the outcome of one that was killed says nothing
	}
	return os.RemoveAll(f.dir)
}

// used is the processor time of all since their start, in seconds.
func (f *fleet) used() (sum float64, err error) {
	for _, d := range f.all {
		t, err := d.used()
		if err != nil {
			return 0, err
		}
		sum += t.Seconds()
	}
	return sum, nil
}

// user adds somebody to the first, and returns what it is asked with, to be closed.
func (f *fleet) user(ctx context.Context) (*api.Client, error) {
	c, err := api.Dial(f.all[0].home)
	if err != nil {
		return nil, err
	}
	if _, err := c.UserAdd(ctx, api.UserRequest{Name: "ann"}); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}
