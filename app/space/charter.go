package space

import (
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/phyllo-net/phyllo/app/past"
	"github.com/phyllo-net/phyllo/app/past/certificate"
	"github.com/phyllo-net/phyllo/app/space/piece"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// Limits of a charter, which has to fit one object.
const (
	MaxMembers   = 28
	MaxSpaceName = 63 // bytes
)

// charter says who may use a space. It is frozen: a change is a new one.
type charter struct {
	Name       string    `cbor:"1,keyasint"`
	Made       int64     `cbor:"2,keyasint"` // Unix milliseconds
	Convergent bool      `cbor:"3,keyasint,omitempty"`
	Writer     peer.Key  `cbor:"4,keyasint"` // signs the root and all objects
	Members    []*member `cbor:"5,keyasint"` // the owner first
	version    uint64
}

// member is somebody who may use a space.
type member struct {
	Key    peer.Key     `cbor:"1,keyasint"`
	Name   string       `cbor:"2,keyasint"`
	Writes bool         `cbor:"3,keyasint,omitempty"`
	Number uint64       `cbor:"4,keyasint"` // of his sealing pair
	SealTo peer.SealKey `cbor:"5,keyasint,omitempty"`
	Access []byte       `cbor:"6,keyasint"` // access, sealed to him
}

// access are a space's secrets.
type access struct {
	Read peer.Secret `cbor:"1,keyasint"`
	// Write is the private key of charter.Writer, Earlier those of before it, the latest
	// first; none for who only reads.
	Write   peer.Secret   `cbor:"2,keyasint"`
	Earlier []peer.Secret `cbor:"3,keyasint,omitempty"`
}

// maxEarlier is how many old keys are handed on, to reclaim what was stored under them.
const maxEarlier = 8

const maxMemberName = 128

// Check implements wire.Checker.
func (c *charter) Check() error {
	if len(c.Members) == 0 || len(c.Members) > MaxMembers || c.Writer.IsZero() || len(c.Name) > MaxSpaceName || !utf8.ValidString(c.Name) {
		return fmt.Errorf("%w: a charter out of its limits", ErrDamaged)
	}
	for i, m := range c.Members {
		if m == nil || m.Key.IsZero() || len(m.Name) > maxMemberName || c.find(m.Key) != i {
			return fmt.Errorf("%w: a charter with an empty member, or one twice", ErrDamaged)
		}
	}
	return nil
}

// find returns the index of a member, or -1.
func (c *charter) find(k peer.Key) int {
	return slices.IndexFunc(c.Members, func(m *member) bool { return m != nil && m.Key == k })
}

// writes reports whether somebody may change the space.
func (c *charter) writes(k peer.Key) bool {
	i := c.find(k)
	return i >= 0 && c.Members[i].Writes
}

// part is the name part of what belongs to the space.
func (sp *Space) part(what string) certificate.Part {
	return certificate.Part(sp.secrets.Read.Derive("place", []byte(what)))
}

// shared is the certificate of a convergent object: the same for the same content, so that it
// is stored once. It has no end, as another name's may be later.
func (sp *Space) shared(f past.File, body []byte) *certificate.Certificate {
	c := &certificate.Certificate{Kind: certificate.File, Part: f.Part, Size: int64(len(f.Content)), Copies: uint8(f.Copies)}
	c.Content = c.BodyHash(body)
	c.Salt = sp.sharedSalt(c)
	return c.Sign(sp.s.cfg.Ring, sp.signer, sp.s.ep.Wall())
}

// sharedSalt is the salt that a convergent object's certificate has.
func (sp *Space) sharedSalt(c *certificate.Certificate) (s peer.Salt) {
	salt := sp.secrets.Read.Derive("salt", c.Content[:], []byte{c.Copies})
	copy(s[:], salt[:])
	return s
}

// signers are those of the objects of the space, the current one first.
func (sp *Space) signers() (all []peer.Signer) {
	if sp.signer == nil {
		return nil
	}
	all = append(all, sp.signer)
	for _, seed := range sp.secrets.Earlier {
		all = append(all, sp.s.cfg.Locker.Signer(seed))
	}
	return all
}

// lock encrypts a mutable object's content: each version under a key of its own.
func lock(l peer.Locker, key peer.Secret, kind string, v any) []byte {
	salt := l.NewSecret()
	return append(salt[:], l.Lock(key.Derive(kind, salt[:]), []byte(kind), wire.MustMarshal(v))...)
}

// unlock reads what lock made. Errors wrap ErrDamaged.
func unlock(l peer.Locker, key peer.Secret, kind string, b []byte, v any) error {
	if len(b) < peer.SecretSize {
		return ErrDamaged
	}
	plain, err := l.Unlock(key.Derive(kind, b[:peer.SecretSize]), []byte(kind), b[peer.SecretSize:])
	if err == nil {
		err = wire.Unmarshal(plain, v)
	}
	if err != nil {
		return errors.Join(ErrDamaged, err)
	}
	return nil
}

// Founding says what a new space is like.
type Founding struct {
	Name   string // 1 to MaxSpaceName bytes
	Copies int    // of the directory; 0: Copies
	// Convergent: equal pieces are stored once. Who is in the space, or was, can then find
	// out by trying whether a text that he guesses is stored; see package piece.
	Convergent bool
	// History: versions that are replaced or removed are kept.
	History bool
}

// Create makes a space, of which the person is the owner. Errors: ErrHandle for a wrong name,
// and those of storage.
func (s *Spaces) Create(t *task.T, p Person, f Founding) (*Space, error) {
	if f.Copies == 0 {
		f.Copies = Copies
	}
	if err := piece.CheckText(f.Name, MaxSpaceName); err != nil || f.Copies < 1 || f.Copies > MaxCopies {
		return nil, fmt.Errorf("%w: a space called %+q, of %d copies", ErrHandle, f.Name, f.Copies)
	}
	l := s.cfg.Locker
	h := Handle{Owner: p.Signer.Public(), Door: l.NewSecret(), Copies: uint8(f.Copies)}
	a := access{Read: l.NewSecret(), Write: l.NewSecret()}
	signer := l.Signer(a.Write)
	c := &charter{Name: f.Name, Made: s.ep.Wall().UnixMilli(), Convergent: f.Convergent, Writer: signer.Public()}
	me, err := s.admit(h, a, Grant{Key: h.Owner, Name: p.Name, Number: p.seal().Number, SealTo: p.seal().Opener.SealKey(), Writes: true})
	if err != nil {
		return nil, err
	}
	c.Members = []*member{me}
	sp := &Space{s: s, handle: h, id: h.ID(), person: p}
	if err := sp.write(t, c, 0); err != nil {
		return nil, err
	}
	if err := sp.enter(c); err != nil {
		return nil, err
	}
	s.open = append(s.open, sp)
	if !f.History {
		return sp, nil
	}
	return sp, sp.SetHistory(t, true)
}

// admit makes a member, for whom the space's secrets are sealed.
func (s *Spaces) admit(h Handle, a access, g Grant) (*member, error) {
	if !g.Writes {
		a.Write, a.Earlier = peer.Secret{}, nil
	}
	space := h.ID()
	sealed, err := s.cfg.Sealer.Seal(g.SealTo, space[:], wire.MustMarshal(&a))
	if err != nil {
		return nil, err
	}
	return &member{Key: g.Key, Name: g.Name, Writes: g.Writes, Number: g.Number, SealTo: g.SealTo, Access: sealed}, nil
}

// write puts a charter in place of a version. The first one's place was drawn for it: whoever is away, nobody else has
// made one there.
func (sp *Space) write(t *task.T, c *charter, replaces uint64) error {
	b := lock(sp.s.cfg.Locker, sp.handle.Door, "charter", c)
	f, err := sp.s.cfg.Past.Edit(t, past.Edit{Part: sp.handle.part(), Copies: sp.handle.Copies, Replaces: replaces, Content: b, Apart: replaces == 0}, sp.person.Signer)
	if err != nil {
		return err
	}
	c.version = f.Certificate.Version
	return nil
}

// readCharter reads the charter as it is now.
func (s *Spaces) readCharter(t *task.T, h Handle) (*charter, error) {
	f, err := s.cfg.Past.Latest(t, past.Name{Owner: h.Owner, Part: h.part(), Copies: h.Copies})
	if err != nil {
		return nil, err
	}
	c := new(charter)
	if err := unlock(s.cfg.Locker, h.Door, "charter", f.Content, c); err != nil {
		return nil, err
	}
	c.version = f.Certificate.Version
	return c, nil
}

// enter takes the person's access out of a charter.
func (sp *Space) enter(c *charter) error {
	i := c.find(sp.person.Signer.Public())
	if i < 0 {
		return ErrNoAccess
	}
	m, l := c.Members[i], sp.s.cfg.Locker
	at := slices.IndexFunc(sp.person.Seals, func(p SealPair) bool { return p.Number == m.Number })
	if at < 0 {
		return fmt.Errorf("%w: it was sealed to key %d of yours, which is not on this node", ErrNoAccess, m.Number)
	}
	plain, err := sp.person.Seals[at].Opener.Open(sp.id[:], m.Access)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNoAccess, err)
	}
	var a access
	if err := wire.Unmarshal(plain, &a); err != nil || len(a.Earlier) > maxEarlier {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	var signer peer.Signer
	if !a.Write.IsZero() {
		if signer = l.Signer(a.Write); signer.Public() != c.Writer {
			return fmt.Errorf("%w: another key than the charter's", ErrDamaged)
		}
	}
	sp.charter, sp.secrets, sp.signer = c, a, signer
	sp.cutter = piece.NewCutter(a.Read, sp.s.cfg.Piece)
	sp.long = piece.NewCutter(a.Read, sp.s.cfg.Piece*sp.s.cfg.Chunks)
	return nil
}

// Open opens a space for a person. Errors: past.ErrNotFound (there is no such space),
// ErrNoAccess, ErrDamaged, past.ErrNotReachable, task.ErrStopped.
func (s *Spaces) Open(t *task.T, p Person, h Handle) (*Space, error) {
	for _, sp := range s.open {
		if sp.handle == h && sp.person.Signer.Public() == p.Signer.Public() {
			return sp, nil
		}
	}
	c, err := s.readCharter(t, h)
	if err != nil {
		return nil, err
	}
	for _, sp := range s.open { // another task has opened it meanwhile
		if sp.handle == h && sp.person.Signer.Public() == p.Signer.Public() {
			return sp, nil
		}
	}
	sp := &Space{s: s, handle: h, id: h.ID(), person: p}
	if err := sp.enter(c); err != nil {
		return nil, err
	}
	s.open = append(s.open, sp)
	return sp, nil
}

// refresh reads the charter anew.
func (sp *Space) refresh(t *task.T) error {
	c, err := sp.s.readCharter(t, sp.handle)
	if err != nil {
		return err
	}
	return sp.enter(c)
}

// Grant is somebody who may use a space.
type Grant struct {
	Key    peer.Key // who
	Name   string   // what the owner calls him
	Writes bool     // or only reads
	Number uint64   // of his sealing pair
	SealTo peer.SealKey
}

// Members are those who may use the space, its owner first, as this node knows it.
func (sp *Space) Members() (gs []Grant) {
	for _, m := range sp.charter.Members {
		gs = append(gs, Grant{m.Key, m.Name, m.Writes, m.Number, m.SealTo})
	}
	return gs
}

// Grant lets somebody use the space, or changes what he may. Errors: ErrNotOwner, ErrFull,
// and those of storage.
func (sp *Space) Grant(t *task.T, g Grant) error {
	return sp.amend(t, func(c *charter) error {
		m, err := sp.s.admit(sp.handle, sp.secrets, g)
		if err != nil {
			return err
		}
		i := c.find(g.Key)
		switch {
		case g.Key == sp.handle.Owner:
			return fmt.Errorf("%w, and may do everything", ErrNotOwner)
		case i >= 0:
			c.Members[i] = m
		case len(c.Members) == MaxMembers:
			return ErrFull
		default:
			c.Members = append(c.Members, m)
		}
		return nil
	})
}

// maxRounds is how often a change is tried that others come before.
const maxRounds = 16

// amend changes the charter.
func (sp *Space) amend(t *task.T, change func(*charter) error) error {
	if sp.person.Signer.Public() != sp.handle.Owner {
		return ErrNotOwner
	}
	var err error
	for range maxRounds {
		if err := sp.refresh(t); err != nil {
			return err
		}
		c := *sp.charter
		c.Members = slices.Clone(c.Members)
		if err := change(&c); err != nil {
			return err
		}
		if err = sp.write(t, &c, sp.charter.version); err == nil {
			return sp.enter(&c)
		}
		if !errors.Is(err, past.ErrConflict) {
			return err
		}
	}
	return err
}

// Revoke takes a member's place away: the space gets other keys, which he does not learn. It
// returns when nothing that he signs is believed any more. What he could read before, he
// may have kept. Errors: ErrNotOwner, ErrNotFound (no such member), and those of storage.
func (sp *Space) Revoke(t *task.T, who peer.Key) error {
	if who == sp.handle.Owner {
		return fmt.Errorf("%w, and stays", ErrNotOwner)
	}
	if err := sp.refresh(t); err != nil {
		return err
	}
	if sp.charter.find(who) < 0 && !sp.moving() {
		return ErrNotFound
	}
	// The old root is closed first, so that no change is made to it which the new one lacks.
	last, err := sp.close(t)
	if err != nil {
		return err
	}
	l := sp.s.cfg.Locker
	a := access{Read: l.NewSecret(), Write: l.NewSecret()}
	a.Earlier = append([]peer.Secret{sp.secrets.Write}, sp.secrets.Earlier...)
	a.Earlier = a.Earlier[:min(len(a.Earlier), maxEarlier)]
	signer := l.Signer(a.Write)
	moved := &Space{s: sp.s, handle: sp.handle, id: sp.id, person: sp.person, charter: sp.charter, secrets: a, signer: signer}
	next := *last
	next.Moved = false // and Made stays: the new root comes after all that the old one does
	if _, err := moved.replace(t, &next, 0, true, 0); err != nil {
		return err
	}
	return sp.amend(t, func(c *charter) error {
		c.Writer = signer.Public()
		c.Members = slices.DeleteFunc(c.Members, func(m *member) bool { return m.Key == who })
		for i, m := range c.Members {
			again, err := sp.s.admit(sp.handle, a, Grant{m.Key, m.Name, m.Writes, m.Number, m.SealTo})
			if err != nil {
				return err
			}
			c.Members[i] = again
		}
		return nil
	})
}

// moving reports whether a revocation was begun and not ended.
func (sp *Space) moving() bool { return sp.current != nil && sp.current.Moved }
