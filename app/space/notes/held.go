package notes

import (
	"errors"

	"github.com/phyllo-net/phyllo/app/space/piece"
	"github.com/phyllo-net/phyllo/store"
	"github.com/phyllo-net/phyllo/wire"
)

// Hold writes down that a content waits for a name. An empty one needs no holding.
func Hold(st store.Store, c piece.Content) error {
	if c.Ref.IsZero() {
		return nil
	}
	return st.Put(HeldTable, c.Ref.Object[:], wire.MustMarshal(&c))
}

// Release forgets that a content waits.
func Release(st store.Store, c piece.Content) error {
	if c.Ref.IsZero() {
		return nil
	}
	return st.Delete(HeldTable, c.Ref.Object[:])
}

// Held are all contents that wait. A record that is damaged comes with store.ErrCorrupt, as
// nobody knows what it held.
func Held(st store.Store) (cs []piece.Content, err error) {
	var bad error
	err = st.Scan(HeldTable, store.Range{}, func(key, value []byte) bool {
		var c piece.Content
		if err := wire.Unmarshal(value, &c); err != nil || string(c.Ref.Object[:]) != string(key) {
			bad = errors.Join(store.ErrCorrupt, err)
			return false
		}
		cs = append(cs, c)
		return true
	})
	return cs, errors.Join(err, bad)
}
