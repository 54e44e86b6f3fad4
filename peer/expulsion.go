package peer

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/wire"
)

// MaxExpulsion is the largest encoded expulsion that is read, in bytes.
const MaxExpulsion = 1024

// minExpulsion is less than the shortest: a subject and a signature.
const minExpulsion = SignatureSize + id.Size

// MaxExpulsionsInMessage is how many expulsions fit a frame of wire.MaxFrame
// beside other fields; whoever carries a set sends it in parts of this size.
const MaxExpulsionsInMessage = 48

// MaxAdmitterNumber is the highest number that admitters may give an entry, so
// that none of them can put a subject out of the authority's reach.
const MaxAdmitterNumber = 1 << 32

// Expulsion is one entry of a ring's growing set: a member, or an admitter, is out
// (or, Pardon, in again). Of two entries for one subject the higher number wins.
//
// A member's expulsion is signed by two admitters (by the one, where the ring has
// one: Sole) or by the authority; an admitter's, and every pardon, by the
// authority alone. An entry is frozen once it is fully signed.
type Expulsion struct {
	Node     id.ID // the member, or zero
	Admitter Key   // the admitter's node key, or zero
	Number   uint64
	Time     int64       // Unix seconds
	Pardon   bool        // takes the expulsion back
	Sole     bool        // signed when the ring had one admitter
	By       []Signature // one or two
}

// Signature is one signer's part of an expulsion.
type Signature struct {
	Admission *Admission `cbor:"1,keyasint,omitempty"` // nil: the authority itself
	Authority Key        `cbor:"2,keyasint"`           // zero where Admission is set
	Sig       []byte     `cbor:"3,keyasint"`
}

// expulsionFields is the encoded form. An expulsion travels as a byte string
// that holds its own CBOR, and has two places for signatures, not a list: a
// hostile sender pays for what it makes us allocate.
type expulsionFields struct {
	Node     id.ID      `cbor:"1,keyasint"`
	Admitter Key        `cbor:"2,keyasint"`
	Number   uint64     `cbor:"3,keyasint"`
	Time     int64      `cbor:"4,keyasint"`
	Pardon   bool       `cbor:"5,keyasint,omitempty"`
	Sole     bool       `cbor:"6,keyasint,omitempty"`
	First    *Signature `cbor:"7,keyasint"`
	Second   *Signature `cbor:"8,keyasint,omitempty"`
}

// MarshalBinary implements encoding.BinaryMarshaler. It fails for an entry with
// no or with more than two signatures.
func (e *Expulsion) MarshalBinary() ([]byte, error) {
	if len(e.By) == 0 || len(e.By) > 2 {
		return nil, errSigners
	}
	f := expulsionFields{Node: e.Node, Admitter: e.Admitter, Number: e.Number, Time: e.Time,
		Pardon: e.Pardon, Sole: e.Sole, First: &e.By[0]}
	if len(e.By) == 2 {
		f.Second = &e.By[1]
	}
	return wire.Marshal(f)
}

// UnmarshalBinary implements encoding.BinaryUnmarshaler, within MaxExpulsion. It
// looks at the form only: see Check. Errors wrap wire.ErrMalformed.
func (e *Expulsion) UnmarshalBinary(b []byte) error {
	if len(b) < minExpulsion || len(b) > MaxExpulsion {
		return errLength // made once: a list may have a thousand of them
	}
	var f expulsionFields
	if err := wire.Unmarshal(b, &f); err != nil {
		return err
	}
	v := Expulsion{Node: f.Node, Admitter: f.Admitter, Number: f.Number, Time: f.Time, Pardon: f.Pardon, Sole: f.Sole}
	for _, s := range []*Signature{f.First, f.Second} {
		if s != nil {
			v.By = append(v.By, *s)
		}
	}
	if err := v.form(); err != nil {
		return fmt.Errorf("%w: %w", wire.ErrMalformed, err)
	}
	*e = v
	return nil
}

// UnmarshalCBOR implements cbor.Unmarshaler: see wire.ByteString.
func (e *Expulsion) UnmarshalCBOR(b []byte) error { return wire.ByteString(e, b) }

// CheckExpulsions returns an error if a list of expulsions from outside has more
// than MaxExpulsionsInMessage elements or an empty one.
func CheckExpulsions(list []*Expulsion) error {
	if len(list) > MaxExpulsionsInMessage {
		return fmt.Errorf("list of %d expulsions, at most %d", len(list), MaxExpulsionsInMessage)
	}
	if slices.Contains(list, nil) {
		return errors.New("list of expulsions with an empty entry")
	}
	return nil
}

var (
	errLength  = fmt.Errorf("%w: an expulsion of fewer than %d or more than %d bytes", wire.ErrMalformed, minExpulsion, MaxExpulsion)
	errSigners = errors.New("an expulsion has one or two signers")
	errSubject = errors.New("an expulsion names one subject, has a number and a possible date")
	errSole    = errors.New("only the expulsion of a member can be signed by a sole admitter, and by nobody else")
	errNumber  = errors.New("only the authority may give an expulsion so high a number")
	errPart    = errors.New("a signature of an expulsion is incomplete")
)

// form returns what is wrong with the entry before any signature is looked at.
func (e *Expulsion) form() error {
	switch {
	case e.Node.IsZero() == e.Admitter.IsZero() || e.Number == 0 || !possible(e.Time):
		return errSubject
	case len(e.By) == 0 || len(e.By) > 2:
		return errSigners
	case e.Sole && (e.Pardon || e.Node.IsZero() || len(e.By) != 1 || e.By[0].Admission == nil):
		return errSole
	case e.Number > MaxAdmitterNumber && !e.byAuthority():
		return errNumber
	}
	for _, s := range e.By {
		if len(s.Sig) != SignatureSize || (s.Admission == nil) == s.Authority.IsZero() {
			return errPart
		}
	}
	return nil
}

func (e *Expulsion) byAuthority() bool {
	return slices.ContainsFunc(e.By, func(s Signature) bool { return s.Admission == nil })
}

func (e *Expulsion) message(ring id.Hash) []byte {
	h := id.HashOf("expulsion", ring, e.Node, e.Admitter[:], e.Number, e.Time, e.Pardon, e.Sole)
	return h[:]
}

// Sign adds a signature: by an admitter with its admission, or, with a nil
// admission, by the authority.
func (e *Expulsion) Sign(ring id.Hash, s Signer, adm *Admission) {
	sig := Signature{Admission: adm, Sig: s.Sign(e.message(ring))}
	if adm == nil {
		sig.Authority = s.Public()
	}
	e.By = append(e.By, sig)
}

// Check reports whether enough of the right signers signed the entry. Two
// signatures by one admitter count once. Whether a Sole entry is to be believed
// is asked of Expulsions, which knows how many admitters there are.
func (e *Expulsion) Check(ring id.Hash, v Verifier) error {
	if e == nil {
		return fmt.Errorf("%w: no expulsion", ErrForged)
	}
	admitters, err := e.signers(ring, v)
	switch {
	case err != nil:
		return err
	case e.byAuthority():
		return nil
	case e.Pardon || !e.Admitter.IsZero() || len(admitters) < 2 && !e.Sole:
		return fmt.Errorf("%w: this expulsion needs the authority's signature, or a member's two admitters", ErrForged)
	case e.Sole && e.By[0].Admission.Since > e.Time+int64(ClockSkew/time.Second):
		return fmt.Errorf("%w: an expulsion older than its signer's admission", ErrForged)
	}
	return nil
}

// CheckPart is Check for an entry that a second admitter still has to sign: it
// reports whether the signatures so far are by admitters of the ring.
func (e *Expulsion) CheckPart(ring id.Hash, v Verifier) error {
	if e == nil {
		return fmt.Errorf("%w: no expulsion", ErrForged)
	}
	_, err := e.signers(ring, v)
	return err
}

// signers checks all signatures and returns the admitters among the signers.
func (e *Expulsion) signers(ring id.Hash, v Verifier) ([]Key, error) {
	if err := e.form(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrForged, err)
	}
	msg := e.message(ring)
	var admitters []Key
	for _, s := range e.By {
		if s.Admission == nil {
			if RingID(s.Authority) != ring || !v.Verify(s.Authority, msg, s.Sig) {
				return nil, fmt.Errorf("%w: expulsion", ErrForged)
			}
			continue
		}
		if err := s.Admission.Check(ring, v); err != nil {
			return nil, err
		}
		if !v.Verify(s.Admission.Admitter, msg, s.Sig) {
			return nil, fmt.Errorf("%w: expulsion", ErrForged)
		}
		if !slices.Contains(admitters, s.Admission.Admitter) {
			admitters = append(admitters, s.Admission.Admitter)
		}
	}
	return admitters, nil
}

// content is what two entries that say the same have in common: all but the
// signatures.
func (e *Expulsion) content() id.Hash {
	return id.HashOf("entry", e.Node, e.Admitter[:], e.Number, e.Time, e.Pardon, e.Sole)
}

// compare orders entries for one subject: the greater counts. Two with one number
// (made by two who did not know of each other) are ordered by what every node
// sees alike, so that all come to the same set.
func (e *Expulsion) compare(o *Expulsion) int {
	a, b := e.content(), o.content()
	return cmp.Or(cmp.Compare(e.Number, o.Number), order(e.byAuthority(), o.byAuthority()),
		order(!e.Pardon, !o.Pardon), slices.Compare(a[:], b[:]))
}

// order puts true above false.
func order(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}
