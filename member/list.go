package member

import (
	"cmp"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/member/book"
	"github.com/phyllo-net/phyllo/peer"
)

// Record is one member as `member list` shows it.
type Record struct {
	Node id.ID
	Key  peer.Key
	// By is the key of the admitter that signed the newest certificate, and
	// ByNode its id, zero where it is not known.
	By     peer.Key
	ByNode id.ID
	// AdmittedBy is the admitter that drew the node's place, zero where this node
	// is no admitter and was not told.
	AdmittedBy peer.Key
	Since      time.Time // of the oldest certificate that is known here
	Ends       time.Time // of the newest
	Self       bool
	Admitter   bool // in good standing
	Expelled   bool
	// Wished says that an admitter wants it expelled, and a second must agree.
	Wished bool
}

// List returns the members that this node knows, the longest known first: an
// admitter all that were admitted, others those that they have met. Errors:
// ErrNoRing or the store's.
func (m *Member) List() ([]Record, error) {
	ring, self, err := m.inRing()
	if err != nil {
		return nil, err
	}
	wished := map[id.ID]bool{}
	err = book.Each(m.book, ring, book.TagWish, nil, func(_ []byte, w *book.Wish) bool {
		wished[w.Expulsion.Node] = true
		return true
	})
	if err != nil {
		return nil, err
	}
	var out []Record
	err = book.Each(m.book, ring, book.TagKnown, nil, func(_ []byte, r *book.Known) bool {
		c := r.Certificate
		out = append(out, Record{
			Node: c.Node, Key: c.Key, By: c.Admission.Admitter, Since: time.Unix(r.Since, 0), Ends: time.Unix(c.NotAfter, 0),
			Self: c.Node == self.Certificate.Node, Wished: wished[c.Node],
		})
		return true
	})
	if err != nil {
		return nil, err
	}
	for i := range out {
		if err := m.complete(ring, &out[i]); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(out, func(a, b Record) int { return cmp.Or(a.Since.Compare(b.Since), a.Node.Cmp(b.Node)) })
	return out, nil
}

// complete adds to a record what is not in the certificate.
func (m *Member) complete(ring id.Hash, r *Record) error {
	by, err := m.book.AdmittedBy(ring, r.Key, r.Node)
	if err != nil {
		return err
	}
	r.AdmittedBy = by
	m.mu.Lock()
	defer m.mu.Unlock()
	r.Admitter, r.Expelled = m.roll.InOffice(r.Key), m.roll.Out.Expelled(r.Node)
	if a := m.roll.Admitter(r.By); a != nil {
		r.ByNode = a.Node
	}
	return nil
}

// Request is a node that asks to join from the local network.
type Request struct {
	Addr string    // where it asks from
	Ends time.Time // when it is too late
}

// Pending returns the request to join that waits for Admit, if there is one.
func (m *Member) Pending() (Request, bool) {
	r := m.desk.Pending()
	if r == nil {
		return Request{}, false
	}
	return Request{Addr: r.Addr, Ends: r.Ends}, true
}
