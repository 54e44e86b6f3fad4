package control_test

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/phyllo-net/phyllo/api"
)

// query is the address of an operation that has its request there.
func query(path, q string) string { return path + "?q=" + url.QueryEscape(q) }

// TestPageFiles: the page stores and reads files, and a browser saves what it reads under a harmless
// name, and shows none of it.
func TestPageFiles(t *testing.T) {
	s := serve(t)
	cookie := s.login(t)
	const script = "<script>alert(1)</script>"
	for name, saved := range map[string]string{
		"plain.txt":               `attachment; filename=plain.txt`,
		"letters/my letter.html":  `attachment; filename="my letter.html"`,
		"Ελένη.svg":               `attachment; filename*=utf-8''%CE%95%CE%BB%CE%AD%CE%BD%CE%B7.svg`,
		"a\u202egnp.exe":          `attachment; filename=a_gnp.exe`,
		`quote"; filename="x.exe`: `attachment; filename="quote_; filename=_x.exe"`,
		`..\..\up`:                `attachment; filename=_.._up`,
		".profile":                `attachment; filename=profile`,
		"...":                     `attachment; filename=file`,
	} {
		q := `{"name":` + quoted(name) + `}`
		code, text := s.browse(t, "POST", query(api.StreamPut, q), script, "Cookie", cookie, "Origin", s.UI(), "Content-Type", api.FileType)
		if code != 200 || !strings.Contains(text, `"wanted":5`) {
			t.Fatalf("storing %q: %d %s", name, code, text)
		}
		r := get(t, s.UI()+query(api.StreamGet, q))
		r.Header.Set("Cookie", cookie)
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != 200 || string(b) != script {
			t.Errorf("reading %q: %d %s %v", name, resp.StatusCode, b, err)
		}
		for header, want := range map[string]string{
			"Content-Disposition": saved, "Content-Type": api.FileType, "X-Content-Type-Options": "nosniff",
			"Content-Security-Policy": "default-src 'none'; sandbox; frame-ancestors 'none'", "Cache-Control": "no-store",
			"Cross-Origin-Resource-Policy": "same-origin", api.FileHeader: "",
		} {
			if got := resp.Header.Get(header); got != want {
				t.Errorf("%q: %s is %q, want %q", name, header, got, want)
			}
		}
	}
}

func quoted(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

// TestPageFilesAreRefused: neither another page nor a stranger stores or reads a file.
func TestPageFilesAreRefused(t *testing.T) {
	s := serve(t)
	cookie := s.login(t)
	if _, err := s.client.FilePut(deadline(t), api.FilePut{Name: "letter"}, strings.NewReader("dear bob")); err != nil {
		t.Fatal(err)
	}
	put, read := query(api.StreamPut, `{"name":"letter"}`), query(api.StreamGet, `{"name":"letter"}`)
	for _, c := range []struct {
		name, method, path string
		header             []string
		status             int
	}{
		{"storing without a cookie", "POST", put, []string{"Origin", s.UI(), "Content-Type", api.FileType}, 401},
		{"storing from another origin", "POST", put, []string{"Cookie", cookie, "Origin", "http://evil.example", "Content-Type", api.FileType}, 403},
		{"storing without an origin", "POST", put, []string{"Cookie", cookie, "Content-Type", api.FileType}, 403},
		{"storing by a form", "POST", put, []string{"Cookie", cookie, "Origin", s.UI(), "Content-Type", "text/plain"}, 400},
		{"storing by GET", "GET", put, []string{"Cookie", cookie}, 400},
		{"storing nothing that is named", "POST", query(api.StreamPut, `{"nam":"x"}`), []string{"Cookie", cookie, "Origin", s.UI(), "Content-Type", api.FileType}, 400},
		{"reading without a cookie", "GET", read, nil, 401},
		{"reading from another site", "GET", read, []string{"Cookie", cookie, "Sec-Fetch-Site", "cross-site"}, 403},
		{"reading from another port of this computer", "GET", read, []string{"Cookie", cookie, "Sec-Fetch-Site", "same-site"}, 403},
		{"reading from another origin", "GET", read, []string{"Cookie", cookie, "Origin", "http://evil.example"}, 403},
		{"reading by POST", "POST", read, []string{"Cookie", cookie, "Origin", s.UI()}, 405},
		{"reading what is not there", "GET", query(api.StreamGet, `{"name":"other"}`), []string{"Cookie", cookie}, 404},
		{"reading with a request that is none", "GET", query(api.StreamGet, `{`), []string{"Cookie", cookie}, 400},
	} {
		if code, text := s.browse(t, c.method, c.path, "", c.header...); code != c.status || strings.Contains(text, "dear bob") {
			t.Errorf("%s: %d %s, want %d", c.name, code, text, c.status)
		}
	}
	_, content, err := s.client.FileGet(deadline(t), api.FileName{Name: "letter"})
	if err != nil {
		t.Fatal(err)
	}
	defer content.Close()
	if b, err := io.ReadAll(content); err != nil || string(b) != "dear bob" {
		t.Errorf("afterwards: %q %v", b, err)
	}
}

// TestFileThatCannotBeRead: who asks for a file of which nothing can be read gets told so, and
// not an empty file.
func TestFileThatCannotBeRead(t *testing.T) {
	s := serve(t)
	s.node.Unreadable = api.Errorf(api.Unreachable, "too few of those who keep it are there: try again later")
	if _, err := s.client.FilePut(deadline(t), api.FilePut{Name: "letter"}, strings.NewReader("dear bob")); err != nil {
		t.Fatal(err)
	}
	if code, text := s.browse(t, "GET", query(api.StreamGet, `{"name":"letter"}`), "", "Cookie", s.login(t)); code != 503 || !strings.Contains(text, "try again later") {
		t.Errorf("%d %s", code, text)
	}
	if _, _, err := s.client.FileGet(context.Background(), api.FileName{Name: "letter"}); api.KindOf(err) != api.Unreachable {
		t.Errorf("on the socket: %v", err)
	}
}
