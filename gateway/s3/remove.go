package s3

import (
	"encoding/xml"
	"errors"
	"net/http"

	"github.com/phyllo-net/phyllo/gateway/files"
)

// MaxRemove is how many files one request may remove.
const MaxRemove = 1000

// remove removes a file or a version. One that is not there is removed already.
func (c *call) remove() error {
	s, err := c.space()
	if err != nil {
		return err
	}
	cond, err := c.cond(s)
	if err != nil {
		return err
	}
	version := versionOf(c.query.Get("versionId"))
	e, err := s.Remove(c.ctx, c.name, version, cond)
	if err != nil && !errors.Is(err, files.ErrNotFound) {
		return err
	}
	if e.Removed {
		c.w.Header().Set("X-Amz-Delete-Marker", "true")
	}
	if e.Removed || version != "" {
		c.w.Header().Set("X-Amz-Version-Id", e.Version)
	}
	c.w.WriteHeader(http.StatusNoContent)
	return nil
}

type removal struct {
	Key       string
	VersionID string `xml:"VersionId,omitempty"`
	ETag      string `xml:",omitempty"`
}

type removed struct {
	removal
	DeleteMarker          bool   `xml:",omitempty"`
	DeleteMarkerVersionID string `xml:"DeleteMarkerVersionId,omitempty"`
}

type notRemoved struct {
	removal
	Code, Message string
}

func (c *call) deleteMany() error {
	var in struct {
		Quiet  bool
		Object []removal
	}
	if err := c.decode("Delete", &in); err != nil {
		return err
	}
	if len(in.Object) > MaxRemove || len(in.Object) == 0 {
		return errXML
	}
	s, err := c.space()
	if err != nil {
		return err
	}
	var out struct {
		XMLName xml.Name     `xml:"DeleteResult"`
		NS      string       `xml:"xmlns,attr"`
		Deleted []removed    `xml:"Deleted"`
		Error   []notRemoved `xml:"Error"`
	}
	out.NS = xmlns
	for _, x := range in.Object {
		e, err := c.removeOne(s, x)
		if err != nil {
			f, _ := faultOf(err)
			out.Error = append(out.Error, notRemoved{x, f.code, f.text})
			continue
		}
		if in.Quiet {
			continue
		}
		r := removed{removal: removal{Key: x.Key, VersionID: x.VersionID}, DeleteMarker: e.Removed}
		if e.Removed {
			r.DeleteMarkerVersionID = e.Version
		}
		out.Deleted = append(out.Deleted, r)
	}
	c.answer(http.StatusOK, out)
	return nil
}

// removeOne removes one of many; what is not there is removed already.
func (c *call) removeOne(s files.Space, x removal) (files.Entry, error) {
	if err := files.CheckName(x.Key); err != nil {
		return files.Entry{}, err
	}
	cond := files.Cond{}
	if x.ETag != "" {
		e, err := s.Stat(c.ctx, x.Key, "")
		if err != nil {
			return e, err
		}
		if !matches(x.ETag, e.Tag()) {
			return e, errCondition
		}
		cond.Version = e.Version
	}
	e, err := s.Remove(c.ctx, x.Key, versionOf(x.VersionID), cond)
	if errors.Is(err, files.ErrNotFound) {
		return files.Entry{}, nil
	}
	return e, err
}
