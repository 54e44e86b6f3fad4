package api

import (
	"context"
	"time"
)

// The doors that a key can be for.
const (
	DoorS3     = "s3"
	DoorWebDAV = "webdav"
)

// Keys are app passwords: what a person gives to a program of his, so that it may use one
// space of his through one door of this node.
type Keys interface {
	// KeyAdd makes a key. Its secret is in the answer, and nowhere else from then on.
	// NotFound if there is no such space.
	KeyAdd(ctx context.Context, q KeyRequest) (*Key, error)
	// KeyList lists the keys of this node, of one user or of all, those that have ended too,
	// in the order in which they were made.
	KeyList(ctx context.Context, user string) ([]Key, error)
	// KeyRemove makes a key worthless at once. NotFound.
	KeyRemove(ctx context.Context, id string) error
}

// KeyRequest says what a key is to be for.
type KeyRequest struct {
	User     string    `json:"user,omitempty"`  // whose; empty: the only one who lives here
	For      string    `json:"for"`             // DoorS3 or DoorWebDAV
	Space    string    `json:"space,omitempty"` // empty: HomeSpace
	ReadOnly bool      `json:"read_only,omitempty"`
	Expires  time.Time `json:"expires,omitzero"` // zero: never
}

// Key is an app password.
type Key struct {
	ID       string    `json:"id"`  // S3's access key, WebDAV's user name
	For      string    `json:"for"` // DoorS3 or DoorWebDAV
	User     string    `json:"user"`
	Space    string    `json:"space"`
	ReadOnly bool      `json:"read_only"`
	Made     time.Time `json:"made"`
	Expires  time.Time `json:"expires,omitzero"`
	// URL is the door's address now; empty: it is off.
	URL string `json:"url,omitempty"`
	// Secret is what the program shows at the door; only in the answer of KeyAdd.
	Secret string `json:"secret,omitempty"`
}

// KeyAdd implements Node.
func (c *Client) KeyAdd(ctx context.Context, q KeyRequest) (*Key, error) {
	return call[*Key](ctx, c, "key/add", q)
}

// KeyList implements Node.
func (c *Client) KeyList(ctx context.Context, user string) ([]Key, error) {
	return call[[]Key](ctx, c, "key/list", forUser{user})
}

// KeyRemove implements Node.
func (c *Client) KeyRemove(ctx context.Context, id string) error {
	_, err := call[none](ctx, c, "key/rm", forKey{id})
	return err
}
