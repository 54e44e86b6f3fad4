package control_test

import (
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/gateway/control"
	"github.com/phyllo-net/phyllo/internal/fakenode"
)

// browse sends a request to the page's address.
func (s *served) browse(t *testing.T, method, path, body string, header ...string) (int, string) {
	t.Helper()
	return do(t, &http.Transport{DisableKeepAlives: true}, method, s.UI()+path, body, header...)
}

// login opens the page as "phyllo ui" does and returns the cookie.
func (s *served) login(t testing.TB) string {
	t.Helper()
	ticket, err := s.client.Ticket(deadline(t))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(get(t, ticket.URL))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	cookie := resp.Header.Get("Set-Cookie")
	if !strings.Contains(cookie, "HttpOnly") || !strings.Contains(cookie, "SameSite=Strict") || !strings.Contains(cookie, "Path=/") {
		t.Fatalf("cookie %q", cookie)
	}
	value, _, _ := strings.Cut(cookie, ";")
	return value
}

func get(t testing.TB, url string) *http.Request {
	r, err := http.NewRequestWithContext(deadline(t), "GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestTicketsWorkOnce(t *testing.T) {
	s := serve(t)
	ticket, err := s.client.Ticket(deadline(t))
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(ticket.File)
	if err != nil {
		t.Fatal(err)
	}
	st, _ := os.Stat(ticket.File)
	if st.Mode().Perm() != 0o600 || !strings.Contains(string(b), ticket.URL) {
		t.Errorf("the file has mode %v and says %s", st.Mode().Perm(), b)
	}
	path := strings.TrimPrefix(ticket.URL, s.UI())
	if code, _ := s.browse(t, "HEAD", path, ""); code == 200 {
		t.Error("a look ahead has used the ticket")
	}
	if code, text := s.browse(t, "GET", path, ""); code != 200 || !strings.Contains(text, `url=/`) {
		t.Errorf("first use: %d %s", code, text)
	}
	if code, _ := s.browse(t, "GET", path, ""); code != 403 {
		t.Errorf("second use: %d", code)
	}
	if _, err := os.Stat(ticket.File); !os.IsNotExist(err) {
		t.Error("the file is still there")
	}
	if code, _ := s.browse(t, "GET", "/enter?ticket=", ""); code != 403 {
		t.Errorf("no ticket: %d", code)
	}
}

func TestPage(t *testing.T) {
	s := serve(t)
	cookie := s.login(t)
	for path, want := range map[string]string{"/": "the page", "/index.html": "the page", "/app.js": "use strict", "/pix/dot.svg": "svg"} {
		if code, text := s.browse(t, "GET", path, "", "Cookie", cookie); code != 200 || !strings.Contains(text, want) {
			t.Errorf("%s: %d %s", path, code, text)
		}
	}
	code, text := s.browse(t, "POST", "/v1/status", "{}", "Cookie", cookie, "Origin", s.UI(), "Sec-Fetch-Site", "same-origin")
	if code != 200 || !strings.Contains(text, `"state":"ready"`) {
		t.Errorf("status: %d %s", code, text)
	}
	if code, _ := s.browse(t, "GET", "/v1/status", "", "Cookie", cookie); code != 200 {
		t.Errorf("status by GET: %d", code)
	}
	if code, _ := s.browse(t, "GET", "/metrics", "", "Cookie", cookie); code != 200 {
		t.Errorf("metrics: %d", code)
	}
}

// TestPageRefuses: RELIABILITY.md section 5, rows 60 and 61.
func TestPageRefuses(t *testing.T) {
	s := serve(t)
	cookie := s.login(t)
	host := strings.TrimPrefix(s.UI(), "http://")
	port := host[strings.LastIndex(host, ":"):]
	good := []string{"Cookie", cookie, "Origin", s.UI()}
	with := func(more ...string) []string { return append(append([]string{}, good...), more...) }
	for _, c := range []struct {
		name, method, path string
		header             []string
		status             int
	}{
		{"good", "POST", "/v1/status", good, 200},
		{"by another name of this computer", "POST", "/v1/status", []string{"Cookie", cookie, "Host", "localhost" + port, "Origin", "http://localhost" + port}, 200},
		{"foreign host (DNS rebinding)", "POST", "/v1/status", with("Host", "evil.example"+port), 421},
		{"host without port", "POST", "/v1/status", with("Host", "127.0.0.1"), 421},
		{"host with another port", "POST", "/v1/status", with("Host", "127.0.0.1:1"), 421},
		{"another address of this computer as host", "POST", "/v1/status", with("Host", "127.0.0.2"+port), 421},
		{"foreign host for the page", "GET", "/", with("Host", "evil.example"), 421},
		{"foreign host for health", "GET", "/health", []string{"Host", "evil.example"}, 421},
		{"foreign origin", "POST", "/v1/send", []string{"Cookie", cookie, "Origin", "http://evil.example"}, 403},
		{"origin null", "POST", "/v1/send", []string{"Cookie", cookie, "Origin", "null"}, 403},
		{"origin with https", "POST", "/v1/send", []string{"Cookie", cookie, "Origin", "https://" + host}, 403},
		{"origin with another port", "POST", "/v1/send", []string{"Cookie", cookie, "Origin", "http://127.0.0.1:1"}, 403},
		{"no origin", "POST", "/v1/send", []string{"Cookie", cookie}, 403},
		{"foreign origin that reads", "GET", "/v1/status", []string{"Cookie", cookie, "Origin", "http://evil.example"}, 403},
		{"from another site", "GET", "/v1/status", []string{"Cookie", cookie, "Sec-Fetch-Site", "cross-site"}, 403},
		{"from another port of this computer", "GET", "/v1/status", []string{"Cookie", cookie, "Sec-Fetch-Site", "same-site"}, 403},
		{"no cookie", "POST", "/v1/status", []string{"Origin", s.UI()}, 401},
		{"wrong cookie", "POST", "/v1/status", []string{"Origin", s.UI(), "Cookie", strings.Split(cookie, "=")[0] + "=AAAAAAAAAAAAAAAAAAAAAAAAAA"}, 401},
		{"no cookie for events", "GET", "/v1/events", nil, 401},
		{"no cookie for the page", "GET", "/", nil, 401},
		{"no cookie for metrics", "GET", "/metrics", nil, 401},
		{"a secret", "POST", "/v1/ring/backup", good, 403},
		{"stop", "POST", "/v1/stop", good, 404},
		{"another ticket", "POST", "/v1/ui/ticket", good, 404},
		{"up and out", "GET", "/../../etc/passwd", good, 404},
		{"up and out, encoded", "GET", "/%2e%2e/%2e%2e/etc/passwd", good, 404},
		{"NUL", "GET", "/index.html%00.js", good, 400},
		{"a backslash", "GET", "/..%5c..%5cetc%5cpasswd", good, 400},
		{"two slashes", "GET", "//evil.example/", good, 404},
		{"a hidden file", "GET", "/.hidden", good, 404},
		{"a folder", "GET", "/pix", good, 404},
		{"a folder with slash", "GET", "/pix/", good, 404},
		{"what is not there", "GET", "/nothing.js", good, 404},
		{"writing a file", "PUT", "/index.html", good, 405},
	} {
		t.Run(c.name, func(t *testing.T) {
			if code, text := s.browse(t, c.method, c.path, "", c.header...); code != c.status {
				t.Errorf("%d %s, want %d", code, text, c.status)
			}
		})
	}
	if got := exchange(t, "tcp", host, "GET / HTTP/1.1\r\nHost: "+host+"\r\nHost: "+host+"\r\n\r\n"); !strings.HasPrefix(got, "HTTP/1.1 400") {
		t.Errorf("two hosts: %s", first(got))
	}
	if got := exchange(t, "tcp", host, "GET /health HTTP/1.0\r\n\r\n"); !strings.HasPrefix(got, "HTTP/1.0 421") {
		t.Errorf("no host: %s", first(got))
	}
}

func TestPageHeaders(t *testing.T) {
	s := serve(t)
	resp, err := http.DefaultTransport.RoundTrip(get(t, s.UI()+"/"))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	for name, want := range map[string]string{
		"Content-Security-Policy": "default-src 'none'", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
		"X-Frame-Options": "DENY", "Cross-Origin-Resource-Policy": "same-origin",
	} {
		if got := resp.Header.Get(name); !strings.HasPrefix(got, want) {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestOpenMetrics(t *testing.T) {
	s := serve(t, func(c *control.Config) { c.OpenMetrics = true })
	if code, _ := s.browse(t, "GET", "/metrics", ""); code != 200 {
		t.Errorf("metrics: %d", code)
	}
	if code, _ := s.browse(t, "GET", "/v1/status", ""); code != 401 {
		t.Errorf("status: %d", code)
	}
}

func TestPageOff(t *testing.T) {
	s := serve(t, func(c *control.Config) { c.UI = "off" })
	if s.UI() != "" {
		t.Errorf("the page is at %q", s.UI())
	}
	if _, err := s.client.Ticket(deadline(t)); err == nil || !strings.Contains(err.Error(), "--ui off") {
		t.Errorf("got %v", err)
	}
}

func TestUIAddresses(t *testing.T) {
	for addr, says := range map[string]string{
		"": "", "off": "", "127.0.0.1:4281": "", "[::1]:0": "", "127.8.8.8:80": "",
		"0.0.0.0:4281": "ssh -L", "192.168.1.2:80": "ssh -L", "localhost:4281": "an IP", "999.1.1.1:99999": "an IP", "4281": "an IP", "on": "an IP",
	} {
		err := control.CheckUI(addr)
		if says == "" && err != nil || says != "" && (err == nil || !strings.Contains(err.Error(), says) || api.KindOf(err) != api.Usage) {
			t.Errorf("%q: %v", addr, err)
		}
	}
	s := serve(t)
	_, err := control.Start(control.Config{Home: privateDir(t), Node: fakenode.New(), UI: strings.TrimPrefix(s.UI(), "http://"), Getenv: os.Getenv})
	if err == nil || !strings.Contains(err.Error(), "--ui") {
		t.Errorf("a port that is taken: %v", err)
	}
}

// TestSecretsAreNotLogged: no ticket or cookie in a log.
func TestSecretsAreNotLogged(t *testing.T) {
	log := &lines{}
	s := serve(t, func(c *control.Config) { c.Log = log.logger() })
	cookie := s.login(t)
	s.browse(t, "GET", "/enter?ticket=WRONGSECRET", "")
	s.browse(t, "GET", "/nothing?secret=WRONGSECRET", "", "Cookie", cookie)
	s.browse(t, "POST", "/v1/send", "{}", "Cookie", cookie, "Origin", "http://evil.example")
	_, secret, _ := strings.Cut(cookie, "=")
	text := log.text()
	if strings.Contains(text, secret) || regexp.MustCompile("WRONGSECRET|ticket=").MatchString(text) || strings.Contains(text, "evil") {
		t.Errorf("the log holds what it must not:\n%s", text)
	}
	if !strings.Contains(text, "page-ticket") {
		t.Errorf("the log does not say that a ticket was refused:\n%s", text)
	}
}
