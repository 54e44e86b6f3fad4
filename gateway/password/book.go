package password

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// Door is what a password opens.
type Door string

// The doors.
const (
	S3     Door = "s3"
	WebDAV Door = "webdav"
)

// Limits.
const (
	MaxKeys = 1000    // passwords of a node
	maxFile = 1 << 20 // bytes
)

// Kinds of errors, for errors.Is.
var (
	ErrWrong   = errors.New("the key or the password is wrong: `phyllo key list` lists the keys, `phyllo key add` makes another")
	ErrExpired = errors.New("the password has ended: make another with `phyllo key add`")
	ErrSlow    = errors.New("too many wrong passwords for this key: set the right one, and try again in a minute")
	ErrUnknown = errors.New("there is no such key: `phyllo key list` lists all")
	ErrFile    = errors.New("the file of app passwords cannot be used")
)

// Key is a password without its secret.
type Key struct {
	ID       string    `json:"id"` // S3's access key, WebDAV's user name
	Door     Door      `json:"for"`
	User     string    `json:"user,omitempty"` // whose spaces are meant, where a node has several users
	Space    string    `json:"space"`
	ReadOnly bool      `json:"read_only,omitempty"`
	Made     time.Time `json:"made"`
	Expires  time.Time `json:"expires,omitzero"` // zero: never
}

// May reports whether the key is good for a space, and for changing it.
func (k Key) May(space string, change bool) bool {
	return k.Space == space && !(change && k.ReadOnly)
}

func (k Key) over(now time.Time) bool { return !k.Expires.IsZero() && !now.Before(k.Expires) }

// kept is a key as it stands in the file.
type kept struct {
	Key
	Secret string `json:"secret,omitempty"` // S3
	Hash   string `json:"hash,omitempty"`   // WebDAV: SHA-256 of the secret, in hex
}

// Book keeps the passwords of a node. All methods may be called from many goroutines.
type Book struct {
	path string
	now  func() time.Time

	mu   sync.Mutex
	keys []kept // in the order in which they were made
	slow slow
}

// Open reads the passwords that lie at path, if any do. now tells the time. ErrFile.
func Open(path string, now func() time.Time) (*Book, error) {
	b := &Book{path: path, now: now, slow: slow{}}
	text, err := read(path)
	if errors.Is(err, fs.ErrNotExist) {
		return b, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFile, err)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&b.keys); err != nil {
		return nil, fmt.Errorf("%w: %s: %w: move it away and make new passwords with `phyllo key add`", ErrFile, path, err)
	}
	for i, k := range b.keys {
		good := k.ID != "" && k.Space != "" && (k.Door == S3 && k.Secret != "" || k.Door == WebDAV && len(k.Hash) == 2*sha256.Size)
		if !good || len(b.keys) > MaxKeys {
			return nil, fmt.Errorf("%w: %s: entry %d is wrong: move the file away and make new passwords with `phyllo key add`", ErrFile, path, i+1)
		}
	}
	return b, nil
}

// read reads the file, if it is one that only its owner can read.
func read(path string) ([]byte, error) {
	st, err := os.Lstat(path)
	switch {
	case err != nil:
		return nil, err
	case !st.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a plain file: move it away", path)
	case st.Mode().Perm()&0o077 != 0:
		return nil, fmt.Errorf("others can read %s: run `chmod 600 %s`, and make new passwords if somebody has", path, path)
	case st.Size() > maxFile:
		return nil, fmt.Errorf("%s has more than %d bytes: move it away", path, maxFile)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxFile))
}

// Add makes a password for what k says; its ID and time are new. The secret is
// returned this once.
func (b *Book) Add(k Key) (Key, string, error) {
	if k.Door != S3 && k.Door != WebDAV {
		return Key{}, "", fmt.Errorf("there is no door %q: give s3 or webdav", k.Door)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now().UTC().Truncate(time.Second)
	switch {
	case len(b.keys) >= MaxKeys:
		return Key{}, "", fmt.Errorf("there are %d keys already: remove some with `phyllo key rm`", MaxKeys)
	case k.over(now):
		return Key{}, "", errors.New("the password would have ended already: give a later time")
	}
	// Letters and digits alone, as long as those of other S3 servers: some programs
	// take no others.
	secret := rand.Text() + rand.Text()[:14]
	k.ID, k.Made, k.Expires = rand.Text()[:20], now, k.Expires.UTC()
	x := kept{Key: k}
	if k.Door == S3 {
		x.Secret = secret
	} else {
		sum := sha256.Sum256([]byte(secret))
		x.Hash = hex.EncodeToString(sum[:])
	}
	if err := b.write(append(slices.Clone(b.keys), x)); err != nil {
		return Key{}, "", err
	}
	return k, secret, nil
}

// List returns all keys, those that have ended too, in the order in which they were
// made.
func (b *Book) List() []Key {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []Key
	for _, k := range b.keys {
		out = append(out, k.Key)
	}
	return out
}

// Remove makes a password worthless at once. ErrUnknown.
func (b *Book) Remove(id string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	at := slices.IndexFunc(b.keys, func(k kept) bool { return k.ID == id })
	if at < 0 {
		return ErrUnknown
	}
	return b.write(slices.Delete(slices.Clone(b.keys), at, at+1))
}

// write makes the list durable, and then counts. The old file stays whole until then.
func (b *Book) write(keys []kept) error {
	text, err := json.MarshalIndent(keys, "", "\t")
	if err != nil {
		return fmt.Errorf("%w: %w", ErrFile, err)
	}
	f, err := os.CreateTemp(filepath.Dir(b.path), ".passwords-*") // with mode 0600
	if err != nil {
		return fmt.Errorf("%w: %w: is the disk full? `phyllo doctor` looks", ErrFile, err)
	}
	_, err = f.Write(append(text, '\n'))
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), b.path)
	}
	if err != nil {
		os.Remove(f.Name())
		return fmt.Errorf("%w: %w: is the disk full? `phyllo doctor` looks", ErrFile, err)
	}
	b.keys = keys
	return syncFolder(filepath.Dir(b.path))
}

func syncFolder(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrFile, err)
	}
	defer d.Close()
	// Some systems cannot sync a folder, and say so; the file itself is durable.
	if err := d.Sync(); err != nil && !errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, fs.ErrInvalid) && !errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("%w: %w", ErrFile, err)
	}
	return nil
}

// Check looks at a password of WebDAV that came from an address, as net/http writes
// it. ErrWrong, ErrExpired, ErrSlow.
func (b *Book) Check(from, id, secret string) (Key, error) {
	return b.enter(WebDAV, from, id, func(k kept) bool {
		sum := sha256.Sum256([]byte(secret))
		return subtle.ConstantTimeCompare([]byte(hex.EncodeToString(sum[:])), []byte(k.Hash)) == 1
	})
}

// Signed looks at a request of S3 that came from an address: good says whether it was
// signed with a secret. It is called for an unknown key too, with a secret that
// nobody has, so that the time does not tell which keys there are. ErrWrong,
// ErrExpired, ErrSlow.
func (b *Book) Signed(from, id string, good func(secret string) bool) (Key, error) {
	return b.enter(S3, from, id, func(k kept) bool { return good(k.Secret) })
}

func (b *Book) enter(door Door, from, id string, good func(kept) bool) (Key, error) {
	from = host(from)
	k, known, err := b.look(door, from, id)
	if err != nil {
		return Key{}, err
	}
	if !good(k) || !known {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.slow.wrong(source(from, id, known), b.now())
		return Key{}, ErrWrong
	}
	if k.over(b.now()) {
		return Key{}, ErrExpired
	}
	return k.Key, nil
}

// look finds a key, or one that opens nothing.
func (b *Book) look(door Door, from, id string) (kept, bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	k, known := kept{Secret: rand.Text(), Hash: strings.Repeat("-", 2*sha256.Size)}, false
	for _, x := range b.keys {
		if x.Door == door && x.ID == id {
			k, known = x, true
		}
	}
	if b.slow.refuses(source(from, id, known), b.now()) {
		return kept{}, false, ErrSlow
	}
	return k, known, nil
}
