package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/cmd/phyllo/console"
	"github.com/phyllo-net/phyllo/cmd/phyllo/demo"
	"github.com/phyllo-net/phyllo/id"
)

// TestDemoOnce: the whole play, with pretended nodes.
func TestDemoOnce(t *testing.T) {
	v, tmp := &village{}, newHome(t)
	var stdout, stderr strings.Builder
	code := run(&console.World{Args: []string{"demo", "--once", "--nodes", "7", "--json"}, Stdin: strings.NewReader(""), Stdout: &stdout, Stderr: &stderr,
		Environ: []string{"TMPDIR=" + tmp, "HOME=" + tmp}, Now: time.Now, Launch: v.launch})
	if code != 0 {
		t.Fatalf("exit code %d: %s%s", code, stdout.String(), stderr.String())
	}
	var events []string
	var last struct {
		Summary map[string]int `json:"summary"`
	}
	for _, line := range strings.Split(strings.TrimSpace(stdout.String()), "\n") {
		var e struct{ Event string }
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		events = append(events, e.Event)
		if err := json.Unmarshal([]byte(line), &last); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{"begin", "ready", "people", "message", "message", "message", "room", "said", "topic", "killed", "mended", "published", "message", "message", "said", "joined", "summary"}
	if !slices.Equal(events, want) {
		t.Errorf("events %v, want %v", events, want)
	}
	if s := last.Summary; s["nodes"] != 7 || s["sent"] != 5 || s["delivered"] != 5 || s["said"] != 2 || s["read"] != 2 || s["killed"] != 1 || s["joined"] != 1 || s["published"] < demo.LinesBefore+demo.LinesAfter || s["readers"] < 5 || s["readers"] > 6 || s["missed"] != 0 || s["mended_ms"] < 1 {
		t.Errorf("summary %v", s)
	}
	if v.killed != 1 || len(v.nodes) != 8 {
		t.Errorf("%d nodes, %d killed", len(v.nodes), v.killed)
	}
	if left, err := os.ReadDir(tmp); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	for i, n := range v.nodes {
		if n.cfg.LAN || n.cfg.NAT || n.cfg.Listen[0] != "127.0.0.1:0" {
			t.Errorf("node %d would leave this computer: %+v", i, n.cfg)
		}
		if (n.cfg.UI == "off") != (i > 0) {
			t.Errorf("node %d has its page at %q", i, n.cfg.UI)
		}
	}
}

// TestSmallDemo: of two nodes none can be spared, so one joins before one is killed.
func TestSmallDemo(t *testing.T) {
	for nodes, want := range map[string][]string{
		"2": {"begin", "ready", "people", "message", "message", "message", "room", "said", "joined", "topic", "killed", "mended", "published", "message", "message", "said", "summary"},
		"3": {"begin", "ready", "people", "message", "message", "message", "room", "said", "topic", "killed", "mended", "published", "message", "message", "said", "joined", "summary"},
	} {
		v, tmp := &village{}, newHome(t)
		var stdout, stderr strings.Builder
		code := run(&console.World{Args: []string{"demo", "--once", "--json", "--nodes", nodes}, Stdin: strings.NewReader(""), Stdout: &stdout, Stderr: &stderr,
			Environ: []string{"TMPDIR=" + tmp, "HOME=" + tmp}, Now: time.Now, Launch: v.launch})
		var events []string
		for line := range strings.Lines(stdout.String()) {
			var e struct{ Event string }
			if err := json.Unmarshal([]byte(line), &e); err != nil {
				t.Fatalf("%v: %s", err, line)
			}
			events = append(events, e.Event)
		}
		if code != 0 || !slices.Equal(events, want) || v.killed != 1 {
			t.Errorf("%s nodes: exit code %d, %d killed, events %v, want %v\n%s", nodes, code, v.killed, events, want, stderr.String())
		}
	}
}

// TestDemoWaitsForThoseWhoJoin: that Start has returned does not mean that a node is
// in the ring, and nothing is said before it is.
func TestDemoWaitsForThoseWhoJoin(t *testing.T) {
	const late = 4 // at the start once, and then three looks
	for from, which := range map[int]string{1: "ready", 4: "joined"} {
		v, tmp := &village{late: late, from: from}, newHome(t)
		said := map[string]int{} // how many looks were still to come at each event
		var stderr strings.Builder
		out := writerFunc(func(p []byte) (int, error) {
			for line := range strings.Lines(string(p)) {
				var e struct{ Event string }
				if err := json.Unmarshal([]byte(line), &e); err != nil {
					return 0, err
				}
				for _, n := range v.nodes {
					n.offered.mu.Lock()
					said[e.Event] += n.offered.late
					n.offered.mu.Unlock()
				}
			}
			return len(p), nil
		})
		code := run(&console.World{Args: []string{"demo", "--once", "--json", "--nodes", "4"}, Stdin: strings.NewReader(""), Stdout: out, Stderr: &stderr,
			Environ: []string{"TMPDIR=" + tmp, "HOME=" + tmp}, Now: time.Now, Launch: v.launch})
		left, happened := said[which]
		if code != 0 || !happened || left != 0 {
			t.Errorf("%s: exit code %d, %v, %d looks to come: %s", which, code, happened, left, stderr.String())
		}
	}
}

// writerFunc is a function as io.Writer.
type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// TestDemoOnThePage: what the buttons do, over the control socket.
func TestDemoOnThePage(t *testing.T) {
	v := &village{}
	w := &console.World{Stderr: os.Stderr, Environ: []string{"TMPDIR=" + newHome(t)}, Now: time.Now, Launch: v.launch}
	d, err := demo.NewRing(w)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}()
	if err := d.Grow(t.Context(), 5); err != nil {
		t.Fatal(err)
	}
	c, err := api.Dial(filepath.Join(d.Dir, "1"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx, end := context.WithTimeout(t.Context(), 20*time.Second)
	defer end()
	s, err := c.Status(ctx)
	if err != nil || !s.Demo {
		t.Fatalf("%+v, %v", s, err)
	}
	events := make(chan string, 100)
	listen, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() {
		ended <- c.Events(listen, func(e *api.Event) error { events <- e.Kind; return nil })
	}()
	if e := <-events; e != api.EventBegin {
		t.Errorf("first event %s", e)
	}

	before, err := c.Picture(ctx)
	if err != nil {
		t.Fatal(err)
	}
	victim := before.Nodes[slices.IndexFunc(before.Nodes, func(n api.PictureNode) bool { return n.ID != s.ID })].ID
	if err := c.Kill(ctx, victim); err != nil {
		t.Fatal(err)
	}
	if e := <-events; e != api.EventRing {
		t.Errorf("event %s", e)
	}
	if err := c.Kill(ctx, victim); err != nil {
		t.Errorf("killing twice: %v", err)
	}
	if err := c.Kill(ctx, s.ID); api.KindOf(err) != api.Usage {
		t.Errorf("killing the node that is looked at: %v", err)
	}
	if err := c.Kill(ctx, id.Tiny(1)); api.KindOf(err) != api.NotFound {
		t.Errorf("killing nobody: %v", err)
	}
	n, err := c.AddNode(ctx)
	if err != nil {
		t.Fatal(err)
	}
	p, err := c.Picture(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Nodes) != 6 || p.Size != 5 || !slices.IsSortedFunc(p.Nodes, func(a, b api.PictureNode) int { return a.ID.Cmp(b.ID) }) {
		t.Errorf("picture %+v", p)
	}
	for _, x := range p.Nodes {
		if x.Dead != (x.ID == victim) {
			t.Errorf("%s is dead: %v", x.ID.Short(), x.Dead)
		}
	}
	if !slices.ContainsFunc(p.Nodes, func(x api.PictureNode) bool { return x.ID == n.ID }) {
		t.Error("the new node is not in the picture")
	}
	stop()
	<-ended
}

// TestDemoUntilItIsEnded: the ring lives on until Ctrl-C, or until the terminal is
// gone; its page opens at the address that the demo shows, it can be asked by the
// command beside it, and it leaves nothing behind.
func TestDemoUntilItIsEnded(t *testing.T) {
	for _, end := range []os.Signal{os.Interrupt, syscall.SIGHUP} {
		t.Run(end.String(), func(t *testing.T) { demoUntil(t, end) })
	}
}

func demoUntil(t *testing.T, end os.Signal) {
	tmp := newHome(t)
	cmd := program(t, tmp, "demo", "--nodes", "4")
	cmd.Env = append(cmd.Env, "TEST_LAUNCH=village", "TMPDIR="+tmp)
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	out, home, page := bufio.NewReader(pipe), "", ""
	for home == "" {
		line, err := out.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if rest, ok := strings.CutPrefix(line, "  page  "); ok {
			page, _, _ = strings.Cut(rest, "  ")
			if !strings.Contains(line, "again: phyllo --home "+tmp) {
				t.Errorf("no way to another one: %s", line)
			}
		}
		if rest, ok := strings.CutPrefix(line, "  phyllo --home "); ok {
			home, _, _ = strings.Cut(rest, " ")
		}
	}
	if r := finish(t, program(t, home, "status")); r.code != 0 {
		t.Errorf("status: %+v", r)
	}
	enter(t, page)
	cmd.Process.Signal(end)
	if _, err := io.Copy(io.Discard, out); err != nil {
		t.Error(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(tmp); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// TestDemoEndedAtItsBegin: Ctrl-C is how it ends, also while nodes are starting.
func TestDemoEndedAtItsBegin(t *testing.T) {
	for _, x := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"demo"}, 0, ""},
		{[]string{"demo", "--once"}, 1, "phyllo: interrupted\n"},
	} {
		tmp := newHome(t)
		cmd := program(t, tmp, x.args...)
		cmd.Env = append(cmd.Env, "TEST_LAUNCH=deaf", "TMPDIR="+tmp)
		pipe, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		var stderr strings.Builder
		cmd.Stderr = &stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := bufio.NewReader(pipe).ReadString('\n'); err != nil {
			t.Fatal(err)
		}
		cmd.Process.Signal(os.Interrupt)
		if err := cmd.Wait(); cmd.ProcessState.ExitCode() != x.code || stderr.String() != x.says {
			t.Errorf("%v: %v, %q", x.args, err, stderr.String())
		}
	}
}

// enter opens a one-time address, as a browser does.
func enter(t *testing.T, address string) {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	own := &http.Transport{}
	defer own.CloseIdleConnections()
	r, err := (&http.Client{Jar: jar, Transport: own, Timeout: 20 * time.Second}).Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if r.StatusCode != http.StatusOK {
		t.Errorf("%s: %s", address, r.Status)
	}
}

// TestDemoThatMisses: lines that a reader has not read are said, and are no success.
func TestDemoThatMisses(t *testing.T) {
	v, tmp := &village{hole: true}, newHome(t)
	var stdout, stderr strings.Builder
	code := run(&console.World{Args: []string{"demo", "--once", "--nodes", "4"}, Stdin: strings.NewReader(""), Stdout: &stdout, Stderr: &stderr,
		Environ: []string{"TMPDIR=" + tmp, "HOME=" + tmp}, Now: time.Now, Launch: v.launch})
	if code != 1 || !strings.Contains(stdout.String(), "readers have missed") || !strings.Contains(stderr.String(), "were not read by all once and in order") {
		t.Errorf("exit code %d: %s%s", code, stdout.String(), stderr.String())
	}
}

// TestDemoThatFails leaves nothing behind.
func TestDemoThatFails(t *testing.T) {
	v, tmp := &village{}, newHome(t)
	t.Setenv("TEST_LAUNCH", "locked")
	var stdout, stderr strings.Builder
	code := run(&console.World{Args: []string{"demo", "--once"}, Stdin: strings.NewReader(""), Stdout: &stdout, Stderr: &stderr,
		Environ: []string{"TMPDIR=" + tmp, "HOME=" + tmp}, Now: time.Now, Launch: v.launch})
	if code != 5 || !strings.Contains(stderr.String(), "process 77") {
		t.Errorf("%d: %s", code, stderr.String())
	}
	if left, err := os.ReadDir(tmp); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
