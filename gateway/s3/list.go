package s3

import (
	"encoding/base64"
	"encoding/xml"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/phyllo-net/phyllo/gateway/files"
)

// listing is what a request for a list asks for.
type listing struct {
	prefix, delimiter, after, version string
	limit                             int
	encode                            bool
}

func (c *call) listing(after string) (listing, error) {
	q := c.query
	l := listing{prefix: q.Get("prefix"), delimiter: q.Get("delimiter"), after: after, limit: files.MaxPage}
	if v := q.Get("max-keys"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil || n < 0 {
			return l, invalid("max-keys must be a number from 0 to 1000")
		}
		l.limit = min(n, l.limit)
	}
	switch q.Get("encoding-type") {
	case "":
	case "url":
		l.encode = true
	default:
		return l, invalid("encoding-type can be url alone")
	}
	for _, s := range []string{l.prefix, l.delimiter, l.after} {
		if len(s) > files.MaxName {
			return l, refuse("KeyTooLongError", 400, "prefix, delimiter and marker have at most 1024 bytes")
		}
	}
	return l, nil
}

// text is how names stand in the answer.
func (l listing) text(name string) string {
	if !l.encode {
		return name
	}
	return strings.ReplaceAll(url.QueryEscape(name), "%2F", "/")
}

// page asks for one page. A space folds at "/"; other delimiters are folded here.
func (c *call) page(s files.Space, l listing, versions bool) (files.Page, error) {
	if l.limit == 0 {
		return files.Page{}, nil
	}
	ask := s.List
	if versions {
		ask = s.Versions
	}
	q := files.Query{Prefix: l.prefix, Fold: l.delimiter == "/", After: l.after, AfterVersion: l.version, Limit: l.limit}
	if l.delimiter == "" || q.Fold {
		return ask(c.ctx, q)
	}
	var out files.Page
	q.Limit = files.MaxPage
	for {
		p, err := ask(c.ctx, q)
		if err != nil {
			return out, err
		}
		for _, e := range p.Entries {
			folder, folded := l.fold(e.Name)
			if folded && (folder == l.after || slices.Contains(out.Folders, folder)) {
				continue
			}
			if len(out.Entries)+len(out.Folders) == l.limit {
				out.More = true
				return out, nil
			}
			if folded {
				out.Folders = append(out.Folders, folder)
				out.Next, out.NextVersion = folder, ""
				continue
			}
			out.Entries = append(out.Entries, e)
			out.Next, out.NextVersion = e.Name, e.Version
		}
		if !p.More {
			out.Next, out.NextVersion = "", ""
			return out, nil
		}
		q.After, q.AfterVersion = p.Next, p.NextVersion
	}
}

// fold is what stands for a name with the delimiter behind the prefix.
func (l listing) fold(name string) (string, bool) {
	rest, _ := strings.CutPrefix(name, l.prefix)
	at := strings.Index(rest, l.delimiter)
	if at < 0 {
		return "", false
	}
	return l.prefix + rest[:at+len(l.delimiter)], true
}

type content struct {
	Key          string
	LastModified string
	ETag         string
	Size         int64
	StorageClass string
	Owner        *owner `xml:",omitempty"`
}

type common struct{ Prefix string }

// listed is a list of files, of either version.
type listed struct {
	XMLName               xml.Name `xml:"ListBucketResult"`
	NS                    string   `xml:"xmlns,attr"`
	Name                  string
	Prefix                string
	Marker                *string `xml:",omitempty"`
	NextMarker            string  `xml:",omitempty"`
	ContinuationToken     string  `xml:",omitempty"`
	NextContinuationToken string  `xml:",omitempty"`
	StartAfter            string  `xml:",omitempty"`
	KeyCount              *int    `xml:",omitempty"`
	MaxKeys               int
	Delimiter             string `xml:",omitempty"`
	EncodingType          string `xml:",omitempty"`
	IsTruncated           bool
	Contents              []content `xml:"Contents"`
	CommonPrefixes        []common  `xml:"CommonPrefixes"`
}

func (c *call) list() error {
	q := c.query
	two := q.Get("list-type") == "2"
	after := q.Get("marker")
	if two {
		after = q.Get("start-after")
		if token := q.Get("continuation-token"); token != "" {
			b, err := base64.RawURLEncoding.DecodeString(token)
			if err != nil {
				return invalid("the continuation token is none that was given out")
			}
			after = string(b)
		}
	}
	l, err := c.listing(after)
	if err != nil {
		return err
	}
	s, err := c.space()
	if err != nil {
		return err
	}
	p, err := c.page(s, l, false)
	if err != nil {
		return err
	}
	out := listed{NS: xmlns, Name: c.bucket, Prefix: l.text(l.prefix), MaxKeys: l.limit, Delimiter: l.text(l.delimiter), IsTruncated: p.More,
		EncodingType: q.Get("encoding-type")}
	if two {
		n := len(p.Entries) + len(p.Folders)
		out.KeyCount, out.ContinuationToken, out.StartAfter = &n, q.Get("continuation-token"), l.text(q.Get("start-after"))
		out.NextContinuationToken = base64.RawURLEncoding.EncodeToString([]byte(p.Next))
	} else {
		marker := l.text(after)
		out.Marker, out.NextMarker = &marker, l.text(p.Next)
	}
	for _, e := range p.Entries {
		x := content{l.text(e.Name), stamp(e.Modified), quoted(e.Tag()), e.Size, className(e.Kept.Class()), nil}
		if !two || q.Get("fetch-owner") == "true" {
			x.Owner = theOwner()
		}
		out.Contents = append(out.Contents, x)
	}
	out.CommonPrefixes = l.commons(p)
	c.answer(http.StatusOK, out)
	return nil
}

func (l listing) commons(p files.Page) []common {
	var out []common
	for _, f := range p.Folders {
		out = append(out, common{l.text(f)})
	}
	return out
}

// version is a version, or the mark of a removal, in a list.
type version struct {
	XMLName      xml.Name
	Key          string
	VersionID    string `xml:"VersionId"`
	IsLatest     bool
	LastModified string
	ETag         string `xml:",omitempty"`
	Size         *int64 `xml:",omitempty"`
	StorageClass string `xml:",omitempty"`
	Owner        *owner
}

func (c *call) listVersions() error {
	q := c.query
	l, err := c.listing(q.Get("key-marker"))
	if err != nil {
		return err
	}
	l.version = versionOf(q.Get("version-id-marker"))
	s, err := c.space()
	if err != nil {
		return err
	}
	p, err := c.page(s, l, true)
	if err != nil {
		return err
	}
	out := struct {
		XMLName             xml.Name `xml:"ListVersionsResult"`
		NS                  string   `xml:"xmlns,attr"`
		Name                string
		Prefix              string
		KeyMarker           string
		VersionIDMarker     string `xml:"VersionIdMarker"`
		NextKeyMarker       string `xml:",omitempty"`
		NextVersionIDMarker string `xml:"NextVersionIdMarker,omitempty"`
		MaxKeys             int
		Delimiter           string `xml:",omitempty"`
		EncodingType        string `xml:",omitempty"`
		IsTruncated         bool
		Versions            []version
		CommonPrefixes      []common `xml:"CommonPrefixes"`
	}{NS: xmlns, Name: c.bucket, Prefix: l.text(l.prefix), KeyMarker: l.text(l.after), VersionIDMarker: q.Get("version-id-marker"),
		NextKeyMarker: l.text(p.Next), NextVersionIDMarker: p.NextVersion, MaxKeys: l.limit, Delimiter: l.text(l.delimiter),
		EncodingType: q.Get("encoding-type"), IsTruncated: p.More, CommonPrefixes: l.commons(p)}
	for _, e := range p.Entries {
		v := version{XMLName: xml.Name{Local: "Version"}, Key: l.text(e.Name), VersionID: e.Version, IsLatest: e.Latest,
			LastModified: stamp(e.Modified), Owner: theOwner()}
		if e.Removed {
			v.XMLName.Local = "DeleteMarker"
		} else {
			v.ETag, v.Size, v.StorageClass = quoted(e.Tag()), &e.Size, className(e.Kept.Class())
		}
		out.Versions = append(out.Versions, v)
	}
	c.answer(http.StatusOK, out)
	return nil
}
