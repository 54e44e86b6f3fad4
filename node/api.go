package node

import (
	"context"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/node/doors"
	"github.com/phyllo-net/phyllo/node/lan"
	"github.com/phyllo-net/phyllo/node/spaces"
	"github.com/phyllo-net/phyllo/node/storage"
	"github.com/phyllo-net/phyllo/node/table"
	"github.com/phyllo-net/phyllo/node/talk"
	"github.com/phyllo-net/phyllo/node/topics"
	"github.com/phyllo-net/phyllo/node/users"
)

// face is the node as api.Node: the methods of this type are what the control socket
// and the page offer.
type face struct {
	n *Node
	spaceFace
	topicFace
	talkFace
	doorFace
	lanFace
	userFace
	keptFace
	tableFace
}

type (
	spaceFace = spaces.Face
	topicFace = topics.Face
	talkFace  = talk.Face
	doorFace  = doors.Face
	lanFace   = lan.Face
	userFace  = users.Face
	keptFace  = storage.Face
	tableFace = table.Face
)

var _ api.Node = face{}

func (n *Node) face() face {
	return face{
		n: n, spaceFace: spaceFace{Node: spaceSide{n}}, topicFace: topicFace{Node: topicSide{n}}, talkFace: talkFace{Node: talkSide{n}},
		doorFace: doorFace{Doors: func() *doors.Doors { return n.doors }}, lanFace: lanFace{LAN: n.lan}, userFace: userFace{Node: userSide{n}},
		keptFace: keptFace{Storage: func() *storage.Storage { return n.storage }}, tableFace: tableFace{Table: n.table},
	}
}

// API is what the node offers to programs in its own process.
func (n *Node) API() api.Node { return n.face() }

// Stop implements api.Node.
func (f face) Stop(context.Context) error {
	f.n.mu.Lock()
	f.n.state = api.StateStopping
	f.n.mu.Unlock()
	f.n.end()
	return nil
}

// Events implements api.Node.
func (f face) Events(ctx context.Context, g func(*api.Event) error) error {
	return f.n.feed.Follow(ctx, g)
}
