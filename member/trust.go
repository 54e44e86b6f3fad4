package member

import "github.com/phyllo-net/phyllo/peer"

// Trusts reports whether an expulsion that was checked is to be believed: one that
// is signed as by the ring's only admitter is not, where two are known that were
// in office when it was made (see peer.Expulsions). It neither blocks nor reads
// the store.
func (m *Member) Trusts(e *peer.Expulsion) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.roll.Out.Stands(e)
}
