package node_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/internal/browser"
)

// demo runs `phyllo demo` and calls see with each line that it prints, until see
// returns false or the program ends. It returns how it ended.
func demo(t *testing.T, see func(line []byte) bool, args ...string) error {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 90*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, append([]string{"demo", "--json"}, args...)...)
	cmd.Env = append(os.Environ(), "TMPDIR="+t.TempDir())
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if !see(lines.Bytes()) {
			cancel()
			break
		}
	}
	for lines.Scan() { // what it says at its end
	}
	err = cmd.Wait()
	if stderr.Len() > 0 {
		t.Logf("the demo said: %s", stderr.String())
	}
	if cmd.ProcessState.ExitCode() == 0 {
		return nil // whoever has seen enough interrupts it, and that is how it ends
	}
	return err
}

// TestDemoOnce: sixteen real nodes in one process; people talk and publish, a node that hands on what
// they publish is killed in the middle of it and nothing is lost, one joins, and it ends by itself.
func TestDemoOnce(t *testing.T) {
	if testing.Short() {
		t.Skip("needs a process")
	}
	var summary struct {
		Nodes, Sent, Delivered, Said, Read, Published, Readers, Missed, Killed, Joined int
		MendedMS                                                                       int `json:"mended_ms"`
	}
	err := demo(t, func(line []byte) bool {
		var said struct {
			Event   string          `json:"event"`
			Text    string          `json:"text"`
			Summary json.RawMessage `json:"summary"`
		}
		if err := json.Unmarshal(line, &said); err != nil {
			t.Errorf("%s: %v", line, err)
		}
		if said.Event == "summary" {
			if err := json.Unmarshal(said.Summary, &summary); err != nil {
				t.Error(err)
			}
		}
		return true
	}, "--once")
	if err != nil {
		t.Error(err)
	}
	if s := summary; s.Said != 2 || s.Read != 2 || s.Published < 30 || s.Readers < 5 || s.Missed != 0 || s.MendedMS < 1 || s.Nodes != 16 || s.Sent != 5 || s.Delivered != 5 || s.Killed != 1 || s.Joined != 1 {
		t.Errorf("summary %+v", s)
	}
}

// TestDemoPage: the page of a demo draws the whole ring of real nodes, its buttons kill one and add
// one, and when one that hands a topic on is killed while people publish, every line comes.
func TestDemoPage(t *testing.T) {
	if testing.Short() {
		t.Skip("needs a process")
	}
	b := browser.Start(t)
	err := demo(t, func(line []byte) bool {
		var ready api.Ready
		if json.Unmarshal(line, &ready) != nil || ready.Control == "" {
			return true
		}
		lookAtDemo(t, b, filepath.Dir(ready.Control))
		return false
	}, "--nodes", "8")
	if err != nil {
		t.Error(err)
	}
}

func lookAtDemo(t *testing.T, b *browser.Browser, home string) {
	t.Helper()
	c, err := api.Dial(home)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ticket, err := c.Ticket(limited(t))
	if err != nil {
		t.Fatal(err)
	}
	p := b.Open("demo", browser.Desktop)
	p.Navigate(ticket.URL)
	// Eight nodes, one that was killed and one that has joined since are nine.
	p.WaitFor(`document.querySelectorAll("#picture .node").length == 9 && document.querySelectorAll("#picture .node.dead").length == 1`, patience)
	s, err := c.Status(limited(t))
	if err != nil || len(s.LeafSet) != 7 || !s.Demo {
		t.Fatalf("%+v, %v", s, err)
	}
	p.Type("#trace-to", s.LeafSet[3].ID.String())
	p.Press("Enter")
	shows(p, "#trace-said", "in 1 hop")
	killForwarder(t, c, p)
	p.Click("#demo-kill")
	p.WaitFor(`document.querySelectorAll("#picture .node.dead").length == 3`, patience)
	// Whoever was killed, one can join: the node that lets others in stays.
	p.Click("#demo-add")
	p.WaitFor(`document.querySelectorAll("#picture .node").length == 10`, patience)
	p.Screenshot("ring")
}

// killForwarder kills a node that hands on the topic which people of the demo publish to.
func killForwarder(t *testing.T, c *api.Client, p *browser.Page) {
	t.Helper()
	list, err := c.TopicList(limited(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range list {
		if x.Reading > 0 {
			p.Click(`.person[data-topic="` + x.Name + `"]`)
			shows(p, "#topic-name", x.Name)
		}
	}
	// The demo published at least 30 lines before and after the first one was killed: the sooner it was mended, the fewer.
	p.WaitFor(`document.querySelectorAll("#topic-lines li").length >= 30 && !document.querySelector("#topic-kill").disabled`, patience)
	p.Click("#topic-kill")
	shows(p, "#topic-killed", "and no line is lost")
	p.WaitFor(`document.querySelectorAll("#picture .node.dead").length == 2`, patience)
	p.Eval(`void document.querySelector("#topics").scrollIntoView()`, nil)
	p.Screenshot("topic")
	p.Eval(`scrollTo(0, 0)`, nil)
}
