package s3

import (
	"context"
	"crypto/rand"
	"encoding/xml"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/phyllo-net/phyllo/gateway/files"
	"github.com/phyllo-net/phyllo/gateway/front"
	"github.com/phyllo-net/phyllo/gateway/password"
	"github.com/phyllo-net/phyllo/gateway/s3/sig"
)

// Config is what a Server needs; all of it is required.
type Config struct {
	// Spaces are those of a key's user.
	Spaces func(user string) files.Spaces
	Book   *password.Book
	Tally  *front.Tally
	Log    *slog.Logger
	Now    func() time.Time
	// Records keep uploads in parts. They are the server's alone.
	Records Records
}

// Server is an http.Handler that speaks S3; it is served by package front. Make one
// with New.
type Server struct {
	Config
	uploads uploads
}

// New returns a Server, which goes on with the uploads in parts that its Records have.
func New(c Config) (*Server, error) {
	s := &Server{Config: c, uploads: uploads{records: c.Records, log: c.Log, all: map[string]*upload{}}}
	if err := s.uploads.open(); err != nil {
		return nil, fmt.Errorf("reading which uploads in parts are open: %w", err)
	}
	return s, nil
}

// call is one request.
type call struct {
	*Server
	w     http.ResponseWriter
	r     *http.Request
	ctx   context.Context
	query url.Values
	id    string
	claim *sig.Claim
	key   password.Key

	bucket, name string // name: of a file or folder, may be empty
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := &call{Server: s, w: w, r: r, ctx: r.Context(), id: rand.Text()[:16]}
	w.Header().Set("X-Amz-Request-Id", c.id)
	w.Header().Set("Server", "phyllo")
	if err := c.enter(); err != nil {
		c.fail(err)
		return
	}
	if err := c.route(); err != nil {
		c.fail(err)
	}
}

// enter finds out who asks for what.
func (c *call) enter() error {
	claim, err := sig.Parse(c.r, c.Now())
	if err != nil {
		return err
	}
	if c.key, err = c.Book.Signed(c.r.RemoteAddr, claim.ID, claim.Good); err != nil {
		return err
	}
	c.claim = claim
	if c.query, err = url.ParseQuery(c.r.URL.RawQuery); err != nil {
		return invalid("the address's query is broken")
	}
	c.bucket, c.name, _ = strings.Cut(strings.TrimPrefix(c.r.URL.Path, "/"), "/")
	return nil
}

// has reports whether the address names this part of a bucket or file.
func (c *call) has(part string) bool { return c.query.Has(part) }

// change reports whether the method changes anything.
func (c *call) change() bool {
	return c.r.Method != http.MethodGet && c.r.Method != http.MethodHead
}

// unoffered are the parts of buckets and files that no space has.
var unoffered = []string{"policyStatus", "analytics", "inventory", "metrics", "intelligent-tiering", "torrent", "select", "legal-hold",
	"retention", "attributes", "metadataTable", "session", "append"}

func (c *call) route() error {
	if c.bucket == "" {
		if c.r.Method != http.MethodGet {
			return errMethod
		}
		return c.listBuckets()
	}
	if !c.key.May(c.bucket, false) {
		return errDenied
	}
	if c.change() && !c.key.May(c.bucket, true) {
		return errReadOnly
	}
	if slices.ContainsFunc(unoffered, c.has) {
		return errNotImplemented
	}
	if c.name == "" {
		return c.routeBucket()
	}
	if err := files.CheckName(c.name); err != nil {
		return err
	}
	return c.routeObject()
}

func (c *call) routeBucket() error {
	if done, err := c.routePart(); done {
		return err
	}
	switch c.r.Method {
	case http.MethodPut:
		return c.createBucket()
	case http.MethodDelete:
		return c.deleteBucket()
	case http.MethodHead:
		return c.headBucket()
	case http.MethodPost:
		if c.has("delete") {
			return c.deleteMany()
		}
		return errNotImplemented // a browser's form
	case http.MethodGet:
		switch {
		case c.has("location"):
			return c.location()
		case c.has("versioning"):
			return c.versioning()
		case c.has("versions"):
			return c.listVersions()
		case c.has("uploads"):
			return c.listUploads()
		}
		return c.list()
	}
	return errMethod
}

func (c *call) routeObject() error {
	if done, err := c.routePart(); done {
		return err
	}
	switch c.r.Method {
	case http.MethodGet, http.MethodHead:
		if c.has("uploadId") {
			return c.listParts()
		}
		return c.get()
	case http.MethodPut:
		switch {
		case c.has("uploadId"):
			return c.uploadPart()
		case c.r.Header.Get("X-Amz-Copy-Source") != "":
			return c.copyObject()
		}
		return c.put()
	case http.MethodPost:
		switch {
		case c.has("restore"):
			return c.restore()
		case c.has("uploads"):
			return c.createUpload()
		case c.has("uploadId"):
			return c.completeUpload()
		}
		return errNotImplemented
	case http.MethodDelete:
		if c.has("uploadId") {
			return c.abortUpload()
		}
		return c.remove()
	}
	return errMethod
}

// space opens the space that the request is about.
func (c *call) space() (files.Space, error) { return c.spaces().Space(c.ctx, c.bucket) }

// place is the bucket among those of all users, who may call theirs by the same name.
func (c *call) place() place { return place{c.key.User, c.bucket} }

func (c *call) spaces() files.Spaces { return c.Spaces(c.key.User) }

// answer writes XML. An error of writing means that nobody waits any more.
func (c *call) answer(status int, v any) {
	b, err := xml.Marshal(v)
	if err != nil {
		c.Log.Error("an answer of S3 cannot be written as XML", "err", err)
		status, b = http.StatusInternalServerError, nil
	}
	c.w.Header().Set("Content-Type", "application/xml")
	c.w.WriteHeader(status)
	if c.r.Method != http.MethodHead {
		c.w.Write(append([]byte(xml.Header), b...))
	}
}

// stamp is how times stand in XML.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// quoted is an entity tag as it stands in answers.
func quoted(tag string) string { return `"` + tag + `"` }

const xmlns = "http://s3.amazonaws.com/doc/2006-03-01/"

// owner is who owns everything: the node's person, who has no name here.
type owner struct{ ID, DisplayName string }

func theOwner() *owner { return &owner{"phyllo", "phyllo"} }
