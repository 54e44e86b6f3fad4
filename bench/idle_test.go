package main

import (
	"os"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/bench/row"
)

// TestLoopback reads the counts of this machine, where there are any.
func TestLoopback(t *testing.T) {
	if _, err := os.Stat("/proc/self/net/dev"); err != nil {
		if _, err := loopback(); err == nil {
			t.Error("a system without counts has some")
		}
		return
	}
	if _, err := loopback(); err != nil {
		t.Error(err)
	}
}

func TestNotFull(t *testing.T) {
	if got := notFull(&row.Env{}, time.Second, time.Minute); got != "" {
		t.Errorf("a row at full length says %q", got)
	}
	if got, want := notFull(&row.Env{Quick: true}, time.Second, time.Minute), "not at full length: after 1s in place of 1m0s"; got != want {
		t.Errorf("a short row says %q, want %q", got, want)
	}
}
