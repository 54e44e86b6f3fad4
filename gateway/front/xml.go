package front

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"slices"
)

// Limits of XML from outside.
const (
	maxDepth = 32 // elements in one another
	maxAttrs = 64 // of one element
)

// ErrXML is returned for what is no XML, or more of it than is let in.
var ErrXML = errors.New("the request's XML is broken, or has a document type, processing instructions, or more than 32 levels: send plain XML in UTF-8")

// CheckXML walks over a document and returns ErrXML unless it is whole, in UTF-8, with
// nothing that names or includes anything (DTDs, entities but the five, processing
// instructions but the first), and not deep. It is for bodies that are then read by a
// decoder that has no such limits; whether tags match each other is left to that.
func CheckXML(b []byte) error {
	d := xml.NewDecoder(bytes.NewReader(b))
	d.CharsetReader = func(string, io.Reader) (io.Reader, error) { return nil, ErrXML }
	depth, roots := 0, 0
	for first := true; ; first = false {
		t, err := d.RawToken()
		if err == io.EOF && depth == 0 && roots == 1 {
			return nil
		}
		if err != nil {
			return ErrXML
		}
		switch t := t.(type) {
		case xml.Directive:
			return ErrXML
		case xml.ProcInst:
			if t.Target != "xml" || !first {
				return ErrXML
			}
		case xml.StartElement:
			if depth == 0 {
				roots++
			}
			if slices.ContainsFunc(t.Attr, undeclares) {
				return ErrXML
			}
			if depth++; depth > maxDepth || len(t.Attr) > maxAttrs || roots > 1 {
				return ErrXML
			}
		case xml.EndElement:
			if depth--; depth < 0 {
				return ErrXML
			}
		}
	}
}

// undeclares reports whether an attribute takes a prefix's name space away, which XML
// has no words for (Namespaces in XML 1.0, 5).
func undeclares(a xml.Attr) bool { return a.Name.Space == "xmlns" && a.Value == "" }
