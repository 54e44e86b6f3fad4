package im

import (
	"errors"
	"slices"
	"strings"

	"github.com/phyllo-net/phyllo/app/directory"
	"github.com/phyllo-net/phyllo/app/im/books"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
)

// normal is a name in its normal form, or what was given if it is none (it may be a
// fingerprint).
func normal(who string) string {
	if n, err := personName(who); err == nil {
		return n
	}
	return strings.ToLower(who)
}

func isDisputed(err error) bool { return errors.Is(err, directory.ErrDisputed) }

// Contacts lists the people whom a user knows or has blocked, and those who wait to
// be accepted (Contact.Request), by name. Errors: ErrNoUser.
func (m *IM) Contacts(t *task.T, user peer.Key) ([]Contact, error) {
	a, err := m.of(user)
	if err != nil {
		return nil, err
	}
	list, err := query(t, a, func(l *books.Ledger) ([]Contact, error) {
		var out []Contact
		for _, p := range l.People() {
			if p.Contact || p.Blocked || p.Waits() {
				out = append(out, l.Contact(p))
			}
		}
		return out, nil
	})
	for i := range list {
		a.presence(&list[i])
	}
	slices.SortStableFunc(list, func(a, b Contact) int { return strings.Compare(a.String(), b.String()) })
	return list, err
}

// Contact returns one person by name or fingerprint. Errors: ErrNoUser, ErrNobody.
func (m *IM) Contact(t *task.T, user peer.Key, who string) (Contact, error) {
	a, err := m.of(user)
	if err != nil {
		return Contact{}, err
	}
	c, err := query(t, a, func(l *books.Ledger) (Contact, error) {
		p, err := l.Find(normal(who))
		return l.Contact(p), err
	})
	a.presence(&c)
	return c, err
}

// AddContact puts a name into the user's list, accepts his request if he has one,
// and takes back a block. A name that is not pinned yet is read from the directory
// and pinned. who may also be the fingerprint of somebody who waits: if the
// directory does not confirm his name he is accepted all the same, and known by
// fingerprint. Errors: those of the directory, ErrNoUser, ErrNobody, ErrTooMany,
// *KeyChangedError.
func (m *IM) AddContact(t *task.T, user peer.Key, who string) (Contact, error) {
	a, err := m.of(user)
	if err != nil {
		return Contact{}, err
	}
	name, bad := personName(who)
	p, err := query(t, a, func(l *books.Ledger) (books.Acquaintance, error) { return l.Find(normal(who)) })
	switch {
	case err == nil && p.Name == "":
		return transact(t, a, func(l *books.Ledger) (Contact, error) { return l.Admit(p.Key) })
	case err == nil:
		name = p.Name
	case !errors.Is(err, ErrNobody):
		return Contact{}, err
	case bad != nil:
		return Contact{}, errors.Join(bad, err)
	}
	if _, err := a.ensurePin(t, name); err != nil {
		return Contact{}, err
	}
	return transact(t, a, func(l *books.Ledger) (Contact, error) { return l.Add(name, m.cfg.MaxContacts) })
}

// ensurePin returns the pin of a name, and reads it from the directory if there is
// none.
func (a *account) ensurePin(t *task.T, name string) (books.Pin, error) {
	p, err := query(t, a, func(l *books.Ledger) (books.Pin, error) {
		p, _ := l.Pin(name)
		return p, nil
	})
	if err != nil || p.Name != "" {
		return p, err
	}
	got, err := a.room.lookup(t, name)
	if err != nil {
		return books.Pin{}, err
	}
	return transact(t, a, func(l *books.Ledger) (books.Pin, error) {
		p, _ := l.Learn(name, got, true)
		return p, l.Failed()
	})
}

// RemoveContact takes somebody out of the user's list: what he writes next is a
// request again. The pinned key and the history stay. Errors: ErrNoUser, ErrNobody.
func (m *IM) RemoveContact(t *task.T, user peer.Key, who string) error {
	return m.withPerson(t, user, who, func(l *books.Ledger, p books.Acquaintance) error { return l.Forget(p.Key) })
}

// Block lets nothing more in from somebody, and shows him nothing. He is not told:
// his messages stay queued at his node. AddContact takes it back. A name that is not
// known is read from the directory. Errors: those of the directory, ErrNoUser,
// ErrNobody.
func (m *IM) Block(t *task.T, user peer.Key, who string) error {
	block := func(l *books.Ledger, p books.Acquaintance) error { return l.Block(p.Key) }
	err := m.withPerson(t, user, who, block)
	name, bad := personName(who)
	if !errors.Is(err, ErrNobody) || bad != nil {
		return err
	}
	// Somebody may be blocked before he was ever heard of.
	if _, err := m.account(user).ensurePin(t, name); err != nil {
		return err
	}
	return m.withPerson(t, user, who, block)
}

// Decline sends a stranger who waits away, with his messages. He may ask again
// after Config.RequestGap. Errors: ErrNoUser, ErrNobody.
func (m *IM) Decline(t *task.T, user peer.Key, who string) error {
	return m.withPerson(t, user, who, func(l *books.Ledger, p books.Acquaintance) error { return l.Decline(p) })
}

func (m *IM) withPerson(t *task.T, user peer.Key, who string, f func(*books.Ledger, books.Acquaintance) error) error {
	a, err := m.of(user)
	if err != nil {
		return err
	}
	_, err = transact(t, a, func(l *books.Ledger) (struct{}, error) {
		p, err := l.Find(normal(who))
		if err != nil {
			return struct{}{}, err
		}
		return struct{}{}, f(l, p)
	})
	return err
}

// Keys are the identity keys between which a user decides when he verifies a name.
type Keys struct {
	Name     string
	Pinned   peer.Key
	Verified bool     // the pinned one was compared before
	Found    peer.Key // what the directory gives now, if that is another; else zero
}

// Keys returns the keys of a name, for a program to show their fingerprints. A name
// that is not pinned is read from the directory and pinned; one that is, is read
// again if the directory can be reached. Errors: those of the directory for a name
// that is not pinned, ErrNoUser.
func (m *IM) Keys(t *task.T, user peer.Key, name string) (Keys, error) {
	a, err := m.of(user)
	if err != nil {
		return Keys{}, err
	}
	if name, err = personName(name); err != nil {
		return Keys{}, err
	}
	p, err := a.ensurePin(t, name)
	if err != nil {
		return Keys{}, err
	}
	if err := a.readAgain(t, name); errors.Is(err, task.ErrStopped) {
		return Keys{}, err
	}
	p, err = a.ensurePin(t, name)
	return Keys{Name: name, Pinned: p.Card.Identity, Verified: p.Verified, Found: p.Found()}, err
}

// Verify says that the user has compared this fingerprint (directory.Fingerprint) of
// a name with the person himself. If it is that of the new key of a name whose key
// has changed, the new key is pinned, and what waited goes to it. Errors:
// ErrNoUser, ErrNobody, ErrFingerprint.
func (m *IM) Verify(t *task.T, user peer.Key, name, fingerprint string) error {
	a, err := m.of(user)
	if err != nil {
		return err
	}
	if name, err = personName(name); err != nil {
		return err
	}
	_, err = transact(t, a, func(l *books.Ledger) (struct{}, error) {
		return struct{}{}, l.Verify(name, strings.ToLower(fingerprint))
	})
	if err == nil {
		a.kick(name, true)
	}
	return err
}
