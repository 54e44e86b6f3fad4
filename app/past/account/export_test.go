package account

import (
	"bytes"

	"github.com/phyllo-net/phyllo/app/past/account/ledger"
	"github.com/phyllo-net/phyllo/app/past/account/msg"
	"github.com/phyllo-net/phyllo/app/past/voucher"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/wire"
)

// Settled reports whether the node has asked its fellows.
func (a *Accounts) Settled() bool { return a.rounds.Settled() }

// Named is how many debits a member's account has here, and how many objects these name.
func (a *Accounts) Named(member id.ID) (debits, objects int) {
	if l := a.books.Find(member); l != nil {
		return len(l.List), l.Charges
	}
	return 0, 0
}

// Voters are those who vote about a member's account.
func (a *Accounts) Voters(member id.ID) []*peer.Handle { return a.voters(member) }

// What tests send as nodes of their own.

// AskDebit asks for a vote.
func AskDebit(d *voucher.Debit, cs []voucher.Charge) []byte {
	return encode(&msg.Debit{Debit: d, Charges: cs})
}

// AskNote tells of a debit.
func AskNote(d *voucher.Debit, cs []voucher.Charge) []byte {
	return encode(&msg.Note{Debit: d, Charges: cs})
}

// AskList asks for accounts.
func AskList() []byte { return encode(&msg.List{}) }

// AskOpen asks for an account's debits.
func AskOpen(member id.ID) []byte { return encode(&msg.Open{Member: member}) }

// AskCredit asks to give a charge back.
func AskCredit(d *voucher.Debit, ring id.Hash, index uint16, rs ...*voucher.Release) []byte {
	return encode(&msg.Credit{Member: d.Account(), Debit: d.Hash(ring), Date: d.Date, Index: index, Releases: rs})
}

// AskLetGo asks for a release.
func AskLetGo(o id.Hash, d *voucher.Debit) []byte { return encode(&msg.LetGo{Object: o, Debit: d}) }

// AskShow asks for proofs.
func AskShow(os ...id.Hash) []byte { return encode(&msg.Show{Objects: os, Nonce: 1}) }

// AskBalance asks how an account stands.
func AskBalance(member id.ID) []byte { return encode(&msg.Ask{Member: member}) }

// SaysVoted gives a vote.
func SaysVoted(x *voucher.Vote) []byte { return encode(&msg.Voted{Vote: x}) }

// SaysNoted says that a debit was charged.
func SaysNoted() []byte { return encode(&msg.Noted{}) }

// SaysReleased gives a release.
func SaysReleased(r *voucher.Release) []byte { return encode(&msg.Released{Release: r}) }

// SaysShown offers, and proves nothing.
func SaysShown(offered int64, proofs int) []byte {
	return encode(&msg.Shown{Offered: offered, Proofs: make([]id.Hash, proofs)})
}

// Heard reads what tests answer to, as nodes of their own.
func Heard(b []byte) (kind string, d *voucher.Debit, object id.Hash, n int) {
	m, err := msg.Table.Decode(b)
	if err != nil {
		return "malformed", nil, id.Hash{}, 0
	}
	switch m := m.(type) {
	case *msg.Debit:
		return "debit", m.Debit, id.Hash{}, 0
	case *msg.Note:
		return "note", m.Debit, id.Hash{}, 0
	case *msg.LetGo:
		return "letGo", m.Debit, m.Object, 0
	case *msg.Show:
		return "show", nil, id.Hash{}, len(m.Objects)
	}
	return "", nil, id.Hash{}, 0
}

// KindOf names a question for the tests; "" is another one.
func KindOf(b []byte) string {
	switch m, _ := msg.Table.Decode(b); m.(type) {
	case *msg.Verify:
		return "verify"
	case *msg.List:
		return "list"
	case *msg.Open:
		return "open"
	}
	return ""
}

// AskRecall asks whether a debit is there.
func AskRecall(d *voucher.Debit, ring id.Hash) []byte {
	return encode(&msg.Recall{Member: d.Account(), Debits: []msg.Place{{Date: d.Date, Hash: d.Hash(ring)}}})
}

// AskVerify asks whether slips are true.
func AskVerify(s ...*voucher.Slip) []byte { return encode(&msg.Verify{Slips: s}) }

// SaysVerified says that a slip is paid for.
func SaysVerified() []byte { return encode(&msg.Verified{Verdicts: []byte{byte(voucher.Paid)}}) }

// SaysOf says the same of all slips that it is asked about, paid or not; nil to anything else.
func SaysOf(question []byte, paid bool) []byte {
	q, err := msg.Table.Decode(question)
	v, ok := q.(*msg.Verify)
	if err != nil || !ok {
		return nil
	}
	says := voucher.Unpaid
	if paid {
		says = voucher.Paid
	}
	return encode(&msg.Verified{Verdicts: bytes.Repeat([]byte{byte(says)}, len(v.Slips))})
}

// SaysListed says that an account has something that nobody else has.
func SaysListed(member id.ID) []byte {
	return encode(&msg.Listed{Accounts: []msg.AccountSum{{Member: member, Sum: 1}}, Sure: true})
}

// SaysPage shows a debit, and that it stands well.
func SaysPage(d *voucher.Debit, cs []voucher.Charge) []byte {
	return encode(&msg.Page{Records: []*msg.Record{{Debit: d, Charges: cs}}})
}

// VoteOf is the vote in an answer; nil if there is none.
func VoteOf(b []byte) *voucher.Vote {
	if m, err := msg.Table.Decode(b); err == nil {
		if v, ok := m.(*msg.Voted); ok {
			return v.Vote
		}
	}
	return nil
}

// Decode reads a message.
func Decode(b []byte) (wire.Message, error) { return msg.Table.Decode(b) }

// Encode writes a message.
func Encode(m wire.Message) ([]byte, error) { return msg.Table.Encode(m) }

// SaysSum says that a debit was charged, and nothing else.
func SaysSum(debit id.Hash) []byte {
	l := &ledger.Ledger{}
	l.List = append(l.List, &ledger.Entry{Hash: debit, Debit: &voucher.Debit{}})
	return encode(&msg.Noted{Sum: l.Sum(0)})
}
