package space

import (
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/phyllo-net/phyllo/app/past/certificate"
	"github.com/phyllo-net/phyllo/app/space/piece"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/wire"
)

// Scheme begins every link.
const Scheme = "phyllo://"

// The kinds of link.
const (
	spaceLink = Scheme + "space/"
	fileLink  = Scheme + "file/"
)

// maxLink bounds a link, in bytes.
const maxLink = 4 << 10

// Handle is how a space is found. Who has it can see who may use the space, and asks for its
// contents with what the charter has for him.
type Handle struct {
	Owner peer.Key `cbor:"1,keyasint"`
	// Door opens the charter, and is random: so it names the space, too.
	Door   peer.Secret `cbor:"2,keyasint"`
	Copies uint8       `cbor:"3,keyasint"` // of the charter, the root and the directory
}

// String returns the handle as a link.
func (h Handle) String() string { return link(spaceLink, &h) }

// ParseHandle reads what Handle.String returned. Errors wrap ErrHandle.
func ParseHandle(text string) (h Handle, err error) {
	if err := unlink(spaceLink, text, &h); err != nil {
		return Handle{}, err
	}
	if h.Owner.IsZero() || h.Door.IsZero() || h.Copies < 1 || h.Copies > MaxCopies {
		return Handle{}, fmt.Errorf("%w: it names no space", ErrHandle)
	}
	return h, nil
}

// part is the name part of the charter.
func (h Handle) part() certificate.Part { return certificate.Part(h.Door.Derive("charter's place")) }

// ID is the space's id.
func (h Handle) ID() id.Hash { return certificate.MutableID(h.Owner, h.part(), h.Copies) }

// Shared is a file that is shared: whoever has it can read the file, and needs nothing else
// but to be in the ring.
type Shared struct {
	Name    string        `cbor:"1,keyasint"` // the last part of the name that it has in its space
	Content piece.Content `cbor:"2,keyasint"`
}

// String returns it as a link.
func (s Shared) String() string { return link(fileLink, &s) }

// ParseShared reads what Shared.String returned. Errors wrap ErrHandle.
func ParseShared(text string) (s Shared, err error) {
	if err := unlink(fileLink, text, &s); err != nil {
		return Shared{}, err
	}
	if s.Name == "" || strings.ContainsAny(s.Name, "/\x00") || s.Name == "." || s.Name == ".." {
		return Shared{}, fmt.Errorf("%w: the file has the name %+q", ErrHandle, s.Name)
	}
	if err := s.Content.Check(); err != nil {
		return Shared{}, fmt.Errorf("%w: %w", ErrHandle, err)
	}
	return s, nil
}

func link(kind string, v any) string {
	return kind + base64.RawURLEncoding.EncodeToString(wire.MustMarshal(v))
}

func unlink(kind, text string, v any) error {
	rest, ok := strings.CutPrefix(strings.TrimSpace(text), kind)
	if !ok {
		return fmt.Errorf("%w: it does not begin with %s", ErrHandle, kind)
	}
	if len(rest) > maxLink {
		return fmt.Errorf("%w: it has %d characters", ErrHandle, len(rest))
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(rest)
	if err == nil {
		err = wire.Unmarshal(b, v)
	}
	if err != nil {
		return fmt.Errorf("%w: a part is missing or was changed", ErrHandle)
	}
	return nil
}
