package msg

import (
	"fmt"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/wire"
)

// Limits of what messages carry.
const (
	MaxLeaf    = 64  // nodes of a leaf set
	MaxTable   = 640 // nodes of routing-table rows
	MaxHops    = 32  // links that a message crosses
	MaxAcks    = 256 // acknowledgements
	MaxFailed  = 64  // nodes found dead
	MaxText    = 200 // bytes of the text of a refusal
	MaxTrail   = MaxHops + 1
	MaxEntries = 32                    // expulsions of one message
	MaxRelayed = wire.MaxFrame - 4<<10 // a message with the largest payload, and room for its author
)

// Messages is the table of the overlay's link messages.
var Messages = wire.NewTable(
	(*Hop)(nil), (*Ack)(nil), (*LeafProbe)(nil), (*Lease)(nil), (*Ping)(nil), (*Pong)(nil),
	(*StateRequest)(nil), (*StateReply)(nil), (*Introduce)(nil), (*Introduced)(nil), (*JoinReply)(nil),
	(*RowAnnounce)(nil), (*Direct)(nil), (*Reply)(nil), (*Leave)(nil), (*Relay)(nil), (*ExpulsionSet)(nil),
	(*Moved)(nil),
)

// Hop carries a routed message, or a broadcast, over one link. The body is the
// same at all hops and frozen; the fields around it belong to this hop.
type Hop struct {
	Seq   uint32   `cbor:"1,keyasint"`  // numbers the hops on this link, from 1
	Epoch uint32   `cbor:"10,keyasint"` // rises when the sender begins to count anew
	Acks  []uint32 `cbor:"2,keyasint,omitempty"`
	Count uint8    `cbor:"3,keyasint,omitempty"` // links crossed before this one
	Path  []byte   `cbor:"4,keyasint,omitempty"` // 4 bytes of the id of each node passed
	Route *Routed  `cbor:"5,keyasint,omitempty"`
	Cast  *Cast    `cbor:"6,keyasint,omitempty"`
	Trail []Trail  `cbor:"7,keyasint,omitempty"`
	Join  []Row    `cbor:"8,keyasint,omitempty"` // rows gathered for a joining node
}

// Routed is a message on its way to a key.
type Routed struct {
	Key     id.ID         `cbor:"1,keyasint"`
	Origin  *peer.Handle  `cbor:"2,keyasint"`
	Num     uint64        `cbor:"3,keyasint"` // drawn by the origin
	Attempt uint8         `cbor:"4,keyasint,omitempty"`
	Want    bool          `cbor:"5,keyasint,omitempty"` // an answer is wanted
	To      bool          `cbor:"6,keyasint,omitempty"` // only for the node whose id is Key
	Join    bool          `cbor:"7,keyasint,omitempty"` // Origin joins, or looks for its place
	Found   bool          `cbor:"8,keyasint,omitempty"` // the answer is the root's handle; no application
	Back    *Reply        `cbor:"9,keyasint,omitempty"` // an answer that could not go directly
	Env     wire.Envelope `cbor:"10,keyasint"`
	Receipt bool          `cbor:"11,keyasint,omitempty"` // the answer wanted is that it arrived
	// Straight: the answer is wanted over the answerer's own link.
	Straight bool `cbor:"12,keyasint,omitempty"`
}

// Cast is a broadcast to all nodes in Scope; the receiver serves Part of it.
type Cast struct {
	Origin *peer.Handle  `cbor:"1,keyasint"`
	Num    uint64        `cbor:"2,keyasint"`
	Part   id.Range      `cbor:"3,keyasint"`
	Env    wire.Envelope `cbor:"4,keyasint"`
}

// Trail is one step of a traced way.
type Trail struct {
	Node *peer.Handle `cbor:"1,keyasint"`
	RTT  uint32       `cbor:"2,keyasint,omitempty"` // microseconds to the node before; 0 = not known
}

// Row is one row of a routing table, or a part of it.
type Row struct {
	Index uint8          `cbor:"1,keyasint"`
	Nodes []*peer.Handle `cbor:"2,keyasint"`
}

// Ack acknowledges hops.
type Ack struct {
	Seqs []uint32 `cbor:"1,keyasint"`
}

// Failure names an incarnation that the sender found dead.
type Failure struct {
	Node        id.ID  `cbor:"1,keyasint"`
	Incarnation uint64 `cbor:"2,keyasint"`
	Closed      bool   `cbor:"3,keyasint,omitempty"` // its process is gone: dials were refused
	Announced   bool   `cbor:"4,keyasint,omitempty"` // the sender tells all of its leaf set
	// Served: it renewed a short lease of the sender, which found its death by itself.
	Served bool `cbor:"5,keyasint,omitempty"`
}

// Same reports whether two tell of one death.
func (f Failure) Same(o Failure) bool {
	return f.Node == o.Node && f.Incarnation == o.Incarnation
}

// LeafProbe is MSPastry's LS-PROBE and LS-PROBE-REPLY: a sign of life, the
// sender's leaf set, and whom it found dead.
type LeafProbe struct {
	Reply      bool           `cbor:"1,keyasint,omitempty"`
	Active     bool           `cbor:"2,keyasint,omitempty"` // the sender has been ready
	Leaf       []*peer.Handle `cbor:"3,keyasint,omitempty"` // active members only
	Failed     []Failure      `cbor:"4,keyasint,omitempty"`
	Expulsions uint64         `cbor:"5,keyasint,omitempty"` // digest of the sender's set
	Period     uint32         `cbor:"6,keyasint,omitempty"` // its table-probing period, seconds
	Quiet      bool           `cbor:"7,keyasint,omitempty"` // no answer wanted, and this is none
	Num        uint32         `cbor:"8,keyasint,omitempty"` // of the probe; the reply echoes it
}

// Lease is the heartbeat of ring neighbours: it may ask, grant and deny, all at
// once.
type Lease struct {
	Right bool   `cbor:"1,keyasint,omitempty"` // the receiver is the sender's right neighbour
	Ask   uint32 `cbor:"2,keyasint,omitempty"` // number of this request, 0 = none
	For   uint32 `cbor:"3,keyasint,omitempty"` // milliseconds asked
	Grant uint32 `cbor:"4,keyasint,omitempty"` // number of the request that is granted
	Deny  uint32 `cbor:"5,keyasint,omitempty"` // number of the request that is denied
	// Length is the milliseconds granted, from the asking, or those for which the lease of a
	// dead node makes a request be denied (0: not known).
	Length uint32 `cbor:"6,keyasint,omitempty"`
	// Nearer is a neighbour nearer than the receiver of a denial, who should be
	// asked instead.
	Nearer *peer.Handle `cbor:"7,keyasint,omitempty"`
	// Other is the sender's neighbour on its other side, if its lease is held (zero:
	// the receiver too, or none).
	Other      id.ID  `cbor:"8,keyasint,omitempty"`
	Ready      bool   `cbor:"9,keyasint,omitempty"`
	Active     bool   `cbor:"10,keyasint,omitempty"`
	Expulsions uint64 `cbor:"11,keyasint,omitempty"`
	Period     uint32 `cbor:"12,keyasint,omitempty"` // its table-probing period, seconds
	// Between: besides the lease that is granted another one runs on this side.
	Between bool `cbor:"13,keyasint,omitempty"`
	// Release is the number of a request whose lease the sender gives up.
	Release uint32 `cbor:"14,keyasint,omitempty"`
	// Leafs is a digest of what both should know of the ring around them, if the
	// receiver is the sender's neighbour.
	Leafs uint64 `cbor:"15,keyasint,omitempty"`
	// Beat is the milliseconds, with a grant, until the next of the instants at which promises
	// of the sender end on its side that is turned away from the receiver (0: not known).
	Beat uint32 `cbor:"16,keyasint,omitempty"`
}

// Ping measures proximity and asks for a sign of life.
type Ping struct {
	Seq uint32 `cbor:"1,keyasint"`
}

// MaxSize implements wire.Small: a ping is no way to carry things.
func (*Ping) MaxSize() int { return 64 }

// Asks implements wire.Question.
func (*Ping) Asks() {}

// Pong answers a Ping.
type Pong struct {
	Active bool   `cbor:"2,keyasint,omitempty"`
	Seq    uint32 `cbor:"1,keyasint"`
}

// MaxSize implements wire.Small.
func (*Pong) MaxSize() int { return 64 }

// What a StateRequest asks for.
const (
	AskLeaf uint8 = iota + 1
	AskRow
	AskNear
	AskExpulsions
)

// StateRequest asks for a part of a node's state.
type StateRequest struct {
	Seq  uint32 `cbor:"1,keyasint"`
	What uint8  `cbor:"2,keyasint"`
	Row  uint8  `cbor:"3,keyasint,omitempty"`
}

// MaxSize implements wire.Small.
func (*StateRequest) MaxSize() int { return 64 }

// Asks implements wire.Question.
func (*StateRequest) Asks() {}

// StateReply answers a StateRequest.
type StateReply struct {
	Seq   uint32         `cbor:"1,keyasint"`
	What  uint8          `cbor:"2,keyasint"`
	Row   uint8          `cbor:"3,keyasint,omitempty"` // the row, or the number of rows
	Nodes []*peer.Handle `cbor:"4,keyasint,omitempty"`
	// Active: the sender is in a ring.
	Active bool `cbor:"5,keyasint,omitempty"`
	// RTTs, if there are any, are the sender's round trips to Nodes in microseconds; 0 =
	// not measured.
	RTTs []uint32 `cbor:"6,keyasint,omitempty"`
}

// Introduce makes a joining node known to a leaf-set member of the root.
type Introduce struct {
	Seq    uint32       `cbor:"1,keyasint"`
	Joiner *peer.Handle `cbor:"2,keyasint"`
}

// Asks implements wire.Question.
func (*Introduce) Asks() {}

// Introduced acknowledges Introduce.
type Introduced struct {
	Seq uint32 `cbor:"1,keyasint"`
}

// JoinReply is the root's answer to a joining node.
type JoinReply struct {
	Num  uint64         `cbor:"1,keyasint"`
	Rows []Row          `cbor:"2,keyasint,omitempty"`
	Leaf []*peer.Handle `cbor:"3,keyasint,omitempty"`
	// Key 4 is not used again: it told who knew the newcomer already.
	Wait bool `cbor:"5,keyasint,omitempty"` // the root is not ready itself: try again
}

// RowAnnounce tells a node of a row in which it stands, and of the sender.
type RowAnnounce struct {
	Row   uint8          `cbor:"1,keyasint"`
	Nodes []*peer.Handle `cbor:"2,keyasint,omitempty"`
	RTT   uint32         `cbor:"3,keyasint,omitempty"` // microseconds that the sender measured to the receiver
}

// Direct is a message of an application to one node.
type Direct struct {
	Num  uint64        `cbor:"1,keyasint"`
	Want bool          `cbor:"2,keyasint,omitempty"` // an application's answer is wanted, not only a receipt
	Env  wire.Envelope `cbor:"3,keyasint"`
	Acks []uint32      `cbor:"4,keyasint,omitempty"` // hops of the receiver's that have come
	Bare bool          `cbor:"5,keyasint,omitempty"` // neither an answer nor a receipt is wanted
}

// Codes of a Reply.
const (
	ReplyAnswer uint8 = iota + 1
	ReplyReceipt
	ReplyRefused
	ReplyNoApp
	ReplyBusy
	ReplyLoop
	ReplyHopLimit
	ReplyAbsent // the node that it was for is not in the ring
)

// Reply is an answer, a receipt or an error for a Routed or Direct message.
type Reply struct {
	Num     uint64       `cbor:"1,keyasint"`
	Code    uint8        `cbor:"2,keyasint"`
	Payload []byte       `cbor:"3,keyasint,omitempty"`
	App     uint16       `cbor:"4,keyasint,omitempty"` // code of a refusal
	Text    string       `cbor:"5,keyasint,omitempty"`
	Hops    uint8        `cbor:"6,keyasint,omitempty"`
	Trail   []Trail      `cbor:"8,keyasint,omitempty"`
	Attempt uint8        `cbor:"9,keyasint,omitempty"`
	From    *peer.Handle `cbor:"10,keyasint,omitempty"` // who answers, if not the sender on this link
	Acks    []uint32     `cbor:"11,keyasint,omitempty"` // hops of the receiver's that have come
	// To is who asked, if the answer goes back on the way of its question, and Path what
	// is left of that: 4 bytes of the id of each node, the next one's last.
	To   id.ID  `cbor:"12,keyasint,omitzero"`
	Path []byte `cbor:"13,keyasint,omitempty"`
}

// Leave says goodbye: the sender's leases are over.
type Leave struct {
	Incarnation uint64 `cbor:"1,keyasint"`
}

// Relay carries a link message past a link that does not work (A–B and B–C, but
// not A–C). It is signed, as the link that it comes over is not its author's.
type Relay struct {
	From  *peer.Handle `cbor:"1,keyasint"`
	To    id.ID        `cbor:"2,keyasint"`
	Num   uint64       `cbor:"3,keyasint"` // rises
	Inner []byte       `cbor:"4,keyasint"`
	Sig   []byte       `cbor:"5,keyasint"`
}

// Text is what the author signs, in the ring of this hash.
func (m *Relay) Text(ring id.Hash) []byte {
	h := id.HashOf("relay", ring, m.From.ID, m.From.Incarnation, m.To, m.Num, m.Inner)
	return h[:]
}

// ExpulsionSet carries entries of the set of expulsions.
type ExpulsionSet struct {
	Entries []*peer.Expulsion `cbor:"1,keyasint"`
}

// Moved says where its sender is reached from now on. A Pong acknowledges it.
type Moved struct {
	Seq  uint32       `cbor:"1,keyasint"`
	Self *peer.Handle `cbor:"2,keyasint"` // of the sender's present incarnation
}

// Kinds of the link messages. Numbers are never used again.
const (
	kindHop wire.Kind = iota + 1
	kindAck
	kindLeafProbe
	kindLease
	kindPing
	kindPong
	kindStateRequest
	kindStateReply
	kindIntroduce
	kindIntroduced
	kindJoinReply
	kindRowAnnounce
	kindDirect
	kindReply
	kindLeave
	kindRelay
	kindExpulsionSet
	kindMoved
)

// Kind implements wire.Message.
func (*Hop) Kind() wire.Kind { return kindHop }

// Kind implements wire.Message.
func (*Ack) Kind() wire.Kind { return kindAck }

// Kind implements wire.Message.
func (*LeafProbe) Kind() wire.Kind { return kindLeafProbe }

// Kind implements wire.Message.
func (*Lease) Kind() wire.Kind { return kindLease }

// Kind implements wire.Message.
func (*Ping) Kind() wire.Kind { return kindPing }

// Kind implements wire.Message.
func (*Pong) Kind() wire.Kind { return kindPong }

// Kind implements wire.Message.
func (*StateRequest) Kind() wire.Kind { return kindStateRequest }

// Kind implements wire.Message.
func (*StateReply) Kind() wire.Kind { return kindStateReply }

// Kind implements wire.Message.
func (*Introduce) Kind() wire.Kind { return kindIntroduce }

// Kind implements wire.Message.
func (*Introduced) Kind() wire.Kind { return kindIntroduced }

// Kind implements wire.Message.
func (*JoinReply) Kind() wire.Kind { return kindJoinReply }

// Kind implements wire.Message.
func (*RowAnnounce) Kind() wire.Kind { return kindRowAnnounce }

// Kind implements wire.Message.
func (*Direct) Kind() wire.Kind { return kindDirect }

// Kind implements wire.Message.
func (*Reply) Kind() wire.Kind { return kindReply }

// Kind implements wire.Message.
func (*Leave) Kind() wire.Kind { return kindLeave }

// Kind implements wire.Message.
func (*Relay) Kind() wire.Kind { return kindRelay }

// Kind implements wire.Message.
func (*ExpulsionSet) Kind() wire.Kind { return kindExpulsionSet }

// Kind implements wire.Message.
func (*Moved) Kind() wire.Kind { return kindMoved }

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func atMost(what string, n, limit int) error {
	if n > limit {
		return fmt.Errorf("%s: %d, at most %d", what, n, limit)
	}
	return nil
}

func checkRows(rows []Row) error {
	total := 0
	if err := atMost("rows", len(rows), 128); err != nil {
		return err
	}
	for _, r := range rows {
		total += len(r.Nodes)
		if err := firstError(atMost("nodes of rows", total, MaxTable), peer.CheckList(r.Nodes, 256)); err != nil {
			return err
		}
	}
	return nil
}

func checkTrail(ts []Trail) error {
	for _, t := range ts {
		if t.Node == nil {
			return fmt.Errorf("trail with an empty entry")
		}
	}
	return atMost("trail", len(ts), MaxTrail)
}

// Check implements wire.Checker.
func (m *Hop) Check() error {
	if (m.Route == nil) == (m.Cast == nil) || m.Seq == 0 || m.Epoch == 0 || len(m.Path)%4 != 0 {
		return fmt.Errorf("hop with not exactly one body, or no number")
	}
	// Each node on the way adds a step, so there is always room for the next one's;
	// one hop too many is the origin's to hear of, not a fault of the link.
	steps := min(int(m.Count), MaxHops)
	err := firstError(atMost("acknowledgements", len(m.Acks), MaxAcks),
		atMost("path", len(m.Path), 4*steps), atMost("trail", len(m.Trail), steps),
		checkTrail(m.Trail), checkRows(m.Join))
	switch {
	case err != nil:
		return err
	case m.Cast != nil:
		if m.Cast.Origin == nil {
			return fmt.Errorf("broadcast without an origin")
		}
		return m.Cast.Env.Check()
	case m.Route.Origin == nil:
		return fmt.Errorf("routed message without an origin")
	case m.Route.Back != nil:
		return firstError(m.Route.Back.Check(), m.Route.Env.Check())
	}
	return m.Route.Env.Check()
}

// Check implements wire.Checker.
func (m *Ack) Check() error { return atMost("acknowledgements", len(m.Seqs), MaxAcks) }

// Check implements wire.Checker.
func (m *LeafProbe) Check() error {
	return firstError(peer.CheckList(m.Leaf, MaxLeaf), atMost("failures", len(m.Failed), MaxFailed))
}

// Check implements wire.Checker.
func (m *StateReply) Check() error {
	return firstError(peer.CheckList(m.Nodes, 256), atMost("round trips", len(m.RTTs), len(m.Nodes)))
}

// Check implements wire.Checker.
func (m *Introduce) Check() error {
	if m.Joiner == nil {
		return fmt.Errorf("introduction of nobody")
	}
	return nil
}

// Check implements wire.Checker.
func (m *JoinReply) Check() error {
	return firstError(checkRows(m.Rows), peer.CheckList(m.Leaf, MaxLeaf+1))
}

// Check implements wire.Checker.
func (m *RowAnnounce) Check() error { return peer.CheckList(m.Nodes, 256) }

// Check implements wire.Checker.
func (m *Direct) Check() error {
	return firstError(atMost("acknowledgements", len(m.Acks), MaxAcks), m.Env.Check())
}

// Check implements wire.Checker.
func (m *Reply) Check() error {
	if len(m.Path)%4 != 0 || len(m.Path) > 0 && m.To.IsZero() || !m.To.IsZero() && m.From == nil {
		return fmt.Errorf("an answer on its way back that says not whose it is, or not to whom it goes")
	}
	return firstError(atMost("path", len(m.Path), 4*MaxHops), atMost("payload", len(m.Payload), wire.MaxPayload), atMost("text", len(m.Text), MaxText),
		atMost("acknowledgements", len(m.Acks), MaxAcks), checkTrail(m.Trail))
}

// Check implements wire.Checker.
func (m *Relay) Check() error {
	if m.From == nil || len(m.Sig) != peer.SignatureSize {
		return fmt.Errorf("relayed message without author or signature")
	}
	return atMost("relayed message", len(m.Inner), MaxRelayed)
}

// Check implements wire.Checker.
func (m *ExpulsionSet) Check() error {
	for _, e := range m.Entries {
		if e == nil {
			return fmt.Errorf("expulsions with an empty entry")
		}
	}
	return atMost("expulsions", len(m.Entries), MaxEntries)
}

// Check implements wire.Checker.
func (m *Moved) Check() error {
	if m.Self == nil {
		return fmt.Errorf("a move of nobody")
	}
	return nil
}
