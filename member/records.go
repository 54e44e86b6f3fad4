package member

import (
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/member/authority"
	"github.com/phyllo-net/phyllo/member/book"
	"github.com/phyllo-net/phyllo/member/msg"
	"github.com/phyllo-net/phyllo/member/register"
	"github.com/phyllo-net/phyllo/member/roll"
)

// get reads a record of the present ring into v, and reports whether there is one.
func (m *Member) get(tag byte, rest []byte, v any) (bool, error) {
	ring, err := m.ring()
	if err != nil {
		return false, err
	}
	return m.book.Read(ring, tag, rest, v)
}

// load reads the state of the ring that the node is in.
func (m *Member) load() error {
	self, err := m.book.Self()
	if err != nil || self == nil {
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
func (m *Member) enter(self *book.Self) error {
	key, err := authority.Load(m.cfg.Folder, self.Ring)
	if err != nil {
		return err
	}
	admitters, err := m.book.Admitters(self.Ring)
	if err != nil {
		return err
	}
	out, err := m.book.Expulsions(self.Ring)
	if err != nil {
		return err
	}
	for _, a := range admitters {
		out.Saw(a.Admission)
	}
	var synced book.Synced
	if _, err := m.book.Read(self.Ring, book.TagSynced, nil, &synced); err != nil {
		return err
	}
	m.mu.Lock()
	m.self, m.authority, m.roll, m.synced = self, key, roll.Roll{Admitters: admitters, Out: out}, synced.View
	m.mu.Unlock()
	return nil
}

// shelf is where the registers of the present ring stand.
type shelf struct{ m *Member }

var _ register.Shelf = shelf{}

// State implements register.Shelf.
func (s shelf) State(r msg.Register) (state msg.RegisterState, err error) {
	tag, rest := book.RecordOf(r)
	_, err = s.m.get(tag, rest, &state)
	return state, err
}

// PutState implements register.Shelf.
func (s shelf) PutState(r msg.Register, state msg.RegisterState) error {
	tag, rest := book.RecordOf(r)
	ring, err := s.m.ring()
	if err != nil {
		return err
	}
	return s.m.book.Put(ring, tag, rest, state)
}

// View implements register.Shelf.
func (s shelf) View() id.Hash {
	_, v := s.m.view()
	return v
}
