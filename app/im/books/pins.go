package books

import (
	"github.com/phyllo-net/phyllo/app/directory"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
)

// Card is what the directory said of a name: who it is, what to seal with, where
// to deliver.
type Card struct {
	Identity peer.Key     `cbor:"1,keyasint"`
	SealKey  peer.SealKey `cbor:"2,keyasint"`
	Number   uint32       `cbor:"3,keyasint"` // of the sealing key
	Devices  []id.ID      `cbor:"4,keyasint"`
	Version  uint64       `cbor:"5,keyasint"` // of the record
}

// Pin binds a name to the identity key that was found first, and remembers what
// was last read of it. Nothing is ever sealed to a key that is not in here, and
// nothing comes in here that a majority of the name's holders did not say.
type Pin struct {
	Name     string `cbor:"1,keyasint"`
	Card     Card   `cbor:"2,keyasint"`
	Since    int64  `cbor:"3,keyasint"`
	Verified bool   `cbor:"4,keyasint,omitempty"`
	// Changed is what the directory says now, if that is another identity.
	Changed *Card `cbor:"5,keyasint,omitempty"`
}

// Found is the identity that the directory gives instead of the pinned one, or zero.
func (p *Pin) Found() peer.Key {
	if p.Changed == nil {
		return peer.Key{}
	}
	return p.Changed.Identity
}

// Blocked is the reason why nothing may be sent to the name, or nil.
func (p *Pin) Blocked() error {
	if p.Changed == nil {
		return nil
	}
	return &KeyChangedError{Name: p.Name, Pinned: p.Card.Identity, Found: p.Changed.Identity}
}

// Pin returns the pin of a name, if there is one.
func (l *Ledger) Pin(name string) (Pin, bool) {
	var p Pin
	ok := name != "" && l.load(tablePins, l.key([]byte(name)), &p)
	return p, ok
}

func (l *Ledger) setPin(p Pin) {
	l.Touched = true
	l.save(tablePins, l.key([]byte(p.Name)), p)
}

// Learn compares what the directory says of a name with the pin, and returns the
// pin as it then is. Without a pin it makes one, if first is set: trust on first use.
func (l *Ledger) Learn(name string, c Card, first bool) (Pin, bool) {
	p, have := l.Pin(name)
	switch {
	case !have && !first:
		return Pin{}, false
	case !have:
		p = Pin{Name: name, Card: c, Since: l.now}
		l.setPin(p)
		l.name(name, c.Identity)
	case p.Card.Identity != c.Identity:
		if p.Found() == c.Identity && p.Changed.Version >= c.Version {
			break
		}
		news := p.Found() != c.Identity
		p.Changed = &c
		l.setPin(p)
		if news {
			who, _ := l.Person(p.Card.Identity)
			l.tellContact(EventKeyChanged, who)
		}
	case p.Changed != nil || c.Version > p.Card.Version:
		// That the directory is back at the pinned key lets messages go again.
		p.Changed = nil
		if c.Version > p.Card.Version {
			p.Card = c
		}
		l.setPin(p)
		who, _ := l.Person(c.Identity)
		l.tellContact(EventContact, who)
	}
	return p, true
}

// Meet pins a name that the user writes to for the first time. What is written to
// a person who waits accepts him.
func (l *Ledger) Meet(name string, c Card) (Pin, error) {
	p, _ := l.Learn(name, c, true)
	who, _ := l.Person(p.Card.Identity)
	if who.Blocked {
		return p, ErrBlocked
	}
	if p.Changed == nil {
		l.accept(who, who.Waits())
	}
	return p, l.err
}

// Name notes that the directory gave this identity for the name.
func (l *Ledger) name(name string, k peer.Key) Acquaintance {
	who, have := l.Person(k)
	if !have || who.Name == "" {
		who.Name = name
		l.SetPerson(who)
	}
	return who
}

// Verify says that the user has compared the fingerprint of a name: of the pinned
// key, or of the new one, which then takes its place with what the user had
// decided about the person.
func (l *Ledger) Verify(name string, fingerprint string) error {
	p, have := l.Pin(name)
	switch {
	case !have:
		return ErrNobody
	case directory.Fingerprint(p.Card.Identity) == fingerprint:
		// A key that the user knows to be right is not given up for what the
		// directory says: Changed stays until one of both is.
		p.Verified = true
		l.setPin(p)
		who, _ := l.Person(p.Card.Identity)
		l.tellContact(EventContact, who)
	case p.Changed != nil && directory.Fingerprint(p.Changed.Identity) == fingerprint:
		old, _ := l.Person(p.Card.Identity)
		p = Pin{Name: name, Card: *p.Changed, Since: l.now, Verified: true}
		l.setPin(p)
		known, contact := old.Known, old.Contact
		old.Known, old.Contact = false, false
		l.SetPerson(old)
		who := l.name(name, p.Card.Identity)
		if known || contact {
			l.accept(who, contact)
		}
		who, _ = l.Person(p.Card.Identity)
		l.tellContact(EventContact, who)
	default:
		return ErrFingerprint
	}
	return nil
}
