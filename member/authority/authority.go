// Package authority keeps the key of a ring's authority: in a file of a node's folder, and
// in a backup under a passphrase. Who holds it appoints admitters and expels anybody, so
// this is what is reviewed for where it may lie.
package authority

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/keys"
	"github.com/phyllo-net/phyllo/member/msg"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/wire"
)

// File is where a ring's key is kept in a folder.
func File(folder string, ring id.Hash) string {
	return filepath.Join(folder, "ring-"+ring.String()[:16]+".key")
}

// Load reads a ring's key; nil: it is not in this folder. keys.ErrKind: the file holds
// another key.
func Load(folder string, ring id.Hash) (*keys.Signer, error) {
	file := File(folder, ring)
	s, err := keys.LoadSigner(file, keys.RingKey)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, err
	case peer.RingID(s.Public()) != ring:
		return nil, fmt.Errorf("%s: %w: it is another ring's key", file, keys.ErrKind)
	}
	return s, nil
}

// Save writes a ring's key, durably. fs.ErrExist: there is a file already.
func Save(folder string, s *keys.Signer) error {
	return keys.SaveSigner(File(folder, peer.RingID(s.Public())), keys.RingKey, s)
}

// backup is the content of a ring's backup.
type backup struct {
	Seed []byte `cbor:"1,keyasint"`
	Name string `cbor:"2,keyasint"`
}

// Backup returns the text of a file that holds a ring's key and name under a passphrase.
// Errors: keys.ErrShortPassphrase.
func Backup(s *keys.Signer, name string, passphrase []byte, cost keys.Cost) ([]byte, error) {
	return keys.Export(keys.RingBackup, wire.MustMarshal(backup{Seed: s.Seed(), Name: name}), passphrase, cost)
}

// Restore reads a backup. Errors: those of keys.Import.
func Restore(text, passphrase []byte) (s *keys.Signer, name string, err error) {
	content, err := keys.Import(keys.RingBackup, text, passphrase)
	if err != nil {
		return nil, "", err
	}
	var b backup
	if err := wire.Unmarshal(content, &b); err != nil {
		return nil, "", fmt.Errorf("%w: %w", keys.ErrDamaged, err)
	}
	if err := msg.CheckName(b.Name); err != nil {
		return nil, "", fmt.Errorf("%w: %w", keys.ErrDamaged, err)
	}
	s, err = keys.SignerFromSeed(b.Seed)
	return s, b.Name, err
}
