package control_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/api/socket"
	"github.com/phyllo-net/phyllo/gateway/control"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/internal/fakenode"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var page = fstest.MapFS{
	"index.html":  {Data: []byte("<!doctype html><title>the page</title>")},
	"app.js":      {Data: []byte("'use strict'")},
	".hidden":     {Data: []byte("hidden")},
	"pix/dot.svg": {Data: []byte("<svg/>")},
}

// served is a fake node, served in a home of its own.
type served struct {
	*control.Server
	node   *fakenode.Node
	home   string
	client *api.Client
}

func serve(t testing.TB, change ...func(*control.Config)) *served {
	t.Helper()
	node := fakenode.New()
	cfg := control.Config{Home: privateDir(t), Node: node, UI: "127.0.0.1:0", Files: page, Getenv: func(string) string { return "" }}
	for _, f := range change {
		f(&cfg)
	}
	s, err := control.Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	client, err := api.Dial(cfg.Home)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		client.Close()
		node.Stop(context.Background())
		if err := s.Close(deadline(t)); err != nil {
			t.Error("close:", err)
		}
		s.Release()
	})
	return &served{Server: s, node: node, home: cfg.Home, client: client}
}

func privateDir(t testing.TB) string {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}

func deadline(t testing.TB) context.Context {
	ctx, end := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(end)
	return ctx
}

// search asks for people: what came, in its parts, and how it ended.
func search(ctx context.Context, q api.UserQuery) func(api.Node) (any, error) {
	return func(n api.Node) (any, error) {
		type found struct {
			Parts [][]api.User
			End   *api.Reached
		}
		var out found
		end, err := n.UserSearch(ctx, q, func(us []api.User) error {
			out.Parts = append(out.Parts, us)
			return nil
		})
		out.End = end
		if err != nil && len(out.Parts) > 0 {
			return nil, fmt.Errorf("after %d parts: %w", len(out.Parts), err)
		}
		return out, err
	}
}

// TestSearchAsEvents: a browser gets a search as server-sent events.
func TestSearchAsEvents(t *testing.T) {
	s := serve(t)
	req, err := http.NewRequestWithContext(deadline(t), http.MethodPost, "http://phyllo"+api.StreamUsers, strings.NewReader(`{"pattern":"?ob"}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "text/event-stream")
	tr := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", s.Socket())
	}}
	defer tr.CloseIdleConnections()
	resp, err := (&http.Client{Transport: tr}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	events := strings.Split(strings.TrimSuffix(string(b), "\n\n"), "\n\n")
	if err != nil || resp.Header.Get("Content-Type") != "text/event-stream" || len(events) != 2 ||
		!strings.HasPrefix(events[0], `data: {"users":[{"name":"bob"`) || events[1] != `data: {"reached":{"nodes":5,"about":6}}` {
		t.Errorf("%v %q", err, events)
	}
}

// TestClientIsTheNode asks two equal nodes the same, one of them over the socket.
func TestClientIsTheNode(t *testing.T) {
	there := serve(t)
	here := fakenode.New()
	ctx := deadline(t)
	steps := []struct {
		name string
		do   func(n api.Node) (any, error)
	}{
		{"add", func(n api.Node) (any, error) {
			return n.UserAdd(ctx, api.UserRequest{Name: "ann", Profile: &api.Profile{FullName: "Ann", Interests: []string{"tea"}}})
		}},
		{"taken", func(n api.Node) (any, error) { return n.UserAdd(ctx, api.UserRequest{Name: "bob"}) }},
		{"users", func(n api.Node) (any, error) { return n.UserList(ctx) }},
		{"find", func(n api.Node) (any, error) { return n.UserFind(ctx, "carol") }},
		{"find nobody", func(n api.Node) (any, error) { return n.UserFind(ctx, "nobody") }},
		{"find disputed", func(n api.Node) (any, error) { return n.UserFind(ctx, "mallory") }},
		{"find away", func(n api.Node) (any, error) { return n.UserFind(ctx, "zoe") }},
		{"census", func(n api.Node) (any, error) { return n.Census(ctx) }},
		{"search", search(ctx, api.UserQuery{})},
		{"search with a limit", search(ctx, api.UserQuery{Pattern: "*a*", Limit: 2})},
		{"search for nobody", search(ctx, api.UserQuery{Pattern: "x*"})},
		{"a wrong search", search(ctx, api.UserQuery{Limit: -1})},
		{"a search that fails on its way", search(ctx, api.UserQuery{Pattern: "slow*"})},
		{"edit", func(n api.Node) (any, error) {
			return n.UserEdit(ctx, api.UserRequest{Profile: &api.Profile{About: "I"}})
		}},
		{"keys", func(n api.Node) (any, error) { return n.UserKeys(ctx, api.Who{Name: "kim"}) }},
		{"send", func(n api.Node) (any, error) {
			return n.Send(ctx, api.Draft{To: "bob", Text: "héllo \u0000 \x1b[1m", Wait: 5000})
		}},
		{"send queued", func(n api.Node) (any, error) { return n.Send(ctx, api.Draft{From: "ann", To: "dave", Text: "x"}) }},
		{"send changed", func(n api.Node) (any, error) { return n.Send(ctx, api.Draft{To: "kim", Text: "x"}) }},
		{"verify", func(n api.Node) (any, error) {
			k, err := n.UserKeys(ctx, api.Who{Name: "kim"})
			if err != nil {
				return nil, err
			}
			return nil, n.UserVerify(ctx, api.Who{Name: "kim"}, k.Found.Hex)
		}},
		{"contacts", func(n api.Node) (any, error) { return n.ContactList(ctx, "") }},
		{"contact add", func(n api.Node) (any, error) { return n.ContactAdd(ctx, api.Who{User: "ann", Name: "bob"}) }},
		{"contact accept", func(n api.Node) (any, error) { return n.ContactAccept(ctx, api.Who{Name: "bob"}) }},
		{"contact block", func(n api.Node) (any, error) { return nil, n.ContactBlock(ctx, api.Who{Name: "carol"}) }},
		{"contact rm", func(n api.Node) (any, error) { return nil, n.ContactRemove(ctx, api.Who{Name: "bob"}) }},
		{"inbox", func(n api.Node) (any, error) { return n.Inbox(ctx, api.InboxQuery{Unread: true, Limit: 10}) }},
		{"inbox since", func(n api.Node) (any, error) { return n.Inbox(ctx, api.InboxQuery{Since: id.Tiny(3)}) }},
		{"mark", func(n api.Node) (any, error) { return nil, n.MarkRead(ctx, "ann", []id.ID{id.Tiny(1)}) }},
		{"conversations", func(n api.Node) (any, error) { return n.Conversations(ctx, "ann") }},
		{"conversation", func(n api.Node) (any, error) { return n.Conversation(ctx, api.ConversationQuery{With: "bob"}) }},
		{"doctor", func(n api.Node) (any, error) { return n.Doctor(ctx) }},
		{"metrics", func(n api.Node) (any, error) { return n.Metrics(ctx) }},
		{"picture", func(n api.Node) (any, error) { return n.Picture(ctx) }},
		{"ping", func(n api.Node) (any, error) { return n.Ping(ctx, "carol") }},
		{"trace", func(n api.Node) (any, error) { return n.Trace(ctx, fakenode.ID(4).String()) }},
		{"invite", func(n api.Node) (any, error) { return n.Invite(ctx, api.InviteRequest{Uses: 3, Expires: 3600}) }},
		{"invite wrong", func(n api.Node) (any, error) { return n.Invite(ctx, api.InviteRequest{Uses: -3}) }},
		{"join", func(n api.Node) (any, error) { return n.Join(ctx, fakenode.Invite) }},
		{"lan", func(n api.Node) (any, error) { return n.LanRings(ctx) }},
		{"lan ask", func(n api.Node) (any, error) { return n.LanAsk(ctx, "home") }},
		{"lan confirm", func(n api.Node) (any, error) { return n.LanConfirm(ctx, fakenode.Code) }},
		{"admit", func(n api.Node) (any, error) { return n.Admit(ctx, fakenode.Code) }},
		{"promote", func(n api.Node) (any, error) { return nil, n.Promote(ctx, fakenode.ID(4)) }},
		{"expel", func(n api.Node) (any, error) { return nil, n.Expel(ctx, fakenode.ID(3)) }},
		{"expel nobody", func(n api.Node) (any, error) { return nil, n.Expel(ctx, id.Tiny(1)) }},
		{"pardon", func(n api.Node) (any, error) { return nil, n.Pardon(ctx, fakenode.ID(3)) }},
		{"members", func(n api.Node) (any, error) { return n.Members(ctx) }},
		{"export and import", func(n api.Node) (any, error) {
			x, err := n.UserExport(ctx, "ann", "four words are good")
			if err != nil {
				return nil, err
			}
			_, err = n.UserImport(ctx, *x, "four words are bad")
			return x, err
		}},
		{"backup", func(n api.Node) (any, error) {
			x, err := n.RingBackup(ctx, "four words are good")
			if err != nil {
				return nil, err
			}
			if err := n.RingBackedUp(ctx); err != nil {
				return nil, err
			}
			return x, n.RingRestore(ctx, *x, "four words are good")
		}},
		{"status", func(n api.Node) (any, error) { return n.Status(ctx) }},
	}
	for _, s := range steps {
		want, wantErr := s.do(here)
		got, gotErr := s.do(there.client)
		if api.KindOf(wantErr) != api.KindOf(gotErr) || wantErr != nil && wantErr.Error() != gotErr.Error() {
			t.Errorf("%s: over the socket the error is %v, of the node itself %v", s.name, gotErr, wantErr)
		}
		if a, b := asJSON(t, want), asJSON(t, got); wantErr == nil && a != b {
			t.Errorf("%s: over the socket\n%s\nof the node itself\n%s", s.name, b, a)
		}
	}
}

// asJSON compares what a program sees: an empty list is none.
func asJSON(t *testing.T, v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	if text == "null" {
		return "[]"
	}
	return strings.ReplaceAll(text, ":null", ":[]")
}

// TestShapes holds the answers that programs of others read.
func TestShapes(t *testing.T) {
	s := serve(t)
	keys := func(path string, body string) []string {
		t.Helper()
		var m map[string]json.RawMessage
		if err := json.Unmarshal([]byte(s.post(t, path, body)), &m); err != nil {
			t.Fatal(err)
		}
		var out []string
		for k := range m {
			out = append(out, k)
		}
		slices.Sort(out)
		return out
	}
	status := keys("/v1/status", "")
	for _, k := range []string{"id", "state", "ring", "leafset", "table_entries", "connections", "users", "queued", "rss_bytes"} {
		if !slices.Contains(status, k) {
			t.Errorf("status has no %q: %v", k, status)
		}
	}
	if diff := cmp.Diff([]string{"hops", "key", "root", "rtt_us"}, keys("/v1/trace", `{"target":"bob"}`)); diff != "" {
		t.Error(diff)
	}
	if got := s.post(t, "/v1/status", "{}"); !strings.Contains(got, `"users":[]`) {
		t.Errorf("a list without elements is not []: %s", got)
	}
	if got := s.post(t, "/v1/user/list", "{}"); got != "[]\n" {
		t.Errorf("a list without elements is %q", got)
	}
}

// raw sends a request over the socket and returns status and body.
func (s *served) raw(t *testing.T, method, path, body string, header ...string) (int, string) {
	t.Helper()
	tr := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", s.Socket())
	}}
	return do(t, tr, method, "http://phyllo"+path, body, header...)
}

func do(t *testing.T, tr *http.Transport, method, url, body string, header ...string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(deadline(t), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if method == "POST" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(header); i += 2 {
		if header[i] == "Host" {
			req.Host = header[i+1]
			continue
		}
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := tr.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

func (s *served) post(t *testing.T, path, body string) string {
	t.Helper()
	code, text := s.raw(t, "POST", path, body)
	if code != 200 {
		t.Fatalf("%s: %d %s", path, code, text)
	}
	return text
}

// metric returns the value of a line of /metrics.
func (s *served) metric(t *testing.T, name string) string {
	t.Helper()
	code, text := s.raw(t, "GET", "/metrics", "")
	if code != 200 {
		t.Fatalf("metrics: %d %s", code, text)
	}
	for _, line := range strings.Split(text, "\n") {
		if rest, ok := strings.CutPrefix(line, name+" "); ok {
			return rest
		}
	}
	return ""
}

func TestMetricsAndHealth(t *testing.T) {
	s := serve(t)
	s.post(t, "/v1/status", "")
	if got := s.metric(t, `phyllo_control_requests_total{op="status",result="ok"}`); got != "1" {
		t.Errorf("requests: %q", got)
	}
	if got := s.metric(t, `phyllo_bad_input_total{kind="frame"}`); got != "2" {
		t.Errorf("the node's own count of bad input: %q", got)
	}
	if got := s.metric(t, "process_resident_memory_bytes"); got == "" {
		t.Error("no memory of the process")
	}
	if code, text := s.raw(t, "GET", "/health", ""); code != 200 || text != `{"state":"ready"}`+"\n" {
		t.Errorf("health: %d %s", code, text)
	}
	s.node.Stop(deadline(t))
	if code, _ := s.raw(t, "GET", "/health", ""); code != 503 {
		t.Errorf("health of a stopping node: %d", code)
	}
}

func TestEvents(t *testing.T) {
	s := serve(t)
	enough := errors.New("enough")
	got := make(chan *api.Event)
	done := make(chan error, 1)
	go func() {
		done <- s.client.Events(deadline(t), func(e *api.Event) error {
			got <- e
			if e.Kind == api.EventTraffic {
				return enough
			}
			return nil
		})
	}()
	if e := <-got; e.Kind != api.EventBegin {
		t.Errorf("the first event is %+v", e)
	}
	s.node.Emit(api.Event{Kind: api.EventMessage, User: "ann", Message: &api.Message{Text: "line\nbreak"}})
	s.node.Emit(api.Event{Kind: api.EventTraffic, Traffic: &api.Traffic{BytesIn: 7}})
	if e := <-got; e.Message == nil || e.Message.Text != "line\nbreak" {
		t.Errorf("got %+v", e)
	}
	if e := <-got; e.Traffic == nil || e.Traffic.BytesIn != 7 {
		t.Errorf("got %+v", e)
	}
	if err := <-done; err != enough {
		t.Errorf("ended with %v", err)
	}
	waitFor(t, func() bool { return s.node.Followers() == 0 })

	// A node that stops ends the stream without an error.
	go func() { done <- s.client.Events(deadline(t), func(*api.Event) error { return nil }) }()
	waitFor(t, func() bool { return s.node.Followers() == 1 })
	s.node.Stop(deadline(t))
	if err := <-done; err != nil {
		t.Errorf("ended with %v", err)
	}
}

// waitFor waits for something that another goroutine will do.
func waitFor(t *testing.T, ok func() bool) {
	t.Helper()
	ctx := deadline(t)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatal("it did not happen")
		}
	}
}

// TestServerSentEvents reads the stream as a browser does.
func TestServerSentEvents(t *testing.T) {
	s := serve(t)
	conn, err := net.Dial("unix", s.Socket())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	io.WriteString(conn, "GET /v1/events HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n")
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	if kind := resp.Header.Get("Content-Type"); kind != "text/event-stream" {
		t.Errorf("type %q", kind)
	}
	waitFor(t, func() bool { return s.node.Followers() == 1 })
	s.node.Emit(api.Event{Kind: api.EventRing})
	r := bufio.NewReader(resp.Body)
	for begun := false; ; {
		line, err := r.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(line, "data: ") {
			if !begun {
				if begun = true; !strings.Contains(line, `"kind":"begin"`) {
					t.Errorf("got %q first", line)
				}
				continue
			}
			if !strings.Contains(line, `"kind":"ring"`) {
				t.Errorf("got %q", line)
			}
			break
		}
	}
}

// TestStopEndsWhenTheHomeIsFree: who asks a node to stop learns of its real end.
func TestStopEndsWhenTheHomeIsFree(t *testing.T) {
	s := serve(t)
	done := make(chan error, 1)
	go func() { done <- s.client.Stop(deadline(t)) }()
	<-s.node.Done()
	if err := s.Close(deadline(t)); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-done:
		t.Fatalf("Stop returned (%v) before the home was free", err)
	default:
	}
	s.Release()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if _, err := s.client.Status(deadline(t)); api.KindOf(err) != api.NotRunning {
		t.Errorf("after the end: %v", err)
	}
	if _, err := os.Lstat(filepath.Join(s.home, socket.Name)); !os.IsNotExist(err) {
		t.Errorf("the socket is still there: %v", err)
	}
}
