// Package people is the users who live on a node: their keys and records, each in a folder
// that is called by his fingerprint.
package people

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/app/directory"
	"github.com/phyllo-net/phyllo/app/im"
	"github.com/phyllo-net/phyllo/app/space"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/keys"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/wire"
)

// Names of the files in a user's folder, which is called by his fingerprint, so
// that no path is ever made of a name.
const (
	identityName = "identity.key"
	recordName   = "record"
	sealPrefix   = "seal-"
	sealSuffix   = ".key"
)

// Resident is somebody who lives on this node. It is frozen: a change is a new one.
type Resident struct {
	Dir    string // his folder; empty before Save
	Signer *keys.Signer
	Seals  []*keys.SealPair  // by number, the newest last
	Rec    *directory.Record // what the directory has of him, or is to have
	// Trouble says why the name does not stand; empty: it does.
	Trouble string
}

// Key is what he signs with.
func (u *Resident) Key() peer.Key { return u.Signer.Public() }

// Name is what he is called.
func (u *Resident) Name() string { return string(u.Rec.Name) }

// Fingerprint is a key in the forms that people compare.
func Fingerprint(k peer.Key) api.Fingerprint {
	f := keys.FingerprintOf(k)
	return api.Fingerprint{Hex: f.String(), Words: f.Words()}
}

// ForIM is the user as im knows him.
func (u *Resident) ForIM() im.User {
	out := im.User{Name: u.Name(), Signer: u.Signer}
	for _, s := range u.Seals {
		out.Seals = append(out.Seals, im.SealPair{Number: uint32(s.Number()), Opener: s})
	}
	return out
}

// ForSpace is the user as package space knows him.
func (u *Resident) ForSpace() space.Person {
	p := space.Person{Name: u.Name(), Signer: u.Signer}
	for _, s := range u.Seals {
		p.Seals = append(p.Seals, space.SealPair{Number: s.Number(), Opener: s})
	}
	return p
}

// PlacedAt is the user's record with this node among his devices. In another ring
// than before (where the node has another id) it is his only one.
func (u *Resident) PlacedAt(ring id.Hash, node id.ID, now time.Time) *directory.Record {
	rec := *u.Rec
	if slices.ContainsFunc(rec.Devices, func(d *directory.Device) bool { return d.Node == node }) {
		return u.Rec
	}
	if u.Rec.Verify(ring, keys.Verifier{}) != nil {
		rec.Devices = nil
	}
	rec.Devices = append([]*directory.Device{{Node: node, Since: now.Unix()}}, rec.Devices[:min(len(rec.Devices), directory.MaxDevices-1)]...)
	rec.Version++
	return rec.Sign(ring, u.Signer, now)
}

// People are the users of a node. Any goroutine may use it.
type People struct {
	dir string

	writing sync.Mutex // one writer of records at a time
	mu      sync.Mutex
	list    []*Resident // by name
}

// Load reads the folder of users. One that cannot be read is left out, and
// logged: the others must not suffer for it.
func Load(dir string, log *slog.Logger) (*People, error) {
	p := &People{dir: dir}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the folder of users: %w: the node needs to write to its home, or use another --home", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("reading the folder of users: %w: does it belong to this user? (`ls -l`)", err)
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		switch _, bad := keys.ParseFingerprint(e.Name()); {
		case strings.HasPrefix(e.Name(), newPrefix):
			// Half made when the node ended: nobody was told of it.
			if err := os.RemoveAll(path); err != nil {
				return nil, err
			}
			continue
		case bad != nil || !e.IsDir():
			continue
		}
		u, err := loadResident(path)
		if err != nil {
			log.Error("a user of this node cannot be read and is left out: restore his folder from a backup, or import him again", "folder", path, "err", err)
			continue
		}
		p.Put(u)
	}
	return p, nil
}

func loadResident(dir string) (*Resident, error) {
	u := &Resident{Dir: dir}
	var err error
	if u.Signer, err = keys.LoadSigner(filepath.Join(dir, identityName), keys.UserKey); err != nil {
		return nil, err
	}
	if want := keys.FingerprintOf(u.Key()).String(); filepath.Base(dir) != want {
		return nil, fmt.Errorf("%s: %w: the key of %s", dir, keys.ErrKind, want)
	}
	names, err := filepath.Glob(filepath.Join(dir, sealPrefix+"*"+sealSuffix))
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		s, err := keys.LoadSealPair(name)
		if err != nil {
			return nil, err
		}
		u.Seals = append(u.Seals, s)
	}
	slices.SortFunc(u.Seals, func(a, b *keys.SealPair) int { return int(a.Number()) - int(b.Number()) })
	if len(u.Seals) == 0 {
		return nil, fmt.Errorf("%s: no sealing key: %w", dir, fs.ErrNotExist)
	}
	b, err := keys.ReadPrivate(filepath.Join(dir, recordName), 2*directory.MaxRecord)
	if err != nil {
		return nil, err
	}
	u.Rec = new(directory.Record)
	if err := wire.Unmarshal(b, u.Rec); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(dir, recordName), err)
	}
	if u.Rec.Identity != u.Key() {
		return nil, fmt.Errorf("%s: %w: another user's record", filepath.Join(dir, recordName), keys.ErrKind)
	}
	return u, nil
}

// newPrefix begins the names of folders that are not complete yet.
const newPrefix = "new-"

// Save writes a new user's folder, whole or not at all.
func (p *People) Save(u *Resident) error {
	print := keys.FingerprintOf(u.Key()).String()
	final, temp := filepath.Join(p.dir, print), filepath.Join(p.dir, newPrefix+print)
	if _, err := os.Lstat(final); err == nil {
		return api.Errorf(api.Failed, "this user lives here already, as %s: see `phyllo user list`", u.Name())
	}
	if err := os.RemoveAll(temp); err != nil {
		return err
	}
	err := keys.SaveSigner(filepath.Join(temp, identityName), keys.UserKey, u.Signer)
	for _, s := range u.Seals {
		err = errors.Join(err, keys.SaveSealPair(filepath.Join(temp, fmt.Sprintf("%s%d%s", sealPrefix, s.Number(), sealSuffix)), s))
	}
	if err == nil {
		err = keys.WritePrivate(filepath.Join(temp, recordName), wire.MustMarshal(u.Rec))
	}
	if err == nil {
		err = os.Rename(temp, final)
	}
	if err == nil {
		err = syncFolder(p.dir)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("keeping the user's keys: %w: is the disk full? `phyllo doctor` looks", err), os.RemoveAll(temp))
	}
	u.Dir = final
	p.Put(u)
	return nil
}

// Note keeps a changed record, unless a newer one is kept already.
func (p *People) Note(u *Resident) error {
	p.writing.Lock()
	defer p.writing.Unlock()
	if have := p.ByKey(u.Key()); have == nil || have.Rec.Version > u.Rec.Version {
		return nil
	}
	if err := keys.ReplacePrivate(filepath.Join(u.Dir, recordName), wire.MustMarshal(u.Rec)); err != nil {
		return fmt.Errorf("keeping the user's record: %w: is the disk full? `phyllo doctor` looks", err)
	}
	p.Put(u)
	return nil
}

// Forget removes a user who never came to be: his name could not be claimed.
func (p *People) Forget(u *Resident) error {
	p.mu.Lock()
	p.list = slices.DeleteFunc(p.list, func(x *Resident) bool { return x.Key() == u.Key() })
	p.mu.Unlock()
	return os.RemoveAll(u.Dir)
}

// Put takes a user in, or a changed one in place of his former self.
func (p *People) Put(u *Resident) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.list = slices.DeleteFunc(p.list, func(x *Resident) bool { return x.Key() == u.Key() })
	at, _ := slices.BinarySearchFunc(p.list, u, func(a, b *Resident) int { return strings.Compare(a.Name(), b.Name()) })
	p.list = slices.Insert(p.list, at, u)
}

// All returns them by name.
func (p *People) All() []*Resident {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.list)
}

// ByKey returns who has this key, nil if there is nobody.
func (p *People) ByKey(k peer.Key) *Resident {
	for _, u := range p.All() {
		if u.Key() == k {
			return u
		}
	}
	return nil
}

// Named returns the user who is meant by a name, or the only one if it is empty.
func (p *People) Named(name string) (*Resident, error) {
	list := p.All()
	var names []string
	for _, u := range list {
		names = append(names, u.Name())
	}
	if n, err := directory.ParseName(name); err == nil {
		name = string(n)
	}
	at := slices.Index(names, name)
	if at < 0 {
		at = slices.IndexFunc(list, func(u *Resident) bool { return directory.Fingerprint(u.Key()) == name })
	}
	switch {
	case at >= 0:
		return list[at], nil
	case len(list) == 0:
		return nil, api.Errorf(api.NotFound, "nobody lives on this node yet: make a user with `phyllo user add NAME`")
	case name == "" && len(list) == 1:
		return list[0], nil
	case name == "":
		return nil, api.Errorf(api.Usage, "several users live here (%s): say which, as in `--from %s`", strings.Join(names, ", "), names[0])
	}
	return nil, api.Errorf(api.NotFound, "%+q does not live on this node: see `phyllo user list`", name)
}

func syncFolder(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
