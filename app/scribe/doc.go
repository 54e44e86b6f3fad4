// Package scribe is groups of nodes on a ring: what a publisher sends to a group reaches each
// of its members, over a tree of nodes that serve each other (Scribe: Castro, Druschel,
// Kermarrec, Rowstron, IEEE JSAC 20(8), 2002).
//
// # The tree
//
// A group has an id, the hash of its name and its creator; the node nearest to it is the
// group's root. A member asks the next hop of a route to the root to be its parent; that
// node, if it is not in the tree, asks the next hop in turn. So the tree is the union of the
// routes of all members, and who joins near to another member is served by a node near to
// both. Parents and children talk over links of their own and know who the other is: no
// routed message changes the tree. A node leaves the tree when it has no child and is no
// member.
//
// A node with Config.MaxChildren children sends the newcomer, or the child that is farthest
// from it, on to one of its children (the bottleneck remover of section 3.5).
//
// A child learns of its parent's end by kbr's Watch, or by a heartbeat that does not come,
// and asks its backup, the parent's parent, to take it; what is below it stays whole.
// Heartbeats carry the way to the root, so a circle is seen and broken by the next of them. They are
// answered: a parent hears by the answers that the link to a child is gone, and lets it go, as a child that has found
// another parent meanwhile cannot take leave by the ring.
//
// # Who may what
//
// A Charter, signed by the group's creator, says who may publish and who may join. The root
// keeps it, and so does each node of the tree, and checks what it is given by it: a message
// that no publisher signed goes no further than to one honest node. The tree does not hide
// what is multicast from those who forward it: seal what others must not read.
//
// # What is promised
//
// The root and the Config.Replicas-1 nodes next to it keep the charter and the last messages,
// as many and as long as the charter says, in memory, and a moment later on their disks, if
// Config.Store is set: package shelf says what outlives the end of all of them. Publish is
// acknowledged when a majority of them has the message in memory. When the root dies or another node comes nearer to the
// group, the new root asks all of them before it says anything.
//
// Publishers number their messages. A member reads each once and in order; what is missing,
// by the numbers or by the last seals that heartbeats carry, is fetched from the parent, from
// the backup and from the root. Only when those who keep the group have said several times
// that they do not have it a member is told of a Gap, in its place: it never passes over one
// in silence. Messages older than the charter's age are taken from nobody, so one that is
// replayed is not read twice.
//
// A batch goes to a child once, mostly without a receipt: one in a second is confirmed, and what is
// lost is seen by the next number or heartbeat. Those who keep the group get it as such, and not
// as children. No node hands on what it has not checked: that costs each level of the tree
// the time of one signature, and else one liar above would make all below him work, and
// carry what nobody signed.
//
// A parent that hands on heartbeats but no messages is found out by asking the backup, and
// now and then the root, what there is; who does not have it again, though he was shown that it
// was published, is left for another, and so is who says that it is not of his time: a wrong
// clock. One that floods its children, or hands on much in a wrong order, is left, too.
//
// What a node has of all groups together is bounded (Config.MaxTotal): where it is too much
// the groups that have most lose what is oldest, which is told to who comes for it as a Gap.
//
// # What it does not stop
//
// A root may refuse a publisher, who is told. All who keep a group may die at once: members
// bring back its charter and what they have, but what none of them has is a Gap. An answer
// that says that a batch was taken may come from a liar who stands on the way to the root:
// who must be sure reads his own messages.
//
// # Use
//
//	func New(Config) (*Scribe, error)                                     // an application of a node
//	func (*Scribe) Create(t *task.T, c *msg.Charter) error                // makes a group, or changes its charter
//	func (*Scribe) Join(t *task.T, group id.Hash, o Options) (*Member, error)
//	func (*Scribe) Publisher(group id.Hash, signer peer.Signer) *Publisher
//	func (*Publisher) Publish(message []byte, done func(seq uint64, err error)) error
//	func (*Scribe) Place(group id.Hash) Place                             // where this node stands in a tree
package scribe
