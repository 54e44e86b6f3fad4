package webdav

import (
	"encoding/xml"
	"errors"
	"io"
	"maps"
	"net/http"
	"os"
	"strings"

	"golang.org/x/net/webdav"

	"github.com/phyllo-net/phyllo/gateway/files"
)

// errUse is returned for what the library never does.
var errUse = errors.New("webdav: a file is read, or written once from its beginning to its end")

// file is one that is read, or a folder.
type file struct {
	v    *view
	info info
	at   int64
	r    io.ReadCloser // at at, or nil
}

var _ webdav.DeadPropsHolder = (*file)(nil)

// Close implements io.Closer.
func (f *file) Close() error {
	if f.r == nil {
		return nil
	}
	r := f.r
	f.r = nil
	return r.Close()
}

// Read implements io.Reader.
func (f *file) Read(b []byte) (int, error) {
	if f.info.IsDir() {
		return 0, errUse
	}
	if f.at >= f.info.Entry.Size {
		return 0, io.EOF
	}
	if f.r == nil {
		s, name, err := f.v.space(f.info.path)
		if err != nil {
			return 0, err
		}
		if f.r, err = s.Read(f.v.r.Context(), name, f.info.Version, f.at, -1); err != nil {
			f.r = nil
			return 0, f.v.failed(err)
		}
	}
	n, err := f.r.Read(b)
	f.at += int64(n)
	return n, err
}

// Seek implements io.Seeker.
func (f *file) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += f.at
	case io.SeekEnd:
		offset += f.info.Entry.Size
	}
	if offset < 0 {
		return 0, errUse
	}
	if offset != f.at {
		f.at = offset
		return offset, f.Close()
	}
	return offset, nil
}

// Write implements io.Writer.
func (f *file) Write([]byte) (int, error) { return 0, errUse }

// Readdir implements http.File.
func (f *file) Readdir(int) ([]os.FileInfo, error) {
	if !f.info.IsDir() {
		return nil, errUse
	}
	return f.v.list(f.info)
}

// Stat implements http.File.
func (f *file) Stat() (os.FileInfo, error) { return f.info, nil }

// Properties of other programs are kept as dav:{NAMESPACE}NAME, with the language and
// the XML.
const davMeta = "dav:"

// kept is the property that says in how many copies a file is kept, or in how many parts of which some
// are enough. It is ours, and nobody sets it.
var kept = xml.Name{Space: "urn:phyllo", Local: "kept"}

// DeadProps implements webdav.DeadPropsHolder.
func (f *file) DeadProps() (map[xml.Name]webdav.Property, error) {
	out := map[xml.Name]webdav.Property{}
	if words := f.info.Kept.String(); words != "" {
		out[kept] = webdav.Property{XMLName: kept, InnerXML: []byte(words)}
	}
	for _, k := range f.info.MetaKeys(davMeta) {
		at := strings.LastIndexByte(k, '}')
		if at < 1 || k[0] != '{' {
			continue
		}
		p := webdav.Property{XMLName: xml.Name{Space: k[1:at], Local: k[at+1:]}}
		lang, inner, _ := strings.Cut(f.info.Meta[davMeta+k], "\n")
		p.Lang, p.InnerXML = lang, []byte(inner)
		out[p.XMLName] = p
	}
	return out, nil
}

// Patch implements webdav.DeadPropsHolder: all or nothing.
func (f *file) Patch(patches []webdav.Proppatch) ([]webdav.Propstat, error) {
	a := f.info.Attrs
	if a.Meta = maps.Clone(a.Meta); a.Meta == nil {
		a.Meta = map[string]string{}
	}
	stat := webdav.Propstat{Status: http.StatusOK}
	forbidden := false
	for _, patch := range patches {
		for _, p := range patch.Props {
			forbidden = forbidden || p.XMLName == kept
			stat.Props = append(stat.Props, webdav.Property{XMLName: p.XMLName})
			k := davMeta + "{" + p.XMLName.Space + "}" + p.XMLName.Local
			if patch.Remove {
				delete(a.Meta, k)
			} else {
				a.Meta[k] = p.Lang + "\n" + string(p.InnerXML)
			}
		}
	}
	if forbidden {
		stat.Status = http.StatusForbidden
		return []webdav.Propstat{stat}, nil
	}
	err := f.patch(a)
	switch {
	case errors.Is(err, files.ErrMeta):
		stat.Status = http.StatusInsufficientStorage
	case errors.Is(err, errUse):
		stat.Status = http.StatusForbidden // a space has no attributes
	case err != nil:
		return nil, f.v.failed(err)
	}
	return []webdav.Propstat{stat}, nil
}

func (f *file) patch(a files.Attrs) error {
	name := f.info.Entry.Name
	if name == "" {
		return errUse
	}
	s, _, err := f.v.space(f.info.path)
	if err != nil {
		return err
	}
	if f.info.Implied() {
		_, err = s.Put(f.v.r.Context(), name, nil, a, files.Cond{Absent: true})
		return err
	}
	_, err = s.Copy(f.v.r.Context(), files.Ref{Name: name, Version: f.info.Version}, name, &a, files.Cond{Version: f.info.Version})
	return err
}

// newFile is one that is written. It gets its name when all of it has come.
type newFile struct {
	v      *view
	s      files.Space
	name   string
	path   string
	cond   files.Cond
	draft  files.Draft
	from   *file // what it is a copy of, or nil
	failed error // what has gone wrong on the way
	made   *info // what has become of it
}

var _ webdav.DeadPropsHolder = (*newFile)(nil)

// ReadFrom implements io.ReaderFrom, which the library's copying uses: so it is known
// here whether all has come, and a copy of a file of ours is one without its content.
func (f *newFile) ReadFrom(r io.Reader) (int64, error) {
	if from, ok := r.(*file); ok && from.at == 0 {
		f.from = from
		return from.info.Entry.Size, nil
	}
	n, err := io.CopyBuffer(struct{ io.Writer }{f}, r, make([]byte, 64<<10))
	if err == nil && f.v.r.ContentLength >= 0 && n != f.v.r.ContentLength {
		err = io.ErrUnexpectedEOF
	}
	if err != nil && f.failed == nil {
		f.failed = f.v.no(http.StatusBadRequest, err) // the body has not come whole
	}
	return n, err
}

// Write implements io.Writer.
func (f *newFile) Write(b []byte) (int, error) {
	if f.draft == nil && f.failed == nil {
		if f.draft, f.failed = f.s.Draft(f.v.r.Context(), f.v.r.ContentLength, files.InCopies); f.failed != nil {
			f.failed = f.v.failed(f.failed)
		}
	}
	if f.failed != nil {
		return 0, f.failed
	}
	n, err := f.draft.Write(b)
	if err != nil {
		f.failed = f.v.failed(err)
	}
	return n, err
}

// finish gives it its name, once, unless something went wrong.
func (f *newFile) finish() error {
	if f.failed != nil || f.made != nil {
		return f.failed
	}
	var e files.Entry
	var err error
	ctx := f.v.r.Context()
	switch {
	case f.from != nil:
		e, err = f.s.Copy(ctx, files.Ref{Name: f.from.info.Entry.Name, Version: f.from.info.Version}, f.name, nil, f.cond)
	case f.draft != nil:
		e, err = f.s.Put(ctx, f.name, []files.Draft{f.draft}, files.Attrs{Type: f.v.r.Header.Get("Content-Type")}, f.cond)
	default:
		e, err = f.s.Put(ctx, f.name, nil, files.Attrs{}, f.cond)
	}
	if err != nil {
		f.failed = f.v.failed(err)
		return f.failed
	}
	f.made = &info{e, f.path}
	return nil
}

// Stat implements http.File. The library asks for it behind the last byte, for the tag.
func (f *newFile) Stat() (os.FileInfo, error) {
	if err := f.finish(); err != nil {
		return nil, err
	}
	return *f.made, nil
}

// Close implements io.Closer.
func (f *newFile) Close() error {
	err := f.finish()
	if f.draft != nil {
		f.draft.Discard()
	}
	return err
}

// DeadProps implements webdav.DeadPropsHolder.
func (f *newFile) DeadProps() (map[xml.Name]webdav.Property, error) { return nil, nil }

// Patch implements webdav.DeadPropsHolder. The library copies properties with it; a copy
// has them already.
func (f *newFile) Patch([]webdav.Proppatch) ([]webdav.Propstat, error) {
	return []webdav.Propstat{{Status: http.StatusOK}}, nil
}

// Read implements io.Reader.
func (f *newFile) Read([]byte) (int, error) { return 0, errUse }

// Seek implements io.Seeker.
func (f *newFile) Seek(int64, int) (int64, error) { return 0, errUse }

// Readdir implements http.File.
func (f *newFile) Readdir(int) ([]os.FileInfo, error) { return nil, errUse }
