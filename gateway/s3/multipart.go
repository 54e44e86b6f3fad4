package s3

import (
	"context"
	"encoding/xml"
	"errors"
	"io"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/phyllo-net/phyllo/gateway/files"
)

func (c *call) uploadID() string { return c.query.Get("uploadId") }

func (c *call) createUpload() error {
	_, a, _, err := c.writes()
	if err != nil {
		return err
	}
	if strings.HasSuffix(c.name, "/") {
		return invalid("a key that ends with \"/\" is a folder's, which has no content: leave the slash away")
	}
	how, _, err := class(c.r.Header)
	if err != nil {
		return err
	}
	x := &upload{Name: c.name, Attrs: a, Class: how, Begun: c.Now()}
	if x.Sum, x.Whole, err = declared(c.r.Header); err != nil {
		return err
	}
	if err := c.uploads.begin(c.place(), x); err != nil {
		return err
	}
	if x.Sum != "" {
		c.w.Header().Set(sumAlgorithm, strings.ToUpper(x.Sum))
		c.w.Header().Set(sumTypeName, x.sumType())
	}
	c.answer(http.StatusOK, struct {
		XMLName  xml.Name `xml:"InitiateMultipartUploadResult"`
		NS       string   `xml:"xmlns,attr"`
		Bucket   string
		Key      string
		UploadID string `xml:"UploadId"`
	}{NS: xmlns, Bucket: c.bucket, Key: c.name, UploadID: x.ID})
	return nil
}

func (c *call) uploadPart() error {
	n, err := strconv.Atoi(c.query.Get("partNumber"))
	if err != nil || n < 1 || n > MaxParts {
		return invalid("partNumber must be a number from 1 to 10000")
	}
	if err := c.refuseHeaders(); err != nil {
		return err
	}
	in, err := c.uploads.wants(c.uploadID(), c.place(), c.name)
	if err != nil {
		return err // before the body is read
	}
	s, err := c.space()
	if err != nil {
		return err
	}
	from := c.r.Header.Get("X-Amz-Copy-Source") != ""
	var d files.Draft
	var sum *sums
	if from {
		d, sum, err = c.draftOfSource(s, in)
	} else {
		d, sum, err = c.draft(s, in)
	}
	if err != nil {
		return err
	}
	p := part{N: n, Tag: sum.tag(), Size: d.Size(), At: c.Now()}
	if in.sum != "" {
		p.Sum = sum.want
	}
	if err := c.keep(s, d, p); err != nil {
		d.Discard()
		return err
	}
	if from {
		c.answer(http.StatusOK, copied{XMLName: xml.Name{Local: "CopyPartResult"}, ETag: quoted(p.Tag), LastModified: stamp(p.At)})
		return nil
	}
	if sum.kind != "" {
		c.w.Header().Set(checksum+sum.kind, sum.want)
	}
	c.w.Header().Set("ETag", quoted(p.Tag))
	c.w.WriteHeader(http.StatusOK)
	return nil
}

// keep makes a part durable, and then gives back the one whose place it takes.
func (c *call) keep(s files.Space, d files.Draft, p part) (err error) {
	if p.Saved, err = d.Save(); err != nil {
		return err
	}
	old, err := c.uploads.add(c.uploadID(), c.place(), c.name, p)
	if err == nil && old != nil {
		c.discard(c.ctx, s, []part{*old}, nil)
	}
	return err
}

// draftOfSource takes a part of another file in.
func (c *call) draftOfSource(s files.Space, in incoming) (files.Draft, *sums, error) {
	source, e, err := c.source()
	if err != nil {
		return nil, nil, err
	}
	at := span{0, e.Size, false}
	if header := c.r.Header.Get("X-Amz-Copy-Source-Range"); header != "" {
		if at, err = spanOf(header, e.Size); err != nil || !at.part {
			return nil, nil, errRange
		}
	}
	return c.draftOf(s, source, e, at, in)
}

// draftOf takes a part of a file in.
func (c *call) draftOf(s, source files.Space, e files.Entry, at span, in incoming) (files.Draft, *sums, error) {
	content, err := source.Read(c.ctx, e.Name, e.Version, at.offset, at.length)
	if err != nil {
		return nil, nil, err
	}
	defer content.Close()
	d, err := s.Draft(c.ctx, at.length, in.how)
	if err != nil {
		return nil, nil, err
	}
	sum := newSums()
	if in.sum != "" {
		err = sum.require(in.sum)
	}
	if err == nil {
		_, err = io.Copy(d, io.TeeReader(content, sum))
	}
	if err == nil {
		err = sum.check()
	}
	if err != nil {
		d.Discard()
		return nil, nil, err
	}
	return d, sum, nil
}

type namedPart struct {
	PartNumber int
	ETag       string
}

func (c *call) completeUpload() error {
	var in struct{ Part []namedPart }
	// A checksum here is the file's and not this body's.
	said := map[string]string{}
	for kind := range algorithms {
		said[kind] = c.r.Header.Get(checksum + kind)
		c.r.Header.Del(checksum + kind)
	}
	if err := c.decode("CompleteMultipartUpload", &in); err != nil {
		return err
	}
	if len(in.Part) == 0 || len(in.Part) > MaxParts {
		return errXML
	}
	s, err := c.space()
	if err != nil {
		return err
	}
	cond, err := c.cond(s)
	if err != nil {
		return err
	}
	x, err := c.uploads.take(c.uploadID(), c.place(), c.name, in.Part, said)
	if err != nil {
		return err
	}
	e, err := c.complete(s, x, cond)
	if err != nil {
		return err
	}
	if err := c.showVersion(s, "X-Amz-Version-Id", e.Version); err != nil {
		return err
	}
	out := struct {
		XMLName      xml.Name `xml:"CompleteMultipartUploadResult"`
		NS           string   `xml:"xmlns,attr"`
		Location     string
		Bucket       string
		Key          string
		ETag         string
		Checksum     *shownSum
		ChecksumType string `xml:",omitempty"`
	}{NS: xmlns, Location: "/" + c.bucket + "/" + c.name, Bucket: c.bucket, Key: c.name, ETag: quoted(x.tag)}
	if x.Sum != "" {
		out.Checksum, out.ChecksumType = showSum(x.Sum, x.sum), x.sumType()
	}
	c.answer(http.StatusOK, out)
	return nil
}

// completeTime is how long an upload is being completed at most, also when nobody waits for it any
// more: so it is rarely unknown what became of it.
const completeTime = 5 * time.Minute

// complete makes a file of an upload's parts.
func (c *call) complete(s files.Space, x *completing, cond files.Cond) (files.Entry, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.ctx), completeTime)
	defer cancel()
	var drafts []files.Draft
	for _, p := range x.parts {
		d, err := s.Saved(ctx, p.Saved)
		if errors.Is(err, files.ErrNotFound) {
			err = errPart // what was kept of it is damaged: who uploads it again can go on
		}
		if err != nil {
			return files.Entry{}, errors.Join(err, c.uploads.refused(x))
		}
		drafts = append(drafts, d)
	}
	a := x.Attrs
	a.ETag, cond.Once = x.tag, x.once()
	if x.Sum != "" {
		a.Meta = maps.Clone(a.Meta)
		if a.Meta == nil {
			a.Meta = map[string]string{}
		}
		a.Meta[sumMeta+x.Sum] = x.sum
	}
	e, err := s.Put(ctx, c.name, drafts, a, cond)
	switch {
	case decided(err):
		return e, errors.Join(err, c.uploads.refused(x))
	case err != nil:
		c.uploads.letGo(x.upload)
		return e, err
	}
	all, err := c.uploads.end(x.upload)
	if err == nil && !x.again {
		c.discard(ctx, s, all, x.parts)
	}
	return e, err
}

// decided reports whether a Put that ended with this error has changed nothing, for certain.
func decided(err error) bool {
	return errors.Is(err, files.ErrChanged) || errors.Is(err, files.ErrClash) || errors.Is(err, files.ErrName) || errors.Is(err, files.ErrMeta)
}

func (c *call) abortUpload() error {
	x, err := c.uploads.hold(c.uploadID(), c.place(), c.name)
	if err == nil {
		err = c.giveUp(c.ctx, x)
	}
	if err != nil {
		return err
	}
	c.w.WriteHeader(http.StatusNoContent)
	return nil
}

func (c *call) listParts() error {
	x, parts, err := c.uploads.partsOf(c.uploadID(), c.place(), c.name)
	if err != nil {
		return err
	}
	after, _ := strconv.Atoi(c.query.Get("part-number-marker")) // 0 if there is none
	limit := files.MaxPage
	if n, err := strconv.Atoi(c.query.Get("max-parts")); err == nil && n > 0 {
		limit = min(n, limit)
	}
	type shownPart struct {
		PartNumber   int
		LastModified string
		ETag         string
		Size         int64
		Checksum     *shownSum
	}
	out := struct {
		XMLName              xml.Name `xml:"ListPartsResult"`
		NS                   string   `xml:"xmlns,attr"`
		Bucket               string
		Key                  string
		UploadID             string `xml:"UploadId"`
		PartNumberMarker     int
		NextPartNumberMarker int
		MaxParts             int
		IsTruncated          bool
		StorageClass         string
		ChecksumAlgorithm    string `xml:",omitempty"`
		ChecksumType         string `xml:",omitempty"`
		Owner                *owner
		Part                 []shownPart
	}{NS: xmlns, Bucket: c.bucket, Key: c.name, UploadID: c.uploadID(), PartNumberMarker: after, MaxParts: limit, StorageClass: className(x.Class), Owner: theOwner()}
	if x.Sum != "" {
		out.ChecksumAlgorithm, out.ChecksumType = strings.ToUpper(x.Sum), x.sumType()
	}
	for _, p := range parts {
		if p.N <= after {
			continue
		}
		if len(out.Part) == limit {
			out.IsTruncated = true
			break
		}
		out.Part = append(out.Part, shownPart{p.N, stamp(p.At), quoted(p.Tag), p.Size, showSum(x.Sum, p.Sum)})
		out.NextPartNumberMarker = p.N
	}
	c.answer(http.StatusOK, out)
	return nil
}

func (c *call) listUploads() error {
	if _, err := c.space(); err != nil {
		return err
	}
	l, err := c.listing(c.query.Get("key-marker"))
	if err != nil {
		return err
	}
	limit := MaxUploads
	if n, err := strconv.Atoi(c.query.Get("max-uploads")); err == nil && n > 0 {
		limit = min(n, limit)
	}
	type shownUpload struct {
		Key          string
		UploadID     string `xml:"UploadId"`
		Initiated    string
		StorageClass string
		Owner        *owner
	}
	out := struct {
		XMLName            xml.Name `xml:"ListMultipartUploadsResult"`
		NS                 string   `xml:"xmlns,attr"`
		Bucket             string
		Prefix             string
		KeyMarker          string
		UploadIDMarker     string `xml:"UploadIdMarker"`
		NextKeyMarker      string `xml:",omitempty"`
		NextUploadIDMarker string `xml:"NextUploadIdMarker,omitempty"`
		MaxUploads         int
		EncodingType       string `xml:",omitempty"`
		IsTruncated        bool
		Upload             []shownUpload
	}{NS: xmlns, Bucket: c.bucket, Prefix: l.text(l.prefix), KeyMarker: l.text(l.after), UploadIDMarker: c.query.Get("upload-id-marker"), MaxUploads: limit,
		EncodingType: c.query.Get("encoding-type")}
	for _, x := range c.uploads.of(c.place(), l.prefix) {
		if x.Name < l.after || x.Name == l.after && (out.UploadIDMarker == "" || x.ID <= out.UploadIDMarker) && l.after != "" {
			continue
		}
		if len(out.Upload) == limit {
			out.IsTruncated = true
			break
		}
		out.Upload = append(out.Upload, shownUpload{l.text(x.Name), x.ID, stamp(x.Begun), className(x.Class), theOwner()})
		out.NextKeyMarker, out.NextUploadIDMarker = l.text(x.Name), x.ID
	}
	if !out.IsTruncated {
		out.NextKeyMarker, out.NextUploadIDMarker = "", ""
	}
	c.answer(http.StatusOK, out)
	return nil
}
