package s3

import (
	"cmp"
	"encoding/xml"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/phyllo-net/phyllo/gateway/files"
)

const maxPut = 5 << 30 // bytes of one body

// incoming is how content that comes is kept, and the kind of the checksum that it must have, or
// none.
type incoming struct {
	how files.Class
	sum string
}

// draft takes the body in. The draft is discarded if it is not what was signed, or
// not what its sums say. Whoever gets it discards it.
func (c *call) draft(s files.Space, in incoming) (files.Draft, *sums, error) {
	n := c.claim.Length()
	switch {
	case n < 0:
		return nil, nil, errNoLength
	case n > maxPut:
		return nil, nil, errTooLarge
	}
	sum, err := c.sums()
	if err == nil && in.sum != "" {
		err = sum.require(in.sum)
	}
	if err != nil {
		return nil, nil, err
	}
	d, err := s.Draft(c.ctx, n, in.how)
	if err != nil {
		return nil, nil, err
	}
	got, err := io.CopyBuffer(struct{ io.Writer }{d}, io.TeeReader(c.claim.Body(c.r.Body, sum.trailer), sum), make([]byte, 64<<10))
	if err == nil {
		err = sum.check()
	} else {
		err = bodyFault(err)
	}
	if err == nil && got != n {
		err = refuse("IncompleteBody", 400, "the body is shorter or longer than it was said to be")
	}
	if err != nil {
		d.Discard()
		return nil, nil, err
	}
	return d, sum, nil
}

func (c *call) put() error {
	s, a, cond, err := c.writes()
	if err != nil {
		return err
	}
	how, _, err := class(c.r.Header)
	if err != nil {
		return err
	}
	d, sum, err := c.draft(s, incoming{how: how})
	if err != nil {
		return err
	}
	defer d.Discard()
	a.ETag = sum.tag()
	if sum.kind != "" {
		a.Meta[sumMeta+sum.kind] = sum.want
		c.w.Header().Set(checksum+sum.kind, sum.want)
	}
	content := []files.Draft{d}
	if strings.HasSuffix(c.name, "/") {
		if d.Size() > 0 {
			return invalid("a key that ends with \"/\" is a folder's, which has no content: leave the slash away")
		}
		content = nil
	}
	e, err := s.Put(c.ctx, c.name, content, a, cond)
	if err != nil {
		return err
	}
	return c.written(s, e)
}

// writes reads what all requests that write a file have.
func (c *call) writes() (files.Space, files.Attrs, files.Cond, error) {
	if err := c.refuseHeaders(); err != nil {
		return nil, files.Attrs{}, files.Cond{}, err
	}
	a, err := c.attrs()
	if err != nil {
		return nil, a, files.Cond{}, err
	}
	s, err := c.space()
	if err != nil {
		return nil, a, files.Cond{}, err
	}
	cond, err := c.cond(s)
	return s, a, cond, err
}

// written answers that a file is there.
func (c *call) written(s files.Space, e files.Entry) error {
	if err := c.showVersion(s, "X-Amz-Version-Id", e.Version); err != nil {
		return err
	}
	c.w.Header().Set("ETag", quoted(e.Tag()))
	c.w.WriteHeader(http.StatusOK)
	return nil
}

// source reads where a copy comes from, and checks that it may be read and is as the
// conditions say.
func (c *call) source() (files.Space, files.Entry, error) {
	path, query, _ := strings.Cut(c.r.Header.Get("X-Amz-Copy-Source"), "?")
	path, err := url.PathUnescape(path)
	if err != nil {
		return nil, files.Entry{}, invalid("X-Amz-Copy-Source is broken")
	}
	bucket, name, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	if err := files.CheckName(name); err != nil {
		return nil, files.Entry{}, err
	}
	if !c.key.May(bucket, false) {
		return nil, files.Entry{}, errDenied
	}
	version, ok := strings.CutPrefix(query, "versionId=")
	if query != "" && !ok {
		return nil, files.Entry{}, invalid("X-Amz-Copy-Source is broken")
	}
	s, err := c.spaces().Space(c.ctx, bucket)
	if err != nil {
		return nil, files.Entry{}, err
	}
	e, err := c.entry(s, name, versionOf(version))
	if err != nil {
		return nil, e, err
	}
	return s, e, holds(c.r.Header, "X-Amz-Copy-Source-", e, errCondition)
}

// copyAs stores the content of another file again, in a way that is not its own. With a nil a it keeps the
// attributes.
func (c *call) copyAs(s, source files.Space, e files.Entry, how files.Class, a *files.Attrs, cond files.Cond) (files.Entry, error) {
	d, sum, err := c.draftOf(s, source, e, span{0, e.Size, false}, incoming{how: how})
	if err != nil {
		return files.Entry{}, err
	}
	defer d.Discard()
	if a == nil {
		a = &e.Attrs
	}
	kept := *a
	kept.ETag = cmp.Or(kept.ETag, sum.tag())
	return s.Put(c.ctx, c.name, []files.Draft{d}, kept, cond)
}

type copied struct {
	XMLName      xml.Name
	ETag         string
	LastModified string
}

func (c *call) copyObject() error {
	s, a, cond, err := c.writes()
	if err != nil {
		return err
	}
	source, e, err := c.source()
	if err != nil {
		return err
	}
	how, said, err := class(c.r.Header)
	if err != nil {
		return err
	}
	other := said && how != e.Kept.Class() && e.Size > 0 // it is stored again, in another way
	keep := &a
	switch directive := c.r.Header.Get("X-Amz-Metadata-Directive"); {
	case directive == "REPLACE":
		a.ETag = e.ETag
		for _, kind := range e.MetaKeys(sumMeta) {
			a.Meta[sumMeta+kind] = e.Meta[sumMeta+kind]
		}
		if a.Type == "" {
			a.Type = e.Type
		}
	case directive != "" && directive != "COPY":
		return invalid("X-Amz-Metadata-Directive is COPY or REPLACE")
	case e.Name == c.name && e.Latest && !other:
		return refuse("InvalidRequest", 400, "a copy of a file onto itself changes nothing: give another storage class, or other metadata with X-Amz-Metadata-Directive: REPLACE")
	default:
		keep = nil
	}
	var to files.Entry
	if other {
		to, err = c.copyAs(s, source, e, how, keep, cond)
	} else {
		to, err = s.Copy(c.ctx, files.Ref{Name: e.Name, Version: e.Version}, c.name, keep, cond)
	}
	if err != nil {
		return err
	}
	if err := c.showVersion(s, "X-Amz-Version-Id", to.Version); err != nil {
		return err
	}
	c.answer(http.StatusOK, copied{XMLName: xml.Name{Local: "CopyObjectResult"}, ETag: quoted(to.Tag()), LastModified: stamp(to.Modified)})
	return nil
}
