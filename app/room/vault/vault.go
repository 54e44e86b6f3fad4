// Package vault is what shelves of rooms lie in: the ring's storage (package past) as package
// shelf wants it. What is put there lives until it ends, or its owner gives it back, in Copies copies,
// and is paid for from the account of the node that puts it.
package vault

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"github.com/phyllo-net/phyllo/app/past"
	"github.com/phyllo-net/phyllo/app/past/certificate"
	"github.com/phyllo-net/phyllo/app/room/shelf"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
)

// Copies is how many nodes keep what is put on shelves.
const Copies = 5

// Vault is a shelf.Storage.
type Vault struct{ past *past.Past }

// New returns a Vault in a node's storage.
func New(p *past.Past) *Vault { return &Vault{p} }

var _ shelf.Storage = (*Vault)(nil)

var packPart = certificate.NamePart([]byte("phyllo"), "pack of a room")

func part(what string) certificate.Part {
	return certificate.NamePart([]byte("phyllo room"), what)
}

// Put implements shelf.Storage. Its copies may be fewer for a while, if most are made.
func (v *Vault) Put(t *task.T, content []byte, ends time.Time, owner peer.Signer) (id.Hash, error) {
	f := past.File{Part: packPart, Copies: Copies, Expires: ends}
	body, large := past.InMemory(content)
	var done past.Stored
	var err error
	if large == nil {
		f.Content = body
		done, err = v.past.Insert(t, f, owner)
	} else {
		done, err = v.past.InsertLarge(t, f, *large, owner)
	}
	var few *past.TooFewError
	if errors.As(err, &few) && !errors.Is(err, past.ErrFull) && len(few.Stored.Receipts) > Copies/2 {
		done, err = few.Stored, nil
	}
	if err != nil {
		return id.Hash{}, err
	}
	return done.Certificate.ID(), nil
}

// Get implements shelf.Storage.
func (v *Vault) Get(t *task.T, object id.Hash) ([]byte, error) {
	f, err := v.past.Lookup(t, object)
	switch {
	case err != nil:
		return nil, nothing(err)
	case !f.Certificate.Large():
		return f.Content, nil
	case f.Certificate.Size > shelf.MaxObject:
		return nil, fmt.Errorf("%w: %d bytes, at most %d", shelf.ErrDamaged, f.Certificate.Size, shelf.MaxObject)
	}
	var got received
	err = v.past.Fetch(t, f, task.Whole(f.Certificate.Size), &got)
	return got.content, err
}

// Ends implements shelf.Storage.
func (v *Vault) Ends(t *task.T, object id.Hash) (time.Time, error) {
	f, err := v.past.Lookup(t, object)
	if err != nil || f.Certificate.Expires == 0 {
		return time.Time{}, nothing(err)
	}
	return time.UnixMilli(f.Certificate.Expires), nil
}

// received is an object as it comes, of one chunk that storage has verified.
type received struct{ content []byte }

// WriteChunk implements task.Sink.
func (r *received) WriteChunk(_ int, content []byte) error {
	r.content = bytes.Clone(content)
	return nil
}

// Remove implements shelf.Storage.
func (v *Vault) Remove(t *task.T, object id.Hash, owner peer.Signer) error {
	return v.past.Reclaim(t, object, owner)
}

// Current implements shelf.Storage. Where a majority of those who keep it has been away for half a minute, it is
// what the others have.
func (v *Vault) Current(t *task.T, owner peer.Key, what string) (shelf.Found, error) {
	name := past.Name{Owner: owner, Part: part(what), Copies: Copies}
	f, err := v.past.Latest(t, name)
	if err != nil {
		return shelf.Found{}, nothing(err)
	}
	out := shelf.Found{Content: f.Content, Version: f.Certificate.Version, Apart: f.Apart > 0}
	for _, r := range f.Rivals {
		x, err := v.past.Rival(t, name, r)
		switch {
		case errors.Is(err, past.ErrNotFound): // it was resolved meanwhile
		case err != nil:
			return shelf.Found{}, err
		default:
			out.Rivals = append(out.Rivals, shelf.Rival{Hash: r, Content: x.Content})
		}
	}
	return out, nil
}

// Change implements shelf.Storage: also where a majority of those who keep it has been away for half a minute.
func (v *Vault) Change(t *task.T, owner peer.Signer, what string, e shelf.Edit) error {
	_, err := v.past.Edit(t, past.Edit{Part: part(what), Copies: Copies, Replaces: e.Replaces, Content: e.Content, Resolves: e.Resolves, Apart: true}, owner)
	if errors.Is(err, past.ErrConflict) {
		return errors.Join(shelf.ErrConflict, err)
	}
	return err
}

func nothing(err error) error {
	if errors.Is(err, past.ErrNotFound) {
		return errors.Join(shelf.ErrNothing, err)
	}
	return err
}
