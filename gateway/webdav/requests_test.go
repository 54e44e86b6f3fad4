package webdav_test

import (
	"bufio"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/gateway/files"
	"github.com/phyllo-net/phyllo/gateway/files/memory"
)

func TestWhoIsLetIn(t *testing.T) {
	w := open(t).start()
	w.do("PUT", "/s/a", "text").Has(t, 201, "")
	secret := w.Secret
	w.Secret = "wrong"
	if got := w.do("GET", "/s/a", "").Has(t, 401, "phyllo key"); !strings.HasPrefix(got.Header.Get("WWW-Authenticate"), "Basic ") {
		t.Errorf("headers %v", got.Header)
	}
	for range 12 {
		w.do("GET", "/s/a", "")
	}
	w.Secret = secret
	w.do("GET", "/s/a", "").Has(t, 429, "")
	w.NewKey("s", true)
	w.do("GET", "/s/a", "").Has(t, 200, "text")
	w.do("PROPFIND", "/s/", "", "Depth: 1").Has(t, 207, "/s/a")
	for _, method := range []string{"PUT", "DELETE", "MKCOL", "COPY", "MOVE", "LOCK", "UNLOCK", "PROPPATCH"} {
		w.do(method, "/s/a", "", "Destination: URL/s/b").Has(t, 403, "reading alone")
	}
	w.NewKey("other", false)
	w.do("GET", "/s/a", "").Has(t, 403, "another space")
	w.do("MKCOL", "/other", "").Has(t, 201, "")
	w.do("PUT", "/other/a", "x").Has(t, 201, "")
	w.do("COPY", "/other/a", "", "Destination: URL/s/a").Has(t, 403, "another space")
	w.do("COPY", "/s/a", "", "Destination: URL/other/a").Has(t, 403, "another space")
	if got := w.do("PROPFIND", "/", "", "Depth: 1").Has(t, 207, "/other/"); strings.Contains(got.Body, "/s/") {
		t.Errorf("a space is shown that the password is not for: %s", got.Body)
	}
	if w.Tally.Counts()["webdav-password"] != 14 {
		t.Errorf("counted %v", w.Tally.Counts())
	}
}

func TestFiles(t *testing.T) {
	w := open(t).start()
	w.do("PUT", "/s/a.txt", "0123456789").Has(t, 201, "")
	got := w.do("GET", "/s/a.txt", "").Has(t, 200, "0123456789")
	tag := got.Header.Get("ETag")
	if !strings.HasPrefix(got.Header.Get("Content-Type"), "text/plain") || tag == "" {
		t.Errorf("headers %v", got.Header)
	}
	w.do("GET", "/s/a.txt", "", "Range: bytes=2-4").Has(t, 206, "234")
	w.do("GET", "/s/a.txt", "", "Range: bytes=10-").Has(t, 416, "")
	w.do("GET", "/s/a.txt", "", "Range: bytes="+strings.Repeat("0-0,", 999)+"0-0").Has(t, 200, "0123456789")
	w.do("GET", "/s/a.txt", "", "If-None-Match: "+tag).Has(t, 304, "")
	w.do("PUT", "/s/a.txt", "x", "If-None-Match: *").Has(t, 412, "")
	w.do("PUT", "/s/a.txt", "x", `If-Match: "other"`).Has(t, 412, "")
	w.do("PUT", "/s/a.txt", "second", "If-Match: "+tag).Has(t, 201, "")
	w.do("PUT", "/s/b", "x", "If-Match: *").Has(t, 412, "")
	w.do("PUT", "/s/b", "x", "If-None-Match: *", "Content-Type: x/y").Has(t, 201, "")
	if got := w.do("HEAD", "/s/b", "").Header; got.Get("Content-Type") != "x/y" || got.Get("Content-Length") != "1" {
		t.Errorf("headers %v", got)
	}
	page := w.do("GET", "/s/", "").Has(t, 200, `<a href="/s/a.txt">a.txt</a><td>6 bytes`)
	if policy := page.Header.Get("Content-Security-Policy"); !strings.HasPrefix(policy, "default-src 'none'") {
		t.Errorf("the page of a folder has the policy %q", policy)
	}
	w.do("GET", "/", "").Has(t, 200, `<a href="/s/">s/</a>`)
	w.do("HEAD", "/s", "").Has(t, 200, "")
	w.do("MKCOL", "/s/%3Cb%3E%22", "").Has(t, 201, "")
	w.do("GET", "/s", "").Has(t, 200, `<a href="/s/%3Cb%3E%22/">&lt;b&gt;&#34;/</a>`)
	w.do("GET", "/s/%3Cb%3E%22", "").Has(t, 200, "Nothing is in it")
	w.do("GET", "/s/none", "").Has(t, 404, "")
	w.do("PUT", "/s/none/a", "x").Has(t, 409, "")
	w.do("PUT", "/s", "x").Has(t, 405, "")
	w.do("PUT", "/s/a.txt/b", "x").Has(t, 409, "")
	w.do("PUT", "/s/c", "x", "Content-Range: bytes 0-0/9").Has(t, 501, "")
	w.do("POST", "/s/a.txt", "x").Has(t, 405, "")
}

// hrefs are the paths of a list.
func hrefs(body string) []string {
	var out []string
	for _, part := range strings.Split(body, "<D:href>")[1:] {
		href, _, _ := strings.Cut(part, "</D:href>")
		out = append(out, href)
	}
	return out
}

func TestFolders(t *testing.T) {
	w := open(t).start()
	for _, target := range []string{"/s/d", "/s/d/e"} {
		w.do("MKCOL", target, "").Has(t, 201, "")
		w.do("MKCOL", target, "").Has(t, 405, "")
	}
	w.do("MKCOL", "/s/x/y", "").Has(t, 409, "")
	w.do("PUT", "/s/d/f", "text").Has(t, 201, "")
	if got := hrefs(w.do("PROPFIND", "/s/d", "", "Depth: 1").Body); fmt.Sprint(got) != "[/s/d/ /s/d/f /s/d/e/]" {
		t.Errorf("list %q", got)
	}
	w.do("COPY", "/s/d", "", "Destination: URL/s/copy").Has(t, 201, "")
	w.do("GET", "/s/copy/f", "").Has(t, 200, "text")
	w.do("MOVE", "/s/copy", "", "Destination: URL/s/d", "Overwrite: F").Has(t, 412, "")
	w.do("DELETE", "/s/copy/e", "").Has(t, 204, "")
	w.do("MOVE", "/s/copy", "", "Destination: URL/s/d").Has(t, 204, "") // Overwrite is T
	w.do("PROPFIND", "/s/d/e", "", "Depth: 0").Has(t, 404, "")
	w.do("GET", "/s/d/f", "").Has(t, 200, "text")
	w.do("PUT", "/s/g", "other").Has(t, 201, "")
	w.do("MOVE", "/s/g", "", "Destination: URL/s/d").Has(t, 204, "") // a file in a folder's place
	w.do("GET", "/s/d", "").Has(t, 200, "other")
	w.do("MOVE", "/s/d", "", "Destination: URL/s/none/d").Has(t, 409, "")
	for from, to := range map[string]string{"/s/d": "/s/d/e", "/s/d/f": "/s/d", "/s": "/s/x", "/s/c": "/t/d", "/s/d/": "/s"} {
		w.do("MOVE", from, "", "Destination: URL"+to).Has(t, 403, "")
		w.do("COPY", from, "", "Destination: URL"+to).Has(t, 403, "")
	}
	w.do("DELETE", "/s/", "").Has(t, 403, "")
}

// TestFoldersOfOtherDoors: a folder that S3 has not put is there until it is removed.
func TestFoldersOfOtherDoors(t *testing.T) {
	w := open(t).start()
	s, err := w.Spaces.Space(t.Context(), "s")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Put(t.Context(), "d/e/f", nil, files.Attrs{}, files.Cond{}); err != nil {
		t.Fatal(err)
	}
	w.do("PROPPATCH", "/s/d", `<D:propertyupdate xmlns:D="DAV:"><D:set><D:prop><x xmlns="ns">&lt;v</x></D:prop></D:set></D:propertyupdate>`).Has(t, 207, "200 OK")
	w.do("PROPFIND", "/s/d", `<D:propfind xmlns:D="DAV:"><D:prop><x xmlns="ns"/></D:prop></D:propfind>`, "Depth: 0").Has(t, 207, "&lt;v")
	w.do("MOVE", "/s/d/e/f", "", "Destination: URL/s/f").Has(t, 201, "")
	w.do("PROPFIND", "/s/d/e", "", "Depth: 0").Has(t, 207, "/s/d/e/")
	w.do("DELETE", "/s/d", "").Has(t, 204, "")
	w.do("PROPFIND", "/s/d", "", "Depth: 0").Has(t, 404, "")
}

// TestKept: a property says how a file is kept, in words, and nobody can change it.
func TestKept(t *testing.T) {
	w := open(t).start()
	s, err := w.Spaces.Space(t.Context(), "s")
	if err != nil {
		t.Fatal(err)
	}
	d, err := s.Draft(t.Context(), -1, files.InParts)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(d, "old"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Put(t.Context(), "archive", []files.Draft{d}, files.Attrs{}, files.Cond{}); err != nil {
		t.Fatal(err)
	}
	w.do("PUT", "/s/file", "new").Has(t, 201, "")
	w.do("PUT", "/s/empty", "").Has(t, 201, "")
	const ask = `<D:propfind xmlns:D="DAV:" xmlns:P="urn:phyllo"><D:prop><P:kept/></D:prop></D:propfind>`
	for name, words := range map[string]string{"archive": ">24 parts, any 6 are enough<", "file": ">5 copies<", "empty": "404 Not Found"} {
		w.do("PROPFIND", "/s/"+name, ask, "Depth: 0").Has(t, 207, words)
	}
	w.do("PROPFIND", "/s/", "", "Depth: 1").Has(t, 207, ">24 parts, any 6 are enough<")
	w.do("PROPPATCH", "/s/archive", `<D:propertyupdate xmlns:D="DAV:"><D:set><D:prop><kept xmlns="urn:phyllo">gold</kept></D:prop></D:set></D:propertyupdate>`).Has(t, 207, "403 Forbidden")
	w.do("MOVE", "/s/archive", "", "Destination: URL/s/moved").Has(t, 201, "")
	w.do("COPY", "/s/moved", "", "Destination: URL/s/copy").Has(t, 201, "")
	w.do("PROPFIND", "/s/copy", ask, "Depth: 0").Has(t, 207, ">24 parts, any 6 are enough<")
}

const exclusive = `<?xml version="1.0"?><D:lockinfo xmlns:D="DAV:"><D:lockscope><D:exclusive/></D:lockscope><D:locktype><D:write/></D:locktype></D:lockinfo>`

func TestLocks(t *testing.T) {
	w := open(t).start()
	token := w.do("LOCK", "/s/a", exclusive, "Timeout: Infinite").Has(t, 201, "Second-3600").Header.Get("Lock-Token")
	if !strings.HasPrefix(token, "<urn:uuid:") {
		t.Errorf("token %s", token)
	}
	w.do("LOCK", "/s/a", exclusive).Has(t, 423, "")
	w.do("PUT", "/s/a", "x").Has(t, 423, "")
	w.do("DELETE", "/s/a", "").Has(t, 423, "")
	w.do("UNLOCK", "/s/a", "", "Lock-Token: <1>").Has(t, 409, "") // the library counts its own
	w.do("PUT", "/s/a", "x", "If: ("+token+")").Has(t, 201, "")
	tag := w.do("GET", "/s/a", "").Header.Get("ETag")
	w.do("PUT", "/s/a", "y", "If: ("+token+` ["other"])`).Has(t, 412, "")
	w.do("PUT", "/s/a", "y", "If: ("+token+" ["+tag+"])").Has(t, 201, "")
	w.do("LOCK", "/s/a", "", "If: ("+token+")", "Timeout: Second-60").Has(t, 200, "Second-60")
	w.do("DELETE", "/s/a", "", "If: ("+token+")").Has(t, 204, "")
	w.do("PUT", "/s/a", "x").Has(t, 201, "") // the lock went with the file
	tag = w.do("GET", "/s/a", "").Header.Get("ETag")
	w.do("PUT", "/s/a", "y", `If: (["other"])`).Has(t, 412, "")
	w.do("PUT", "/s/a", "y", "If: (["+tag+"])").Has(t, 201, "") // a tag alone, nothing is locked
	w.do("LOCK", "/s/none/a", exclusive).Has(t, 409, "")
	for i := range 1000 {
		if got := w.do("LOCK", fmt.Sprintf("/s/many%d", i), exclusive); got.Status != 201 {
			t.Fatalf("lock %d: %d", i, got.Status)
		}
	}
	w.do("LOCK", "/s/more", exclusive).Has(t, 500, "")
}

// TestSharedLocks: who shares a lock may write, others may not, and it ends with the last.
func TestSharedLocks(t *testing.T) {
	w := open(t).start()
	shared := strings.Replace(exclusive, "<D:exclusive/>", "<D:shared ></D:shared >", 1)
	lock := func() string {
		t.Helper()
		got := w.do("LOCK", "/s/a", shared)
		if got.Status/100 != 2 || !strings.Contains(got.Body, "<D:shared/>") || strings.Contains(got.Body, "exclusive") {
			t.Fatalf("%+v", got)
		}
		return got.Header.Get("Lock-Token")
	}
	one, two := lock(), lock()
	w.do("LOCK", "/s/a", exclusive).Has(t, 423, "")
	w.do("PUT", "/s/a", "x").Has(t, 423, "")
	for _, token := range []string{one, two} {
		w.do("PUT", "/s/a", "x", "If: ("+token+")").Has(t, 201, "")
	}
	w.do("LOCK", "/s/a", "", "If: ("+two+")", "Timeout: Second-60").Has(t, 200, "<D:shared/>")
	w.do("UNLOCK", "/s/a", "", "Lock-Token: "+one).Has(t, 204, "")
	w.do("UNLOCK", "/s/a", "", "Lock-Token: "+one).Has(t, 409, "")
	w.do("PUT", "/s/a", "x", "If: ("+one+")").Has(t, 412, "")
	w.do("PUT", "/s/a", "x").Has(t, 423, "")
	w.do("UNLOCK", "/s/a", "", "Lock-Token: "+two).Has(t, 204, "")
	w.do("PUT", "/s/a", "x").Has(t, 201, "")
	w.do("LOCK", "/s/a", exclusive).Has(t, 200, "<D:exclusive/>")
	w.do("LOCK", "/s/a", shared).Has(t, 423, "")
	w.do("LOCK", "/s/b", strings.Replace(exclusive, "<D:exclusive/>", "<D:exclusive/><D:shared/>", 1)).Has(t, 501, "")
}

// TestBadInput: issue of storage, section 6: tricks of paths, broken XML, entity bombs,
// depth infinity.
func TestBadInput(t *testing.T) {
	w := open(t).start()
	w.do("PUT", "/s/a", "x").Has(t, 201, "")
	for _, name := range []string{"..", "../../etc/passwd", "%2e%2e/b", "..%2fb", "./a", "a//b", "/a", "%01", "%7f", "%ff", strings.Repeat("x", 1025)} {
		for _, method := range []string{"PUT", "GET", "DELETE", "MKCOL"} {
			if got := w.do(method, "/s/"+name, ""); got.Status != 400 {
				t.Errorf("%s %.20s: %d %s", method, name, got.Status, got.Body)
			}
		}
		if got := w.do("COPY", "/s/a", "", "Destination: URL/s/"+name); got.Status != 400 {
			t.Errorf("COPY to %.20s: %d %s", name, got.Status, got.Body)
		}
	}
	w.do("GET", "/s/%00", "").Has(t, 400, "")
	w.do("COPY", "/s/a", "").Has(t, 400, "")
	w.do("COPY", "/s/a", "", "Destination: http://evil.example/s/b").Has(t, 502, "")
	bombs := map[string]string{"text": "all", "cut off": "<D:propfind", "deep": strings.Repeat("<a>", 60_000), "long": strings.Repeat(" ", 300<<10),
		"an entity": `<!DOCTYPE p [<!ENTITY x SYSTEM "file:///etc/passwd">]><D:propfind xmlns:D="DAV:"><D:prop><a>&x;</a></D:prop></D:propfind>`,
		"laughs":    `<!DOCTYPE l [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]><D:propfind xmlns:D="DAV:"><D:prop><a>&b;</a></D:prop></D:propfind>`}
	for name, body := range bombs {
		for _, method := range []string{"PROPFIND", "PROPPATCH", "LOCK"} {
			if got := w.do(method, "/s/a", body, "Depth: 0"); got.Status != 400 {
				t.Errorf("%s with %s: %d %s", method, name, got.Status, got.Body)
			}
		}
	}
	if n := w.Tally.Counts()["webdav-xml"]; n != uint64(3*len(bombs)) {
		t.Errorf("%d broken bodies are counted, want %d", n, 3*len(bombs))
	}
	w.do("PROPFIND", "/s/", "", "Depth: infinity").Has(t, 403, "propfind-finite-depth")
	w.do("PROPFIND", "/s/", "").Has(t, 403, "propfind-finite-depth")
	w.do("PROPPATCH", "/s/a", `<D:propertyupdate xmlns:D="DAV:"><D:set><D:prop><x xmlns="ns">`+strings.Repeat("x", 20<<10)+`</x></D:prop></D:set></D:propertyupdate>`).Has(t, 207, "507")
	w.do("GET", "/s/a", "").Has(t, 200, "x")
}

// TestHalfBody: a body that ends early changes nothing and takes no room.
func TestHalfBody(t *testing.T) {
	w := openOn(t, memory.New(100)).start()
	w.do("PUT", "/s/a", "text").Has(t, 201, "")
	host := strings.TrimPrefix(w.URL, "http://")
	for range 3 {
		conn, err := net.Dial("tcp", host)
		if err != nil {
			t.Fatal(err)
		}
		conn.SetDeadline(time.Now().Add(20 * time.Second))
		fmt.Fprintf(conn, "PUT /s/a HTTP/1.1\r\nHost: %s\r\nAuthorization: Basic %s\r\nContent-Length: 90\r\n\r\n", host, base64.StdEncoding.EncodeToString([]byte(w.Key.ID+":"+w.Secret)))
		io.WriteString(conn, strings.Repeat("x", 89))
		conn.(*net.TCPConn).CloseWrite()
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil || resp.StatusCode != 400 {
			t.Fatalf("%+v, %v", resp, err)
		}
		conn.Close()
	}
	w.do("GET", "/s/a", "").Has(t, 200, "text")
	w.do("PUT", "/s/b", strings.Repeat("x", 97)).Has(t, 507, "")
	w.do("PUT", "/s/b", strings.Repeat("x", 96)).Has(t, 201, "")
}

// away are spaces whose files cannot be reached, but for a folder's list.
type away struct{ *memory.Memory }

type awaySpace struct{ files.Space }

func (a away) Space(ctx context.Context, name string) (files.Space, error) {
	s, err := a.Memory.Space(ctx, name)
	return awaySpace{s}, err
}

func (awaySpace) Stat(_ context.Context, name, _ string) (files.Entry, error) {
	if name == "d/" {
		return files.Entry{Name: name}, nil
	}
	if name == "d" {
		return files.Entry{}, files.ErrNotFound
	}
	return files.Entry{}, files.ErrUnavailable
}

func (awaySpace) List(context.Context, files.Query) (files.Page, error) {
	return files.Page{}, fmt.Errorf("its holders: %w", files.ErrUnavailable)
}

// TestAway: what cannot be reached is not taken for what is not there, and half of a list
// not for the whole.
func TestAway(t *testing.T) {
	w := openOn(t, away{memory.New(100)})
	if err := w.Spaces.Create(t.Context(), "s"); err != nil {
		t.Fatal(err)
	}
	for _, method := range []string{"GET", "PUT", "DELETE", "PROPFIND", "MKCOL", "COPY", "MOVE"} {
		depth := map[bool]string{true: "infinity", false: "0"}[method == "MOVE"]
		if got := w.do(method, "/s/a", "", "Depth: "+depth, "Destination: URL/s/b"); got.Status != 503 || got.Header.Get("Retry-After") == "" {
			t.Errorf("%s: %d %v", method, got.Status, got.Header)
		}
	}
	r, err := http.NewRequest("PROPFIND", w.URL+"/s/d", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth(w.Key.ID, w.Secret)
	r.Header.Set("Depth", "1")
	resp, err := w.Client.Do(r)
	if err != nil {
		return // broken off before the first byte was sent
	}
	defer resp.Body.Close()
	if b, err := io.ReadAll(resp.Body); err == nil && resp.StatusCode == 207 {
		t.Errorf("half of a list is whole: %s", b)
	}
}
