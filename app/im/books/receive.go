package books

import (
	"time"

	"github.com/phyllo-net/phyllo/app/im/letter"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/wire"
)

// Intake is one push, opened: letters of one stream in the order of their counters.
type Intake struct {
	From    peer.Key
	Letters []*letter.Letter
	// Proven is the card that the directory gave for the name that the sender
	// claims, if somebody asked and the identity is his.
	Proven *Card
	Limits Limits
}

// Limits of what strangers may leave. All must be above 0.
type Limits struct {
	MaxRequests int           // strangers who wait
	MaxWaiting  int           // messages of one of them
	MaxContacts int           // people who are known at all
	RequestGap  time.Duration // before one who was declined may ask again
}

// Taken says what was taken of an Intake.
type Taken struct {
	Count   int // letters, from the first on
	Verdict Verdict
	Want    uint64 // with VerdictGap: the counter of the letter that is missing
}

// Verdict is what a device says, over the wire, of the first letter that it did not take.
type Verdict uint8

// Verdicts. Their numbers are never used again.
const (
	// VerdictOK: all letters are durable there.
	VerdictOK Verdict = iota
	// VerdictRefused: this letter can never be taken (it is of an unknown kind).
	VerdictRefused
	// VerdictGap: an earlier letter is missing; its counter stands in Want.
	VerdictGap
	// VerdictLater: not now: too much to do, or the sender is not known here and
	// there is no room for another stranger's request.
	VerdictLater
	// VerdictNoUser: the receiver does not live on this node.
	VerdictNoUser
	// VerdictUnreadable: it could not be opened, or is not for this user; the
	// sender should read the receiver's record again.
	VerdictUnreadable

	verdicts
)

// Known reports whether this program knows the verdict.
func (v Verdict) Known() bool { return v < verdicts }

// tooOld is before there was phyllo: no message was written then.
var tooOld = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()

// Take takes letters in, until one that it does not take. All that is taken
// becomes durable together.
func (l *Ledger) Take(in Intake) (Taken, error) {
	var out Taken
	who, have := l.Person(in.From)
	if who.Blocked {
		return Taken{Verdict: VerdictLater}, l.err // the same as for anybody who has to wait
	}
	if first := in.Letters[0]; !have || who.Claimed != first.Name {
		who.Claimed = first.Name
	}
	if in.Proven != nil && who.Name == "" {
		who.Name = who.Claimed
		if pin, ok := l.Pin(who.Name); ok && pin.Card.Identity != who.Key {
			// The name belongs to another key for this user, until he says
			// otherwise: it is shown as changed, and this one by fingerprint.
			who.Name = ""
			l.Learn(pin.Name, *in.Proven, false)
		} else if !ok && who.Known {
			l.SetPerson(who)
			l.Learn(who.Name, *in.Proven, true) // accepted before, by fingerprint
		}
	}
	asked := who.Waits()
	for _, letter := range in.Letters {
		if out.Verdict = l.takeOne(&who, letter, in.Limits); out.Verdict != VerdictOK {
			out.Want = letter.After
			break
		}
		out.Count++
	}
	if out.Count == 0 {
		return out, l.err
	}
	if out.Verdict != VerdictGap {
		out.Want = 0
	}
	l.SetPerson(who)
	if !asked && who.Waits() {
		l.tellContact(EventRequest, who)
	}
	return out, l.err
}

// takeOne takes one letter in, or says why not.
func (l *Ledger) takeOne(who *Acquaintance, in *letter.Letter, limits Limits) Verdict {
	at := who.stream(in.Stream)
	if in.After >= at.Next {
		return VerdictGap
	}
	key := l.seenKey(in.ID, in.From)
	if _, seen := l.get(tableSeen, key); !seen {
		switch {
		case in.Kind != letter.TextKind && !who.Known:
			return VerdictLater // a stranger has nothing to say but a first message
		case in.Kind == letter.TextKind && !who.Known && !l.room(who, limits):
			return VerdictLater
		}
		var seq uint64
		switch {
		case in.Kind == letter.TextKind:
			seq = l.takeText(who, in)
		case in.Kind == letter.ReceiptKind:
			if !l.takeReceipt(in) {
				return VerdictRefused
			}
		case in.Kind < letter.OptionalKind:
			return VerdictRefused
		}
		l.put(tableSeen, key, be(nil, seq))
	}
	// A counter below Next, with a new id, is from a sender who was put back to an
	// earlier state. His letters come in the order in which he writes them.
	at.Next, at.Used = max(at.Next, in.Counter+1), l.now
	return VerdictOK
}

// room reports whether one more message of a stranger may wait.
func (l *Ledger) room(who *Acquaintance, limits Limits) bool {
	switch {
	case who.Declined != 0 && l.now-who.Declined < limits.RequestGap.Milliseconds():
		return false
	case who.Waiting > 0:
		return who.Waiting < limits.MaxWaiting
	}
	t := l.totals()
	return t.Requests < limits.MaxRequests && t.People < limits.MaxContacts
}

func (l *Ledger) takeText(who *Acquaintance, in *letter.Letter) uint64 {
	sent := in.Time
	if sent < tooOld || sent > l.now+peer.ClockSkew.Milliseconds() {
		sent = l.now
	}
	it := item{ID: in.ID, Peer: in.From, Text: string(in.Body), Sent: sent, Received: l.now}
	seq := l.addItem(it)
	if !who.Known {
		who.Waiting++
	}
	m := Message{
		ID: it.ID, Seq: seq, With: Person{Name: who.Name, Claimed: who.Claimed, Key: in.From}, Text: it.Text,
		SentAt: fromMilli(it.Sent), ReceivedAt: fromMilli(it.Received), Request: !who.Known,
	}
	l.Tail = append(l.Tail, Event{Kind: EventMessage, Message: m})
	return seq
}

// takeReceipt believes a receipt only from the identity that got the message.
func (l *Ledger) takeReceipt(in *letter.Letter) bool {
	var r letter.Receipt
	if wire.Unmarshal(in.Body, &r) != nil {
		return false
	}
	for _, m := range r.Read {
		seq, it, ok := l.sentItem(m)
		if !ok || it.State == Read {
			continue
		}
		to := it.Peer
		if to.IsZero() { // the acknowledgement was lost, or is still on its way
			p, _ := l.Pin(it.Name)
			to = p.Card.Identity
		}
		if to != in.From {
			continue
		}
		it.Peer, it.State, it.Read = to, Read, l.now
		l.setItem(seq, it)
		l.tellMessage(EventState, seq, it)
	}
	return true
}
