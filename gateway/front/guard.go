package front

import (
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"runtime/debug"
	"strings"
	"sync"
	"time"
)

// Tally counts bad input of one door. Make one with NewTally.
type Tally struct {
	door string
	log  *slog.Logger

	mu     sync.Mutex
	bad    map[string]uint64
	logged map[string]time.Time
}

// NewTally counts for a door, whose name begins each kind: "s3-signature".
func NewTally(door string, log *slog.Logger) *Tally {
	return &Tally{door: door, log: log, bad: map[string]uint64{}, logged: map[string]time.Time{}}
}

// Refused counts one refusal of a kind, and logs it unless that was done in the last
// minute. kind is one of a fixed number of words; nothing from outside is logged.
func (t *Tally) Refused(kind string) {
	kind = t.door + "-" + kind
	t.mu.Lock()
	defer t.mu.Unlock()
	t.bad[kind]++
	if now := time.Now(); now.Sub(t.logged[kind]) >= time.Minute {
		t.logged[kind] = now
		t.log.Warn("a door refused a request", "kind", kind, "count", t.bad[kind])
	}
}

// Counts returns what was counted so far, by kind.
func (t *Tally) Counts() map[string]uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return maps.Clone(t.bad)
}

// guard bounds what a request may be, and contains faults of ours to one request.
func guard(c Config, at *net.TCPAddr) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			fault := recover()
			if fault == nil {
				return
			}
			if fault != http.ErrAbortHandler {
				c.Log.Error("a fault in a door", "fault", fault, "stack", string(debug.Stack()))
			}
			panic(http.ErrAbortHandler) // close the connection: what was said on it is not whole
		}()
		if status, kind := refusal(r, at.IP.IsLoopback()); status != 0 {
			c.Tally.Refused(kind)
			w.Header().Set("Connection", "close")
			http.Error(w, "refused: "+http.StatusText(status), status)
			return
		}
		if r.ContentLength == 0 && r.ProtoMajor == 1 && strings.EqualFold(r.Header.Get("Expect"), "100-continue") {
			// net/http says it only before a body. Botocore 1.29 takes the answer to its next
			// request for this one's if it does not hear it.
			w.WriteHeader(http.StatusContinue)
		}
		// What is stored here is not ours: a browser shall not run it with our origin.
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Content-Security-Policy", "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src 'self'; media-src 'self'")
		rc := http.NewResponseController(w)
		if r.Body != nil && r.Body != http.NoBody {
			r = r.WithContext(r.Context()) // net/http looks at the body of its own when all is said
			r.Body = &flowing{ReadCloser: r.Body, rc: rc, since: paceBytes}
		}
		c.Handler.ServeHTTP(&pacing{ResponseWriter: w, rc: rc}, r)
	})
}

// refusal is why a request is not let in, or 0.
func refusal(r *http.Request, loopback bool) (status int, kind string) {
	lines := 0
	for _, v := range r.Header {
		lines += len(v)
	}
	switch {
	case lines > MaxHeaders:
		return http.StatusRequestHeaderFieldsTooLarge, "http-header"
	case len(r.RequestURI) > MaxURI:
		return http.StatusRequestURITooLong, "http-uri"
	case strings.IndexByte(r.URL.Path, 0) >= 0:
		return http.StatusBadRequest, "http-uri"
	case loopback && !isLoopback(r.Host):
		return http.StatusMisdirectedRequest, "http-host"
	case r.Method != http.MethodGet && r.Method != http.MethodHead && fromElsewhere(r):
		return http.StatusForbidden, "http-cross-site"
	}
	return 0, ""
}

func isLoopback(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && ip.IsLoopback()
}

// fromElsewhere reports whether a browser says that another site's page has made the
// request. Programs that are no browsers say nothing.
func fromElsewhere(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "same-origin", "none":
		return false
	case "":
	default:
		return true
	}
	origin := r.Header.Get("Origin")
	if origin == "" {
		return false
	}
	u, err := url.Parse(origin)
	return err != nil || !strings.EqualFold(u.Host, r.Host)
}

// flowing is a body that is given up when it stops flowing.
type flowing struct {
	io.ReadCloser
	rc    *http.ResponseController
	since int // bytes since the deadline was set
}

// Read implements io.Reader.
func (f *flowing) Read(b []byte) (int, error) {
	if f.since >= paceBytes {
		f.since = 0
		f.rc.SetReadDeadline(time.Now().Add(paceTime)) // an error of it comes with the next read
	}
	n, err := f.ReadCloser.Read(b)
	f.since += n
	return n, err
}

// pacing is an answer that is given up when nobody takes it.
type pacing struct {
	http.ResponseWriter
	rc *http.ResponseController
}

// Unwrap is for http.ResponseController.
func (p *pacing) Unwrap() http.ResponseWriter { return p.ResponseWriter }

// WriteHeader implements http.ResponseWriter.
func (p *pacing) WriteHeader(status int) {
	p.rc.SetWriteDeadline(time.Now().Add(paceTime))
	p.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter. A deadline that cannot be set shows in the
// write.
func (p *pacing) Write(b []byte) (int, error) {
	n := 0
	for {
		p.rc.SetWriteDeadline(time.Now().Add(paceTime))
		m, err := p.ResponseWriter.Write(b[:min(len(b), paceBytes)])
		n, b = n+m, b[m:]
		if err != nil || len(b) == 0 {
			return n, err
		}
	}
}
