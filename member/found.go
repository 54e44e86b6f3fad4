package member

import (
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/keys"
	"github.com/phyllo-net/phyllo/member/authority"
	"github.com/phyllo-net/phyllo/member/book"
	"github.com/phyllo-net/phyllo/member/msg"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/wire"
)

// Found makes a new ring with this name, its authority's key in Config.Folder, and
// this node as its first admitter. A node that is in a ring already gets
// ErrInRing, unless it is alone in it.
func (m *Member) Found(name string) error {
	if err := CheckName(name); err != nil {
		return err
	}
	m.change.Lock()
	defer m.change.Unlock()
	if err := m.mayLeave(id.Hash{}); err != nil {
		return err
	}
	key, err := keys.NewSigner(m.cfg.Rand)
	if err != nil {
		return err
	}
	ring := peer.RingID(key.Public())
	// The key first: a ring that nobody can act for must not come to be.
	if err := authority.Save(m.cfg.Folder, key); err != nil {
		return err
	}
	return m.begins(ring, name, key)
}

// begins makes this node an admitter and a member of a ring by the authority's
// key alone.
func (m *Member) begins(ring id.Hash, name string, key peer.Signer) error {
	now := m.cfg.Now()
	own := msg.PlaceValue{By: m.key, Time: now.Unix()}
	if _, err := io.ReadFull(m.cfg.Rand, own.Salt[:]); err != nil {
		return fmt.Errorf("found a ring: the random source failed: %w", err)
	}
	adm := peer.NewAdmission(key, m.key, now)
	cert := peer.NewCertificate(m.cfg.Node, adm, m.key, own.Salt, now)
	place := msg.RegisterState{Promised: 1, Accepted: 1, Value: wire.MustMarshal(own), Chosen: true}
	var b book.Batch
	b.Put(ring, book.TagPlace, m.key[:], place)
	b.Put(ring, book.TagAdmitter, m.key[:], book.Admitter{Admission: adm, Node: cert.Node})
	return m.settleIn(&book.Self{Ring: ring, Name: name, Certificate: cert, Founded: true}, &b)
}

// settleIn writes down that this node is in a ring, with what else is in b, and
// takes it up.
func (m *Member) settleIn(self *book.Self, b *book.Batch) error {
	now := m.cfg.Now().Unix()
	node := self.Certificate.Node.Bytes()
	b.Self(self)
	b.Put(self.Ring, book.TagKnown, node[:], book.Known{Certificate: self.Certificate, Seen: now, Since: self.Certificate.NotBefore})
	if err := m.book.Apply(b); err != nil {
		return err
	}
	if err := m.enter(self); err != nil {
		return err
	}
	m.cfg.Changed()
	return nil
}

// mayLeave reports whether this node may enter a ring: it is in none, in this one
// already, or alone in its own.
func (m *Member) mayLeave(to id.Hash) error {
	m.mu.Lock()
	self := m.self
	m.mu.Unlock()
	if self == nil || self.Ring == to {
		return nil
	}
	alone, err := m.IsAlone()
	if err != nil || alone {
		return err
	}
	return ErrInRing
}

// IsAlone reports whether this node has founded its ring and never admitted or
// met anybody: it may then join another ring, with its key and its users.
func (m *Member) IsAlone() (bool, error) {
	ring, self, err := m.inRing()
	if err != nil {
		return false, err
	}
	alone := self.Founded
	err = book.Each(m.book, ring, book.TagKnown, nil, func(_ []byte, r *book.Known) bool {
		alone = alone && r.Certificate.Key == m.key
		return alone
	})
	return alone, err
}

// Backup returns the text of a file that holds the ring's authority under a
// passphrase. Errors: ErrNoAuthority, ErrNoRing, keys.ErrShortPassphrase.
func (m *Member) Backup(passphrase []byte, cost keys.Cost) ([]byte, error) {
	m.mu.Lock()
	self, key := m.self, m.authority
	m.mu.Unlock()
	switch {
	case self == nil:
		return nil, ErrNoRing
	case key == nil:
		return nil, ErrNoAuthority
	}
	return authority.Backup(key, self.Name, passphrase, cost)
}

// Restore brings the authority of a backup to this node: of the ring that it is
// in, or, where it is in none or alone, of one that it enters by that key. The
// node is an admitter then. Errors: ErrInRing, or those of keys.Import.
func (m *Member) Restore(text, passphrase []byte) error {
	key, name, err := authority.Restore(text, passphrase)
	if err != nil {
		return err
	}
	ring := peer.RingID(key.Public())
	m.change.Lock()
	defer m.change.Unlock()
	if err := m.mayLeave(ring); err != nil {
		return err
	}
	err = authority.Save(m.cfg.Folder, key)
	if errors.Is(err, fs.ErrExist) { // from an earlier try, or it was never lost
		_, err = authority.Load(m.cfg.Folder, ring)
	}
	if err != nil {
		return err
	}
	if now, self, err := m.inRing(); err == nil && now == ring {
		m.mu.Lock()
		m.authority = key
		m.mu.Unlock()
		if m.isAdmitter(m.key) {
			return nil
		}
		return m.appointed(self, peer.NewAdmission(key, m.key, m.cfg.Now()))
	}
	return m.begins(ring, name, key)
}
