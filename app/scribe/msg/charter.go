package msg

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
)

// Limits of a charter.
const (
	MaxName  = 128  // bytes of a group's name
	MaxKeys  = 256  // of publishers, and of members
	MaxCount = 4096 // messages of history
	// MinAge and MaxAge bound how long history is kept.
	MinAge = time.Minute
	MaxAge = 7 * 24 * time.Hour
	// MaxPass is how long a pass may be good.
	MaxPass = time.Hour
	// Skew is how far two clocks may be apart.
	Skew = 5 * time.Minute
	// maxTime is far beyond any date that a clock may show, in Unix milliseconds.
	maxTime = 1 << 50
)

// ErrCharter is wrapped where a charter is not right.
var ErrCharter = errors.New("the group's charter is not right")

// ErrDenied is wrapped where the charter does not let somebody join or publish.
var ErrDenied = errors.New("the group does not allow it: ask its creator for a place on its list")

// ErrClock is wrapped for what is not of this time of day.
var ErrClock = errors.New("not of this time: set the clock of the machine that signed it, or of this one")

// Charter is what holds in a group, signed by its creator: who may publish and who may
// join, and how much history is kept (Scribe's credentials, Castro et al., JSAC 2002,
// section 3.1). It is frozen; a change is a charter of a higher version.
type Charter struct {
	Creator peer.Key `cbor:"1,keyasint"`
	Name    string   `cbor:"2,keyasint"` // unique among the groups of its creator
	Version uint64   `cbor:"3,keyasint"` // from 1
	// OpenPublish and OpenJoin let every node of the ring do so; otherwise the keys in
	// Publishers and Members may, one after another, and always the creator.
	OpenPublish bool   `cbor:"4,keyasint,omitempty"`
	OpenJoin    bool   `cbor:"5,keyasint,omitempty"`
	Publishers  []byte `cbor:"6,keyasint,omitempty"`
	Members     []byte `cbor:"7,keyasint,omitempty"`
	Count       uint32 `cbor:"8,keyasint"` // messages of history, at most MaxCount
	Age         uint32 `cbor:"9,keyasint"` // seconds for which history is kept
	Sig         []byte `cbor:"10,keyasint"`
}

// GroupID is the id of a group: its place is the key of its root (section 3.2: the hash
// of the group's textual name with its creator's).
func GroupID(ring id.Hash, creator peer.Key, name string) id.Hash {
	return id.HashOf("scribe group", ring, creator[:], name)
}

// Group is the id of the charter's group.
func (c *Charter) Group(ring id.Hash) id.Hash { return GroupID(ring, c.Creator, c.Name) }

// Keep is how long history is kept.
func (c *Charter) Keep() time.Duration { return time.Duration(c.Age) * time.Second }

func (c *Charter) hash(ring id.Hash) id.Hash {
	return id.HashOf("scribe charter", ring, c.Creator[:], c.Name, c.Version, c.OpenPublish, c.OpenJoin,
		c.Publishers, c.Members, c.Count, c.Age)
}

// Sign returns a signed copy, with the signer as the creator. Lists are shared.
func (c *Charter) Sign(ring id.Hash, creator peer.Signer) *Charter {
	s := *c
	s.Creator = creator.Public()
	h := s.hash(ring)
	s.Sig = creator.Sign(h[:])
	return &s
}

// Verify returns nil if the charter is within its limits and was signed by its creator for
// this ring. The error wraps ErrCharter.
func (c *Charter) Verify(ring id.Hash, v peer.Verifier) error {
	if err := c.Check(); err != nil {
		return err
	}
	if h := c.hash(ring); !v.Verify(c.Creator, h[:], c.Sig) {
		return fmt.Errorf("%w: wrong signature", ErrCharter)
	}
	return nil
}

// CheckName returns what is wrong with a group's name, or nil: it is 1 to MaxName bytes of
// UTF-8 that show, without control characters and marks that turn the direction of text.
// The error wraps ErrCharter.
func CheckName(name string) error {
	switch {
	case name == "" || len(name) > MaxName:
		return fmt.Errorf("%w: name of %d bytes, want 1 to %d", ErrCharter, len(name), MaxName)
	case !utf8.ValidString(name):
		return fmt.Errorf("%w: the name is not UTF-8", ErrCharter)
	}
	for _, r := range name {
		if !unicode.IsGraphic(r) || unicode.Is(unicode.Bidi_Control, r) {
			return fmt.Errorf("%w: the name holds the character %U", ErrCharter, r)
		}
	}
	return nil
}

// Check implements wire.Checker. The error wraps ErrCharter.
func (c *Charter) Check() error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("%w: %s", ErrCharter, fmt.Sprintf(format, args...))
	}
	age := c.Keep()
	switch {
	case c.Creator.IsZero():
		return bad("no creator")
	case c.Version == 0:
		return bad("no version")
	case c.Count == 0 || c.Count > MaxCount:
		return bad("%d messages of history, want 1 to %d", c.Count, MaxCount)
	case age < MinAge || age > MaxAge:
		return bad("history of %v, want %v to %v", age, MinAge, MaxAge)
	case len(c.Sig) != peer.SignatureSize:
		return bad("signature of %d bytes", len(c.Sig))
	}
	for _, l := range [][]byte{c.Publishers, c.Members} {
		if len(l)%peer.KeySize != 0 || len(l) > MaxKeys*peer.KeySize {
			return bad("list of keys of %d bytes, want at most %d keys", len(l), MaxKeys)
		}
	}
	return CheckName(c.Name)
}

// Keys returns keys one after another, as a charter lists them.
func Keys(keys ...peer.Key) []byte {
	var b []byte
	for _, k := range keys {
		b = append(b, k[:]...)
	}
	return b
}

func lists(list []byte, k peer.Key) bool {
	for key := range slices.Chunk(list, peer.KeySize) {
		if bytes.Equal(key, k[:]) {
			return true
		}
	}
	return false
}

// MayPublish reports whether the holder of a key may publish.
func (c *Charter) MayPublish(k peer.Key) bool {
	return c.OpenPublish || k == c.Creator || lists(c.Publishers, k)
}

// MayJoin reports whether the holder of a key may join.
func (c *Charter) MayJoin(k peer.Key) bool {
	return c.OpenJoin || k == c.Creator || lists(c.Members, k)
}

// Pass says that somebody wants to be a member on one node. Nodes on the way to the root
// show it on his behalf, so it proves that a member is below, not who asks: what is
// multicast is kept from nobody by it (a group's content is sealed by who needs that).
type Pass struct {
	Member peer.Key `cbor:"1,keyasint"`
	Node   id.ID    `cbor:"2,keyasint"`
	Until  int64    `cbor:"3,keyasint"` // Unix milliseconds
	Sig    []byte   `cbor:"4,keyasint"`
}

func (p *Pass) hash(ring, group id.Hash) id.Hash {
	return id.HashOf("scribe pass", ring, group, p.Member[:], p.Node, p.Until)
}

// NewPass signs a pass for a node, good for half of MaxPass.
func NewPass(ring, group id.Hash, node id.ID, member peer.Signer, now time.Time) *Pass {
	p := &Pass{Member: member.Public(), Node: node, Until: now.Add(MaxPass / 2).UnixMilli()}
	h := p.hash(ring, group)
	p.Sig = member.Sign(h[:])
	return p
}

// Check implements wire.Checker.
func (p *Pass) Check() error {
	if len(p.Sig) != peer.SignatureSize || p.Node.IsZero() || p.Until <= 0 || p.Until > maxTime {
		return fmt.Errorf("%w: an impossible pass", ErrMessage)
	}
	return nil
}

// Admits returns nil if the charter lets one join who shows this pass; it may be nil in a
// group that is open. The error wraps ErrDenied or ErrClock.
func (c *Charter) Admits(ring id.Hash, p *Pass, v peer.Verifier, now time.Time) error {
	switch {
	case c.OpenJoin:
		return nil
	case p == nil:
		return fmt.Errorf("%w: no pass", ErrDenied)
	case !c.MayJoin(p.Member):
		return fmt.Errorf("%w: the key is not listed", ErrDenied)
	}
	until := time.UnixMilli(p.Until)
	if now.After(until.Add(Skew)) || until.After(now.Add(MaxPass+Skew)) {
		return fmt.Errorf("%w: a pass until %v", ErrClock, until.UTC())
	}
	if h := p.hash(ring, c.Group(ring)); !v.Verify(p.Member, h[:], p.Sig) {
		return fmt.Errorf("%w: wrong signature of a pass", ErrDenied)
	}
	return nil
}
