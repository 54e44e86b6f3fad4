package s3_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/phyllo-net/phyllo/gateway/files"
	"github.com/phyllo-net/phyllo/gateway/files/memory"
	"github.com/phyllo-net/phyllo/gateway/front"
	"github.com/phyllo-net/phyllo/gateway/password"
	"github.com/phyllo-net/phyllo/gateway/s3"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a door with spaces in memory behind it, and a key.
type world struct {
	t      *testing.T
	spaces files.Spaces
	book   *password.Book
	tally  *front.Tally
	url    string
	key    password.Key
	secret string
	region string
	client *http.Client
}

// of is whose spaces a door asks for: there are none but ann's.
func of(user string, spaces files.Spaces) files.Spaces {
	if user != "ann" {
		return memory.New(0)
	}
	return spaces
}

// open opens a door; the key is for the space b, which is not there yet.
func open(t *testing.T) *world { return openOn(t, memory.New(256<<20)) }

func openOn(t *testing.T, spaces files.Spaces) *world {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	w := &world{t: t, spaces: spaces, tally: front.NewTally("s3", log), region: "us-east-1",
		client: &http.Client{Transport: &http.Transport{DisableCompression: true}}}
	still := time.Now() // so that a slow machine does not change who is slowed down
	var err error
	if w.book, err = password.Open(filepath.Join(t.TempDir(), "p"), func() time.Time { return still }); err != nil {
		t.Fatal(err)
	}
	w.key, w.secret = w.newKey("bbb", false)
	h := s3.New(s3.Config{Spaces: func(user string) files.Spaces { return of(user, spaces) }, Book: w.book, Tally: w.tally, Log: log, Now: time.Now})
	s, err := front.Start(front.Config{Addr: "127.0.0.1:0", Handler: h, Tally: w.tally, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	w.url = s.URL()
	t.Cleanup(func() {
		w.client.CloseIdleConnections()
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		s.Close(ctx)
		h.Close()
	})
	return w
}

func (w *world) newKey(space string, readOnly bool) (password.Key, string) {
	w.t.Helper()
	k, secret, err := w.book.Add(password.Key{Door: password.S3, User: "ann", Space: space, ReadOnly: readOnly})
	if err != nil {
		w.t.Fatal(err)
	}
	return k, secret
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
}

// has fails the test unless the answer has this status, and this text in its body.
func (a answer) has(t *testing.T, status int, text string) answer {
	t.Helper()
	if a.status != status || !strings.Contains(a.body, text) {
		t.Fatalf("answer %d %s, want %d and %q", a.status, a.body, status, text)
	}
	return a
}

// request makes one that is not signed yet. Headers are "name: value".
func (w *world) request(method, target, body string, headers ...string) *http.Request {
	w.t.Helper()
	r, err := http.NewRequest(method, w.url+target, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	for _, h := range headers {
		k, v, _ := strings.Cut(h, ": ")
		r.Header.Set(k, v)
	}
	return r
}

// do signs a request and sends it.
func (w *world) do(method, target, body string, headers ...string) answer {
	w.t.Helper()
	r := w.request(method, target, body, headers...)
	w.sign(r, body, time.Now())
	return w.send(r)
}

func (w *world) send(r *http.Request) answer {
	w.t.Helper()
	resp, err := w.client.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, string(b)}
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	io.WriteString(h, text)
	return h.Sum(nil)
}

func hexHash(text string) string {
	h := sha256.Sum256([]byte(text))
	return hex.EncodeToString(h[:])
}

// sign signs as the documentation says it: written anew here, so that it is no mirror of
// what checks it.
func (w *world) sign(r *http.Request, body string, now time.Time) {
	r.Header.Set("X-Amz-Date", now.UTC().Format("20060102T150405Z"))
	if r.Header.Get("X-Amz-Content-Sha256") == "" {
		r.Header.Set("X-Amz-Content-Sha256", hexHash(body))
	}
	names := []string{"host"}
	lines := map[string]string{"host": r.URL.Host}
	for k, v := range r.Header {
		k = strings.ToLower(k)
		names = append(names, k)
		lines[k] = strings.TrimSpace(v[0])
	}
	slices.Sort(names)
	var canonical bytes.Buffer
	fmt.Fprintf(&canonical, "%s\n%s\n%s\n", r.Method, r.URL.EscapedPath(), strings.ReplaceAll(r.URL.Query().Encode(), "+", "%20"))
	for _, k := range names {
		fmt.Fprintf(&canonical, "%s:%s\n", k, lines[k])
	}
	signed := strings.Join(names, ";")
	fmt.Fprintf(&canonical, "\n%s\n%s", signed, r.Header.Get("X-Amz-Content-Sha256"))
	r.Header.Set("Authorization", fmt.Sprintf("AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=%s, Signature=%s", w.key.ID, w.scope(now), signed, w.signature(canonical.String(), now)))
}

func (w *world) scope(now time.Time) string {
	return now.UTC().Format("20060102") + "/" + w.region + "/s3/aws4_request"
}

func (w *world) signature(canonical string, now time.Time) string {
	key := []byte("AWS4" + w.secret)
	for part := range strings.SplitSeq(w.scope(now), "/") {
		key = mac(key, part)
	}
	return hex.EncodeToString(mac(key, "AWS4-HMAC-SHA256\n"+now.UTC().Format("20060102T150405Z")+"\n"+w.scope(now)+"\n"+hexHash(canonical)))
}

// presign makes an address that is good for some seconds from now on.
func (w *world) presign(method, target string, now time.Time, seconds int) string {
	q := url.Values{"X-Amz-Algorithm": {"AWS4-HMAC-SHA256"}, "X-Amz-Credential": {w.key.ID + "/" + w.scope(now)},
		"X-Amz-Date": {now.UTC().Format("20060102T150405Z")}, "X-Amz-Expires": {fmt.Sprint(seconds)}, "X-Amz-SignedHeaders": {"host"}}
	host := strings.TrimPrefix(w.url, "http://")
	signature := w.signature(fmt.Sprintf("%s\n%s\n%s\nhost:%s\n\nhost\nUNSIGNED-PAYLOAD", method, target, q.Encode(), host), now)
	return w.url + target + "?" + q.Encode() + "&X-Amz-Signature=" + signature
}

// start makes the space.
func (w *world) start() *world {
	w.t.Helper()
	w.do("PUT", "/bbb", "").has(w.t, 200, "")
	return w
}
