package member

import "github.com/phyllo-net/phyllo/peer"

// Trusts reports whether an expulsion that was checked is to be believed: one that
// is signed as by the ring's only admitter is not, where two are known that were
// in office when it was made. It neither blocks nor reads the store.
func (m *Member) Trusts(e *peer.Expulsion) bool {
	if !e.Sole {
		return true
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	in := 0
	for _, a := range m.admitters {
		if a.Admission.Since < e.Time && m.inOffice(a.Key) {
			in++
		}
	}
	return in < 2
}
