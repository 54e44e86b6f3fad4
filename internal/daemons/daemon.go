// Package daemons runs real nodes, each a process of its own on an address of
// loopback, for tests that attack, kill, stop and watch them. It sees what an
// operator sees: the control socket, the log, and what the system says of a process
// (Linux only).
package daemons

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/phyllo-net/phyllo/api"
)

// Build builds the program into the folder and returns its path. flags are further ones
// of "go build", such as -race.
func Build(ctx context.Context, dir string, flags ...string) (string, error) {
	path := filepath.Join(dir, "phyllo")
	args := append([]string{"build", "-o", path}, flags...)
	out, err := exec.CommandContext(ctx, "go", append(args, "github.com/phyllo-net/phyllo/cmd/phyllo")...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("building phyllo: %w: %s", err, out)
	}
	return path, nil
}

// Daemon is a home and the process that runs a node there. Its methods may be called
// from any goroutine, except that Start and what ends the process take turns.
type Daemon struct {
	// Home is the node's folder, IP where it listens: the same port each time.
	Home, IP string
	// API asks the node. Calls fail with api.NotRunning while there is none.
	API *api.Client

	program string
	listen  string

	mu    sync.Mutex
	ready api.Ready
	proc  *process
}

// process is one run of the program.
type process struct {
	cmd    *exec.Cmd
	log    *os.File
	exited chan struct{}
	err    error // how it ended, when exited is closed
}

// New returns a daemon that is not started, in a new home below dir.
func New(program, dir, ip string) (*Daemon, error) {
	home, err := os.MkdirTemp(dir, "node-")
	if err != nil {
		return nil, err
	}
	client, err := api.Dial(home)
	if err != nil {
		return nil, err
	}
	return &Daemon{Home: home, IP: ip, API: client, program: program, listen: ip + ":0"}, nil
}

// LogPath is the file that gets the log of all runs.
func (d *Daemon) LogPath() string { return filepath.Join(d.Home, "daemon.log") }

// Ready is what the node said when it was ready last.
func (d *Daemon) Ready() api.Ready {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.ready
}

// PID is the number of the process, or 0 if none runs.
func (d *Daemon) PID() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.proc == nil {
		return 0
	}
	return d.proc.cmd.Process.Pid
}

// Start starts the node, and returns when it is ready. args are further ones of
// "phyllo up", such as --join and an invitation.
func (d *Daemon) Start(ctx context.Context, args ...string) error {
	log, err := os.OpenFile(d.LogPath(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	cmd := exec.Command(d.program, append([]string{"--home", d.Home, "--json", "up", "--foreground", "--listen", d.listen}, args...)...)
	cmd.Env = append(os.Environ(), "PHYLLO_NAT=false", "PHYLLO_LAN=false", "PHYLLO_UI=127.0.0.1:0", "PHYLLO_LOG_JSON=true", "PHYLLO_OFFER=1GiB")
	cmd.Stderr = log
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		log.Close()
		return err
	}
	p := &process{cmd: cmd, log: log, exited: make(chan struct{})}
	said := make(chan error, 1)
	var ready api.Ready
	go func() {
		line, err := bufio.NewReader(out).ReadBytes('\n')
		if err == nil {
			err = json.Unmarshal(line, &ready)
		}
		said <- err
		p.err = cmd.Wait()
		log.Close()
		close(p.exited)
	}()
	d.mu.Lock()
	d.proc = p
	d.mu.Unlock()
	select {
	case err = <-said:
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err != nil {
		return errors.Join(fmt.Errorf("the node of %s did not become ready: %w: %s", d.Home, err, d.tail()), d.Kill())
	}
	d.mu.Lock()
	d.ready = ready
	d.mu.Unlock()
	if port := d.port(); port != "" {
		d.listen = d.IP + ":" + port
	}
	return nil
}

// port is where the node listens over TCP.
func (d *Daemon) port() string {
	for _, a := range d.Ready().Addrs {
		if _, port, ok := strings.Cut(a, "/tcp/"); ok {
			return port
		}
	}
	return ""
}

// Addr is where the node listens over TCP, as IP:PORT.
func (d *Daemon) Addr() string { return d.IP + ":" + d.port() }

// tail is the end of the log, for an error message.
func (d *Daemon) tail() string {
	b, err := os.ReadFile(d.LogPath())
	if err != nil {
		return err.Error()
	}
	return string(b[max(0, len(b)-1000):])
}

// Signal sends a signal to the process.
func (d *Daemon) Signal(s os.Signal) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.proc == nil {
		return os.ErrProcessDone
	}
	return d.proc.cmd.Process.Signal(s)
}

// Kill ends the process as a power cut does, and returns when it is gone.
func (d *Daemon) Kill() error {
	err := d.Signal(syscall.SIGKILL)
	d.await()
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}

// Stop ends the node in order, or after the patience by force, which is an error.
func (d *Daemon) Stop(patience time.Duration) error {
	d.mu.Lock()
	p := d.proc
	d.mu.Unlock()
	if p == nil {
		return nil
	}
	err := d.Signal(syscall.SIGTERM)
	if errors.Is(err, os.ErrProcessDone) {
		err = nil
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-p.exited:
		err = errors.Join(err, p.err)
	case <-timer.C:
		err = errors.Join(err, fmt.Errorf("process %d of %s did not stop within %v", p.cmd.Process.Pid, d.Home, patience), d.Kill())
	}
	d.await()
	return err
}

// await waits for the process's end and forgets it.
func (d *Daemon) await() {
	d.mu.Lock()
	p := d.proc
	d.mu.Unlock()
	if p == nil {
		return
	}
	<-p.exited
	d.mu.Lock()
	d.proc = nil
	d.mu.Unlock()
}

// Ended reports whether the process has ended by itself, and how.
func (d *Daemon) Ended() (error, bool) {
	d.mu.Lock()
	p := d.proc
	d.mu.Unlock()
	if p == nil {
		return nil, false
	}
	select {
	case <-p.exited:
		return fmt.Errorf("the process of %s has ended: %w: %s", d.Home, p.err, d.tail()), true
	default:
		return nil, false
	}
}

// Line is one line of a node's log.
type Line struct {
	Time  time.Time `json:"time"`
	Level string    `json:"level"`
	Msg   string    `json:"msg"`
	Text  string    `json:"-"` // the whole of it
}

// Log returns the lines of all runs so far. What is no line of the log, such as the
// trace of a panic, has the level ERROR.
func (d *Daemon) Log() ([]Line, error) {
	b, err := os.ReadFile(d.LogPath())
	if err != nil {
		return nil, err
	}
	var out []Line
	for text := range bytes.Lines(b) {
		l := Line{Level: "ERROR"}
		if text = bytes.TrimSpace(text); json.Unmarshal(text, &l) != nil {
			l = Line{Level: "ERROR", Msg: "no line of the log"}
		}
		l.Text = string(text)
		out = append(out, l)
	}
	return out, nil
}
