package s3

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/phyllo-net/phyllo/gateway/files"
)

// Keys of what is kept beside a file.
const (
	userMeta = "user:"
	httpMeta = "http:"
	sumMeta  = "sum:"
)

// shown are the headers that are kept with a file and given out with it, and the
// parameters with which who reads it can have others.
var shown = map[string]string{
	"cache-control": "response-cache-control", "content-disposition": "response-content-disposition", "content-encoding": "response-content-encoding",
	"content-language": "response-content-language", "expires": "response-expires",
}

const (
	amzMeta    = "x-amz-meta-"
	maxUser    = 8 << 10 // bytes of a person's own metadata
	binary     = "binary/octet-stream"
	folderType = "application/x-directory"
)

// attrs reads what is to be kept from the headers of a request that writes.
func (c *call) attrs() (files.Attrs, error) {
	a := files.Attrs{Type: c.r.Header.Get("Content-Type"), Meta: map[string]string{}}
	size := 0
	for name, values := range c.r.Header {
		name = strings.ToLower(name)
		if user, ok := strings.CutPrefix(name, amzMeta); ok {
			a.Meta[userMeta+user] = strings.Join(values, ",")
			size += len(user) + len(a.Meta[userMeta+user])
		}
	}
	if size > maxUser {
		return a, files.ErrMeta
	}
	for name := range shown {
		v := c.r.Header.Get(name)
		if name == "content-encoding" {
			v = withoutChunks(v)
		}
		if v != "" {
			a.Meta[httpMeta+name] = v
		}
	}
	return a, files.CheckAttrs(a)
}

// withoutChunks takes the encoding away that the signature of chunks is.
func withoutChunks(encodings string) string {
	var out []string
	for e := range strings.SplitSeq(encodings, ",") {
		if e = strings.TrimSpace(e); e != "" && e != "aws-chunked" {
			out = append(out, e)
		}
	}
	return strings.Join(out, ", ")
}

// entry finds the version that the request is about.
func (c *call) entry(s files.Space, name, version string) (files.Entry, error) {
	e, err := s.Stat(c.ctx, name, version)
	switch {
	case errors.Is(err, files.ErrNotFound) && e.Removed:
		c.w.Header().Set("X-Amz-Delete-Marker", "true")
		if version != "" {
			return e, errMark
		}
		return e, errNoKey
	case errors.Is(err, files.ErrNotFound) && version != "":
		return e, errNoVersion
	case err != nil:
		return e, err
	case e.Implied():
		return e, errNoKey // S3 has no folders but those that somebody put
	}
	return e, nil
}

// versionOf is the version that a request names, or empty. "null" is S3's word for the
// one of a bucket without versions.
func versionOf(id string) string {
	if id == "null" {
		return ""
	}
	return id
}

// showVersion names a version in the answer, where the space keeps them.
func (c *call) showVersion(s files.Space, header, version string) error {
	on, err := s.History(c.ctx)
	if err == nil && (on || c.has("versionId")) {
		c.w.Header().Set(header, version)
	}
	return err
}

func (c *call) get() error {
	if n := c.query.Get("partNumber"); n != "" && n != "1" {
		return errNotImplemented
	}
	s, err := c.space()
	if err != nil {
		return err
	}
	e, err := c.entry(s, c.name, versionOf(c.query.Get("versionId")))
	if err != nil {
		return err
	}
	h := c.w.Header()
	h.Set("ETag", quoted(e.Tag()))
	h.Set("Last-Modified", e.Modified.UTC().Format(http.TimeFormat))
	if err := c.showVersion(s, "X-Amz-Version-Id", e.Version); err != nil {
		return err
	}
	if err := holds(c.r.Header, "", e, errNotModified); err != nil {
		return err
	}
	at, err := spanOf(c.r.Header.Get("Range"), e.Size)
	if err != nil {
		h.Set("Content-Range", fmt.Sprintf("bytes */%d", e.Size))
		return err
	}
	if c.r.Method == http.MethodHead || e.Folder() {
		c.head(e, at)
		return nil
	}
	content, err := s.Read(c.ctx, e.Name, e.Version, at.offset, at.length)
	if err != nil {
		return err
	}
	defer content.Close()
	return c.send(e, at, content)
}

// send sends the content. The first piece is read before anything is said, so that what
// cannot be reached has an answer that says so; later the connection is broken off.
func (c *call) send(e files.Entry, at span, content io.Reader) error {
	buf := make([]byte, min(at.length, 256<<10))
	n, err := io.ReadFull(content, buf)
	if err != nil {
		return fmt.Errorf("reading %d bytes of %d: %w", n, at.length, err)
	}
	c.head(e, at)
	if _, err := c.w.Write(buf); err != nil || int64(n) == at.length {
		return nil // all is said, or nobody waits any more
	}
	if m, err := io.CopyBuffer(c.w, struct{ io.Reader }{content}, buf); int64(n)+m != at.length {
		c.Log.Warn("S3: a file was not sent to its end", "sent", int64(n)+m, "of", at.length, "err", err)
		panic(http.ErrAbortHandler) // the reader must not take it for the whole
	}
	return nil
}

// head writes the headers of a file.
func (c *call) head(e files.Entry, at span) {
	h := c.w.Header()
	for name, parameter := range shown {
		v := e.Meta[httpMeta+name]
		if c.has(parameter) {
			v = c.query.Get(parameter)
		}
		if v != "" {
			h.Set(name, v)
		}
	}
	for _, user := range e.MetaKeys(userMeta) {
		h[amzMeta+user] = []string{e.Meta[userMeta+user]} // as it is: some programs look at the case
	}
	if strings.EqualFold(c.r.Header.Get("X-Amz-Checksum-Mode"), "enabled") && !at.part {
		for _, kind := range e.MetaKeys(sumMeta) {
			h.Set(checksum+kind, e.Meta[sumMeta+kind])
			h.Set(sumTypeName, sumType(e.Meta[sumMeta+kind]))
		}
	}
	showClass(h, e.Kept)
	h.Set("Content-Type", typeOf(e))
	if c.has("response-content-type") {
		h.Set("Content-Type", c.query.Get("response-content-type"))
	}
	h.Set("Accept-Ranges", "bytes")
	h.Set("Content-Length", strconv.FormatInt(at.length, 10))
	if at.part {
		h.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", at.offset, at.offset+at.length-1, e.Size))
		c.w.WriteHeader(http.StatusPartialContent)
		return
	}
	c.w.WriteHeader(http.StatusOK)
}

func typeOf(e files.Entry) string {
	switch {
	case e.Type != "":
		return e.Type
	case e.Folder():
		return folderType
	}
	return binary
}
