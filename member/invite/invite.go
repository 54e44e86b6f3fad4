// Package invite is the one line of text that lets a node into a ring: where its admitters
// are found, by whose keys they are known, and the secret that they ask for. Who makes one
// good is package member's business.
package invite

import (
	"encoding/base32"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/wire"
)

// Limits of invitations.
const (
	MaxNamed      = 3    // admitters in one
	MaxUses       = 1000 // nodes that it admits
	DefaultUses   = 1
	DefaultExpiry = 24 * time.Hour
	MaxExpiry     = 90 * 24 * time.Hour
	// MaxInvitation is the longest text of one, in characters.
	MaxInvitation = 4096

	SecretSize = 16
	sumSize    = 4
	MaxAddrs   = 3 // addresses of one admitter that are handed on
	scheme     = "phyllo1"
	anyScheme  = "phyllo"
)

// Reasons why a text is no invitation.
var (
	ErrInvitation      = errors.New("not an invitation: it is one word that begins with phyllo1")
	ErrInvitationSpelt = errors.New("the invitation is damaged: a character is missing or wrong, copy it again")
	ErrInvitationNewer = errors.New("the invitation was made by a newer version: update phyllo")
)

// Admitter is what is known of an admitter: who may admit, and where it is found.
type Admitter struct {
	Node  id.ID // its id as it said last; zero: not known
	Key   peer.Key
	Addrs []string // hints, best first
	// Admission is the authority's word for it; nil in an invitation.
	Admission *peer.Admission
}

// Invitation is what a newcomer needs to be admitted once. Whoever has read it
// can use it.
type Invitation struct {
	Ring      id.Hash
	Admitters []Admitter // 1 to MaxNamed, without admissions
	Secret    []byte     // 16 bytes
	Expires   time.Time  // to the second
}

// The encoded form: short keys, for a short line.
type invitationFields struct {
	_       struct{} `cbor:",toarray"`
	Ring    id.Hash
	Secret  []byte
	Expires int64
	Named   []*namedFields
}

type namedFields struct {
	_     struct{} `cbor:",toarray"`
	Node  id.ID
	Key   peer.Key
	Addrs []string
}

var alphabet = base32.StdEncoding.WithPadding(base32.NoPadding)

// String returns the invitation as one line of lower-case letters and digits. In
// upper case it means the same, and makes a smaller QR code.
func (v *Invitation) String() string {
	f := invitationFields{Ring: v.Ring, Secret: v.Secret, Expires: v.Expires.Unix()}
	for _, a := range v.Admitters {
		f.Named = append(f.Named, &namedFields{Node: a.Node, Key: a.Key, Addrs: a.Addrs})
	}
	b := wire.MustMarshal(f)
	sum := id.HashOf("invitation", b)
	return scheme + strings.ToLower(alphabet.EncodeToString(append(b, sum[:sumSize]...)))
}

// Parse reads the text of an invitation, in either case; white space
// within it, which mail and terminals add, does not matter. Errors are
// ErrInvitation, ErrInvitationSpelt or ErrInvitationNewer.
func Parse(text string) (*Invitation, error) {
	if len(text) > 2*MaxInvitation {
		return nil, ErrInvitation
	}
	text = strings.ToLower(strings.Join(strings.Fields(text), ""))
	if len(text) > MaxInvitation || !strings.HasPrefix(text, anyScheme) {
		return nil, ErrInvitation
	}
	rest, ours := strings.CutPrefix(text, scheme)
	if !ours {
		if c := strings.TrimPrefix(text, anyScheme); c != "" && c[0] >= '2' && c[0] <= '9' {
			return nil, ErrInvitationNewer
		}
		return nil, ErrInvitation
	}
	rest = strings.ToUpper(rest)
	b, err := alphabet.DecodeString(rest)
	// Encoded again, as the decoder ignores the last bits of the last character.
	if err != nil || len(b) < sumSize || alphabet.EncodeToString(b) != rest {
		return nil, ErrInvitationSpelt
	}
	b, sum := b[:len(b)-sumSize], b[len(b)-sumSize:]
	if want := id.HashOf("invitation", b); string(want[:sumSize]) != string(sum) {
		return nil, ErrInvitationSpelt
	}
	var f invitationFields
	if err := wire.Unmarshal(b, &f); err != nil {
		return nil, fmt.Errorf("%w (%w)", ErrInvitation, err)
	}
	return f.invitation()
}

func (f *invitationFields) invitation() (*Invitation, error) {
	if len(f.Named) == 0 || len(f.Named) > MaxNamed || len(f.Secret) != SecretSize || f.Ring.IsZero() || f.Expires < 0 || f.Expires > 1<<40 {
		return nil, fmt.Errorf("%w (its parts do not fit)", ErrInvitation)
	}
	v := &Invitation{Ring: f.Ring, Secret: f.Secret, Expires: time.Unix(f.Expires, 0)}
	for _, n := range f.Named {
		if n == nil || n.Node.IsZero() || n.Key.IsZero() || CheckAddrs(n.Addrs) != nil {
			return nil, fmt.Errorf("%w (an admitter in it is incomplete)", ErrInvitation)
		}
		v.Admitters = append(v.Admitters, Admitter{Node: n.Node, Key: n.Key, Addrs: n.Addrs})
	}
	return v, nil
}

// CheckAddrs returns what is wrong with a list of addresses that is handed on.
func CheckAddrs(addrs []string) error {
	if len(addrs) > MaxAddrs {
		return fmt.Errorf("%d addresses, at most %d", len(addrs), MaxAddrs)
	}
	for _, a := range addrs {
		if a == "" || len(a) > peer.MaxAddrLen {
			return fmt.Errorf("an address of %d bytes, want 1 to %d", len(a), peer.MaxAddrLen)
		}
	}
	return nil
}

// FirstAddrs are those of a node's addresses that are handed on.
func FirstAddrs(addrs []string) []string {
	var out []string
	for _, a := range addrs {
		if len(out) < MaxAddrs && a != "" && len(a) <= peer.MaxAddrLen {
			out = append(out, a)
		}
	}
	return out
}

// HashSecret is what admitters keep of an invitation's secret.
func HashSecret(ring id.Hash, secret []byte) id.Hash { return id.HashOf("secret", ring, secret) }
