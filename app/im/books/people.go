package books

import (
	"errors"
	"slices"

	"github.com/phyllo-net/phyllo/app/directory"
	"github.com/phyllo-net/phyllo/app/im/letter"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/store"
)

// accept makes somebody no stranger: what he has written is in the inbox, what he
// writes goes there, and he learns what was read. With contact he comes into
// the user's list too.
func (l *Ledger) accept(who Acquaintance, contact bool) {
	if who.Known && (who.Contact || !contact) {
		return
	}
	waited := who.Waits()
	who.Known, who.Contact = true, who.Contact || contact
	who.Waiting, who.Declined = 0, 0
	l.SetPerson(who)
	if waited {
		l.receiptsOwed(who)
		l.tellContact(EventContact, who)
	}
}

// receiptsOwed sends the receipts that were withheld from a stranger.
func (l *Ledger) receiptsOwed(who Acquaintance) {
	var read []letter.MsgID
	for _, key := range l.keys(tableTalks, store.Prefix(l.key(talkFrom(who.Key)))) {
		seq := lastNumber(key)
		it, ok := l.item(seq)
		if !ok || it.Read == 0 || it.Receipted {
			continue
		}
		it.Receipted = true
		l.setItem(seq, it)
		read = append(read, it.ID)
	}
	l.postReceipts(who, read)
}

// postReceipts queues receipts to somebody whose name leads to him for sure; to
// others no way is known.
func (l *Ledger) postReceipts(who Acquaintance, read []letter.MsgID) {
	p, ok := l.Pin(who.Name)
	if !ok || p.Card.Identity != who.Key || !who.Known || who.Blocked {
		return
	}
	for part := range slices.Chunk(read, letter.MaxReceipt) {
		l.post(who.Name, Entry{
			ID:   letter.MsgID{ID: id.HashOf("receipt", l.fresh, part[0].ID).Place()},
			Kind: letter.ReceiptKind, Time: l.now, Body: letter.ReceiptBody(part),
		})
		l.Posted = append(l.Posted, who.Name)
	}
}

// Decline sends a stranger away: his messages go, and he may ask again later.
func (l *Ledger) Decline(who Acquaintance) error {
	if !who.Waits() {
		return ErrNobody
	}
	l.forgetRequest(&who)
	who.Declined = l.now
	l.SetPerson(who)
	l.tellContact(EventContact, who)
	return l.err
}

// forgetRequest removes the messages of a stranger's request.
func (l *Ledger) forgetRequest(who *Acquaintance) {
	for _, key := range l.keys(tableTalks, store.Prefix(l.key(talkFrom(who.Key)))) {
		seq := lastNumber(key)
		if it, ok := l.item(seq); ok {
			l.dropItem(seq, it)
		}
	}
	who.Waiting = 0
}

// Find returns the person whom a user means: the one with this fingerprint, so that
// nobody can hide behind a name that looks like one; else the one to whom the name
// is pinned; else one whose name the directory has confirmed.
func (l *Ledger) Find(who string) (Acquaintance, error) {
	people := l.People()
	at := slices.IndexFunc(people, func(p Acquaintance) bool { return directory.Fingerprint(p.Key) == who })
	if pin, ok := l.Pin(who); ok && at < 0 {
		at = slices.IndexFunc(people, func(p Acquaintance) bool { return p.Key == pin.Card.Identity })
	}
	if at < 0 && who != "" {
		at = slices.IndexFunc(people, func(p Acquaintance) bool { return p.Name == who })
	}
	if l.err != nil {
		return Acquaintance{}, l.err
	}
	if at < 0 {
		return Acquaintance{}, ErrNobody
	}
	return people[at], nil
}

// Add puts a pinned name into the user's list, and takes back a block.
func (l *Ledger) Add(name string, most int) (Contact, error) {
	p, pinned := l.Pin(name)
	if !pinned {
		return Contact{}, errors.Join(l.err, ErrNotProven)
	}
	if err := p.Blocked(); err != nil {
		return Contact{}, err
	}
	if l.totals().People > most {
		return Contact{}, ErrTooMany
	}
	who := l.name(name, p.Card.Identity)
	if who.Blocked {
		who.Blocked = false
		l.SetPerson(who)
	}
	l.accept(who, true)
	who, _ = l.Person(who.Key)
	l.tellContact(EventContact, who)
	return l.Contact(who), l.err
}

// Admit accepts a request from somebody who is known by his key only: what he
// writes is read, but he cannot be written to before the directory confirms his name.
func (l *Ledger) Admit(k peer.Key) (Contact, error) {
	who, have := l.Person(k)
	if !have {
		return Contact{}, errors.Join(l.err, ErrNobody)
	}
	l.accept(who, true)
	who, _ = l.Person(k)
	l.tellContact(EventContact, who)
	return l.Contact(who), l.err
}

// Forget takes somebody out of the list: his next message is a request again. The
// pin and the history stay.
func (l *Ledger) Forget(k peer.Key) error {
	who, have := l.Person(k)
	if !have || !who.Known {
		return errors.Join(l.err, ErrNobody)
	}
	who.Known, who.Contact = false, false
	l.SetPerson(who)
	l.tellContact(EventContact, who)
	return l.err
}

// Block lets nothing more in from somebody, and his request go.
func (l *Ledger) Block(k peer.Key) error {
	who, have := l.Person(k)
	if !have {
		return errors.Join(l.err, ErrNobody)
	}
	if who.Waits() {
		l.forgetRequest(&who)
	}
	who.Blocked = true
	l.SetPerson(who)
	l.tellContact(EventContact, who)
	return l.err
}
