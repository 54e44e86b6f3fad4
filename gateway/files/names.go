package files

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// Kinds of errors, for errors.Is.
var (
	ErrNoSpace     = errors.New("there is no such space: `phyllo space list` lists all")
	ErrExists      = errors.New("a space of this name is there already: choose another name")
	ErrNotEmpty    = errors.New("the space is not empty: remove its files and their versions first")
	ErrNotFound    = errors.New("there is no such file: look at what there is by listing")
	ErrChanged     = errors.New("the file is another than the condition says: read it again")
	ErrClash       = errors.New("a name cannot be a file and a folder at once: choose another name")
	ErrName        = errors.New("this cannot be a name: give UTF-8 without control characters, empty parts, \".\" and \"..\", at most 1024 bytes")
	ErrMeta        = errors.New("the attributes are too long: keep them below 16 KiB")
	ErrFull        = errors.New("there is no room for it: free some, or offer more (`phyllo df` shows both)")
	ErrDenied      = errors.New("you have no right to do this here: ask the space's owner to grant it")
	ErrUnavailable = errors.New("this cannot be reached or decided now, as too few of the machines that hold it answer: start them, or try again in a minute: what has no condition then goes on without them")
)

// Limits of names and attributes.
const (
	MaxName      = 1024     // bytes
	MaxSpaceName = 63       // bytes
	MaxMeta      = 16 << 10 // bytes of keys and values, the media type among them
	maxMetaKeys  = 256
)

// CheckName returns ErrName, with what is wrong, unless a space can have this name.
func CheckName(name string) error {
	wrong := func(what string) error { return fmt.Errorf("%s: %w", what, ErrName) }
	switch {
	case name == "" || name == "/":
		return wrong("an empty name")
	case len(name) > MaxName:
		return wrong(fmt.Sprintf("a name of %d bytes", len(name)))
	case !utf8.ValidString(name):
		return wrong("a name that is not UTF-8")
	case strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r >= 0x7f && r < 0xa0 || r == 0xfffe || r == 0xffff }):
		return wrong("a name with control characters")
	}
	for part := range strings.SplitSeq(strings.TrimSuffix(name, "/"), "/") {
		if part == "" || part == "." || part == ".." {
			return wrong(fmt.Sprintf("a name with the part %q", part))
		}
	}
	return nil
}

// CheckSpaceName returns ErrName, with what is wrong, unless a space can be called
// so.
func CheckSpaceName(name string) error {
	if strings.Contains(name, "/") {
		return fmt.Errorf("a space's name with a \"/\": %w", ErrName)
	}
	if len(name) > MaxSpaceName {
		return fmt.Errorf("a space's name of more than %d bytes: %w", MaxSpaceName, ErrName)
	}
	return CheckName(name)
}

// CheckAttrs returns ErrMeta if the attributes are too many.
func CheckAttrs(a Attrs) error {
	size := len(a.Type) + len(a.ETag)
	for k, v := range a.Meta {
		size += len(k) + len(v)
	}
	if size > MaxMeta || len(a.Meta) > maxMetaKeys {
		return ErrMeta
	}
	return nil
}

// MetaKeys are the keys of the attributes that begin so, in order, without that
// beginning.
func (a Attrs) MetaKeys(prefix string) []string {
	var out []string
	for _, k := range slices.Sorted(maps.Keys(a.Meta)) {
		if rest, ok := strings.CutPrefix(k, prefix); ok {
			out = append(out, rest)
		}
	}
	return out
}

// Folded is the folder that stands for the name in a folded list, if there is one.
func (q Query) Folded(name string) (folder string, ok bool) {
	rest, below := strings.CutPrefix(name, q.Prefix)
	if !q.Fold || !below {
		return "", false
	}
	at := strings.IndexByte(rest, '/')
	if at < 0 {
		return "", false
	}
	return q.Prefix + rest[:at+1], true
}
