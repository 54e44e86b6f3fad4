package control_test

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/api/socket"
	"github.com/phyllo-net/phyllo/gateway/control"
	"github.com/phyllo-net/phyllo/internal/budget"
	"github.com/phyllo-net/phyllo/internal/fakenode"
)

// TestBadRequests: RELIABILITY.md section 5, row 49, the socket's part.
func TestBadRequests(t *testing.T) {
	s := serve(t)
	s.post(t, "/v1/user/add", `{"name":"ann"}`)
	for _, c := range []struct {
		name, path, body string
		status           int
		says, counts     string
	}{
		{"a body that is too long", "/v1/send", `{"to":"bob","text":"` + strings.Repeat("x", control.MaxBody) + `"}`, 413, "1048576", "http-body"},
		{"10,001 levels", "/v1/send", strings.Repeat(`{"to":`, 10_001), 400, "64 levels", "control-json"},
		{"10,001 lists", "/v1/mark-read", `{"ids":` + strings.Repeat("[", 10_001), 400, "64 levels", "control-json"},
		{"65 levels of what is valid", "/v1/user/add", `{"name":"x","profile":{"interests":` + strings.Repeat("[", 63) + strings.Repeat("]", 63) + `}}`, 400, "64 levels", "control-json"},
		{"duplicate key", "/v1/send", `{"to":"bob","text":"a","to":"carol"}`, 400, `"to" stands in it twice`, "control-json"},
		{"duplicate key, escaped", "/v1/send", `{"to":"bob","text":"a","\u0074o":"carol"}`, 400, "twice", "control-json"},
		{"duplicate key deep inside", "/v1/user/add", `{"name":"x","profile":{"about":"a","about":"b"}}`, 400, "twice", "control-json"},
		{"unknown key", "/v1/send", `{"to":"bob","txt":"a"}`, 400, `do you mean "text"`, "control-json"},
		{"unknown key deep inside", "/v1/user/add", `{"name":"x","profile":{"abuot":"a"}}`, 400, `do you mean "about"`, "control-json"},
		{"key in other case", "/v1/send", `{"To":"bob","text":"a"}`, 400, `do you mean "to"`, "control-json"},
		{"key of an operation without any", "/v1/status", `{"x":1}`, 400, "needs none", "control-json"},
		{"wrong type", "/v1/send", `{"to":7,"text":"a"}`, 400, "want a string", "control-json"},
		{"number out of range", "/v1/send", `{"to":"bob","text":"a","wait_ms":1e309}`, 400, "want a whole number", "control-json"},
		{"a fraction", "/v1/invite", `{"uses":1.5}`, 400, "want a whole number", "control-json"},
		{"not an id", "/v1/member/expel", `{"id":"xyz"}`, 400, "32 hex digits", "control-json"},
		{"a list", "/v1/send", `[1]`, 400, "must be a JSON object", "control-json"},
		{"two objects", "/v1/send", `{"to":"bob","text":"a"} {}`, 400, "something follows", "control-json"},
		{"cut off", "/v1/send", `{"to":"bob","te`, 400, "ends too early", "control-json"},
		{"no JSON", "/v1/send", `to=bob`, 400, "not JSON", "control-json"},
		{"invalid UTF-8", "/v1/send", "{\"to\":\"bob\",\"text\":\"\xff\xfe\"}", 400, "UTF-8", "control-json"},
		{"half a surrogate pair", "/v1/send", `{"to":"bob","text":"\ud83d oops"}`, 400, "surrogate", "control-json"},
		{"the wrong half", "/v1/send", `{"to":"bob","text":"\udc00"}`, 400, "surrogate", "control-json"},
		{"no such operation", "/v1/sned", `{}`, 404, "do you mean send?", ""},
		{"outside", "/../../etc/passwd", `{}`, 404, "", ""},
		{"a backslash", `/v1\status`, `{}`, 400, "", "http-uri"},
	} {
		t.Run(c.name, func(t *testing.T) {
			name := `phyllo_bad_input_total{kind="` + c.counts + `"}`
			before := s.metric(t, name)
			code, text := s.raw(t, "POST", c.path, c.body)
			if code != c.status || !strings.Contains(text, strings.ReplaceAll(c.says, `"`, `\"`)) {
				t.Errorf("%d %s, want %d and %q", code, text, c.status, c.says)
			}
			var n, m int
			fmt.Sscan(before, &n)
			fmt.Sscan(s.metric(t, name), &m)
			if c.counts != "" && m != n+1 {
				t.Errorf("counted %d times as %s", m-n, c.counts)
			}
		})
	}
	if got := s.post(t, "/v1/conversations", "{}"); got != "[]\n" {
		t.Errorf("a refused request has left something: %s", got)
	}
	if got := s.post(t, "/v1/send", `{"to":"bob","text":"\ud83d\ude00 \\ud83d"}`); !strings.Contains(got, "delivered") {
		t.Errorf("a whole surrogate pair was refused: %s", got)
	}
}

func TestBadHTTP(t *testing.T) {
	s := serve(t)
	for _, c := range []struct {
		name, request, status string
	}{
		{"GET of what changes", "GET /v1/send HTTP/1.1\r\nHost: x\r\n\r\n", "405"},
		{"another method", "DELETE /v1/send HTTP/1.1\r\nHost: x\r\n\r\n", "405"},
		{"a form", "POST /v1/send HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 6\r\n\r\nto=bob", "415"},
		{"a long header", "POST /v1/status HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("x", 64<<10) + "\r\n\r\n", "431"},
		{"many headers", "POST /v1/status HTTP/1.1\r\nHost: x\r\n" + strings.Repeat("X: x\r\n", 101) + "\r\n", "431"},
		{"a long address", "POST /v1/status?" + strings.Repeat("x", 9<<10) + " HTTP/1.1\r\nHost: x\r\n\r\n", "414"},
		{"two hosts", "POST /v1/status HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", "400"},
		{"no host", "POST /v1/status HTTP/1.1\r\n\r\n", "400"},
		{"two lengths", "POST /v1/status HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}", "400"},
		{"an unknown transfer encoding", "POST /v1/status HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n", "501"},
		{"a control character in a header", "POST /v1/status HTTP/1.1\r\nHost: x\r\nX: \x00\r\n\r\n", "400"},
		{"no HTTP", "hello\r\n\r\n", "400"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := exchange(t, "unix", s.Socket(), c.request); !strings.HasPrefix(got, "HTTP/1.1 "+c.status) {
				t.Errorf("answer %q, want %s", first(got), c.status)
			}
		})
	}
}

func first(s string) string { line, _, _ := strings.Cut(s, "\r\n"); return line }

// exchange writes to an address and reads what comes, until the other end closes or
// has answered.
func exchange(t *testing.T, network, addr, request string) string {
	t.Helper()
	conn, err := net.Dial(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	io.WriteString(conn, request) // it may be refused before its end
	buf := make([]byte, 4096)
	n, err := io.ReadAtLeast(conn, buf, 12)
	if err != nil {
		t.Fatalf("no answer: %v", err)
	}
	return string(buf[:n])
}

// TestOtherUsersAreRefused: row 49, the check of the other end's user.
func TestOtherUsersAreRefused(t *testing.T) {
	for _, c := range []struct {
		uid int
		in  bool
	}{{os.Getuid(), true}, {os.Getuid() + 1, false}} {
		path := filepath.Join(t.TempDir(), "s")
		l, err := net.Listen("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		accepted := make(chan net.Conn, 1)
		go func() {
			defer close(accepted)
			if c, err := control.ForUser(l, c.uid).Accept(); err == nil {
				accepted <- c
			}
		}()
		conn, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		if c.in {
			(<-accepted).Close()
		} else if _, err := conn.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("another user's connection was not closed: %v", err)
		}
		conn.Close()
		l.Close()
		if other, ok := <-accepted; ok && other != nil {
			t.Errorf("user %d was let in", c.uid)
		}
	}
}

func TestSocketsMode(t *testing.T) {
	s := serve(t)
	st, err := os.Stat(filepath.Join(s.home, socket.Name))
	if err != nil {
		t.Fatal(err)
	}
	if st.Mode().Perm() != 0o600 {
		t.Errorf("the socket has mode %v", st.Mode().Perm())
	}
}

// TestHomesThatOthersWrite: row 49, a world-writable folder.
func TestHomesThatOthersWrite(t *testing.T) {
	home := privateDir(t)
	if err := os.Chmod(home, 0o777); err != nil {
		t.Fatal(err)
	}
	_, err := control.Start(control.Config{Home: home, Node: fakenode.New(), UI: "off", Getenv: os.Getenv})
	if err == nil || !strings.Contains(err.Error(), "chmod 700") {
		t.Errorf("got %v", err)
	}
}

// TestStaleSocket: what kill -9 leaves is no obstacle.
func TestStaleSocket(t *testing.T) {
	home := privateDir(t)
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(home, socket.Name), Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	c, err := api.Dial(home)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Status(deadline(t)); api.KindOf(err) != api.NotRunning {
		t.Errorf("a socket that nobody serves: %v", err)
	}
	s := serve(t, func(c *control.Config) { c.Home = home })
	if _, err := s.client.Status(deadline(t)); err != nil {
		t.Error(err)
	}
}

// TestLongHomes: a path that is too long for a socket works all the same, whatever
// the client's environment says.
func TestLongHomes(t *testing.T) {
	home := filepath.Join(privateDir(t), strings.Repeat("long/", 30))
	if err := os.MkdirAll(home, 0o700); err != nil {
		t.Fatal(err)
	}
	run, err := os.MkdirTemp("/tmp", "run")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(run) })
	s := serve(t, func(c *control.Config) {
		c.Home = home
		c.Getenv = func(k string) string { return map[string]string{"XDG_RUNTIME_DIR": run}[k] }
	})
	if !strings.HasPrefix(s.Socket(), run) {
		t.Errorf("the socket is at %s", s.Socket())
	}
	if _, err := s.client.Status(deadline(t)); err != nil {
		t.Error(err)
	}
	if err := s.Close(deadline(t)); err != nil {
		t.Error(err)
	}
	if left, _ := os.ReadDir(filepath.Join(run, "phyllo")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestShortFolderOfOthers: in /tmp anybody may have made our folder before.
func TestShortFolderOfOthers(t *testing.T) {
	for name, prepare := range map[string]func(folder string) error{
		"a folder that others can use": func(f string) error {
			if err := os.Mkdir(f, 0o700); err != nil {
				return err
			}
			return os.Chmod(f, 0o777)
		},
		"a symbolic link": func(f string) error { return os.Symlink("/tmp", f) },
		"a file":          func(f string) error { return os.WriteFile(f, nil, 0o600) },
	} {
		home := filepath.Join(privateDir(t), strings.Repeat("long/", 30))
		if err := os.MkdirAll(home, 0o700); err != nil {
			t.Fatal(err)
		}
		run, err := os.MkdirTemp("/tmp", "run")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(run)
		if err := prepare(filepath.Join(run, "phyllo")); err != nil {
			t.Fatal(err)
		}
		_, err = control.Start(control.Config{Home: home, Node: fakenode.New(), UI: "off",
			Getenv: func(k string) string { return map[string]string{"XDG_RUNTIME_DIR": run}[k] }})
		if err == nil || !strings.Contains(err.Error(), "not a private folder") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, s := range []string{`{"name":"bob"}`, `{"name":"b","profile":{"interests":["a"]}}`, `{"name":"\ud83d\ude00"}`, `{`, `[]`, `{"a":1,"a":2}`,
		"\xff", `{"name":null}`, `{"profile":[[[[1]]]]}`, `{"name":"\u"}`, `{"name":"\ud8`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		budget.Decode(t, len(b), func() { control.Decode(b, new(api.UserRequest)) })
		var q api.UserRequest
		err := control.Decode(b, &q)
		if err != nil && api.KindOf(err) != api.Usage {
			t.Errorf("kind %q: %v", api.KindOf(err), err)
		}
		if err == nil && strings.Contains(q.Name, "\ufffd") && !strings.Contains(string(b), "\ufffd") && !strings.Contains(strings.ToLower(string(b)), `\ufffd`) {
			t.Errorf("%q became %q", b, q.Name)
		}
	})
}
