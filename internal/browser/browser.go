package browser

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// names are the programs that count as Chromium, as scripts/deps looks for them.
var names = []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"}

// patience is how long the browser may take for a call, with other tests beside it.
const patience = 30 * time.Second

// Browser is a running Chromium with a profile of its own, in the hands of a test.
type Browser struct {
	*process
	t   testing.TB
	out string // folder of screenshots
}

// In returns the same browser in the hands of another test, a part of the one that
// started it.
func (b *Browser) In(t testing.TB) *Browser { return &Browser{process: b.process, t: t, out: b.out} }

// process is the program and the pipes to it.
type process struct {
	write *os.File
	log   bytes.Buffer // what the process wrote, read only after it has ended
	ended chan struct{}

	mu       sync.Mutex // guards what follows
	last     int
	calls    map[int]chan answer
	sessions map[string]*Page
	gone     error
}

// Start starts Chromium and ends it with the test. Where there is none the test is
// skipped. Pictures go to the folder out/ at the root of the module.
func Start(t testing.TB) *Browser {
	t.Helper()
	path := find()
	if path == "" {
		t.Skip("client missing: chromium")
	}
	profile := t.TempDir()
	fromUs, toBrowser := pipe(t)
	fromBrowser, toUs := pipe(t)
	b := &Browser{t: t, out: outFolder(t), process: &process{
		write: toBrowser, ended: make(chan struct{}), calls: map[int]chan answer{}, sessions: map[string]*Page{}}}

	cmd := exec.Command(path, "--headless=new", "--remote-debugging-pipe", "--user-data-dir="+profile,
		"--no-sandbox", "--disable-gpu", "--no-first-run", "--no-default-browser-check", "--hide-scrollbars", "--mute-audio",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-default-apps",
		"--disable-extensions", "--disable-dev-shm-usage", "--disable-search-engine-choice-screen", "--disable-features=Translate,OptimizationHints,MediaRouter",
		// Windows in the back must run as fast as the one in front.
		"--disable-background-timer-throttling", "--disable-backgrounding-occluded-windows", "--disable-renderer-backgrounding",
		"about:blank")
	cmd.ExtraFiles = []*os.File{fromUs, toUs} // 3 and 4 in the browser
	cmd.Stdout, cmd.Stderr = &b.log, &b.log
	// Programs of the desktop that it starts may hold its output open.
	cmd.WaitDelay = time.Second
	if err := cmd.Start(); err != nil {
		t.Fatalf("starting %s: %v", path, err)
	}
	fromUs.Close()
	toUs.Close()
	go b.read(fromBrowser)
	t.Cleanup(func() { b.stop(cmd) })
	return b
}

func find() string {
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

func pipe(t testing.TB) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); w.Close() })
	return r, w
}

// outFolder is out/ beside the go.mod above the test's folder.
func outFolder(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return filepath.Join(dir, "out")
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Fatal("browser: no go.mod above the test's folder")
		}
		dir = up
	}
}

// stop ends the browser: politely, and, if it does not listen, at once.
func (b *Browser) stop(cmd *exec.Cmd) {
	_, asked := b.call("", "Browser.close", nil)
	b.write.Close() // without a debugger it ends too
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	select {
	case <-done:
	case <-time.After(patience):
		_ = cmd.Process.Kill()
		<-done
	}
	<-b.ended
	if asked != nil {
		b.t.Errorf("chromium did not end well (%v); it said:\n%s", asked, b.log.Bytes())
	}
}

// answer is a message from the browser: the answer to a call, or an event.
type answer struct {
	ID      int             `json:"id"`
	Session string          `json:"sessionId"`
	Method  string          `json:"method"`
	Params  json.RawMessage `json:"params"`
	Result  json.RawMessage `json:"result"`
	Error   *struct {
		Message string `json:"message"`
	} `json:"error"`
}

var errGone = errors.New("the browser has gone")

// call sends a command and waits for what comes back. session is empty for the
// browser as a whole.
func (c *process) call(session, method string, params any) (json.RawMessage, error) {
	c.mu.Lock()
	if c.gone != nil {
		defer c.mu.Unlock()
		return nil, c.gone
	}
	c.last++
	number, back := c.last, make(chan answer, 1)
	c.calls[number] = back
	c.mu.Unlock()

	message := map[string]any{"id": number, "method": method}
	if params != nil {
		message["params"] = params
	}
	if session != "" {
		message["sessionId"] = session
	}
	text, err := json.Marshal(message)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", method, err)
	}
	if _, err := c.write.Write(append(text, 0)); err != nil {
		return nil, fmt.Errorf("%s: %w", method, err)
	}
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	select {
	case a := <-back:
		if a.Error != nil {
			return nil, fmt.Errorf("%s: %s", method, a.Error.Message)
		}
		return a.Result, nil
	case <-c.ended:
		return nil, fmt.Errorf("%s: %w", method, errGone)
	case <-timeout.C:
		return nil, fmt.Errorf("%s: no answer within %v", method, patience)
	}
}
