package node_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/api"
)

// running is a command of a process that goes on.
type running struct {
	t     *testing.T
	name  string
	stdin io.WriteCloser
	out   strings.Builder
	lines chan string // of its output; closed at its end
	err   error       // of its end
	notes strings.Builder
}

// begin starts a command that reads and writes until the test has enough of it.
func (p *process) begin(args ...string) *running {
	p.t.Helper()
	path, err := program()
	if err != nil {
		p.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	cmd := exec.CommandContext(ctx, path, append([]string{"--home", p.home}, args...)...)
	r := &running{t: p.t, name: strings.Join(args, " "), lines: make(chan string, 100_000)}
	cmd.Stderr = &r.notes
	r.stdin, err = cmd.StdinPipe()
	if err != nil {
		p.t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		p.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	go func() {
		defer close(r.lines)
		text, err := io.ReadAll(io.TeeReader(stdout, lineWriter(r.lines)))
		r.out.Write(text)
		if r.err = cmd.Wait(); r.err == nil {
			r.err = err
		}
	}()
	p.t.Cleanup(func() {
		cancel()
		for range r.lines {
		}
	})
	return r
}

// lineWriter sends on each line that is written whole: what is tested here flushes by lines.
type lineWriter chan<- string

func (w lineWriter) Write(p []byte) (int, error) {
	for line := range strings.Lines(string(p)) {
		w <- strings.TrimSuffix(line, "\n")
	}
	return len(p), nil
}

// next is the next line of output.
func (r *running) next() string {
	r.t.Helper()
	select {
	case line, ok := <-r.lines:
		if !ok {
			r.t.Fatalf("phyllo %s has ended: %v, %s", r.name, r.err, r.notes.String())
		}
		return line
	case <-time.After(time.Minute):
		r.t.Fatalf("phyllo %s prints nothing", r.name)
		return ""
	}
}

// write gives it lines on standard input.
func (r *running) write(lines ...string) {
	r.t.Helper()
	for _, line := range lines {
		if _, err := io.WriteString(r.stdin, line+"\n"); err != nil {
			r.t.Fatalf("phyllo %s: %v", r.name, err)
		}
	}
}

// end waits until it has ended by itself, and returns what it has printed.
func (r *running) end() string {
	r.t.Helper()
	r.stdin.Close()
	deadline := time.After(90 * time.Second)
	for {
		select {
		case _, more := <-r.lines:
			if more {
				continue
			}
			if r.err != nil {
				r.t.Fatalf("phyllo %s: %v: %s", r.name, r.err, r.notes.String())
			}
			return r.out.String()
		case <-deadline:
			r.t.Fatalf("phyllo %s does not end", r.name)
		}
	}
}

// subscribed starts a subscription, and returns once nothing is missed any more.
func (p *process) subscribed(args ...string) *running {
	p.t.Helper()
	r := p.begin(append([]string{"sub", "--json"}, args...)...)
	for {
		var e api.TopicEvent
		if err := json.Unmarshal([]byte(r.next()), &e); err != nil {
			p.t.Fatal(err)
		}
		if e.Event == api.TopicBegin {
			return r
		}
	}
}

// texts are the messages of a subscription that has ended. Whatever else it was told is a failure.
func (r *running) texts() (texts []string) {
	r.t.Helper()
	for line := range strings.Lines(r.end()) {
		var e api.TopicEvent
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			r.t.Fatal(err)
		}
		switch e.Event {
		case api.TopicMessage:
			texts = append(texts, string(e.Body()))
		case api.TopicBegin, api.TopicWaiting:
		default:
			r.t.Errorf("phyllo %s is told %s", r.name, line)
		}
	}
	return texts
}

// TestTopicOfProcesses: one waits for a topic of three real nodes, another publishes the lines of
// its standard input, and late readers get history; rules hold; what is wrong is told. History is
// there as well after all three were killed at once.
func TestTopicOfProcesses(t *testing.T) {
	if testing.Short() {
		t.Skip("needs three processes")
	}
	beside(t)
	all := []*process{newProcess(t), newProcess(t), newProcess(t)}
	a, b, c := all[0], all[1], all[2]
	a.settle("127.78.0.1")
	for i, p := range all[1:] {
		var inv api.Invitation
		a.read(&inv, "invite")
		p.settle(fmt.Sprintf("127.78.0.%d", i+2), "--join", inv.Invite)
	}
	a.must("user", "add", "ann")
	early := b.begin("sub", "news", "--count", "4", "--json")
	if line := early.next(); !strings.Contains(line, `"event":"waiting"`) {
		t.Fatalf("who reads what is not there is told %s", line)
	}
	pub := a.begin("pub", "news")
	pub.write("one", "", "two words")
	pub.write("\xff\x01")
	if out := pub.end(); !strings.Contains(out, "4 messages published") {
		t.Errorf("pub says %q", out)
	}
	if got := early.texts(); fmt.Sprintf("%q", got) != `["one" "" "two words" "\xff\x01"]` {
		t.Errorf("who waited has read %q; %s", got, early.notes.String())
	}
	if out := c.must("sub", "news", "--last", "2", "--count", "2"); out != "two words\n\xff\x01\n" {
		t.Errorf("the last two are %q", out)
	}
	if out := c.must("sub", "news", "--since", "10m", "--count", "1"); out != "one\n" {
		t.Errorf("the first is %q", out)
	}
	c.must("pub", "news", "from a node where nobody lives")
	a.must("topic", "set", "ann/door", "--read", "owner")
	for code, args := range map[api.Kind][]string{
		api.Denied: {"sub", "ann/door"}, api.Usage: {"pub", "two words", "x"}, api.NotFound: {"topic", "tree", "nothing"},
	} {
		if _, err := b.run(args...); api.ExitCode(err) != 1 || err.(*failure).code != code.ExitCode() {
			t.Errorf("%s: %v", args, err)
		}
	}
	if _, err := b.run("pub", "ann/door", "x"); err == nil || !strings.Contains(err.Error(), "does not allow it") {
		t.Errorf("b publishes to what is ann's: %v", err)
	}
	long := a.begin("pub", "news")
	long.write("short", strings.Repeat("x", api.MaxTopicMessage+1))
	for range long.lines {
	}
	if long.err == nil || !strings.Contains(long.notes.String(), "line 2 has more than") {
		t.Errorf("a line that is too long: %v, %s", long.err, long.notes.String())
	}
	if out := c.must("sub", "news", "--last", "2", "--count", "2"); out != "from a node where nobody lives\nshort\n" {
		t.Errorf("the last two are %q", out)
	}
	var list []api.Topic
	for line := range strings.Lines(a.must("topic", "list", "--json")) {
		var one api.Topic
		if err := json.Unmarshal([]byte(line), &one); err != nil {
			t.Fatal(err)
		}
		list = append(list, one)
	}
	if len(list) != 2 || list[0].Name != "news" || !list[0].Mine || !list[0].Publish || list[1].Name != "ann/door" || list[1].Read {
		t.Errorf("a lists %+v", list)
	}
	a.must("pub", "bench", "before")
	reader := b.subscribed("bench")
	var m api.TopicMeasured
	a.read(&m, "topic", "bench", "bench", "--for", "3s", "--outstanding", "4")
	if m.Messages < 1 || m.Lost != 0 || m.Readers != 2 || m.Others != 1 || m.Silent != 0 || m.Read.Count != m.Messages || m.Safe.Count != m.Messages ||
		m.All.Count == 0 || m.All.P50 <= 0 {
		t.Errorf("measured is %+v", m)
	}
	var e api.TopicEvent
	for e.Event != api.TopicMessage || string(e.Body()) == "before" {
		e = api.TopicEvent{}
		if err := json.Unmarshal([]byte(reader.next()), &e); err != nil {
			t.Fatal(err)
		}
	}
	if len(e.Body()) != 100 {
		t.Errorf("who reads what is measured is given %q", e.Body())
	}
	for _, p := range all { // the current fails
		p.kill()
	}
	for _, p := range all {
		p.up()
	}
	if out := c.must("sub", "news", "--since", "1h", "--count", "6"); out != "one\n\ntwo words\n\xff\x01\nfrom a node where nobody lives\nshort\n" {
		t.Errorf("after all were killed the topic has %q", out)
	}
}

// TestTopicSurvivesItsRoot: the node where a topic's messages begin their way is killed while a
// program publishes. Both readers get every line, once and in order, and the publisher is told
// that all are safe.
func TestTopicSurvivesItsRoot(t *testing.T) {
	if testing.Short() {
		t.Skip("needs five processes")
	}
	a, b, c := threeProcesses(t)
	victims := map[string]int{}
	for range 2 {
		p := newProcess(t)
		pid := a.admit(p)
		victims[p.status().ID.String()] = pid
	}
	a.must("user", "add", "ann")
	topic, pid := "", 0
	for i := 0; pid == 0; i++ {
		if i == 100 {
			t.Fatal("none of a hundred topics has its root where it is wanted")
		}
		topic = fmt.Sprint("topic", i)
		a.must("pub", topic, "line 0")
		root, _, _ := strings.Cut(a.must("topic", "tree", topic, "--json"), "\n")
		var place api.TopicPlace
		if err := json.Unmarshal([]byte(root), &place); err != nil {
			t.Fatal(err)
		}
		pid = victims[place.Node.String()]
	}
	const count = 300
	want := []string{"line 0"}
	readers := []*running{b.subscribed(topic, "--last", "1", "--count", fmt.Sprint(count)), c.subscribed(topic, "--last", "1", "--count", fmt.Sprint(count))}
	pub := a.begin("pub", topic)
	for i := 1; i < count; i++ {
		line := fmt.Sprint("line ", i)
		want = append(want, line)
		pub.write(line)
		if i == count/2 { // some have come, others are under way
			for !strings.Contains(readers[0].next(), "line 50") {
			}
			victim, err := os.FindProcess(pid)
			if err != nil {
				t.Fatal(err)
			}
			if err := victim.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if out := pub.end(); !strings.Contains(out, fmt.Sprint(count-1, " messages published")) {
		t.Errorf("pub says %q", out)
	}
	for _, r := range readers {
		if got := r.texts(); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("read are %d lines of %d: %q", len(got), count, got)
		}
	}
}
