package keys

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Modes of private files and of the folders around them.
const (
	fileMode   = 0o600
	folderMode = 0o700
	others     = 0o077 // bits of the group and of everybody else
	mayWrite   = 0o022
)

// Reasons why a private file is not used.
var (
	// ErrMode: others may read the file, or exchange it.
	ErrMode = errors.New("others can read this private file")
	// ErrOwner: the file belongs to another user of this machine.
	ErrOwner = errors.New("this private file belongs to another user")
	// ErrNotFile: a folder, a link or a device stands where a file belongs.
	ErrNotFile = errors.New("not a plain file")
)

// WritePrivate writes a new file that only its owner can read, whole or not at
// all, durably; it makes the folder if need be. It never overwrites: if path
// exists the error wraps fs.ErrExist.
func WritePrivate(path string, data []byte) error {
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("write %s: %w: move it away first", path, fs.ErrExist)
	}
	return ReplacePrivate(path, data)
}

// ReplacePrivate is WritePrivate that overwrites: a crash leaves the old file or
// the new one. Two calls for one path must not run at once.
func ReplacePrivate(path string, data []byte) error {
	folder := filepath.Dir(path)
	if err := os.MkdirAll(folder, folderMode); err != nil {
		return err
	}
	if err := checkFolder(folder); err != nil {
		return err
	}
	temp := path + ".new"
	if err := writeTemp(temp, data); err != nil {
		os.Remove(temp) // best effort: the next write removes it too
		return err
	}
	if err := os.Rename(temp, path); err != nil {
		os.Remove(temp)
		return err
	}
	return syncFolder(folder)
}

func writeTemp(temp string, data []byte) error {
	if err := os.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	// O_EXCL: whoever could put a link there must not get the key written elsewhere.
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
	if err != nil {
		return err
	}
	if _, err = f.Write(data); err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

func syncFolder(folder string) error {
	f, err := os.Open(folder)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// ReadPrivate reads a file of at most limit bytes that only its owner can read.
// Errors wrap ErrMode, ErrOwner, ErrNotFile, ErrDamaged (too long) or those of
// package fs, and name the file and what helps.
func ReadPrivate(path string, limit int) ([]byte, error) {
	if err := checkFolder(filepath.Dir(path)); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_RDONLY|openFlags, 0)
	if isLink(err) {
		return nil, fmt.Errorf("%s: %w: it is a link: put the file itself there", path, ErrNotFile)
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	st, err := f.Stat() // of what was opened: it cannot be exchanged any more
	if err != nil {
		return nil, err
	}
	switch {
	case !st.Mode().IsRegular():
		return nil, fmt.Errorf("%s: %w: move it away, and restore the file from a backup", path, ErrNotFile)
	case !isOurs(st):
		return nil, fmt.Errorf("%s: %w: run phyllo as that user, or `chown $(id -un) %s`", path, ErrOwner, path)
	case st.Mode()&others != 0 && hasModes:
		return nil, fmt.Errorf("%s: %w (mode %04o): `chmod 600 %s`, and make a new key if others may have read it",
			path, ErrMode, st.Mode().Perm(), path)
	}
	b, err := io.ReadAll(io.LimitReader(f, int64(limit)+1))
	if err == nil && len(b) > limit {
		err = fmt.Errorf("%s: %w: longer than %d bytes", path, ErrDamaged, limit)
	}
	return b, err
}

// checkFolder refuses a folder in which others could exchange the file.
func checkFolder(folder string) error {
	st, err := os.Stat(folder)
	switch {
	case err != nil:
		return err
	case hasModes && st.Mode()&mayWrite != 0 && st.Mode()&fs.ModeSticky == 0:
		return fmt.Errorf("%s: %w: others can exchange files in this folder: `chmod 700 %s`", folder, ErrMode, folder)
	}
	return nil
}

// SaveSigner writes a key to a new file; see WritePrivate.
func SaveSigner(path string, k Kind, s *Signer) error {
	return WritePrivate(path, armour(k, s.Seed()))
}

// LoadSigner reads a key file of this kind; see ReadPrivate. Errors also wrap
// ErrKind, ErrTruncated, ErrDamaged or ErrNewer.
func LoadSigner(path string, k Kind) (*Signer, error) {
	payload, err := load(path, k)
	if err != nil {
		return nil, err
	}
	s, err := SignerFromSeed(payload)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return s, nil
}

// LoadOrMakeSigner reads a key file of this kind, or makes a key from r, and the
// file, if there is none.
func LoadOrMakeSigner(path string, k Kind, r io.Reader) (*Signer, error) {
	s, err := LoadSigner(path, k)
	if !errors.Is(err, fs.ErrNotExist) {
		return s, err
	}
	if s, err = NewSigner(r); err != nil {
		return nil, err
	}
	return s, SaveSigner(path, k, s)
}

// SaveSealPair writes a pair to a new file; see WritePrivate.
func SaveSealPair(path string, p *SealPair) error {
	payload, err := p.Secret()
	if err != nil {
		return err
	}
	return WritePrivate(path, armour(SealingKey, payload))
}

// LoadSealPair reads the file of a pair; errors as those of LoadSigner.
func LoadSealPair(path string) (*SealPair, error) {
	payload, err := load(path, SealingKey)
	if err != nil {
		return nil, err
	}
	p, err := SealPairFromSecret(payload)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return p, nil
}

// maxKeyFile is far above the longest key file, in bytes.
const maxKeyFile = 16 << 10

func load(path string, k Kind) ([]byte, error) {
	text, err := ReadPrivate(path, maxKeyFile)
	if err != nil {
		return nil, err
	}
	payload, err := unarmour(k, text)
	if errors.Is(err, ErrKind) {
		return nil, fmt.Errorf("%s: %w: restore it from a backup", path, err)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return payload, nil
}
