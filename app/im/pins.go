package im

import (
	"github.com/phyllo-net/phyllo/app/directory"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
)

// card is what the directory said of a name: who it is, what to seal with, where
// to deliver.
type card struct {
	Identity peer.Key     `cbor:"1,keyasint"`
	SealKey  peer.SealKey `cbor:"2,keyasint"`
	Number   uint32       `cbor:"3,keyasint"` // of the sealing key
	Devices  []id.ID      `cbor:"4,keyasint"`
	Version  uint64       `cbor:"5,keyasint"` // of the record
}

// pin binds a name to the identity key that was found first, and remembers what
// was last read of it. Nothing is ever sealed to a key that is not in here, and
// nothing comes in here that a majority of the name's holders did not say.
type pin struct {
	Name     string `cbor:"1,keyasint"`
	Card     card   `cbor:"2,keyasint"`
	Since    int64  `cbor:"3,keyasint"`
	Verified bool   `cbor:"4,keyasint,omitempty"`
	// Changed is what the directory says now, if that is another identity.
	Changed *card `cbor:"5,keyasint,omitempty"`
}

// found is the identity that the directory gives instead of the pinned one, or zero.
func (p *pin) found() peer.Key {
	if p.Changed == nil {
		return peer.Key{}
	}
	return p.Changed.Identity
}

// blocked is the reason why nothing may be sent to the name, or nil.
func (p *pin) blocked() error {
	if p.Changed == nil {
		return nil
	}
	return &KeyChangedError{Name: p.Name, Pinned: p.Card.Identity, Found: p.Changed.Identity}
}

func (l *ledger) pin(name string) (pin, bool) {
	var p pin
	ok := name != "" && l.load(tablePins, l.key([]byte(name)), &p)
	return p, ok
}

func (l *ledger) setPin(p pin) {
	l.touched = true
	l.save(tablePins, l.key([]byte(p.Name)), p)
}

// learn compares what the directory says of a name with the pin, and returns the
// pin as it then is. Without a pin it makes one, if first is set: trust on first use.
func (l *ledger) learn(name string, c card, first bool) (pin, bool) {
	p, have := l.pin(name)
	switch {
	case !have && !first:
		return pin{}, false
	case !have:
		p = pin{Name: name, Card: c, Since: l.now}
		l.setPin(p)
		l.name(name, c.Identity)
	case p.Card.Identity != c.Identity:
		if p.found() == c.Identity && p.Changed.Version >= c.Version {
			break
		}
		news := p.found() != c.Identity
		p.Changed = &c
		l.setPin(p)
		if news {
			who, _ := l.person(p.Card.Identity)
			l.tellContact(EventKeyChanged, who)
		}
	case p.Changed != nil || c.Version > p.Card.Version:
		// That the directory is back at the pinned key lets messages go again.
		p.Changed = nil
		if c.Version > p.Card.Version {
			p.Card = c
		}
		l.setPin(p)
		who, _ := l.person(c.Identity)
		l.tellContact(EventContact, who)
	}
	return p, true
}

// meet pins a name that the user writes to for the first time. What is written to
// a person who waits accepts him.
func (l *ledger) meet(name string, c card) (pin, error) {
	p, _ := l.learn(name, c, true)
	who, _ := l.person(p.Card.Identity)
	if who.Blocked {
		return p, ErrBlocked
	}
	if p.Changed == nil {
		l.accept(who, who.waits())
	}
	return p, l.err
}

// name notes that the directory gave this identity for the name.
func (l *ledger) name(name string, k peer.Key) person {
	who, have := l.person(k)
	if !have || who.Name == "" {
		who.Name = name
		l.setPerson(who)
	}
	return who
}

// verify says that the user has compared the fingerprint of a name: of the pinned
// key, or of the new one, which then takes its place with what the user had
// decided about the person.
func (l *ledger) verify(name string, fingerprint string) error {
	p, have := l.pin(name)
	switch {
	case !have:
		return ErrNobody
	case directory.Fingerprint(p.Card.Identity) == fingerprint:
		// A key that the user knows to be right is not given up for what the
		// directory says: Changed stays until one of both is.
		p.Verified = true
		l.setPin(p)
		who, _ := l.person(p.Card.Identity)
		l.tellContact(EventContact, who)
	case p.Changed != nil && directory.Fingerprint(p.Changed.Identity) == fingerprint:
		old, _ := l.person(p.Card.Identity)
		p = pin{Name: name, Card: *p.Changed, Since: l.now, Verified: true}
		l.setPin(p)
		known, contact := old.Known, old.Contact
		old.Known, old.Contact = false, false
		l.setPerson(old)
		who := l.name(name, p.Card.Identity)
		if known || contact {
			l.accept(who, contact)
		}
		who, _ = l.person(p.Card.Identity)
		l.tellContact(EventContact, who)
	default:
		return ErrFingerprint
	}
	return nil
}
