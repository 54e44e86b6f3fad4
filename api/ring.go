package api

import "github.com/phyllo-net/phyllo/id"

// Picture is what a node knows of its ring, for drawing.
type Picture struct {
	Self  id.ID         `json:"self"`
	Nodes []PictureNode `json:"nodes"` // by id
	Size  int           `json:"size"`  // estimate of the number of nodes in the ring
}

// Roles of a node in a picture.
const (
	RoleSelf      = "self"
	RoleLeaf      = "leaf"      // in the leaf set
	RoleTable     = "table"     // in the routing table
	RoleNeighbour = "neighbour" // in the neighbourhood set
	RoleOther     = "other"     // known otherwise (a demo knows all)
)

// PictureNode is one node in a picture.
type PictureNode struct {
	ID    id.ID    `json:"id"`
	Addr  string   `json:"addr,omitempty"`
	Roles []string `json:"roles"` // RoleLeaf …
	// RTTMicros is the smoothed round trip in microseconds; 0: not measured.
	RTTMicros int64    `json:"rtt_us,omitempty"`
	Users     []string `json:"users,omitempty"` // who lives there, as far as a demo knows
	Dead      bool     `json:"dead,omitempty"`  // in a demo: it was killed
	// Suspect: it does not answer this node now. Joining: it is on its way in.
	Suspect bool `json:"suspect,omitempty"`
	Joining bool `json:"joining,omitempty"`
}

// Pong is the answer to a ping.
type Pong struct {
	Name      string `json:"name,omitempty"` // if a name was asked for
	ID        id.ID  `json:"id"`
	Addr      string `json:"addr"`
	Path      string `json:"path"`         // "direct" or "relayed"
	Kind      string `json:"kind"`         // of the connection: "tcp", "quic", "relay", "mem"; or "ring": through other nodes, as a message
	Via       id.ID  `json:"via,omitzero"` // the node that relays the connection, if one does and is known
	RTTMicros int64  `json:"rtt_us"`
}

// Trace is the way of one message through the ring.
type Trace struct {
	Key       id.ID `json:"key"`
	Root      id.ID `json:"root"`   // who delivered it
	Hops      []Hop `json:"hops"`   // from the first node after this one to the root
	RTTMicros int64 `json:"rtt_us"` // until the answer came
}

// Hop is one step of a trace.
type Hop struct {
	ID   id.ID  `json:"id"`
	Addr string `json:"addr"`
	// RTTMicros is the smoothed round trip from the node before; 0: not known.
	RTTMicros int64 `json:"rtt_us"`
}
