package account

import (
	"errors"
	"fmt"

	"github.com/phyllo-net/phyllo/app/past/certificate"
	"github.com/phyllo-net/phyllo/app/past/standing"
	"github.com/phyllo-net/phyllo/app/past/voucher"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/wire"
)

// Limits of messages.
const (
	maxListed  = 512      // accounts in one listing
	maxRecords = 64       // debits on one page
	pageBytes  = 32 << 10 // of debits on one page
	maxProofs  = 8        // in one answer
	maxSlips   = 64       // in one question
	maxPlaces  = 256      // of debits in one question
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

// table lists all messages of account.
var table = wire.NewTable((*debit)(nil), (*voted)(nil), (*over)(nil), (*note)(nil), (*noted)(nil), (*list)(nil), (*listed)(nil),
	(*open)(nil), (*page)(nil), (*credit)(nil), (*credited)(nil), (*letGo)(nil), (*released)(nil), (*show)(nil), (*shown)(nil),
	(*ask)(nil), (*balance)(nil), (*verify)(nil), (*verified)(nil), (*recall)(nil), (*recalled)(nil))

var errMessage = errors.New("message of account")

// debit asks a keeper for its vote. It is answered by voted or over.
type debit struct {
	Debit   *voucher.Debit   `cbor:"1,keyasint"`
	Charges []voucher.Charge `cbor:"2,keyasint"`
}

// voted answers debit.
type voted struct {
	Vote *voucher.Vote `cbor:"1,keyasint"`
}

// over answers debit, if the account does not allow it.
type over struct {
	Used  int64 `cbor:"1,keyasint"`
	Limit int64 `cbor:"2,keyasint"`
	// Objects is how many the account names, if that are too many; and Again when the first of
	// them will be forgotten, Unix milliseconds, if any will be.
	Objects int64 `cbor:"3,keyasint,omitempty"`
	Again   int64 `cbor:"4,keyasint,omitempty"`
}

// note tells a fellow keeper of a debit that was charged. It is answered by noted.
type note struct {
	Debit   *voucher.Debit   `cbor:"1,keyasint"`
	Charges []voucher.Charge `cbor:"2,keyasint"`
	From    int64            `cbor:"3,keyasint"` // see noted
}

// noted says that it is charged, on the disk.
type noted struct {
	// Sum is over the account's debits from the date From on: see ledger.sum.
	Sum uint64 `cbor:"1,keyasint"`
}

// list asks a fellow which accounts it has that the asker should have. It is answered by
// listed.
type list struct{}

// listed answers list.
type listed struct {
	Accounts []accountSum `cbor:"1,keyasint,omitempty"`
	Sure     bool         `cbor:"2,keyasint,omitempty"` // it has asked its own fellows once: it is not new here
}

type accountSum struct {
	Member id.ID  `cbor:"1,keyasint"`
	Sum    uint64 `cbor:"2,keyasint"`
}

// open asks a fellow for an account's debits, after a place in their order. It is answered
// by page.
type open struct {
	Member id.ID   `cbor:"1,keyasint"`
	From   int64   `cbor:"2,keyasint"` // the date, Unix milliseconds
	After  id.Hash `cbor:"3,keyasint"` // of those of this date
}

// page answers open.
type page struct {
	Records []*record `cbor:"1,keyasint,omitempty"`
	More    bool      `cbor:"2,keyasint,omitempty"`
}

// record is a debit as a keeper has it.
type record struct {
	Debit   *voucher.Debit   `cbor:"1,keyasint"`
	Charges []voucher.Charge `cbor:"2,keyasint"`
	Back    []byte           `cbor:"3,keyasint,omitempty"` // a bit for each charge that was given back
	// Standing is what the keeper believes of the debit.
	Standing standing.Standing `cbor:"4,keyasint,omitempty"`
}

// credit asks a keeper to give a charge back. It is answered by credited.
type credit struct {
	Member   id.ID              `cbor:"1,keyasint"`
	Debit    id.Hash            `cbor:"2,keyasint"`
	Date     int64              `cbor:"3,keyasint"` // the debit's, by which it is found
	Index    uint16             `cbor:"4,keyasint"`
	Releases []*voucher.Release `cbor:"5,keyasint"`
}

// credited says that it is done, on the disk.
type credited struct{}

// letGo asks an object's holder for a release. It is answered by released.
type letGo struct {
	Object id.Hash        `cbor:"1,keyasint"`
	Debit  *voucher.Debit `cbor:"2,keyasint"`
}

// released answers letGo.
type released struct {
	Release *voucher.Release `cbor:"1,keyasint"`
}

// show asks a member what it offers, and for proofs that it has objects. It is answered by shown.
type show struct {
	Objects []id.Hash `cbor:"1,keyasint,omitempty"`
	Nonce   uint64    `cbor:"2,keyasint"`
}

// shown answers show: a proof for each object, zero for one that is not there.
type shown struct {
	Offered int64     `cbor:"1,keyasint"`
	Proofs  []id.Hash `cbor:"2,keyasint,omitempty"`
}

// ask asks a keeper how an account stands. It is answered by balance.
type ask struct {
	Member id.ID `cbor:"1,keyasint"`
}

// balance answers ask, in bytes of all replicas.
type balance struct {
	Used    int64 `cbor:"1,keyasint"`
	Limit   int64 `cbor:"2,keyasint"`
	Offered int64 `cbor:"3,keyasint"`
	Counted int64 `cbor:"4,keyasint"` // of what is offered
}

// verify asks a keeper whether slips of one account are true. It is answered by verified.
type verify struct {
	Slips []*voucher.Slip `cbor:"1,keyasint"`
}

// verified answers verify: a voucher.Verdict for each slip.
type verified struct {
	Verdicts []byte `cbor:"1,keyasint"`
}

// recall asks a keeper which debits of an account it has: who has kept it before asks. It is answered by recalled.
type recall struct {
	Member id.ID   `cbor:"1,keyasint"`
	Debits []place `cbor:"2,keyasint"`
}

// place is where a debit stands in its account.
type place struct {
	Date int64   `cbor:"1,keyasint"`
	Hash id.Hash `cbor:"2,keyasint"`
}

// recalled answers recall: a bit for each debit that is on the disk.
type recalled struct {
	Has []byte `cbor:"1,keyasint"`
}

// Kind implements wire.Message.
func (*debit) Kind() wire.Kind { return kindDebit }

// Kind implements wire.Message.
func (*voted) Kind() wire.Kind { return kindVoted }

// Kind implements wire.Message.
func (*over) Kind() wire.Kind { return kindOver }

// Kind implements wire.Message.
func (*note) Kind() wire.Kind { return kindNote }

// Kind implements wire.Message.
func (*noted) Kind() wire.Kind { return kindNoted }

// Kind implements wire.Message.
func (*list) Kind() wire.Kind { return kindList }

// Kind implements wire.Message.
func (*listed) Kind() wire.Kind { return kindListed }

// Kind implements wire.Message.
func (*open) Kind() wire.Kind { return kindOpen }

// Kind implements wire.Message.
func (*page) Kind() wire.Kind { return kindPage }

// Kind implements wire.Message.
func (*credit) Kind() wire.Kind { return kindCredit }

// Kind implements wire.Message.
func (*credited) Kind() wire.Kind { return kindCredited }

// Kind implements wire.Message.
func (*letGo) Kind() wire.Kind { return kindLetGo }

// Kind implements wire.Message.
func (*released) Kind() wire.Kind { return kindReleased }

// Kind implements wire.Message.
func (*show) Kind() wire.Kind { return kindShow }

// Kind implements wire.Message.
func (*shown) Kind() wire.Kind { return kindShown }

// Kind implements wire.Message.
func (*ask) Kind() wire.Kind { return kindAsk }

// Kind implements wire.Message.
func (*balance) Kind() wire.Kind { return kindBalance }

// Kind implements wire.Message.
func (*verify) Kind() wire.Kind { return kindVerify }

// Kind implements wire.Message.
func (*verified) Kind() wire.Kind { return kindVerified }

// Kind implements wire.Message.
func (*recall) Kind() wire.Kind { return kindRecall }

// Kind implements wire.Message.
func (*recalled) Kind() wire.Kind { return kindRecalled }

// Check implements wire.Checker.
func (m *recall) Check() error {
	if n := len(m.Debits); n == 0 || n > maxPlaces {
		return fmt.Errorf("%w: %d debits, want 1 to %d", errMessage, n, maxPlaces)
	}
	return nil
}

// Check implements wire.Checker.
func (m *recalled) Check() error {
	if n := len(m.Has); n == 0 || n > maxPlaces/8 {
		return fmt.Errorf("%w: %d bytes for debits, want 1 to %d", errMessage, n, maxPlaces/8)
	}
	return nil
}

// Check implements wire.Checker.
func (m *verify) Check() error {
	if n := len(m.Slips); n == 0 || n > maxSlips {
		return fmt.Errorf("%w: %d slips, want 1 to %d", errMessage, n, maxSlips)
	}
	for _, s := range m.Slips {
		if err := s.Check(); err != nil {
			return err
		}
		if s.Account != m.Slips[0].Account {
			return fmt.Errorf("%w: slips of several accounts", errMessage)
		}
	}
	return nil
}

// Check implements wire.Checker.
func (m *verified) Check() error {
	if n := len(m.Verdicts); n == 0 || n > maxSlips {
		return fmt.Errorf("%w: %d verdicts, want 1 to %d", errMessage, n, maxSlips)
	}
	for _, x := range m.Verdicts {
		if x > byte(voucher.Unpaid) {
			return fmt.Errorf("%w: verdict %d", errMessage, x)
		}
	}
	return nil
}

func checkDebit(d *voucher.Debit, cs []voucher.Charge) error {
	if err := d.Check(); err != nil {
		return err
	}
	if len(cs) != int(d.Count) {
		return fmt.Errorf("%w: %d charges, the debit says %d", errMessage, len(cs), d.Count)
	}
	return voucher.CheckCharges(cs)
}

// Check implements wire.Checker.
func (m *debit) Check() error { return checkDebit(m.Debit, m.Charges) }

// Check implements wire.Checker.
func (m *voted) Check() error { return m.Vote.Check() }

// Check implements wire.Checker.
func (m *over) Check() error {
	if m.Objects < 0 || m.Again < 0 || m.Again > maxTime {
		return fmt.Errorf("%w: %d objects until %d", errMessage, m.Objects, m.Again)
	}
	return nil
}

// Check implements wire.Checker.
func (m *note) Check() error { return checkDebit(m.Debit, m.Charges) }

// Check implements wire.Checker.
func (m *listed) Check() error {
	if len(m.Accounts) > maxListed {
		return fmt.Errorf("%w: %d accounts, at most %d", errMessage, len(m.Accounts), maxListed)
	}
	return nil
}

// Check implements wire.Checker.
func (m *page) Check() error {
	if len(m.Records) > maxRecords {
		return fmt.Errorf("%w: %d debits, at most %d", errMessage, len(m.Records), maxRecords)
	}
	for _, r := range m.Records {
		if err := r.Check(); err != nil {
			return err
		}
	}
	return nil
}

func (r *record) isBack(i int) bool { return len(r.Back) != 0 && r.Back[i/8]&(1<<(i%8)) != 0 }

// Check implements wire.Checker.
func (r *record) Check() error {
	if r == nil {
		return fmt.Errorf("%w: a debit that is none", errMessage)
	}
	if err := checkDebit(r.Debit, r.Charges); err != nil {
		return err
	}
	if r.Standing > standing.Over {
		return fmt.Errorf("%w: a debit of standing %d", errMessage, r.Standing)
	}
	return checkBack(r.Back, len(r.Charges))
}

// checkBack refuses bits for charges that are not there.
func checkBack(back []byte, charges int) error {
	if len(back) == 0 {
		return nil
	}
	if len(back) != (charges+7)/8 || charges%8 != 0 && back[len(back)-1]>>(charges%8) != 0 {
		return fmt.Errorf("%w: %d bytes of bits for %d charges", errMessage, len(back), charges)
	}
	return nil
}

// Check implements wire.Checker.
func (m *credit) Check() error {
	if n := len(m.Releases); m.Index >= voucher.MaxCharges || n == 0 || n > certificate.MaxCopies {
		return fmt.Errorf("%w: %d releases for charge %d", errMessage, n, m.Index)
	}
	for _, r := range m.Releases {
		if err := r.Check(); err != nil {
			return err
		}
	}
	return nil
}

// Check implements wire.Checker.
func (m *balance) Check() error {
	if min(m.Used, m.Limit, m.Offered, m.Counted) < 0 {
		return fmt.Errorf("%w: a balance below 0", errMessage)
	}
	return nil
}

// Check implements wire.Checker.
func (m *letGo) Check() error { return m.Debit.Check() }

// Check implements wire.Checker.
func (m *released) Check() error { return m.Release.Check() }

// Check implements wire.Checker.
func (m *show) Check() error { return checkProofs(m.Objects) }

// Check implements wire.Checker.
func (m *shown) Check() error {
	if m.Offered < 0 || m.Offered > maxBytes {
		return fmt.Errorf("%w: offer of %d bytes", errMessage, m.Offered)
	}
	return checkProofs(m.Proofs)
}

func checkProofs(list []id.Hash) error {
	if len(list) > maxProofs {
		return fmt.Errorf("%w: %d proofs, at most %d", errMessage, len(list), maxProofs)
	}
	return nil
}

// Codes of refusals.
const (
	refusedMalformed uint16 = iota + 1
	refusedBusy             // too many questions, or not started yet, or new here
	refusedNotKeeper        // this node does not keep the account, or the object
	refusedInvalid          // something signed is not right
	refusedClock            // the debit's date is far from this node's
	refusedAway             // a majority of the keepers is not reachable
	refusedFull             // too many debits
	refusedFailed           // the disk fails
	refusedKept             // the object is kept, and this debit pays for it, or may
)

var refusals = map[uint16]string{
	refusedMalformed: "not understood",
	refusedBusy:      "busy, ask again",
	refusedNotKeeper: "not a keeper of this",
	refusedInvalid:   "a signature or a charge is not right",
	refusedClock:     "not valid at this time of day",
	refusedAway:      "a majority of the keepers is not reachable",
	refusedFull:      "too many debits",
	refusedFailed:    "the disk fails",
	refusedKept:      "the object is kept",
}
