package member

import (
	"fmt"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/member/book"
	"github.com/phyllo-net/phyllo/member/clock"
	"github.com/phyllo-net/phyllo/member/invite"
	"github.com/phyllo-net/phyllo/peer"
)

// Check reports whether a certificate is good now: of this ring, valid at this
// time, rightly signed, and neither its bearer nor (unless the bearer was known
// before) its admitter expelled. It is a transport's Config.Check. A good one is
// remembered, with the time when its bearer was first seen. Errors wrap those of
// package peer, or are ErrNoRing or the store's.
func (m *Member) Check(cert *peer.Certificate) error {
	ring, err := m.ring()
	if err != nil {
		return err
	}
	if err := m.good(ring, cert); err != nil {
		return err
	}
	return m.note(cert, nil)
}

// good is Check without remembering.
func (m *Member) good(ring id.Hash, cert *peer.Certificate) error {
	now := m.cfg.Now()
	if err := cert.Check(ring, now, m.cfg.Verifier); err != nil {
		return err
	}
	var known book.Known
	var since time.Time
	node := cert.Node.Bytes()
	have, err := m.get(book.TagKnown, node[:], &known)
	if err != nil {
		return err
	}
	if have {
		since = time.Unix(known.Seen, 0)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.roll.Out.Allows(cert, since); err != nil {
		return err
	}
	if cert.Node != m.self.Certificate.Node && m.roll.Out.Lapsed(cert, now) {
		return fmt.Errorf("node %s has not renewed its certificate since its admitter was %w", cert.Node.Short(), peer.ErrIsExpelled)
	}
	return nil
}

// note remembers a member by a certificate that was checked, and its admitter.
func (m *Member) note(cert *peer.Certificate, addrs []string) error {
	ring, err := m.ring()
	if err != nil {
		return err
	}
	node := cert.Node.Bytes()
	var known book.Known
	have, err := m.get(book.TagKnown, node[:], &known)
	if err != nil {
		return err
	}
	// One from a time that has not come was signed by a clock that was ahead.
	newer := !have || cert.NotBefore > known.Certificate.NotBefore || clock.Early(known.Certificate, m.cfg.Now())
	if !newer && len(addrs) == 0 {
		return nil
	}
	if !have {
		known = book.Known{Certificate: cert, Seen: m.cfg.Now().Unix(), Since: cert.NotBefore}
	}
	if newer {
		known.Certificate = cert
	}
	known.Since = min(known.Since, cert.NotBefore)
	if len(addrs) > 0 {
		known.Addrs = addrs
	}
	if err := m.book.Put(ring, book.TagKnown, node[:], known); err != nil {
		return err
	}
	// Whose certificate says that it is an admitter's tells us its place, too.
	adm := &invite.Admitter{Key: cert.Admission.Admitter, Admission: cert.Admission}
	if cert.Key == adm.Key {
		adm.Node, adm.Addrs = cert.Node, addrs
	}
	return m.remember(ring, adm, cert.Key == adm.Key)
}

// Expulsions returns the entries that this node knows, for the overlay to carry.
// The entries are shared and frozen.
func (m *Member) Expulsions() []*peer.Expulsion {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.roll.Out.All()
}

// Merge takes entries that came from elsewhere, after it has checked them, and
// keeps them durably. The first bad one ends it with an error that wraps
// peer.ErrForged or peer.ErrOtherRing; those before it were taken.
func (m *Member) Merge(list []*peer.Expulsion) error {
	if len(list) == 0 {
		return nil
	}
	ring, err := m.ring()
	if err != nil {
		return err
	}
	changed := false
	for _, e := range list {
		m.mu.Lock()
		old := !m.roll.Out.Wants(e)
		m.mu.Unlock()
		if old {
			continue
		}
		if err = e.Check(ring, m.cfg.Verifier); err != nil {
			break
		}
		var now bool
		now, err = m.take(ring, e)
		changed = changed || now
		if err != nil {
			break
		}
	}
	if changed {
		m.cfg.Changed()
	}
	return err
}

// take adds one entry that was checked, and writes it down if that changed
// anything.
func (m *Member) take(ring id.Hash, e *peer.Expulsion) (bool, error) {
	m.writing.Lock() // so that of two for one subject the disk keeps the later one
	defer m.writing.Unlock()
	m.mu.Lock()
	changed := m.roll.Out.Add(e)
	m.mu.Unlock()
	if !changed {
		return false, nil
	}
	slot := e.Slot()
	return true, m.book.Put(ring, book.TagExpulsion, slot[:], book.Expulsion{Expulsion: e})
}

// Trusts reports whether an expulsion that was checked is to be believed: one that
// is signed as by the ring's only admitter is not, where two are known that were
// in office when it was made (see peer.Expulsions). It neither blocks nor reads
// the store.
func (m *Member) Trusts(e *peer.Expulsion) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.roll.Out.Stands(e)
}
