package node_test

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
	"sync/atomic"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/api"
)

// program builds the real program, once.
var program = sync.OnceValues(func() (string, error) {
	built.Store(true)
	dir, err := os.MkdirTemp("", "phyllo-program-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "phyllo")
	out, err := exec.Command("go", "build", "-o", path, "../cmd/phyllo").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return path, nil
})

// built says whether there is a program to remove.
var built atomic.Bool

// process is a home and the program that runs a node there.
type process struct {
	t    *testing.T
	home string
	ns   string   // network namespace; empty: the one of the test
	at   string   // where it listens, but for in a namespace
	env  []string // settings besides the usual ones of tests
}

// two are the places of tests that run beside each other.
var two = make(chan struct{}, 2)

// beside lets another test of processes run beside this one, as they mostly wait. Never more than
// one other such test, however many processors there are: their limits of time are those of a
// machine with a few processes and one disk.
func beside(t *testing.T) {
	t.Parallel()
	two <- struct{}{}
	t.Cleanup(func() { <-two })
}

func newProcess(t *testing.T) *process {
	p := &process{t: t, home: t.TempDir(), at: "127.0.0.1:0"}
	t.Cleanup(func() {
		if t.Failed() {
			log, _ := os.ReadFile(filepath.Join(p.home, "phyllo.log"))
			t.Logf("log of %s:\n%s", p.home, log)
		}
		if _, err := p.run("down"); err != nil && api.ExitCode(err) != api.NotRunning.ExitCode() {
			t.Logf("down: %v", err)
		}
	})
	return p
}

// failure is a run of the program with an exit code other than 0.
type failure struct {
	code   int
	stderr string
}

func (f *failure) Error() string { return fmt.Sprintf("exit code %d: %s", f.code, f.stderr) }

// run runs a command to its end, within 30 s.
func (p *process) run(args ...string) (string, error) {
	path, err := program()
	if err != nil {
		p.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	line := append([]string{path, "--home", p.home}, args...)
	if p.ns != "" {
		line = append([]string{"ip", "netns", "exec", p.ns}, line...)
	}
	cmd := exec.CommandContext(ctx, line[0], line[1:]...)
	cmd.Env = append(os.Environ(), "PHYLLO_NAT=false", "PHYLLO_LAN=false", "PHYLLO_UI=off", "PHYLLO_LOG_LEVEL=debug", "PHYLLO_OFFER=1GiB")
	cmd.Env = append(cmd.Env, p.env...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err = cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		err = &failure{exit.ExitCode(), stderr.String()}
	}
	return stdout.String(), err
}

// must is run for what has to succeed.
func (p *process) must(args ...string) string {
	p.t.Helper()
	out, err := p.run(args...)
	if err != nil {
		p.t.Fatalf("phyllo %s: %v", strings.Join(args, " "), err)
	}
	return out
}

// up starts the node in the background and returns its number as a process.
func (p *process) up(args ...string) int {
	p.t.Helper()
	up := []string{"up"}
	if p.ns == "" {
		up = append(up, "--listen", p.at)
	}
	p.must(append(up, args...)...)
	s := p.status()
	if s.State != api.StateReady {
		p.t.Fatalf("the node of %s is %s after up", p.home, s.State)
	}
	return s.PID
}

// settle starts the node at an address of loopback that no other test uses, and has it come back to
// the same port at each start to come: nodes that were all down find each other where they were last.
func (p *process) settle(ip string, args ...string) {
	p.t.Helper()
	p.at = ip + ":0"
	p.up(args...)
	for _, a := range p.status().Addrs {
		if _, port, ok := strings.Cut(a, "/tcp/"); ok {
			p.at = ip + ":" + port
			return
		}
	}
	p.t.Fatalf("the node of %s has no address", p.home)
}

// dial returns a client of the node's control socket, for what is asked often: it begins no program.
func (p *process) dial() *api.Client {
	p.t.Helper()
	c, err := api.Dial(p.home)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(c.Close)
	return c
}

// status is what the node says of itself.
func (p *process) status() *api.Status {
	p.t.Helper()
	c, err := api.Dial(p.home)
	if err != nil {
		p.t.Fatal(err)
	}
	defer c.Close() // it is asked again and again
	s, err := c.Status(limited(p.t))
	if err != nil {
		p.t.Fatal(err)
	}
	return s
}

// read decodes what a command prints with --json.
func (p *process) read(v any, args ...string) {
	p.t.Helper()
	out := p.must(append(args, "--json")...)
	if err := json.Unmarshal([]byte(out), v); err != nil {
		p.t.Fatalf("phyllo %s --json: %v in %q", strings.Join(args, " "), err, out)
	}
}

// admit starts another process, which joins the ring of this one, and returns its number.
func (p *process) admit(q *process) int {
	p.t.Helper()
	var inv api.Invitation
	p.read(&inv, "invite")
	return q.up("--join", inv.Invite)
}

// twoProcesses are in a ring that the first has made.
func twoProcesses(t *testing.T) (a, b *process) {
	t.Helper()
	a, b = newProcess(t), newProcess(t)
	a.up()
	a.admit(b)
	return a, b
}

// threeProcesses are in a ring that the first has made.
func threeProcesses(t *testing.T) (a, b, c *process) {
	t.Helper()
	a, b = twoProcesses(t)
	c = newProcess(t)
	a.admit(c)
	return a, b, c
}

// asking is the pause between two questions of until.
const asking = 50 * time.Millisecond

// until asks again and again, for at most two minutes. It leaves the processors to the nodes
// between two questions: each of these begins a program, or has all nodes look what they keep.
func (p *process) until(what string, f func() bool) {
	p.t.Helper()
	again := time.NewTicker(asking)
	defer again.Stop()
	began := time.Now()
	for !f() {
		if time.Since(began) > 2*time.Minute {
			p.t.Fatalf("waited in vain until %s", what)
		}
		<-again.C
	}
	p.t.Logf("%v until %s", time.Since(began).Round(time.Millisecond), what)
}

// awaitAnswer asks until what a command prints with --json is good.
func awaitAnswer[V any](p *process, what string, good func(V) bool, args ...string) {
	p.t.Helper()
	var x V
	defer func() {
		if p.t.Failed() {
			p.t.Logf("the last answer: %+v", x)
		}
	}()
	p.until(what, func() bool {
		x = *new(V) // what a command leaves out is not that of before
		p.read(&x, args...)
		return good(x)
	})
}

// kill ends the node's process as a power cut does, and waits until it is gone.
func (p *process) kill() {
	p.t.Helper()
	pid := p.status().PID
	proc, err := os.FindProcess(pid)
	if err == nil {
		err = proc.Kill()
	}
	if err != nil {
		p.t.Fatal(err)
	}
	p.until(fmt.Sprintf("process %d is gone", pid), func() bool {
		_, err := p.run("status")
		var f *failure
		return errors.As(err, &f) && f.code == api.NotRunning.ExitCode()
	})
}

// inbox follows the unread messages until there are n, and returns their texts. It
// reads what the program prints, line by line, and ends it then.
func (p *process) inbox(n int) []string {
	p.t.Helper()
	path, err := program()
	if err != nil {
		p.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 90*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, "--home", p.home, "inbox", "--unread", "--follow", "--json")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		p.t.Fatal(err)
	}
	var texts []string
	lines := bufio.NewScanner(out)
	for len(texts) < n && lines.Scan() {
		var m api.Message
		if err := json.Unmarshal(lines.Bytes(), &m); err != nil {
			p.t.Fatalf("inbox printed %q: %v", lines.Text(), err)
		}
		texts = append(texts, m.Text)
	}
	cancel()
	cmd.Wait() // it was ended
	if len(texts) < n {
		p.t.Fatalf("%d of %d messages came: %q %s", len(texts), n, texts, stderr.String())
	}
	return texts
}

// TestThreeProcesses: up, join, send both ways, kill -9 one, send, restart it, inbox:
// every message once, in order.
func TestThreeProcesses(t *testing.T) {
	if testing.Short() {
		t.Skip("needs three processes")
	}
	a, b, c := threeProcesses(t)
	a.must("user", "add", "ann")
	b.must("user", "add", "bob")
	c.must("user", "add", "carol")
	if out := a.must("send", "bob", "one"); !strings.Contains(out, "delivered") {
		t.Errorf("to bob: %q", out)
	}
	if out := b.must("send", "ann", "back"); !strings.Contains(out, "delivered") {
		t.Errorf("to ann: %q", out)
	}
	if got := a.inbox(1); got[0] != "back" {
		t.Errorf("ann got %q", got)
	}
	b.kill()
	for _, text := range []string{"two", "three"} {
		if out := a.must("send", "--wait", "0s", "bob", text); !strings.Contains(out, "queued") {
			t.Errorf("%s: %q", text, out)
		}
	}
	c.must("send", "--wait", "0s", "bob", "from carol")
	b.up()
	a.must("send", "bob", "four")
	got := b.inbox(5)
	var fromAnn []string
	carols := 0
	for _, text := range got {
		if text == "from carol" {
			carols++
			continue
		}
		fromAnn = append(fromAnn, text)
	}
	if want := "one two three four"; strings.Join(fromAnn, " ") != want || carols != 1 {
		t.Errorf("bob got %q, want %q in order and carol's once", got, want)
	}
	// What was shown is read, and nothing comes a second time.
	if out := b.must("inbox", "--json"); strings.Count(out, "\n") != 5 {
		t.Errorf("five messages, and not: %s", out)
	}
	if out := b.must("inbox", "--unread", "--json"); strings.TrimSpace(out) != "" {
		t.Errorf("still unread: %s", out)
	}
	_, err := a.run("send", "nobody-of-this-name", "x")
	var f *failure
	if !errors.As(err, &f) || f.code != api.NotFound.ExitCode() {
		t.Errorf("to nobody: %v", err)
	}
}

// TestSecondProcess: a home is used by one process at a time.
func TestSecondProcess(t *testing.T) {
	if testing.Short() {
		t.Skip("needs processes")
	}
	p := newProcess(t)
	pid := p.up()
	_, err := p.run("up", "--listen", "127.0.0.1:0")
	var f *failure
	if !errors.As(err, &f) || f.code != api.Locked.ExitCode() || !strings.Contains(f.stderr, fmt.Sprint(pid)) {
		t.Errorf("a second one: %v, want exit code %d and process %d", err, api.Locked.ExitCode(), pid)
	}
	p.must("down")
	if _, err := p.run("status"); !errors.As(err, &f) || f.code != api.NotRunning.ExitCode() {
		t.Errorf("status after down: %v", err)
	}
}
