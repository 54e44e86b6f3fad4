package s3_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/gateway/doortest"
	"github.com/phyllo-net/phyllo/gateway/files"
	"github.com/phyllo-net/phyllo/gateway/files/memory"
)

// TestWrongSignatures: issue of storage, section 6, and RELIABILITY.md section 5.
func TestWrongSignatures(t *testing.T) {
	w := open(t).start()
	w.do("PUT", "/bbb/a", "text").Has(t, 200, "")
	signed := func(now time.Time, change func(r *http.Request)) doortest.Answer {
		t.Helper()
		r := w.Request("GET", "/bbb/a", "")
		w.sign(r, "", now)
		change(r)
		return w.Send(r)
	}
	same := func(*http.Request) {}
	for name, c := range map[string]struct {
		got            doortest.Answer
		status         int
		says, countsAs string
	}{
		"none":                         {signed(time.Now(), func(r *http.Request) { r.Header.Del("Authorization") }), 403, "AccessDenied", "s3-unsigned"},
		"version 2":                    {signed(time.Now(), func(r *http.Request) { r.Header.Set("Authorization", "AWS a:b") }), 400, "use s3v4", "s3-signature"},
		"another address":              {signed(time.Now(), func(r *http.Request) { r.URL.Path = "/bbb/b" }), 403, "SignatureDoesNotMatch", "s3-signature"},
		"a slow clock":                 {signed(time.Now().Add(-16*time.Minute), same), 403, "RequestTimeTooSkewed", "s3-clock"},
		"a fast clock":                 {signed(time.Now().Add(16*time.Minute), same), 403, "RequestTimeTooSkewed", "s3-clock"},
		"presigned, over":              {w.Send(w.Request("GET", strings.TrimPrefix(w.presign("GET", "/bbb/a", time.Now().Add(-time.Minute), 30), w.URL), "")), 403, "presigned", "s3-expired"},
		"presigned, forged":            {w.Send(w.Request("GET", strings.TrimPrefix(w.presign("GET", "/bbb/a", time.Now(), 30), w.URL)+"0", "")), 400, "malformed", "s3-signature"},
		"presigned for another method": {w.Send(w.Request("DELETE", strings.TrimPrefix(w.presign("GET", "/bbb/a", time.Now(), 30), w.URL), "")), 403, "SignatureDoesNotMatch", "s3-signature"},
	} {
		if c.got.Status != c.status || !strings.Contains(c.got.Body, c.says) {
			t.Errorf("%s: %d %s", name, c.got.Status, c.got.Body)
		}
		if w.Tally.Counts()[c.countsAs] == 0 {
			t.Errorf("%s is not counted as %s", name, c.countsAs)
		}
	}
	w.Send(w.Request("GET", strings.TrimPrefix(w.presign("GET", "/bbb/a", time.Now(), 30), w.URL), "")).Has(t, 200, "text")

	body := w.Request("PUT", "/bbb/a", "other")
	w.sign(body, "text", time.Now())
	w.Send(body).Has(t, 400, "XAmzContentSHA256Mismatch")
	w.do("GET", "/bbb/a", "").Has(t, 200, "text") // what was there is there

	good := w.Secret
	w.Secret = "wrong"
	for range 12 {
		w.do("GET", "/bbb/a", "")
	}
	w.Secret = good
	if got := w.do("GET", "/bbb/a", "").Has(t, 503, "SlowDown"); got.Header.Get("Retry-After") == "" {
		t.Error("nothing says when to come again")
	}
	w.NewKey("bbb", false)
	w.do("GET", "/bbb/a", "").Has(t, 200, "text") // other programs go on
}

// TestBadKeys: tricks of paths.
func TestBadKeys(t *testing.T) {
	w := open(t).start()
	long := strings.Repeat("x", 1025)
	for _, name := range []string{"..", "../../etc/passwd", "a/../b", "%2e%2e/b", "..%2fb", "./a", "a//b", "/a", "%01", "%7f", "%ff", "a%0Ab", long, "a/."} {
		for _, method := range []string{"PUT", "GET", "DELETE"} {
			if got := w.do(method, "/bbb/"+name, ""); got.Status != 400 {
				t.Errorf("%s %.20s: %d %s", method, name, got.Status, got.Body)
			}
		}
	}
	w.do("PUT", "/bbb/%00", "").Has(t, 400, "")
	w.do("PUT", "/bbb/"+long[1:], "x").Has(t, 200, "")
	w.do("PUT", "/bbb/..a/...", "x").Has(t, 200, "")
	w.do("POST", "/bbb?delete", "<Delete><Object><Key>../../etc/passwd</Key></Object></Delete>").Has(t, 200, "<Code>InvalidArgument</Code>")
	if n := w.Tally.Counts()["s3-key"]; n < 30 {
		t.Errorf("%d bad keys are counted", n)
	}
}

func TestBadBodies(t *testing.T) {
	w := open(t).start()
	for name, body := range map[string]string{
		"none": "", "text": "delete all", "cut off": "<Delete><Object>", "an entity": `<!DOCTYPE d [<!ENTITY a "b">]><Delete><Object><Key>&a;</Key></Object></Delete>`,
		"laughs":       `<!DOCTYPE l [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><Delete><Object><Key>&b;</Key></Object></Delete>`,
		"deep":         strings.Repeat("<Delete>", 50_000),
		"another root": "<VersioningConfiguration/>", "no objects": "<Delete></Delete>",
		"many":   "<Delete>" + strings.Repeat("<Object><Key>a</Key></Object>", 1001) + "</Delete>",
		"UTF-16": "<?xml version=\"1.0\" encoding=\"utf-16\"?><Delete><Object><Key>a</Key></Object></Delete>",
	} {
		if got := w.do("POST", "/bbb?delete", body); got.Status != 400 || !strings.Contains(got.Body, "MalformedXML") {
			t.Errorf("%s: %d %s", name, got.Status, got.Body)
		}
	}
	w.do("POST", "/bbb?delete", strings.Repeat(" ", 3<<20)).Has(t, 400, "MaxMessageLengthExceeded")
	w.do("PUT", "/bbb/a", "", "X-Amz-Acl: public-read").Has(t, 400, "phyllo share")
	w.do("PUT", "/bbb/a", "", "X-Amz-Storage-Class: FROZEN").Has(t, 400, "InvalidStorageClass")
	w.do("PUT", "/bbb/a", "", "X-Amz-Server-Side-Encryption-Customer-Key: x").Has(t, 501, "")
	w.do("PUT", "/bbb/a", "", "X-Amz-Tagging: a=b").Has(t, 501, "")
	w.do("PUT", "/bbb/a", "", "X-Amz-Meta-A: "+strings.Repeat("x", 9<<10)).Has(t, 400, "MetadataTooLarge")
}

// TestHalfRequests: a body that ends early, or is larger than there is room, changes
// nothing and takes no room.
func TestHalfRequests(t *testing.T) {
	w := openOn(t, memory.New(100)).start()
	w.do("PUT", "/bbb/a", "text").Has(t, 200, "")
	for range 5 {
		r := w.Request("PUT", "/bbb/a", "")
		r.Header.Set("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD")
		w.sign(r, "", time.Now())
		conn, err := net.Dial("tcp", r.URL.Host)
		if err != nil {
			t.Fatal(err)
		}
		conn.SetDeadline(time.Now().Add(20 * time.Second))
		fmt.Fprintf(conn, "PUT /bbb/a HTTP/1.1\r\nHost: %s\r\nContent-Length: 90\r\n", r.URL.Host)
		r.Header.Write(conn)
		io.WriteString(conn, "\r\n"+strings.Repeat("x", 89))
		conn.(*net.TCPConn).CloseWrite()
		resp, err := http.ReadResponse(bufio.NewReader(conn), r)
		if err != nil || resp.StatusCode != 400 {
			t.Fatalf("%+v, %v", resp, err)
		}
		conn.Close()
	}
	w.do("GET", "/bbb/a", "").Has(t, 200, "text")
	w.do("PUT", "/bbb/b", strings.Repeat("x", 97)).Has(t, 507, "QuotaExceeded")
	w.do("PUT", "/bbb/b", strings.Repeat("x", 96)).Has(t, 200, "")
}

// broken are spaces that fail in one way.
type broken struct {
	*memory.Memory
	err error
}

func (b broken) Space(context.Context, string) (files.Space, error) { return nil, b.err }

// TestFailures: what spaces cannot do has an answer that programs understand.
func TestFailures(t *testing.T) {
	for _, c := range []struct {
		err    error
		status int
		says   string
	}{
		{files.ErrUnavailable, 503, "ServiceUnavailable"}, {files.ErrDenied, 403, "AccessDenied"}, {files.ErrFull, 507, "QuotaExceeded"},
		{errors.New("a secret of the node"), 500, "InternalError"}, {fmt.Errorf("of this: %w", files.ErrUnavailable), 503, "try again in a minute"},
	} {
		w := openOn(t, broken{memory.New(0), c.err})
		if got := w.do("GET", "/bbb/a", "").Has(t, c.status, c.says); strings.Contains(got.Body, "secret") {
			t.Errorf("the answer tells too much: %s", got.Body)
		}
	}
}
