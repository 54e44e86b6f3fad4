package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/bench/row"
)

// daemons is how many processes the row "daemon" has.
const daemons = 20

// Times of the row "daemon": until the processor's time is counted, and of the count.
const (
	upTime, upQuick     = 6 * time.Minute, 10 * time.Second
	lastTime, lastQuick = 4 * time.Minute, 20 * time.Second
)

// daemon is a `phyllo up`.
type daemon struct {
	home string
	cmd  *exec.Cmd
}

func measureDaemon(ctx context.Context, e *row.Env) (_ []row.Round, err error) {
	up, last := upTime, lastTime
	if e.Quick {
		up, last = upQuick, lastQuick
	}
	f, err := startFleet(ctx, daemons)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.stop()) }()
	if err := pause(ctx, up); err != nil {
		return nil, err
	}
	return daemonRound(ctx, e, f.all, last)
}

// daemonRound counts what each costs for a while, and returns the worst.
func daemonRound(ctx context.Context, e *row.Env, all []*daemon, last time.Duration) ([]row.Round, error) {
	used := make([]time.Duration, len(all))
	for i, d := range all {
		var err error
		if used[i], err = d.used(); err != nil {
			return nil, err
		}
	}
	begun := time.Now()
	if err := pause(ctx, last); err != nil {
		return nil, err
	}
	var rss, cpu, conns, sum float64
	for i, d := range all {
		now, err := d.used()
		if err != nil {
			return nil, err
		}
		cpu = max(cpu, 100*(now-used[i]).Seconds()/time.Since(begun).Seconds())
		s, err := d.status(ctx)
		if err != nil {
			return nil, err
		}
		rss, conns, sum = max(rss, float64(s.RSSBytes)/1e6), max(conns, float64(s.Connections)), sum+float64(s.RSSBytes)/1e6
	}
	return []row.Round{{
		Figures: []row.Figure{{Metric: "RSS", Value: rss, Unit: "MB"}, {Metric: "mean RSS", Value: sum / daemons, Unit: "MB"}, {Metric: "CPU", Value: cpu, Unit: "% of a core"}, {Metric: "connections", Value: conns}},
		Note:    notFull(e, upQuick+lastQuick, upTime+lastTime),
	}}, nil
}

// startDaemon starts one in the foreground, and returns when it is in its ring.
func startDaemon(ctx context.Context, program, home, invitation string) (*daemon, error) {
	if err := os.Mkdir(home, 0o700); err != nil {
		return nil, err
	}
	args := []string{"--home", home, "--json", "up", "--foreground", "--listen", "127.0.0.1:0"}
	if invitation != "" {
		args = append(args, "--join", invitation)
	}
	d := &daemon{home: home, cmd: exec.CommandContext(ctx, program, args...)}
	log, err := os.Create(filepath.Join(home, "said"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	d.cmd.Stderr = log
	out, err := d.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := d.cmd.Start(); err != nil {
		return nil, err
	}
	var event struct {
		Event string `json:"event"`
	}
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &event)
	}
	if err == nil && event.Event != "ready" {
		err = fmt.Errorf("it says %q", event.Event)
	}
	if err != nil {
		d.cmd.Process.Kill() // it may have ended already
		d.cmd.Wait()         // the reason is in what it said
		said, readErr := os.ReadFile(log.Name())
		return nil, errors.Join(fmt.Errorf("phyllo up: %w: %s", err, strings.TrimSpace(string(said))), readErr)
	}
	return d, nil
}

func (d *daemon) invite(ctx context.Context) (string, error) {
	c, err := api.Dial(d.home)
	if err != nil {
		return "", err
	}
	defer c.Close()
	v, err := c.Invite(ctx, api.InviteRequest{Uses: 1000})
	if err != nil {
		return "", err
	}
	return v.Invite, nil
}

func (d *daemon) status(ctx context.Context) (*api.Status, error) {
	c, err := api.Dial(d.home)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	return c.Status(ctx)
}

// tick is the unit of processor time in /proc/PID/stat: 100 a second on Linux.
const tick = 10 * time.Millisecond

// used is the processor time of the process since its start.
func (d *daemon) used() (time.Duration, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", d.cmd.Process.Pid))
	if err != nil {
		return 0, fmt.Errorf("the processor time of a process needs Linux: %w", err)
	}
	_, rest, ok := strings.Cut(string(b), ") ") // the name before it may have spaces
	fields := strings.Fields(rest)
	if !ok || len(fields) < 13 {
		return 0, fmt.Errorf("/proc says %q of a process", b)
	}
	var sum int64
	for _, f := range fields[11:13] { // utime, stime
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return 0, err
		}
		sum += n
	}
	return time.Duration(sum) * tick, nil
}
