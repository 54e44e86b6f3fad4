package s3

import (
	"encoding/xml"
	"io"
	"net/http"
	"strconv"
	"strings"

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
	x, err := c.uploads.begin(c.place(), c.name, a, c.Now())
	if err != nil {
		return err
	}
	c.answer(http.StatusOK, struct {
		XMLName  xml.Name `xml:"InitiateMultipartUploadResult"`
		NS       string   `xml:"xmlns,attr"`
		Bucket   string
		Key      string
		UploadID string `xml:"UploadId"`
	}{NS: xmlns, Bucket: c.bucket, Key: c.name, UploadID: x.id})
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
	if _, err := c.uploads.partsOf(c.uploadID(), c.place(), c.name); err != nil {
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
		d, sum, err = c.draftOfSource(s)
	} else {
		d, sum, err = c.draft(s)
	}
	if err != nil {
		return err
	}
	p := &part{draft: d, tag: sum.tag(), at: c.Now(), n: n}
	if err := c.uploads.add(c.uploadID(), c.place(), c.name, p); err != nil {
		return err
	}
	if from {
		c.answer(http.StatusOK, copied{XMLName: xml.Name{Local: "CopyPartResult"}, ETag: quoted(p.tag), LastModified: stamp(p.at)})
		return nil
	}
	if sum.kind != "" {
		c.w.Header().Set(checksum+sum.kind, sum.want)
	}
	c.w.Header().Set("ETag", quoted(p.tag))
	c.w.WriteHeader(http.StatusOK)
	return nil
}

// draftOfSource takes a part of another file in.
func (c *call) draftOfSource(s files.Space) (files.Draft, *sums, error) {
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
	content, err := source.Read(c.ctx, e.Name, e.Version, at.offset, at.length)
	if err != nil {
		return nil, nil, err
	}
	defer content.Close()
	d, err := s.Draft(c.ctx, at.length)
	if err != nil {
		return nil, nil, err
	}
	sum := newSums()
	if _, err := io.Copy(d, io.TeeReader(content, sum)); err != nil {
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
	x, drafts, tag, err := c.uploads.take(c.uploadID(), c.place(), c.name, in.Part)
	if err != nil {
		return err
	}
	a := x.attrs
	a.ETag = tag
	e, err := s.Put(c.ctx, c.name, drafts, a, cond)
	c.uploads.done(x, err == nil)
	if err != nil {
		return err
	}
	if err := c.showVersion(s, "X-Amz-Version-Id", e.Version); err != nil {
		return err
	}
	c.answer(http.StatusOK, struct {
		XMLName  xml.Name `xml:"CompleteMultipartUploadResult"`
		NS       string   `xml:"xmlns,attr"`
		Location string
		Bucket   string
		Key      string
		ETag     string
	}{NS: xmlns, Location: "/" + c.bucket + "/" + c.name, Bucket: c.bucket, Key: c.name, ETag: quoted(tag)})
	return nil
}

func (c *call) abortUpload() error {
	if err := c.uploads.abort(c.uploadID(), c.place(), c.name); err != nil {
		return err
	}
	c.w.WriteHeader(http.StatusNoContent)
	return nil
}

func (c *call) listParts() error {
	parts, err := c.uploads.partsOf(c.uploadID(), c.place(), c.name)
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
		Owner                *owner
		Part                 []shownPart
	}{NS: xmlns, Bucket: c.bucket, Key: c.name, UploadID: c.uploadID(), PartNumberMarker: after, MaxParts: limit, StorageClass: "STANDARD", Owner: theOwner()}
	for _, p := range parts {
		if p.n <= after {
			continue
		}
		if len(out.Part) == limit {
			out.IsTruncated = true
			break
		}
		out.Part = append(out.Part, shownPart{p.n, stamp(p.at), quoted(p.tag), p.draft.Size()})
		out.NextPartNumberMarker = p.n
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
		NextKeyMarker      string `xml:",omitempty"`
		NextUploadIDMarker string `xml:"NextUploadIdMarker,omitempty"`
		MaxUploads         int
		EncodingType       string `xml:",omitempty"`
		IsTruncated        bool
		Upload             []shownUpload
	}{NS: xmlns, Bucket: c.bucket, Prefix: l.text(l.prefix), KeyMarker: l.text(l.after), MaxUploads: MaxUploads, EncodingType: c.query.Get("encoding-type")}
	for _, x := range c.uploads.of(c.place(), l.prefix) {
		if x.name > l.after || l.after == "" {
			out.Upload = append(out.Upload, shownUpload{l.text(x.name), x.id, stamp(x.begun), "STANDARD", theOwner()})
		}
	}
	c.answer(http.StatusOK, out)
	return nil
}
