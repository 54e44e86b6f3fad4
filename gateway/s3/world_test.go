package s3_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/phyllo-net/phyllo/gateway/doortest"
	"github.com/phyllo-net/phyllo/gateway/files"
	"github.com/phyllo-net/phyllo/gateway/files/memory"
	"github.com/phyllo-net/phyllo/gateway/password"
	"github.com/phyllo-net/phyllo/gateway/s3"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is the door S3, and what signs requests. Its key is for the space bbb.
type world struct {
	*doortest.World
	region  string
	records *doortest.Records
	s3      *s3.Server
}

// open opens a door; the key is for the space bbb, which is not there yet.
func open(t *testing.T) *world { return openOn(t, memory.New(256<<20)) }

func openOn(t *testing.T, spaces files.Spaces) *world {
	t.Helper()
	w := &world{World: doortest.New(t, password.S3, spaces, "bbb"), region: "us-east-1", records: doortest.NewRecords()}
	w.restart(time.Now)
	return w
}

// restart ends the server, and starts it again with what it has kept.
func (w *world) restart(now func() time.Time) {
	w.Helper()
	var err error
	if w.s3, err = s3.New(s3.Config{Spaces: w.Of, Book: w.Book, Tally: w.Tally, Log: w.Logger, Now: now, Records: w.records}); err != nil {
		w.Fatal(err)
	}
	w.Open(w.s3)
}

// start makes the space.
func (w *world) start() *world {
	w.Helper()
	w.do("PUT", "/bbb", "").Has(w, 200, "")
	return w
}

// do signs a request and sends it.
func (w *world) do(method, target, body string, headers ...string) doortest.Answer {
	w.Helper()
	r := w.Request(method, target, body, headers...)
	w.sign(r, body, time.Now())
	return w.Send(r)
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
	r.Header.Set("Authorization", fmt.Sprintf("AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=%s, Signature=%s", w.Key.ID, w.scope(now), signed, w.signature(canonical.String(), now)))
}

func (w *world) scope(now time.Time) string {
	return now.UTC().Format("20060102") + "/" + w.region + "/s3/aws4_request"
}

func (w *world) signature(canonical string, now time.Time) string {
	key := []byte("AWS4" + w.Secret)
	for part := range strings.SplitSeq(w.scope(now), "/") {
		key = mac(key, part)
	}
	return hex.EncodeToString(mac(key, "AWS4-HMAC-SHA256\n"+now.UTC().Format("20060102T150405Z")+"\n"+w.scope(now)+"\n"+hexHash(canonical)))
}

// presign makes an address that is good for some seconds from now on.
func (w *world) presign(method, target string, now time.Time, seconds int) string {
	q := url.Values{"X-Amz-Algorithm": {"AWS4-HMAC-SHA256"}, "X-Amz-Credential": {w.Key.ID + "/" + w.scope(now)},
		"X-Amz-Date": {now.UTC().Format("20060102T150405Z")}, "X-Amz-Expires": {fmt.Sprint(seconds)}, "X-Amz-SignedHeaders": {"host"}}
	host := strings.TrimPrefix(w.URL, "http://")
	signature := w.signature(fmt.Sprintf("%s\n%s\n%s\nhost:%s\n\nhost\nUNSIGNED-PAYLOAD", method, target, q.Encode(), host), now)
	return w.URL + target + "?" + q.Encode() + "&X-Amz-Signature=" + signature
}
