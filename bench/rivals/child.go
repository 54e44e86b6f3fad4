package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"time"
)

// inChild says that this process is to measure one comparison, whose result it prints.
const inChild = "PHYLLO_RIVALS_CHILD"

// apart says to the child that it has a network of its own.
const apart = "PHYLLO_RIVALS_APART"

// runChild measures what the flags say in a process of its own, so that no run finds the
// memory of another, and in a network of its own, if the system lets it be made. It reads
// the result into r.
func runChild(ctx context.Context, r any, args ...string) error {
	out, err := startChild(ctx, args, true)
	if out == nil && err == nil {
		out, err = startChild(ctx, args, false)
	}
	if err != nil {
		return err
	}
	if err := json.Unmarshal(out, r); err != nil {
		return fmt.Errorf("read what was measured: %w", err)
	}
	return nil
}

// startChild returns what the child printed, or nothing if it was not allowed to have
// a network of its own.
func startChild(ctx context.Context, args []string, own bool) ([]byte, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, self, args...)
	cmd.Cancel, cmd.WaitDelay = func() error { return cmd.Process.Signal(os.Interrupt) }, 30*time.Second
	cmd.Env = append(os.Environ(), inChild+"=1")
	cmd.Stdout, cmd.Stderr = &out, os.Stderr
	if own {
		if !setApart(cmd) {
			return nil, nil
		}
		cmd.Env = append(cmd.Env, apart+"=1")
	}
	if err := cmd.Start(); err != nil {
		if own {
			return nil, nil
		}
		return nil, err
	}
	err = cmd.Wait()
	return out.Bytes(), err
}

// measureHere is what the child does.
func (a *asked) measureHere(ctx context.Context) error {
	allowFiles()
	own := os.Getenv(apart) != ""
	if own {
		if err := raiseLoopback(); err != nil {
			return fmt.Errorf("switch the loopback device on: %w", err)
		}
	}
	say := func(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }
	if a.only == topicsPart {
		r, err := compareTopics(ctx, fullTopics(a.members[0], a.transports[0]), say)
		if err != nil {
			return err
		}
		r.Apart = own
		return json.NewEncoder(os.Stdout).Encode(r)
	}
	r, err := compare(ctx, full(a.nodes[0], a.transports[0]), say)
	if err != nil {
		return err
	}
	r.Apart = own
	return json.NewEncoder(os.Stdout).Encode(r)
}
