package api

import (
	"context"
	"io"
	"time"

	"github.com/phyllo-net/phyllo/id"
)

// FileCopies is how many nodes keep a file unless a request wants another number,
// MaxFileCopies how many at most.
const (
	FileCopies    = 5
	MaxFileCopies = 16
)

// HomeSpace is the space that is meant where none is named. It is made with its first file.
const HomeSpace = "home"

// Files are trees of files, called spaces, which the nodes of the ring keep, sealed, for the
// users who live on this one. What was acknowledged is on the disks of several nodes.
type Files interface {
	// FilePut stores what content has to its end under a name. The older version, if there is one,
	// stays among the versions. NotFound if there is no such space.
	FilePut(ctx context.Context, q FilePut, content io.Reader) (*File, error)
	// FileGet opens a file, which the caller closes; a read that fails has not read it to its end.
	FileGet(ctx context.Context, q FileName) (*File, io.ReadCloser, error)
	// FileList lists files below a prefix, by name.
	FileList(ctx context.Context, q FileQuery) (*FilePage, error)
	// FileStat tells of a version, and counts how many nodes keep it now: File.Copies. NotFound.
	FileStat(ctx context.Context, q FileName) (*File, error)
	// FileHistory lists all versions of a name, the newest first. NotFound.
	FileHistory(ctx context.Context, q FileName) ([]File, error)
	// FileRemove takes a name away with all its versions, or one version of it, for good, and
	// gives its space back. If the name ends with "/" it is a folder's, which goes with all that is
	// below it. NotFound.
	FileRemove(ctx context.Context, q FileName) error
	// FileMove gives a file another name, or a folder with all that is below it, at once. Older
	// versions stay under the old name, if the space keeps them. NotFound; Failed if the name is
	// taken, or cannot be had.
	FileMove(ctx context.Context, q FileMove) error
	// FolderAdd makes a folder, whose name ends with "/", that is there while it is empty, too. That it
	// is there already is no error.
	FolderAdd(ctx context.Context, q FileName) error
	// FileShare makes a link by which everybody in the ring who has it can read this version of a
	// file, as long as it is kept.
	FileShare(ctx context.Context, q FileName) (*FileLink, error)

	// SpaceList lists a user's spaces, by name.
	SpaceList(ctx context.Context, user string) ([]Space, error)
	// SpaceCreate makes a space.
	SpaceCreate(ctx context.Context, q SpaceCreate) (*Space, error)
	// SpaceGrant lets a person use a space of the user's, and returns what that person
	// needs for SpaceAdd.
	SpaceGrant(ctx context.Context, q SpaceGrant) (*SpaceLink, error)
	// SpaceRevoke takes that back. NotFound if he is not among those who may use it.
	SpaceRevoke(ctx context.Context, q SpaceGrant) error
	// SpaceAdd puts a space on the user's list, by the link that SpaceGrant has made.
	SpaceAdd(ctx context.Context, q SpaceAdd) (*Space, error)
	// Storage is what a user stores, and what this node keeps for its ring.
	Storage(ctx context.Context, user string) (*Storage, error)
}

// FileName means a file.
type FileName struct {
	User    string `json:"user,omitempty"`  // empty: the only user
	Space   string `json:"space,omitempty"` // empty: HomeSpace
	Name    string `json:"name"`            // or a link that FileShare has made
	Version string `json:"version,omitempty"`
}

// FileMove says which file or folder is to have another name. Both names end with "/", or none.
type FileMove struct {
	User    string `json:"user,omitempty"`
	Space   string `json:"space,omitempty"`
	Name    string `json:"name"`
	To      string `json:"to"`
	Replace bool   `json:"replace,omitempty"` // what has the name already, or is below it, is removed
}

// FilePut says where a file is to be stored.
type FilePut struct {
	User    string    `json:"user,omitempty"`
	Space   string    `json:"space,omitempty"`
	Name    string    `json:"name"`
	Copies  int       `json:"copies,omitempty"` // 1 to MaxFileCopies; 0: FileCopies
	Expires time.Time `json:"expires,omitzero"` // zero: never
	// Archive keeps it in fragments, any few of which make it, all around the ring: cheaper than
	// as many copies, and there though most nodes die at once. A ring that is too small for
	// that keeps copies.
	Archive bool `json:"archive,omitempty"`
}

// FileQuery says what to list.
type FileQuery struct {
	User   string `json:"user,omitempty"`
	Space  string `json:"space,omitempty"`
	Prefix string `json:"prefix,omitempty"`
	Fold   bool   `json:"fold,omitempty"`  // folders are listed in place of what is in them
	Count  bool   `json:"count,omitempty"` // File.Copies is counted
	After  string `json:"after,omitempty"` // the list goes on behind this name or folder
}

// File is a version of a file.
type File struct {
	Space    string    `json:"space,omitempty"` // empty: it was read by a link
	Name     string    `json:"name"`
	Version  string    `json:"version,omitempty"`
	Size     int64     `json:"size"` // bytes
	Modified time.Time `json:"modified,omitzero"`
	Expires  time.Time `json:"expires,omitzero"`
	By       string    `json:"by,omitempty"` // who stored it: his name, or his key's fingerprint
	// Copies is how many nodes keep each part of it, of Wanted; 0: nobody has counted. In a
	// ring with fewer nodes the next members take the rest.
	Copies int `json:"copies,omitempty"`
	Wanted int `json:"wanted,omitempty"`
	// Need is 0 if each copy is whole. Otherwise the file is archived: Copies and Wanted
	// are fragments, any Need of which make it.
	Need    int  `json:"need,omitempty"`
	Removed bool `json:"removed,omitempty"` // from here on the name was not there
	// Apart, of what was stored just now, is how many nodes keep the space's directory of which a majority has
	// been away for half a minute: what is changed there meanwhile is merged by name when they are back.
	Apart int `json:"apart,omitempty"`
}

// FilePage is a part of a list.
type FilePage struct {
	Files   []File   `json:"files"`
	Folders []string `json:"folders"`        // each with its "/"
	Next    string   `json:"next,omitempty"` // the list goes on behind it; empty: it ends here
}

// FileLink is a link to a version of a file.
type FileLink struct {
	Space string `json:"space"`
	Name  string `json:"name"`
	Link  string `json:"link"`
}

// Space is a tree of files.
type Space struct {
	Name   string    `json:"name"`
	Made   time.Time `json:"made,omitzero"`
	Owner  string    `json:"owner,omitempty"` // his name, or his key's fingerprint
	Writes bool      `json:"writes"`          // the user may change it
	// Members may use it, the owner first.
	Members []SpaceMember `json:"members"`
	// Trouble says why it cannot be opened now; empty: it can.
	Trouble string `json:"trouble,omitempty"`
	// Apart, of a space that was made just now, is as in File.
	Apart int `json:"apart,omitempty"`
}

// SpaceMember is somebody who may use a space.
type SpaceMember struct {
	Name   string `json:"name"`
	Key    string `json:"key"` // fingerprint, 24 hex digits
	Writes bool   `json:"writes"`
}

// SpaceCreate makes a space.
type SpaceCreate struct {
	User string `json:"user,omitempty"`
	Name string `json:"name"`
	// Convergent: equal parts are stored once. Who may use the space can then find out whether
	// a text that he guesses is stored in it.
	Convergent bool `json:"convergent,omitempty"`
}

// SpaceGrant names somebody who is to use a space, or not any more.
type SpaceGrant struct {
	User     string `json:"user,omitempty"`
	Space    string `json:"space"`
	Name     string `json:"name"` // of the person
	ReadOnly bool   `json:"read_only,omitempty"`
}

// SpaceLink is what somebody needs to use a space that was granted to him. It opens nothing to
// anybody else but the list of those who may use it.
type SpaceLink struct {
	Space string `json:"space"`
	Name  string `json:"name"` // to whom it is granted
	Link  string `json:"link"`
}

// SpaceAdd puts a space on a user's list.
type SpaceAdd struct {
	User string `json:"user,omitempty"`
	Link string `json:"link"`
	Name string `json:"name,omitempty"` // what he calls it; empty: as its owner does
}

// Storage is what is stored.
type Storage struct {
	Spaces  []SpaceUse `json:"spaces"`
	Offered int64      `json:"offered"` // bytes that this node keeps for its ring at most
	Kept    int64      `json:"kept"`    // bytes that it keeps now, its own users' among them
	Objects int        `json:"objects"` // in so many objects
	// Used and Limit are of the node's account, in bytes, all copies counted: see Account. Heard
	// nodes have said so; 0: they are not known.
	Used  int64 `json:"used"`
	Limit int64 `json:"limit"`
	Heard int   `json:"heard"`
	// By is who has paid for what this node keeps, the largest use first.
	By []MemberUse `json:"by"`
	// Sweep is what came of looking for what nobody needs, the last time; absent: that was not done since the node
	// started. It is done once a day.
	Sweep *Sweep `json:"sweep,omitempty"`
}

// Sweep is what a node found when it looked for what it pays for and no file needs.
type Sweep struct {
	At      time.Time `json:"at"`
	Objects int       `json:"objects"` // given back
	Bytes   int64     `json:"bytes"`   // of these, one copy of each
	// Spaces were left alone, as changes of this node may stand in another part of the ring.
	Spaces int `json:"spaces,omitempty"`
	// Foreign is how many objects it pays for that are of no space of its users: values of phyllo dht, for example.
	Foreign int `json:"foreign"`
	// Missing is how many it pays for and could not find.
	Missing int `json:"missing"`
}

// MemberUse is what this node keeps for one member.
type MemberUse struct {
	Member id.ID `json:"member,omitzero"` // absent: who paid is not known, as another node gave it
	Self   bool  `json:"self,omitempty"`  // it is this node's
	// Names are of those contacts of this node's users, and of the users themselves, who say that they
	// live there, in order.
	Names   []string `json:"names,omitempty"`
	Objects int      `json:"objects"`
	Bytes   int64    `json:"bytes"` // of content
}

// SpaceUse is what is in a space.
type SpaceUse struct {
	Name  string `json:"name"`
	Files uint64 `json:"files"` // names, also of removed files of which versions are kept
	Bytes int64  `json:"bytes"` // one copy of all versions, replaced ones too
	// Copies is how many nodes keep what the space consists of, now.
	Copies Copies `json:"copies"`
}

// FileList implements Node.
func (c *Client) FileList(ctx context.Context, q FileQuery) (*FilePage, error) {
	return call[*FilePage](ctx, c, "file/list", q)
}

// FileStat implements Node.
func (c *Client) FileStat(ctx context.Context, q FileName) (*File, error) {
	return call[*File](ctx, c, "file/stat", q)
}

// FileHistory implements Node.
func (c *Client) FileHistory(ctx context.Context, q FileName) ([]File, error) {
	return call[[]File](ctx, c, "file/history", q)
}

// FileRemove implements Node.
func (c *Client) FileRemove(ctx context.Context, q FileName) error {
	return tell(ctx, c, "file/rm", q)
}

// FileMove implements Node.
func (c *Client) FileMove(ctx context.Context, q FileMove) error { return tell(ctx, c, "file/mv", q) }

// FolderAdd implements Node.
func (c *Client) FolderAdd(ctx context.Context, q FileName) error {
	return tell(ctx, c, "folder/add", q)
}

// FileShare implements Node.
func (c *Client) FileShare(ctx context.Context, q FileName) (*FileLink, error) {
	return call[*FileLink](ctx, c, "file/share", q)
}

// SpaceList implements Node.
func (c *Client) SpaceList(ctx context.Context, user string) ([]Space, error) {
	return call[[]Space](ctx, c, "space/list", forUser{user})
}

// SpaceCreate implements Node.
func (c *Client) SpaceCreate(ctx context.Context, q SpaceCreate) (*Space, error) {
	return call[*Space](ctx, c, "space/create", q)
}

// SpaceGrant implements Node.
func (c *Client) SpaceGrant(ctx context.Context, q SpaceGrant) (*SpaceLink, error) {
	return call[*SpaceLink](ctx, c, "space/grant", q)
}

// SpaceRevoke implements Node.
func (c *Client) SpaceRevoke(ctx context.Context, q SpaceGrant) error {
	return tell(ctx, c, "space/revoke", q)
}

// SpaceAdd implements Node.
func (c *Client) SpaceAdd(ctx context.Context, q SpaceAdd) (*Space, error) {
	return call[*Space](ctx, c, "space/add", q)
}

// Storage implements Node.
func (c *Client) Storage(ctx context.Context, user string) (*Storage, error) {
	return call[*Storage](ctx, c, "storage", forUser{user})
}
