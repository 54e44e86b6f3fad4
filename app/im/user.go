package im

import (
	"errors"
	"fmt"
	"slices"

	"github.com/phyllo-net/phyllo/app/im/books"
	"github.com/phyllo-net/phyllo/app/im/letter"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
)

// SealPair is one of a user's sealing key pairs.
type SealPair struct {
	Number uint32 // as in the user's record
	Opener peer.Opener
}

// User is somebody who lives on this node. The room keeps the keys in memory only;
// they may be used off the loop, by several at a time.
type User struct {
	// Name is the name that the user has in the directory; it goes into what he
	// writes, as a claim. Empty: none yet.
	Name string
	// Signer has the identity key, which is also what the user is called by in
	// this room.
	Signer peer.Signer
	// Seals are the sealing key pairs: the one in the record, and older ones for
	// what is still on its way.
	Seals []SealPair
	// Hidden users neither tell contacts that they are there, nor ask them.
	Hidden bool
}

// Key is the user's identity key.
func (u User) Key() peer.Key { return u.Signer.Public() }

// account is a user with what this node does for him. It lives on the loop. Of a
// user who was removed it stays, closed, so that he has one lane whatever happens.
type account struct {
	room     *IM
	user     User
	key      peer.Key
	lane     lane
	couriers []*courier // by name
	reads    throttle   // of records, by name
	roster   []*known   // by key
	reading  bool       // the roster is being read
	stale    bool       // and must be read again
	closed   bool
}

// AddUser lets a user live on this node, or replaces what is known of one who
// does: a new name, other sealing keys, Hidden. His messages are found in the
// store, and what waits there goes out. Before or after Start.
func (m *IM) AddUser(u User) error {
	if u.Signer == nil || u.Key().IsZero() || len(u.Seals) == 0 {
		return errors.New("im: a user needs an identity key and a sealing key pair")
	}
	if len(u.Name) > letter.MaxName {
		return fmt.Errorf("im: name of %d bytes, at most %d", len(u.Name), letter.MaxName)
	}
	u.Seals = slices.Clone(u.Seals)
	at, have := m.place(u.Key())
	if !have {
		m.accounts = slices.Insert(m.accounts, at, &account{room: m, key: u.Key(), closed: true,
			reads: throttle{window: m.cfg.RefreshGap, most: 1}})
	}
	a := m.accounts[at]
	a.user = u
	if a.closed {
		a.closed = false
		if m.ep != nil {
			a.open()
		}
	}
	return nil
}

// RemoveUser lets a user live here no longer. What he has stays in the store.
func (m *IM) RemoveUser(user peer.Key) {
	if a := m.account(user); a != nil {
		a.close()
	}
}

// Users lists the users of this node by key.
func (m *IM) Users() []User {
	var out []User
	for _, a := range m.accounts {
		if !a.closed {
			out = append(out, a.user)
		}
	}
	return out
}

func (m *IM) place(k peer.Key) (int, bool) {
	return slices.BinarySearchFunc(m.accounts, k, func(a *account, k peer.Key) int {
		return slices.Compare(a.key[:], k[:])
	})
}

// account returns a user's account, or nil if he does not live here now.
func (m *IM) account(k peer.Key) *account {
	if at, ok := m.place(k); ok && !m.accounts[at].closed {
		return m.accounts[at]
	}
	return nil
}

// of returns the account of a user, for calls from outside.
func (m *IM) of(user peer.Key) (*account, error) {
	if m.ep == nil {
		return nil, task.ErrStopped
	}
	if a := m.account(user); a != nil {
		return a, nil
	}
	return nil, ErrNoUser
}

// opener returns the user's private key with this number, or nil.
func (a *account) opener(number uint32) peer.Opener {
	for _, s := range a.user.Seals {
		if s.Number == number {
			return s.Opener
		}
	}
	return nil
}

// open begins the user's life on the node: letters that wait go out, contacts are
// looked for.
func (a *account) open() {
	a.refreshRoster()
	a.room.ep.Go(func(t *task.T) error {
		names, err := query(t, a, (*books.Ledger).Unsent)
		if err != nil {
			return err
		}
		for _, name := range names {
			a.kick(name, false)
		}
		return nil
	}, nil)
}

func (a *account) close() {
	a.closed = true
	for _, c := range a.couriers {
		c.halt()
	}
	a.couriers = nil
	a.dropRoster()
}

// follow does on the loop what a transaction that is durable now asks for.
func (a *account) follow(l *books.Ledger) {
	if a.closed {
		return
	}
	if l.Touched {
		a.refreshRoster()
	}
	for _, e := range l.Tail {
		a.tell(e)
	}
	for _, name := range l.Posted {
		a.kick(name, true)
	}
}

// tell gives an event to the followers.
func (a *account) tell(e Event) {
	e.User = a.key
	if !e.Message.ID.IsZero() {
		e.Message.User = a.key
	}
	a.presence(&e.Contact)
	a.room.emit(e)
}
