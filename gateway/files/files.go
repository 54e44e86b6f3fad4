package files

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"strings"
	"time"
)

// Spaces are the spaces of a node.
type Spaces interface {
	// Spaces lists them by name.
	Spaces(ctx context.Context) ([]Info, error)
	// Space opens one, or returns ErrNoSpace.
	Space(ctx context.Context, name string) (Space, error)
	// Create makes one, without history. ErrExists, ErrName.
	Create(ctx context.Context, name string) error
	// Remove takes away one that has neither names nor versions. ErrNoSpace,
	// ErrNotEmpty.
	Remove(ctx context.Context, name string) error
}

// Info is what is known of a space.
type Info struct {
	Name string
	Made time.Time
}

// Space is a tree of files.
type Space interface {
	// Info tells of the space.
	Info(ctx context.Context) (Info, error)
	// History reports whether versions that are replaced or removed are kept.
	History(ctx context.Context) (bool, error)
	// SetHistory changes it. What was kept before stays.
	SetHistory(ctx context.Context, on bool) error

	// Stat tells of a file, or of a folder if the name ends with "/"; version is empty
	// for the current one. ErrNotFound; for a mark of a removal, the mark and
	// ErrNotFound.
	Stat(ctx context.Context, name, version string) (Entry, error)
	// List lists current files, and folders that were put by their name.
	List(ctx context.Context, q Query) (Page, error)
	// Versions lists all versions and marks of removals, those of one name newest
	// first. Query.Fold counts as in List.
	Versions(ctx context.Context, q Query) (Page, error)
	// Read reads length bytes of a version from offset on, or all that follow if
	// length is negative; it is the same content to its end, whatever becomes of the
	// name meanwhile. Errors of reading are those of this package, too. The caller
	// closes. ErrNotFound.
	Read(ctx context.Context, name, version string, offset, length int64) (io.ReadCloser, error)

	// Draft begins new content, which is to be kept so. size is how many bytes will come,
	// or negative if nobody knows; it is a hint, with which a space that has no room can
	// say so at once (ErrFull).
	Draft(ctx context.Context, size int64, how Class) (Draft, error)
	// Saved is the draft for which Save has returned this, also after the node was started
	// anew, and although it is used up: so a Put can be made again, with Cond.Once. Whether it
	// was discarded is for the caller to know. ErrNotFound for what Save has not returned.
	Saved(ctx context.Context, saved []byte) (Draft, error)
	// Put names content: that of the drafts, one behind the other; of none, if it is
	// empty. It returns when that is durable. The drafts are used up if it succeeds,
	// and as they were if it does not. A name that ends with "/" takes no draft.
	// ErrName, ErrMeta, ErrClash, ErrChanged, ErrFull, ErrDenied, ErrUnavailable.
	Put(ctx context.Context, name string, content []Draft, a Attrs, c Cond) (Entry, error)
	// Copy gives a version's content another name, or the same with other
	// attributes; with a nil a it keeps those that it has. It is kept as it was. Errors as
	// of Put, and ErrNotFound.
	Copy(ctx context.Context, from Ref, to string, a *Attrs, c Cond) (Entry, error)
	// Rename moves a file, or a folder with all that is below it, with one change. What
	// has the new name already, or is below it, is removed by the same change, as
	// the condition, which is about the new name, allows it. ErrNotFound, and errors as of
	// Put.
	Rename(ctx context.Context, from, to string, c Cond) error
	// Remove takes away a name, alone, or one version of it for good. It returns the mark
	// that it left, or what it removed. ErrNotFound, ErrChanged, ErrDenied,
	// ErrUnavailable.
	Remove(ctx context.Context, name, version string, c Cond) (Entry, error)
	// RemoveAll takes away a folder with all that is below it, with one change.
	RemoveAll(ctx context.Context, folder string) error
}

// Draft is content on its way into a space. Writing appends to it.
type Draft interface {
	io.Writer
	// Size is how many bytes were written.
	Size() int64
	// Save keeps what was written until the draft is used up or discarded, however often the
	// node starts, and returns at most MaxSaved bytes, with which Space.Saved finds it again.
	// Nothing more can be written then.
	Save() ([]byte, error)
	// Discard gives the content up. It is called in every case, and does nothing once
	// the draft is used up.
	Discard()
}

// MaxSaved is the most that Draft.Save returns.
const MaxSaved = 1 << 10

// Ref names a version of a file, maybe in another space of the same node. An empty
// Space is the one that is asked, an empty Version the current one.
type Ref struct{ Space, Name, Version string }

// Cond is what must hold for a change to be made; else it gets ErrChanged.
type Cond struct {
	Absent  bool   // nothing has the name
	Version string // the name's current version is this; empty: any
	// Once is a text that no other change has, at most 64 bytes, or empty; for Put alone. If
	// the name has a version that was put with it, Put returns that one and changes nothing,
	// whatever else the condition says; the drafts are then as they were. So who does not
	// know what became of a Put makes it again.
	Once string
}

// Attrs are what is kept beside a content.
type Attrs struct {
	// Type is the media type, or empty.
	Type string
	// ETag is a tag that a door wants to be shown for this content, without quotes, or
	// empty.
	ETag string
	// Meta is kept as it is, at most MaxMeta bytes of keys and values. Doors share it:
	// keys begin with "user:" for what a person's program has set, "http:" for headers
	// in which it is given out, "dav:" for properties of WebDAV, "sum:" for checksums.
	Meta map[string]string
}

// Entry is a file, a folder, or a mark of a removal.
type Entry struct {
	Attrs
	Name     string
	Version  string // empty for a folder that is there by what is below it
	Size     int64  // bytes
	Kept     Kept   // its content
	Modified time.Time
	Latest   bool // this version is the name's current one
	Removed  bool // a mark: from here on the name was not there
}

// Folder reports whether the entry is a folder's.
func (e Entry) Folder() bool { return strings.HasSuffix(e.Name, "/") }

// Implied reports whether the entry is a folder that is there by what is below it
// alone.
func (e Entry) Implied() bool { return e.Version == "" }

// Tag is the entity tag to show, without quotes: what a door has set, or something
// that is different for each version, and cannot be taken for an MD5.
func (e Entry) Tag() string {
	if e.ETag != "" {
		return e.ETag
	}
	sum := sha256.Sum256([]byte(e.Version))
	return hex.EncodeToString(sum[:16]) + "-0"
}

// Query says what to list.
type Query struct {
	// Prefix is the beginning of what is listed; it need not end at a "/".
	Prefix string
	// Fold puts one folder, Page.Folders, in the place of all names that have a "/"
	// behind the prefix.
	Fold bool
	// After is the name behind which the list goes on. If it is one that was folded, it
	// stands for all that is below it. AfterVersion, with Versions alone: the list
	// goes on behind this version of After; empty: behind all of them.
	After, AfterVersion string
	// Limit is how many entries and folders a page has at most, 1 to MaxPage.
	Limit int
}

// MaxPage is the largest Query.Limit.
const MaxPage = 1000

// Page is a part of a list.
type Page struct {
	Entries []Entry
	Folders []string // by name, each with its "/"
	// More says that the list goes on, behind Next and NextVersion, which are the
	// After and AfterVersion of the next query.
	More              bool
	Next, NextVersion string
}
