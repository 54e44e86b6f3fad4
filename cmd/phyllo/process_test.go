package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/api/socket"
	"github.com/phyllo-net/phyllo/internal/fakenode"
)

// program is this test program as phyllo, with its home in the environment.
func program(t *testing.T, home string, args ...string) *exec.Cmd {
	t.Helper()
	ctx, end := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(end)
	cmd := exec.CommandContext(ctx, os.Args[0], args...)
	cmd.Env = []string{asProgram + "=1", "PHYLLO_HOME=" + home, "HOME=" + home, "PATH=" + os.Getenv("PATH"), "GORACE=atexit_sleep_ms=0"}
	return cmd
}

// result is how a run ended.
type result struct {
	stdout, stderr string
	code           int
}

func finish(t *testing.T, cmd *exec.Cmd) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	if cmd.Stdout == nil {
		cmd.Stdout = &stdout
	}
	cmd.Stderr = &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return result{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

// down stops a node that may be running in the background.
func down(t *testing.T, home string) {
	if r := finish(t, program(t, home, "down")); r.code != 0 && r.code != 4 {
		t.Errorf("down: %+v\n%s", r, logOf(home))
	}
}

func TestUpAndDown(t *testing.T) {
	home := filepath.Join(newHome(t), "home")
	t.Cleanup(func() { down(t, home) })
	r := finish(t, program(t, home, "up", "--json", "--user", "ann", "--join", fakenode.Invite, "--lan=false", "--ui", "127.0.0.1:0"))
	if r.code != 0 {
		t.Fatalf("%+v\n%s", r, logOf(home))
	}
	var ready map[string]any
	if err := json.Unmarshal([]byte(r.stdout), &ready); err != nil {
		t.Fatalf("%v: %s", err, r.stdout)
	}
	var keys []string
	for k := range ready {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	if want := []string{"addrs", "control", "event", "id", "ring", "ui"}; !slices.Equal(keys, want) || ready["event"] != "ready" {
		t.Errorf("ready line %s", r.stdout)
	}
	for path, want := range map[string]os.FileMode{home: 0o700, filepath.Join(home, logName): 0o600, filepath.Join(home, socket.Name): 0o600} {
		if st, err := os.Stat(path); err != nil || st.Mode().Perm() != want {
			t.Errorf("%s: %v, %v, want %v", path, st.Mode(), err, want)
		}
	}

	r = finish(t, program(t, home, "status", "--json"))
	var s api.Status
	if err := json.Unmarshal([]byte(r.stdout), &s); err != nil {
		t.Fatalf("%+v: %v", r, err)
	}
	if !slices.Equal(s.Users, []string{"ann"}) {
		t.Errorf("users %v", s.Users)
	}
	if b, err := os.ReadFile("/proc/" + strconv.Itoa(s.PID) + "/cmdline"); err == nil && bytes.Contains(b, []byte("phyllo1")) {
		t.Errorf("the invitation stands on the command line: %q", b)
	}

	// Row 48: a second node at the same home is refused, and says by which process.
	if r = finish(t, program(t, home, "up")); r.code != 5 || !strings.Contains(r.stderr, "process "+strconv.Itoa(s.PID)) {
		t.Errorf("second up: %+v", r)
	}

	if r = finish(t, program(t, home, "down")); r.code != 0 || r.stdout != "stopped\n" {
		t.Errorf("down: %+v", r)
	}
	if r = finish(t, program(t, home, "down")); r.code != 4 {
		t.Errorf("second down: %+v", r)
	}

	// What kill -9 leaves is no obstacle.
	if r = finish(t, program(t, home, "up")); r.code != 0 || !strings.Contains(r.stdout, "phyllo user add NAME") {
		t.Fatalf("up again: %+v\n%s", r, logOf(home))
	}
	r = finish(t, program(t, home, "status", "--json"))
	if err := json.Unmarshal([]byte(r.stdout), &s); err != nil {
		t.Fatalf("%+v: %v", r, err)
	}
	if err := syscall.Kill(s.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if r = finish(t, program(t, home, "up")); r.code != 0 && r.code != 5 {
		t.Errorf("up after kill -9: %+v", r)
	}
}

// TestUpFails: what goes wrong in the background is shown, with its exit code.
func TestUpFails(t *testing.T) {
	for _, c := range []struct {
		name, launch string
		args         []string
		code         int
		says         string
	}{
		{"newer state", "newer", nil, 6, "update phyllo"},
		{"lock", "locked", nil, 5, "process 77"},
		{"used invitation", "", []string{"--join", "phyllo1used"}, 1, "used already"},
		{"name that is taken", "", []string{"--user", "bob"}, 1, "is taken"},
		{"fault", "panic", nil, 1, "ended before it was ready"},
	} {
		t.Run(c.name, func(t *testing.T) {
			home := newHome(t)
			cmd := program(t, home, append([]string{"up", "--ui", "off"}, c.args...)...)
			cmd.Env = append(cmd.Env, "TEST_LAUNCH="+c.launch)
			r := finish(t, cmd)
			if r.code != c.code || !strings.Contains(r.stderr, c.says) || strings.Count(r.stderr, "\n") != 1 || r.stdout != "" {
				t.Errorf("%+v", r)
			}
			if c.launch == "panic" && !strings.Contains(logOf(home), "a fault of the program") {
				t.Errorf("the log does not hold the fault: %s", logOf(home))
			}
		})
	}
}

// TestNewerHome: nothing is touched in the folder of a newer version, and no log is
// begun there.
func TestNewerHome(t *testing.T) {
	home := newHome(t)
	if err := os.WriteFile(filepath.Join(home, "version"), []byte("99\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := finish(t, program(t, home, "up")); r.code != 6 || !strings.Contains(r.stderr, "update phyllo") {
		t.Errorf("%+v", r)
	}
	list, err := os.ReadDir(home)
	if err != nil || len(list) != 1 {
		t.Errorf("the folder has %v, %v", list, err)
	}
}

// TestReread: RELIABILITY.md section 5, row 55: at SIGHUP a node reads its settings
// again, says what it found, and goes on.
func TestReread(t *testing.T) {
	home := newHome(t)
	cmd := program(t, home, "up", "--foreground", "--json", "--ui", "off")
	log, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatalf("%q, %v", line, err)
	}
	lines := bufio.NewReader(log)
	for _, c := range []struct{ file, says string }{
		{"", "that the node has"},
		{"lan = false\nlog_level = \"debug\"\n", `hold from the next start" changed="lan = false, log_level = \"debug\""`},
		{"lan = perhaps\n", "phyllo.toml:1:7"},
		{"lan = true\n", "that the node has"},
	} {
		if err := os.WriteFile(filepath.Join(home, "phyllo.toml"), []byte(c.file), 0o600); err != nil {
			t.Fatal(err)
		}
		cmd.Process.Signal(syscall.SIGHUP)
		if line, err := lines.ReadString('\n'); err != nil || !strings.Contains(line, "SIGHUP: ") || !strings.Contains(line, c.says) {
			t.Errorf("with %q: %q, %v", c.file, line, err)
		}
	}
	if r := finish(t, program(t, home, "down")); r.code != 0 {
		t.Errorf("down: %+v", r)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

// TestInterruptedUp: Ctrl-C while a node is starting ends both processes.
func TestInterruptedUp(t *testing.T) {
	home := newHome(t)
	cmd := program(t, home, "up")
	cmd.Env = append(cmd.Env, "TEST_LAUNCH=hang")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool { _, err := os.Stat(filepath.Join(home, logName)); return err == nil })
	cmd.Process.Signal(os.Interrupt)
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() != 1 {
		t.Errorf("%v: %s", err, stderr.String())
	}
	if !strings.Contains(stderr.String(), "interrupted") {
		t.Errorf("says %q", stderr.String())
	}
}

func waitFor(t *testing.T, ok func() bool) {
	t.Helper()
	ctx, end := context.WithTimeout(context.Background(), 20*time.Second)
	defer end()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatal("it did not happen")
		}
	}
}

// TestForeground: a service manager sees a node that stays, says one line when it is
// ready, and ends in order at SIGTERM.
func TestForeground(t *testing.T) {
	home := newHome(t)
	cmd := program(t, home, "up", "--foreground", "--json", "--ui", "off")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || !strings.HasPrefix(line, `{"event":"ready"`) {
		t.Errorf("%q, %v", line, err)
	}
	if r := finish(t, program(t, home, "status")); r.code != 0 {
		t.Errorf("status: %+v", r)
	}
	cmd.Process.Signal(syscall.SIGTERM)
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(filepath.Join(home, socket.Name)); !os.IsNotExist(err) {
		t.Errorf("the socket is left behind: %v", err)
	}
}

// TestFollow: messages are shown as they come and marked as read when they were;
// Ctrl-C is the way to end it.
func TestFollow(t *testing.T) {
	home := newHome(t)
	n := start(t, home)
	if _, err := n.UserAdd(t.Context(), userNamed("ann")); err != nil {
		t.Fatal(err)
	}
	n.Receive("ann", "bob", "before")
	cmd := program(t, home, "inbox", "--follow", "--json")
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	out := bufio.NewReader(pipe)
	read := func(want string) {
		t.Helper()
		line, err := out.ReadString('\n')
		if err != nil || !strings.Contains(line, `"text":"`+want+`"`) {
			t.Fatalf("%q, %v; want %q", line, err, want)
		}
	}
	read("before")
	for _, text := range []string{"one", "two", "three"} {
		n.Receive("ann", "bob", text)
		read(text)
	}
	n.Receive("ann", "bob", "four")
	n.Receive("ann", "carol", "five")
	read("four")
	read("five")
	waitFor(t, func() bool { return len(n.Unread()) == 0 })
	cmd.Process.Signal(os.Interrupt)
	if rest, err := io.ReadAll(out); err != nil || len(rest) > 0 {
		t.Errorf("%q, %v", rest, err)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

// TestFollowEndsWithTheNode: exit code 4, and the reason.
func TestFollowEndsWithTheNode(t *testing.T) {
	home := newHome(t)
	n := start(t, home)
	if _, err := n.UserAdd(t.Context(), userNamed("ann")); err != nil {
		t.Fatal(err)
	}
	cmd := program(t, home, "inbox", "-f")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool { return n.Followers() == 1 })
	n.Stop(t.Context())
	cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 4 || !strings.Contains(stderr.String(), "phyllo up") {
		t.Errorf("%d: %s", code, stderr.String())
	}
}

// TestWhatIsNotShownIsNotRead: RELIABILITY.md section 5, row 47: a closed pipe, a
// full disk.
func TestWhatIsNotShownIsNotRead(t *testing.T) {
	home := newHome(t)
	n := start(t, home)
	if _, err := n.UserAdd(t.Context(), userNamed("ann")); err != nil {
		t.Fatal(err)
	}
	for range 200 {
		n.Receive("ann", "bob", strings.Repeat("long ", 100))
	}

	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := program(t, home, "inbox")
	cmd.Stdout = w
	r.Close()
	got := finish(t, cmd)
	w.Close()
	if got.code == 0 || got.stderr != "" {
		t.Errorf("a closed pipe: %+v", got)
	}

	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	cmd = program(t, home, "inbox")
	cmd.Stdout = full
	if got = finish(t, cmd); got.code != 1 || !strings.Contains(got.stderr, "no space left") {
		t.Errorf("a full disk: %+v", got)
	}
	if len(n.Unread()) != 200 {
		t.Errorf("%d of 200 messages are unread, though none was shown", len(n.Unread()))
	}

	// A closed standard input is no message.
	cmd = program(t, home, "send", "bob", "-")
	cmd.Stdin = nil
	if got = finish(t, cmd); got.code != 2 {
		t.Errorf("no input: %+v", got)
	}
}

// TestInterrupt: RELIABILITY.md section 5, row 50.
func TestInterrupt(t *testing.T) {
	home := newHome(t)
	n := start(t, home)
	n.Hang(true)
	cmd := program(t, home, "ping", "bob")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool { return n.Hanging() == 1 })
	cmd.Process.Signal(os.Interrupt)
	cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 1 || stderr.String() != "phyllo: interrupted\n" {
		t.Errorf("%d: %s", code, stderr.String())
	}
	waitFor(t, func() bool { return n.Hanging() == 0 }) // the node has given up too

	// Whoever waits for a delivery is told that it may come all the same.
	cmd = program(t, home, "send", "bob", "hello")
	stderr.Reset()
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool { return n.Hanging() == 1 })
	cmd.Process.Signal(os.Interrupt)
	cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 1 || !strings.Contains(stderr.String(), "still goes out") {
		t.Errorf("%d: %s", code, stderr.String())
	}
}

// TestLockedHome: the hint names the home.
func TestLockedHome(t *testing.T) {
	home := newHome(t)
	cmd := program(t, "/nowhere", "--home", home, "up", "--foreground")
	cmd.Env = append(cmd.Env, "TEST_LAUNCH=locked")
	if r := finish(t, cmd); r.code != 5 || !strings.Contains(r.stderr, "`phyllo --home "+home+" down`") {
		t.Errorf("%+v", r)
	}
}

// TestPoorEnvironment: RELIABILITY.md section 5, row 51.
func TestPoorEnvironment(t *testing.T) {
	cmd := program(t, "", "status")
	cmd.Env = []string{asProgram + "=1"}
	if r := finish(t, cmd); r.code != 2 || !strings.Contains(r.stderr, "--home DIR") {
		t.Errorf("no HOME: %+v", r)
	}
	cmd = program(t, "/proc/no/such/folder", "up")
	if r := finish(t, cmd); r.code != 1 || !strings.Contains(r.stderr, "/proc/no") || !strings.Contains(r.stderr, "--home") {
		t.Errorf("a home that cannot be made: %+v", r)
	}
	home := newHome(t)
	start(t, home)
	cmd = program(t, home, "doctor")
	cmd.Env = append(cmd.Env, "LC_ALL=C")
	if r := finish(t, cmd); r.code != 0 || strings.ContainsFunc(r.stdout, func(r rune) bool { return r > 0x7e }) {
		t.Errorf("locale C: %+v", r)
	}
}

// TestNotify: a service manager that wants to know hears when the node is up, and when
// it stops; a node that goes to the background leaves it alone.
func TestNotify(t *testing.T) {
	home := newHome(t)
	ear, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(home, "notify"), Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer ear.Close()
	hears := func(want string) {
		t.Helper()
		var b [512]byte
		if err := ear.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
			t.Fatal(err)
		}
		n, err := ear.Read(b[:])
		if got := string(b[:n]); err != nil || !slices.Contains(strings.Split(got, "\n"), want) {
			t.Fatalf("%q, %v; want %s", got, err, want)
		}
	}
	with := func(cmd *exec.Cmd) *exec.Cmd {
		cmd.Env = append(cmd.Env, notifyVariable+"="+filepath.Join(home, "notify"))
		return cmd
	}
	if r := finish(t, with(program(t, home, "up", "--ui", "off"))); r.code != 0 {
		t.Fatalf("%+v", r)
	}
	down(t, home)
	cmd := with(program(t, home, "up", "--foreground", "--ui", "off"))
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	hears("READY=1") // the first word at all
	cmd.Process.Signal(syscall.SIGTERM)
	hears("STOPPING=1")
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	cmd = program(t, home, "up", "--foreground", "--ui", "off")
	cmd.Env = append(cmd.Env, notifyVariable+"="+filepath.Join(home, "nobody"))
	if r := finish(t, cmd); r.code != 1 || !strings.Contains(r.stderr, "NOTIFY_SOCKET") {
		t.Errorf("a socket that is none: %+v", r)
	}
}
