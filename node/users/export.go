package users

import (
	"context"
	"errors"
	"fmt"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/app/directory"
	"github.com/phyllo-net/phyllo/keys"
	"github.com/phyllo-net/phyllo/node/kind"
	"github.com/phyllo-net/phyllo/node/people"
	"github.com/phyllo-net/phyllo/wire"
)

// exported is the content of a user's export.
type exported struct {
	Seed   []byte            `cbor:"1,keyasint"`
	Seals  [][]byte          `cbor:"2,keyasint"`
	Record *directory.Record `cbor:"3,keyasint"`
}

// Check implements wire.Checker.
func (e *exported) Check() error {
	if e.Record == nil || len(e.Seals) == 0 {
		return errors.New("an export without keys or record")
	}
	return nil
}

// UserExport implements api.Node.
func (f Face) UserExport(_ context.Context, name, passphrase string) (*api.Sealed, error) {
	u, err := f.Node.People().Named(name)
	if err != nil {
		return nil, err
	}
	e := exported{Seed: u.Signer.Seed(), Record: u.Rec}
	for _, s := range u.Seals {
		b, err := s.Secret()
		if err != nil {
			return nil, err
		}
		e.Seals = append(e.Seals, b)
	}
	text, err := keys.Export(keys.UserExport, wire.MustMarshal(e), []byte(passphrase), keys.DefaultCost)
	if err != nil {
		return nil, kind.Give(err)
	}
	return &api.Sealed{Text: string(text)}, nil
}

// UserImport implements api.Node.
func (f Face) UserImport(ctx context.Context, export api.Sealed, passphrase string) (*api.User, error) {
	content, err := keys.Import(keys.UserExport, []byte(export.Text), []byte(passphrase))
	switch {
	case errors.Is(err, keys.ErrKind), errors.Is(err, keys.ErrTruncated), errors.Is(err, keys.ErrNewer):
		return nil, api.Errorf(api.Usage, "this is no exported user: %w; `phyllo user export` writes one", err)
	case err != nil:
		return nil, kind.Give(err)
	}
	var e exported
	if err := wire.Unmarshal(content, &e); err != nil {
		return nil, fmt.Errorf("%w: %w", keys.ErrDamaged, err)
	}
	u := &people.Resident{}
	if u.Signer, err = keys.SignerFromSeed(e.Seed); err != nil {
		return nil, err
	}
	for _, b := range e.Seals {
		s, err := keys.SealPairFromSecret(b)
		if err != nil {
			return nil, err
		}
		u.Seals = append(u.Seals, s)
	}
	if e.Record.Identity != u.Key() {
		return nil, fmt.Errorf("%w: its record belongs to another key", keys.ErrDamaged)
	}
	return moveIn(ctx, f.Node, u, newest(ctx, f.Node, e.Record))
}

// newest is the ring's record of an imported user, if that is newer.
func newest(ctx context.Context, n Node, rec *directory.Record) *directory.Record {
	found, err := Lookup(ctx, n, rec.Name)
	if err == nil && found.Record.Identity == rec.Identity && found.Record.Version >= rec.Version {
		return found.Record
	}
	h := n.Here()
	if h == nil || rec.Verify(h.cfg.Directory.Ring, keys.Verifier{}) == nil {
		return rec
	}
	moved := *rec
	moved.Devices = nil // those were of another ring
	return &moved
}
