package node

import (
	"context"

	"github.com/phyllo-net/phyllo/app/directory"
	"github.com/phyllo-net/phyllo/keys"
	"github.com/phyllo-net/phyllo/node/people"
	"github.com/phyllo-net/phyllo/node/users"
	"github.com/phyllo-net/phyllo/peer"
)

// makeUsers makes the node's part in names, and in those of its users.
func (o *overlay) makeUsers() (err error) {
	n := o.node
	dc := directory.Default()
	dc.Ring, dc.Signer, dc.Verifier, dc.Store = o.ring, n.signer, keys.Verifier{}, n.store
	dc.Certificate = n.member.Certificate
	dc.Expelled = o.expelled
	o.users, err = users.New(users.Config{
		Directory: dc, Self: o.self.ID, People: n.people, Loop: o, Tell: n.feed.Publish, Log: n.log,
		Add:    func(u *people.Resident) error { return o.talk.AddUser(u) },
		Remove: func(key peer.Key) { o.talk.RemoveUser(key) },
		Go:     func(f func(context.Context)) { n.wg.Go(func() { f(n.ctx) }) },
	})
	if err == nil {
		o.dir = o.users.Directory()
	}
	return err
}

// userSide is the node as the names of its users see it.
type userSide struct{ n *Node }

var _ users.Node = userSide{}

// Here implements users.Node.
func (s userSide) Here() *users.Here {
	if o := s.n.overlay(); o != nil {
		return o.users
	}
	return nil
}

// People implements users.Node.
func (s userSide) People() *people.People { return s.n.people }
