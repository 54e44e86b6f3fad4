package msg

import (
	"errors"
	"fmt"

	"github.com/phyllo-net/phyllo/app/past/certificate"
	"github.com/phyllo-net/phyllo/app/past/standing"
	"github.com/phyllo-net/phyllo/app/past/voucher"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/wire"
)

// MaxBytes bounds what may be offered or given: sums stay far from overflow.
const MaxBytes = 1 << 50

// Limits of messages.
const (
	MaxListed  = 512      // accounts in one listing
	MaxRecords = 64       // debits on one page
	PageBytes  = 32 << 10 // of debits on one page
	MaxProofs  = 8        // in one answer
	MaxSlips   = 64       // in one question
	MaxPlaces  = 256      // of debits in one question
	maxTime    = 1 << 50  // Unix milliseconds, far beyond any date that a clock may show
)

// Kinds of messages.
const (
	kindDebit wire.Kind = iota + 1
	kindVoted
	kindOver
	kindNote
	kindNoted
	kindList
	kindListed
	kindOpen
	kindPage
	kindCredit
	kindCredited
	kindLetGo
	kindReleased
	kindShow
	kindShown
	kindAsk
	kindBalance
	kindVerify
	kindVerified
	kindRecall
	kindRecalled
)

// Table lists all messages of account.
var Table = wire.NewTable((*Debit)(nil), (*Voted)(nil), (*Over)(nil), (*Note)(nil), (*Noted)(nil), (*List)(nil), (*Listed)(nil),
	(*Open)(nil), (*Page)(nil), (*Credit)(nil), (*Credited)(nil), (*LetGo)(nil), (*Released)(nil), (*Show)(nil), (*Shown)(nil),
	(*Ask)(nil), (*Balance)(nil), (*Verify)(nil), (*Verified)(nil), (*Recall)(nil), (*Recalled)(nil))

// ErrMessage is wrapped by the reasons why a message is refused.
var ErrMessage = errors.New("message of account")

// Debit asks a keeper for its vote. It is answered by Voted or Over.
type Debit struct {
	Debit   *voucher.Debit   `cbor:"1,keyasint"`
	Charges []voucher.Charge `cbor:"2,keyasint"`
}

// Voted answers Debit.
type Voted struct {
	Vote *voucher.Vote `cbor:"1,keyasint"`
}

// Over answers Debit, if the account does not allow it.
type Over struct {
	Used  int64 `cbor:"1,keyasint"`
	Limit int64 `cbor:"2,keyasint"`
	// Objects is how many the account names, if that are too many; and Again when the first of
	// them will be forgotten, Unix milliseconds, if any will be.
	Objects int64 `cbor:"3,keyasint,omitempty"`
	Again   int64 `cbor:"4,keyasint,omitempty"`
}

// Note tells a fellow keeper of a debit that was charged. It is answered by Noted.
type Note struct {
	Debit   *voucher.Debit   `cbor:"1,keyasint"`
	Charges []voucher.Charge `cbor:"2,keyasint"`
	From    int64            `cbor:"3,keyasint"` // see Noted
}

// Noted says that it is charged, on the disk.
type Noted struct {
	// Sum is over the account's debits from the date From on: of these: who has the same has the same sum.
	Sum uint64 `cbor:"1,keyasint"`
}

// List asks a fellow which accounts it has that the asker should have. It is answered by
// Listed.
type List struct{}

// Listed answers List.
type Listed struct {
	Accounts []AccountSum `cbor:"1,keyasint,omitempty"`
	Sure     bool         `cbor:"2,keyasint,omitempty"` // it has asked its own fellows once: it is not new here
}

// AccountSum is one account of a listing.
type AccountSum struct {
	Member id.ID  `cbor:"1,keyasint"`
	Sum    uint64 `cbor:"2,keyasint"`
}

// Open asks a fellow for an account's debits, after a place in their order. It is answered
// by Page.
type Open struct {
	Member id.ID   `cbor:"1,keyasint"`
	From   int64   `cbor:"2,keyasint"` // the date, Unix milliseconds
	After  id.Hash `cbor:"3,keyasint"` // of those of this date
}

// Page answers Open.
type Page struct {
	Records []*Record `cbor:"1,keyasint,omitempty"`
	More    bool      `cbor:"2,keyasint,omitempty"`
}

// Record is a debit as a keeper has it.
type Record struct {
	Debit   *voucher.Debit   `cbor:"1,keyasint"`
	Charges []voucher.Charge `cbor:"2,keyasint"`
	Back    []byte           `cbor:"3,keyasint,omitempty"` // a bit for each charge that was given back
	// Standing is what the keeper believes of the debit.
	Standing standing.Standing `cbor:"4,keyasint,omitempty"`
}

// Credit asks a keeper to give a charge back. It is answered by Credited.
type Credit struct {
	Member   id.ID              `cbor:"1,keyasint"`
	Debit    id.Hash            `cbor:"2,keyasint"`
	Date     int64              `cbor:"3,keyasint"` // the debit's, by which it is found
	Index    uint16             `cbor:"4,keyasint"`
	Releases []*voucher.Release `cbor:"5,keyasint"`
}

// Credited says that it is done, on the disk.
type Credited struct{}

// LetGo asks an object's holder for a release. It is answered by Released.
type LetGo struct {
	Object id.Hash        `cbor:"1,keyasint"`
	Debit  *voucher.Debit `cbor:"2,keyasint"`
}

// Released answers LetGo.
type Released struct {
	Release *voucher.Release `cbor:"1,keyasint"`
}

// Show asks a member what it offers, and for proofs that it has objects. It is answered by Shown.
type Show struct {
	Objects []id.Hash `cbor:"1,keyasint,omitempty"`
	Nonce   uint64    `cbor:"2,keyasint"`
}

// Shown answers Show: a proof for each object, zero for one that is not there.
type Shown struct {
	Offered int64     `cbor:"1,keyasint"`
	Proofs  []id.Hash `cbor:"2,keyasint,omitempty"`
}

// Ask asks a keeper how an account stands. It is answered by Balance.
type Ask struct {
	Member id.ID `cbor:"1,keyasint"`
}

// Balance answers Ask, in bytes of all replicas.
type Balance struct {
	Used    int64 `cbor:"1,keyasint"`
	Limit   int64 `cbor:"2,keyasint"`
	Offered int64 `cbor:"3,keyasint"`
	Counted int64 `cbor:"4,keyasint"` // of what is offered
}

// Verify asks a keeper whether slips of one account are true. It is answered by Verified.
type Verify struct {
	Slips []*voucher.Slip `cbor:"1,keyasint"`
}

// Verified answers Verify: a voucher.Verdict for each slip.
type Verified struct {
	Verdicts []byte `cbor:"1,keyasint"`
}

// Recall asks a keeper which debits of an account it has: who has kept it before asks. It is answered by Recalled.
type Recall struct {
	Member id.ID   `cbor:"1,keyasint"`
	Debits []Place `cbor:"2,keyasint"`
}

// Place is where a debit stands in its account.
type Place struct {
	Date int64   `cbor:"1,keyasint"`
	Hash id.Hash `cbor:"2,keyasint"`
}

// Recalled answers Recall: a bit for each debit that is on the disk.
type Recalled struct {
	Has []byte `cbor:"1,keyasint"`
}

// Kind implements wire.Message.
func (*Debit) Kind() wire.Kind { return kindDebit }

// Kind implements wire.Message.
func (*Voted) Kind() wire.Kind { return kindVoted }

// Kind implements wire.Message.
func (*Over) Kind() wire.Kind { return kindOver }

// Kind implements wire.Message.
func (*Note) Kind() wire.Kind { return kindNote }

// Kind implements wire.Message.
func (*Noted) Kind() wire.Kind { return kindNoted }

// Kind implements wire.Message.
func (*List) Kind() wire.Kind { return kindList }

// Kind implements wire.Message.
func (*Listed) Kind() wire.Kind { return kindListed }

// Kind implements wire.Message.
func (*Open) Kind() wire.Kind { return kindOpen }

// Kind implements wire.Message.
func (*Page) Kind() wire.Kind { return kindPage }

// Kind implements wire.Message.
func (*Credit) Kind() wire.Kind { return kindCredit }

// Kind implements wire.Message.
func (*Credited) Kind() wire.Kind { return kindCredited }

// Kind implements wire.Message.
func (*LetGo) Kind() wire.Kind { return kindLetGo }

// Kind implements wire.Message.
func (*Released) Kind() wire.Kind { return kindReleased }

// Kind implements wire.Message.
func (*Show) Kind() wire.Kind { return kindShow }

// Kind implements wire.Message.
func (*Shown) Kind() wire.Kind { return kindShown }

// Kind implements wire.Message.
func (*Ask) Kind() wire.Kind { return kindAsk }

// Kind implements wire.Message.
func (*Balance) Kind() wire.Kind { return kindBalance }

// Kind implements wire.Message.
func (*Verify) Kind() wire.Kind { return kindVerify }

// Kind implements wire.Message.
func (*Verified) Kind() wire.Kind { return kindVerified }

// Kind implements wire.Message.
func (*Recall) Kind() wire.Kind { return kindRecall }

// Kind implements wire.Message.
func (*Recalled) Kind() wire.Kind { return kindRecalled }

// Check implements wire.Checker.
func (m *Recall) Check() error {
	if n := len(m.Debits); n == 0 || n > MaxPlaces {
		return fmt.Errorf("%w: %d debits, want 1 to %d", ErrMessage, n, MaxPlaces)
	}
	return nil
}

// Check implements wire.Checker.
func (m *Recalled) Check() error {
	if n := len(m.Has); n == 0 || n > MaxPlaces/8 {
		return fmt.Errorf("%w: %d bytes for debits, want 1 to %d", ErrMessage, n, MaxPlaces/8)
	}
	return nil
}

// Check implements wire.Checker.
func (m *Verify) Check() error {
	if n := len(m.Slips); n == 0 || n > MaxSlips {
		return fmt.Errorf("%w: %d slips, want 1 to %d", ErrMessage, n, MaxSlips)
	}
	for _, s := range m.Slips {
		if err := s.Check(); err != nil {
			return err
		}
		if s.Account != m.Slips[0].Account {
			return fmt.Errorf("%w: slips of several accounts", ErrMessage)
		}
	}
	return nil
}

// Check implements wire.Checker.
func (m *Verified) Check() error {
	if n := len(m.Verdicts); n == 0 || n > MaxSlips {
		return fmt.Errorf("%w: %d verdicts, want 1 to %d", ErrMessage, n, MaxSlips)
	}
	for _, x := range m.Verdicts {
		if x > byte(voucher.Unpaid) {
			return fmt.Errorf("%w: verdict %d", ErrMessage, x)
		}
	}
	return nil
}

func checkDebit(d *voucher.Debit, cs []voucher.Charge) error {
	if err := d.Check(); err != nil {
		return err
	}
	if len(cs) != int(d.Count) {
		return fmt.Errorf("%w: %d charges, the debit says %d", ErrMessage, len(cs), d.Count)
	}
	return voucher.CheckCharges(cs)
}

// Check implements wire.Checker.
func (m *Debit) Check() error { return checkDebit(m.Debit, m.Charges) }

// Check implements wire.Checker.
func (m *Voted) Check() error { return m.Vote.Check() }

// Check implements wire.Checker.
func (m *Over) Check() error {
	if m.Objects < 0 || m.Again < 0 || m.Again > maxTime {
		return fmt.Errorf("%w: %d objects until %d", ErrMessage, m.Objects, m.Again)
	}
	return nil
}

// Check implements wire.Checker.
func (m *Note) Check() error { return checkDebit(m.Debit, m.Charges) }

// Check implements wire.Checker.
func (m *Listed) Check() error {
	if len(m.Accounts) > MaxListed {
		return fmt.Errorf("%w: %d accounts, at most %d", ErrMessage, len(m.Accounts), MaxListed)
	}
	return nil
}

// Check implements wire.Checker.
func (m *Page) Check() error {
	if len(m.Records) > MaxRecords {
		return fmt.Errorf("%w: %d debits, at most %d", ErrMessage, len(m.Records), MaxRecords)
	}
	for _, r := range m.Records {
		if err := r.Check(); err != nil {
			return err
		}
	}
	return nil
}

// IsBack reports whether a charge was given back.
func (r *Record) IsBack(i int) bool { return len(r.Back) != 0 && r.Back[i/8]&(1<<(i%8)) != 0 }

// Check implements wire.Checker.
func (r *Record) Check() error {
	if r == nil {
		return fmt.Errorf("%w: a debit that is none", ErrMessage)
	}
	if err := checkDebit(r.Debit, r.Charges); err != nil {
		return err
	}
	if r.Standing > standing.Over {
		return fmt.Errorf("%w: a debit of standing %d", ErrMessage, r.Standing)
	}
	return CheckBack(r.Back, len(r.Charges))
}

// CheckBack refuses bits for charges that are not there.
func CheckBack(back []byte, charges int) error {
	if len(back) == 0 {
		return nil
	}
	if len(back) != (charges+7)/8 || charges%8 != 0 && back[len(back)-1]>>(charges%8) != 0 {
		return fmt.Errorf("%w: %d bytes of bits for %d charges", ErrMessage, len(back), charges)
	}
	return nil
}

// Check implements wire.Checker.
func (m *Credit) Check() error {
	if n := len(m.Releases); m.Index >= voucher.MaxCharges || n == 0 || n > certificate.MaxCopies {
		return fmt.Errorf("%w: %d releases for charge %d", ErrMessage, n, m.Index)
	}
	for _, r := range m.Releases {
		if err := r.Check(); err != nil {
			return err
		}
	}
	return nil
}

// Check implements wire.Checker.
func (m *Balance) Check() error {
	if min(m.Used, m.Limit, m.Offered, m.Counted) < 0 {
		return fmt.Errorf("%w: a balance below 0", ErrMessage)
	}
	return nil
}

// Check implements wire.Checker.
func (m *LetGo) Check() error { return m.Debit.Check() }

// Check implements wire.Checker.
func (m *Released) Check() error { return m.Release.Check() }

// Check implements wire.Checker.
func (m *Show) Check() error { return checkProofs(m.Objects) }

// Check implements wire.Checker.
func (m *Shown) Check() error {
	if m.Offered < 0 || m.Offered > MaxBytes {
		return fmt.Errorf("%w: offer of %d bytes", ErrMessage, m.Offered)
	}
	return checkProofs(m.Proofs)
}

func checkProofs(list []id.Hash) error {
	if len(list) > MaxProofs {
		return fmt.Errorf("%w: %d proofs, at most %d", ErrMessage, len(list), MaxProofs)
	}
	return nil
}

// Codes of refusals.
const (
	RefusedMalformed uint16 = iota + 1
	RefusedBusy             // too many questions, or not started yet, or new here
	RefusedNotKeeper        // this node does not keep the account, or the object
	RefusedInvalid          // something signed is not right
	RefusedClock            // the debit's date is far from this node's
	RefusedAway             // a majority of the keepers is not reachable
	RefusedFull             // too many debits
	RefusedFailed           // the disk fails
	RefusedKept             // the object is kept, and this debit pays for it, or may
)

// Refusals says in words what the codes mean.
var Refusals = map[uint16]string{
	RefusedMalformed: "not understood",
	RefusedBusy:      "busy, ask again",
	RefusedNotKeeper: "not a keeper of this",
	RefusedInvalid:   "a signature or a charge is not right",
	RefusedClock:     "not valid at this time of day",
	RefusedAway:      "a majority of the keepers is not reachable",
	RefusedFull:      "too many debits",
	RefusedFailed:    "the disk fails",
	RefusedKept:      "the object is kept",
}
