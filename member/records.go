package member

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/member/invite"
	"github.com/phyllo-net/phyllo/member/msg"
	"github.com/phyllo-net/phyllo/member/register"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/store"
	"github.com/phyllo-net/phyllo/wire"
)

// Table is the store's table of this package.
const Table store.Table = "member"

// Tags of the records of one ring. A key is the ring's first 16 bytes, the tag,
// and what it is about, so that a node that changes its ring starts afresh and
// loses nothing.
const (
	tagAdmitter  byte = 'a' // by key: admitterRecord
	tagKnown     byte = 'c' // by node id: knownRecord
	tagExpulsion byte = 'e' // by slot: peer.Expulsion
	tagInvite    byte = 'i' // by the secret's hash: inviteRecord
	tagPlace     byte = 'p' // by key: registerState
	tagUse       byte = 'u' // by invitation and slot: registerState
	tagSynced    byte = 'v' // the view whose registers were read
	tagWish      byte = 'x' // by node id: wishRecord
)

// selfKey is the one record that belongs to no ring: which one we are in.
var selfKey = []byte("self")

// selfRecord says which ring the node is in.
type selfRecord struct {
	Ring        id.Hash           `cbor:"1,keyasint"`
	Name        string            `cbor:"2,keyasint"`
	Certificate *peer.Certificate `cbor:"3,keyasint"`
	Founded     bool              `cbor:"4,keyasint,omitempty"` // here
}

// Check implements wire.Checker.
func (r *selfRecord) Check() error {
	if r.Ring.IsZero() || r.Certificate == nil || r.Certificate.Admission == nil {
		return msg.ErrAbsent
	}
	return nil
}

// admitterRecord is an admitter that was seen.
type admitterRecord struct {
	Admission *peer.Admission `cbor:"1,keyasint"`
	Node      id.ID           `cbor:"2,keyasint"`
	Addrs     []string        `cbor:"3,keyasint,omitempty"`
}

// Check implements wire.Checker.
func (r *admitterRecord) Check() error {
	if r.Admission == nil {
		return msg.ErrAbsent
	}
	return nil
}

// knownRecord is a member that was seen, with its newest certificate.
type knownRecord struct {
	Certificate *peer.Certificate `cbor:"1,keyasint"`
	Seen        int64             `cbor:"2,keyasint"` // first, by our clock, Unix seconds
	Since       int64             `cbor:"3,keyasint"` // from when the oldest certificate that we saw is
	Addrs       []string          `cbor:"4,keyasint,omitempty"`
}

// Check implements wire.Checker.
func (r *knownRecord) Check() error {
	if r.Certificate == nil || r.Certificate.Admission == nil {
		return msg.ErrAbsent
	}
	return nil
}

// inviteRecord is what a named admitter keeps of an invitation.
type inviteRecord struct {
	Named   []byte   `cbor:"1,keyasint"`
	Uses    uint32   `cbor:"2,keyasint"`
	Expires int64    `cbor:"3,keyasint"` // Unix seconds
	By      peer.Key `cbor:"4,keyasint"` // who issued it
}

// wishRecord is an expulsion that waits for its second signature.
type wishRecord struct {
	Expulsion *peer.Expulsion `cbor:"1,keyasint"`
	Mine      bool            `cbor:"2,keyasint,omitempty"` // wished here, not elsewhere
}

// Check implements wire.Checker.
func (r *wishRecord) Check() error { return msg.Present(r.Expulsion) }

func recordKey(ring id.Hash, tag byte, rest []byte) []byte {
	k := append([]byte{}, ring[:16]...)
	return append(append(k, tag), rest...)
}

// get reads a record of the present ring into v, and reports whether there is one.
func (m *Member) get(tag byte, rest []byte, v any) (bool, error) {
	ring, err := m.ring()
	if err != nil {
		return false, err
	}
	return m.read(recordKey(ring, tag, rest), v)
}

func (m *Member) read(key []byte, v any) (bool, error) {
	b, err := m.cfg.Store.Get(Table, key)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if err := wire.Unmarshal(b, v); err != nil {
		return false, fmt.Errorf("record %x of table %s: %w: %w", key, Table, store.ErrCorrupt, err)
	}
	return true, nil
}

// put writes a record of the present ring, durably.
func (m *Member) put(tag byte, rest []byte, v any) error {
	ring, err := m.ring()
	if err != nil {
		return err
	}
	return m.putIn(ring, tag, rest, v)
}

func (m *Member) putIn(ring id.Hash, tag byte, rest []byte, v any) error {
	return m.cfg.Store.Put(Table, recordKey(ring, tag, rest), wire.MustMarshal(v))
}

// each calls f with all records of one kind of a ring whose keys are above after,
// in their order, until f returns false.
func each[V any](m *Member, ring id.Hash, tag byte, after []byte, f func(rest []byte, v *V) bool) error {
	r := store.Prefix(recordKey(ring, tag, nil))
	if len(after) > 0 {
		r.From = append(recordKey(ring, tag, after), 0)
	}
	var bad error
	err := m.cfg.Store.Scan(Table, r, func(key, value []byte) bool {
		v := new(V)
		if bad = wire.Unmarshal(value, v); bad != nil {
			bad = fmt.Errorf("record %x of table %s: %w: %w", key, Table, store.ErrCorrupt, bad)
			return false
		}
		return f(key[17:], v)
	})
	if err == nil {
		err = bad
	}
	return err
}

// load reads the state of the ring that the node is in.
func (m *Member) load() error {
	self := new(selfRecord)
	have, err := m.read(selfKey, self)
	if err != nil || !have {
		return err
	}
	// With another key nobody would take the certificate, and the node would look
	// for its place for ever.
	if self.Certificate.Key != m.key {
		return ErrOtherKey
	}
	return m.enter(self)
}

// enter takes up a ring: with what was kept of it, if it was ours before.
func (m *Member) enter(self *selfRecord) error {
	authority, err := m.loadAuthority(self.Ring)
	if err != nil {
		return err
	}
	var admitters []*invite.Admitter
	err = each(m, self.Ring, tagAdmitter, nil, func(_ []byte, r *admitterRecord) bool {
		admitters = append(admitters, &invite.Admitter{Node: r.Node, Key: r.Admission.Admitter, Addrs: r.Addrs, Admission: r.Admission})
		return true
	})
	if err != nil {
		return err
	}
	var out peer.Expulsions
	err = each(m, self.Ring, tagExpulsion, nil, func(_ []byte, e *expulsionRecord) bool {
		out.Add(e.Expulsion)
		return true
	})
	if err != nil {
		return err
	}
	for _, a := range admitters {
		out.Saw(a.Admission)
	}
	var synced syncedRecord
	if _, err := m.read(recordKey(self.Ring, tagSynced, nil), &synced); err != nil {
		return err
	}
	m.mu.Lock()
	m.self, m.authority, m.admitters, m.out, m.synced = self, authority, admitters, out, synced.View
	m.mu.Unlock()
	return nil
}

// expulsionRecord and syncedRecord hold what their names say.
type expulsionRecord struct {
	Expulsion *peer.Expulsion `cbor:"1,keyasint"`
}

// Check implements wire.Checker.
func (r *expulsionRecord) Check() error { return msg.Present(r.Expulsion) }

type syncedRecord struct {
	View id.Hash `cbor:"1,keyasint"`
}

// recordOf is where a register stands in the store.
func recordOf(r msg.Register) (tag byte, rest []byte) {
	if r.IsPlace() {
		return tagPlace, r.Key[:]
	}
	return tagUse, binary.BigEndian.AppendUint32(slices.Clone(r.Invite[:]), r.Slot)
}

// shelf is where the registers of the present ring stand.
type shelf struct{ m *Member }

var _ register.Shelf = shelf{}

// State implements register.Shelf.
func (s shelf) State(r msg.Register) (state msg.RegisterState, err error) {
	tag, rest := recordOf(r)
	_, err = s.m.get(tag, rest, &state)
	return state, err
}

// PutState implements register.Shelf.
func (s shelf) PutState(r msg.Register, state msg.RegisterState) error {
	tag, rest := recordOf(r)
	return s.m.put(tag, rest, state)
}

// View implements register.Shelf.
func (s shelf) View() id.Hash {
	_, v := s.m.view()
	return v
}
