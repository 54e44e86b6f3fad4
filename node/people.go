package node

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

// resident is somebody who lives on this node. It is frozen: a change is a new one.
type resident struct {
	dir    string
	signer *keys.Signer
	seals  []*keys.SealPair // by number, the newest last
	rec    *directory.Record
	// trouble says why the name does not stand; empty: it does.
	trouble string
}

func (u *resident) key() peer.Key { return u.signer.Public() }
func (u *resident) name() string  { return string(u.rec.Name) }

// forIM is the user as im knows him.
func (u *resident) forIM() im.User {
	out := im.User{Name: u.name(), Signer: u.signer}
	for _, s := range u.seals {
		out.Seals = append(out.Seals, im.SealPair{Number: uint32(s.Number()), Opener: s})
	}
	return out
}

// placedAt is the user's record with this node among his devices. In another ring
// than before (where the node has another id) it is his only one.
func (u *resident) placedAt(ring id.Hash, node id.ID, now time.Time) *directory.Record {
	rec := *u.rec
	if slices.ContainsFunc(rec.Devices, func(d *directory.Device) bool { return d.Node == node }) {
		return u.rec
	}
	if u.rec.Verify(ring, keys.Verifier{}) != nil {
		rec.Devices = nil
	}
	rec.Devices = append([]*directory.Device{{Node: node, Since: now.Unix()}}, rec.Devices[:min(len(rec.Devices), directory.MaxDevices-1)]...)
	rec.Version++
	return rec.Sign(ring, u.signer, now)
}

// people are the users of a node.
type people struct {
	dir string

	writing sync.Mutex // one writer of records at a time
	mu      sync.Mutex
	list    []*resident // by name
}

// loadPeople reads the folder of users. One that cannot be read is left out, and
// logged: the others must not suffer for it.
func loadPeople(dir string, log *slog.Logger) (*people, error) {
	p := &people{dir: dir}
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
		p.put(u)
	}
	return p, nil
}

func loadResident(dir string) (*resident, error) {
	u := &resident{dir: dir}
	var err error
	if u.signer, err = keys.LoadSigner(filepath.Join(dir, identityName), keys.UserKey); err != nil {
		return nil, err
	}
	if want := keys.FingerprintOf(u.key()).String(); filepath.Base(dir) != want {
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
		u.seals = append(u.seals, s)
	}
	slices.SortFunc(u.seals, func(a, b *keys.SealPair) int { return int(a.Number()) - int(b.Number()) })
	if len(u.seals) == 0 {
		return nil, fmt.Errorf("%s: no sealing key: %w", dir, fs.ErrNotExist)
	}
	b, err := keys.ReadPrivate(filepath.Join(dir, recordName), 2*directory.MaxRecord)
	if err != nil {
		return nil, err
	}
	u.rec = new(directory.Record)
	if err := wire.Unmarshal(b, u.rec); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(dir, recordName), err)
	}
	if u.rec.Identity != u.key() {
		return nil, fmt.Errorf("%s: %w: another user's record", filepath.Join(dir, recordName), keys.ErrKind)
	}
	return u, nil
}

// newPrefix begins the names of folders that are not complete yet.
const newPrefix = "new-"

// save writes a new user's folder, whole or not at all.
func (p *people) save(u *resident) error {
	print := keys.FingerprintOf(u.key()).String()
	final, temp := filepath.Join(p.dir, print), filepath.Join(p.dir, newPrefix+print)
	if _, err := os.Lstat(final); err == nil {
		return api.Errorf(api.Failed, "this user lives here already, as %s: see `phyllo user list`", u.name())
	}
	if err := os.RemoveAll(temp); err != nil {
		return err
	}
	err := keys.SaveSigner(filepath.Join(temp, identityName), keys.UserKey, u.signer)
	for _, s := range u.seals {
		err = errors.Join(err, keys.SaveSealPair(filepath.Join(temp, fmt.Sprintf("%s%d%s", sealPrefix, s.Number(), sealSuffix)), s))
	}
	if err == nil {
		err = keys.WritePrivate(filepath.Join(temp, recordName), wire.MustMarshal(u.rec))
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
	u.dir = final
	p.put(u)
	return nil
}

// note keeps a changed record, unless a newer one is kept already.
func (p *people) note(u *resident) error {
	p.writing.Lock()
	defer p.writing.Unlock()
	if have := p.byKey(u.key()); have == nil || have.rec.Version > u.rec.Version {
		return nil
	}
	if err := keys.ReplacePrivate(filepath.Join(u.dir, recordName), wire.MustMarshal(u.rec)); err != nil {
		return fmt.Errorf("keeping the user's record: %w: is the disk full? `phyllo doctor` looks", err)
	}
	p.put(u)
	return nil
}

// forget removes a user who never came to be: his name could not be claimed.
func (p *people) forget(u *resident) error {
	p.mu.Lock()
	p.list = slices.DeleteFunc(p.list, func(x *resident) bool { return x.key() == u.key() })
	p.mu.Unlock()
	return os.RemoveAll(u.dir)
}

// put takes a user in, or a changed one in place of his former self.
func (p *people) put(u *resident) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.list = slices.DeleteFunc(p.list, func(x *resident) bool { return x.key() == u.key() })
	at, _ := slices.BinarySearchFunc(p.list, u, func(a, b *resident) int { return strings.Compare(a.name(), b.name()) })
	p.list = slices.Insert(p.list, at, u)
}

func (p *people) all() []*resident {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.list)
}

func (p *people) byKey(k peer.Key) *resident {
	for _, u := range p.all() {
		if u.key() == k {
			return u
		}
	}
	return nil
}

// named returns the user who is meant by a name, or the only one if it is empty.
func (p *people) named(name string) (*resident, error) {
	list := p.all()
	var names []string
	for _, u := range list {
		names = append(names, u.name())
	}
	if n, err := directory.ParseName(name); err == nil {
		name = string(n)
	}
	at := slices.Index(names, name)
	if at < 0 {
		at = slices.IndexFunc(list, func(u *resident) bool { return directory.Fingerprint(u.key()) == name })
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
