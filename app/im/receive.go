package im

import (
	"time"

	"github.com/phyllo-net/phyllo/app/im/letter"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/wire"
)

// intake is one push, opened: letters of one stream in the order of their counters.
type intake struct {
	from    peer.Key
	letters []*letter.Letter
	// proven is the card that the directory gave for the name that the sender
	// claims, if somebody asked and the identity is his.
	proven *card
	limits Config
}

// tooOld is before there was phyllo: no message was written then.
var tooOld = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()

// take takes letters in, until one that it does not take. All that is taken
// becomes durable together, before the answer goes out.
func (l *ledger) take(in intake) (pushed, error) {
	var out pushed
	who, have := l.person(in.from)
	if who.Blocked {
		return pushed{Verdict: verdictLater}, l.err // the same as for anybody who has to wait
	}
	if first := in.letters[0]; !have || who.Claimed != first.Name {
		who.Claimed = first.Name
	}
	if in.proven != nil && who.Name == "" {
		who.Name = who.Claimed
		if pin, ok := l.pin(who.Name); ok && pin.Card.Identity != who.Key {
			// The name belongs to another key for this user, until he says
			// otherwise: it is shown as changed, and this one by fingerprint.
			who.Name = ""
			l.learn(pin.Name, *in.proven, false)
		} else if !ok && who.Known {
			l.setPerson(who)
			l.learn(who.Name, *in.proven, true) // accepted before, by fingerprint
		}
	}
	asked := who.waits()
	for _, letter := range in.letters {
		if out.Verdict = l.takeOne(&who, letter, in.limits); out.Verdict != verdictOK {
			out.Want = letter.After
			break
		}
		out.Took++
	}
	if out.Took == 0 {
		return out, l.err
	}
	if out.Verdict != verdictGap {
		out.Want = 0
	}
	l.setPerson(who)
	if !asked && who.waits() {
		l.tellContact(EventRequest, who)
	}
	return out, l.err
}

// takeOne takes one letter in, or says why not.
func (l *ledger) takeOne(who *person, in *letter.Letter, limits Config) verdict {
	at := who.stream(in.Stream)
	if in.After >= at.Next {
		return verdictGap
	}
	key := l.seenKey(in.ID, in.From)
	if _, seen := l.get(tableSeen, key); !seen {
		switch {
		case in.Kind != letter.TextKind && !who.Known:
			return verdictLater // a stranger has nothing to say but a first message
		case in.Kind == letter.TextKind && !who.Known && !l.room(who, limits):
			return verdictLater
		}
		var seq uint64
		switch {
		case in.Kind == letter.TextKind:
			seq = l.takeText(who, in)
		case in.Kind == letter.ReceiptKind:
			if !l.takeReceipt(in) {
				return verdictRefused
			}
		case in.Kind < letter.OptionalKind:
			return verdictRefused
		}
		l.put(tableSeen, key, be(nil, seq))
	}
	// A counter below Next, with a new id, is from a sender who was put back to an
	// earlier state. His letters come in the order in which he writes them.
	at.Next, at.Used = max(at.Next, in.Counter+1), l.now
	return verdictOK
}

// room reports whether one more message of a stranger may wait.
func (l *ledger) room(who *person, limits Config) bool {
	switch {
	case who.Declined != 0 && l.now-who.Declined < limits.RequestGap.Milliseconds():
		return false
	case who.Waiting > 0:
		return who.Waiting < limits.MaxWaiting
	}
	t := l.totals()
	return t.Requests < limits.MaxRequests && t.People < limits.MaxContacts
}

func (l *ledger) takeText(who *person, in *letter.Letter) uint64 {
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
	l.tail = append(l.tail, Event{Kind: EventMessage, Message: m})
	return seq
}

// takeReceipt believes a receipt only from the identity that got the message.
func (l *ledger) takeReceipt(in *letter.Letter) bool {
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
			p, _ := l.pin(it.Name)
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
