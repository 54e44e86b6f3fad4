package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/cmd/phyllo/console"
	"github.com/phyllo-net/phyllo/node/home"
)

const (
	// readyFlag is how a node in the background learns where to say that it is ready.
	readyFlag = "ready-fd"
	// logName is the log of nodes in the background, in the home folder.
	logName = "phyllo.log"
	// maxLog is the size from which on a start begins a new log, in bytes.
	maxLog = 8 << 20
)

// background starts this program again as a node of its own, and returns when that
// is ready, or has failed.
func background(ctx context.Context, w *console.World, flags *pflag.FlagSet) error {
	if err := nobodyRuns(ctx, w); err != nil {
		return err
	}
	// Before the log is opened: in the folder of a newer version nothing is touched.
	if err := home.Check(w.Home); err != nil {
		return err
	}
	if err := os.MkdirAll(w.Home, 0o700); err != nil {
		return fmt.Errorf("making the home folder: %w: choose another with --home DIR", err)
	}
	log, err := openLog(filepath.Join(w.Home, logName))
	if err != nil {
		return fmt.Errorf("opening the log: %w: choose another folder with --home DIR", err)
	}
	defer log.Close()
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("finding this program, to start it in the background: %w: use `phyllo up --foreground`", err)
	}
	r, pipe, err := os.Pipe()
	if err != nil {
		return err
	}
	defer r.Close()
	child := exec.Command(program)
	child.Env = childEnv(w, flags)
	child.Stdout, child.Stderr = log, log
	ownSession(child)
	ready, err := handOn(child, pipe)
	if err == nil {
		child.Args = append(child.Args, again(w, flags, ready)...)
		err = child.Start()
	}
	pipe.Close()
	if err != nil {
		return fmt.Errorf("starting the node in the background: %w: use `phyllo up --foreground`", err)
	}
	done := w.Waiting("starting the node …")
	err = await(ctx, w, r, child)
	done()
	if err != nil {
		return err
	}
	return greet(ctx, w)
}

// greet prints what a node that is ready says of itself.
func greet(ctx context.Context, w *console.World) error {
	c, err := w.Client()
	if err != nil {
		return err
	}
	defer c.Close()
	s, err := c.Status(ctx)
	switch {
	case err != nil:
		return err
	case w.JSON:
		return w.Line(s.Ready())
	}
	welcome(w, s)
	return nil
}

// nobodyRuns makes sure that no node answers at this home.
func nobodyRuns(ctx context.Context, w *console.World) error {
	c, err := w.Client()
	if err != nil {
		return err
	}
	defer c.Close()
	ctx, end := context.WithTimeout(ctx, 2*time.Second)
	defer end()
	s, err := c.Status(ctx)
	switch {
	case err == nil:
		return api.Errorf(api.Locked, "a node is running at %s already, as process %d: see `%s`, or stop it with `%s`", w.Home, s.PID, w.Command("status"), w.Command("down"))
	case api.KindOf(err) == api.NotRunning:
		return nil
	case errors.Is(err, context.DeadlineExceeded):
		return api.Errorf(api.Locked, "something holds the control socket of %s and does not answer: end that process, or use another --home", w.Home)
	}
	return err
}

// again are the arguments of the node in the background, which says that it is up in
// its file with the number ready. An invitation is a secret,
// and goes by the environment: other users can read command lines.
func again(w *console.World, flags *pflag.FlagSet, ready int) []string {
	list := []string{"--home", w.Home, "up", "--foreground", "--" + readyFlag + "=" + strconv.Itoa(ready)}
	flags.Visit(func(f *pflag.Flag) {
		switch v := f.Value.(type) {
		case pflag.SliceValue:
			for _, one := range v.GetSlice() {
				list = append(list, "--"+f.Name+"="+one)
			}
		default:
			if f.Name != "home" && f.Name != "json" && f.Name != "join" {
				list = append(list, "--"+f.Name+"="+f.Value.String())
			}
		}
	})
	return list
}

func childEnv(w *console.World, flags *pflag.FlagSet) []string {
	// A service manager that waits for this program is not told by the other one.
	env := slices.DeleteFunc(slices.Clone(w.Environ), func(v string) bool { return strings.HasPrefix(v, notifyVariable+"=") })
	if flags.Changed("join") {
		env = append(env, "PHYLLO_JOIN="+flags.Lookup("join").Value.String()) // the last one counts
	}
	return env
}

// openLog opens the log at its end, and begins a new one if it has grown large.
func openLog(path string) (*os.File, error) {
	if st, err := os.Stat(path); err == nil && st.Size() > maxLog {
		if err := os.Rename(path, path+".old"); err != nil {
			return nil, err
		}
	}
	return os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
}

// await waits for the node's word. If the user does not want to wait any more the
// node is ended.
func await(ctx context.Context, w *console.World, r *os.File, child *exec.Cmd) error {
	stop := context.AfterFunc(ctx, func() {
		interrupt(child.Process) // it may be gone already
		r.SetReadDeadline(time.Now().Add(console.StopTime))
	})
	defer stop()
	line, err := bufio.NewReader(io.LimitReader(r, 1<<20)).ReadBytes('\n')
	var said report
	if err == nil {
		err = json.Unmarshal(line, &said)
	}
	switch {
	case ctx.Err() != nil:
		child.Wait()
		return ctx.Err()
	case err == nil && said.Event == "ready":
		return child.Process.Release()
	case err == nil && said.Error != nil:
		child.Wait()
		return said.Error
	}
	child.Wait()
	return fmt.Errorf("the node ended before it was ready (%s)%s: the rest is in %s", child.ProcessState, lastWords(w), filepath.Join(w.Home, logName))
}

// lastWords are the last lines of the log.
func lastWords(w *console.World) string {
	const most = 2048
	b, err := os.ReadFile(filepath.Join(w.Home, logName))
	if err != nil || len(b) == 0 {
		return ""
	}
	b = b[max(0, len(b)-most):]
	lines := strings.Split(strings.TrimRight(string(b), "\n"), "\n")
	return ", after " + fmt.Sprintf("%+q", strings.Join(lines[max(0, len(lines)-3):], " / "))
}
