// Package anycast finds members of a group, near to who asks, that are willing: one for an
// anycast, several for a manycast (Castro, Druschel, Kermarrec, Rowstron: Scalable
// application-level anycast for highly dynamic groups, NGC 2003).
//
// # The walk
//
// An item is routed towards the group's root. The first node of the group's tree on the way
// begins a depth-first search: a node asks its own member first, then hands the walk to its
// children, the nearest first, one after another, and last to its parent. The walk goes over
// links that parents and children have anyway, at most twice over each, and carries the ids of
// those that it has asked; where these are many and a node has no child left, its children's ids are dropped, as
// its own stands for all below it. Where a node is a child of two for a moment, or of one below it, the walk
// passes those again that it has left, without looking below them. At the root, when no child is left, nobody is willing.
//
// A node holds the walk until the next one has it: a child or parent that is dead is passed
// by. A node without a parent sends the walk on by way of the ring.
//
// # Exactly one
//
// Who is willing asks the asker over a link of its own, and the asker grants the item to as
// many as it wants, the first who ask: so an item is granted to no more, whatever walks do,
// and who asks again is told the same. A walk that was lost, with a node that died while it
// had it or that swallowed it, is not heard of for a while; then the asker sends another, in
// which children are tried in random order. There is always an outcome.
//
// # Who may what
//
// An item is signed by its publisher, and the group's charter says who may publish. The
// first node of the tree checks that, and each that is willing.
//
// # What it does not promise
//
// ErrNobody rests on the word of the tree's nodes: a liar among them can say it too early. It is also
// said where the only ones who are willing have no link of their own with the asker: who they are is not known then. A
// member that moves in the tree during a walk may be missed by it, or asked twice. Who was
// granted an item and died, or whose link failed at that moment, may not know of it: what
// must be done surely needs to be confirmed by who does it.
//
// # Use
//
//	func New(Config) (*Anycast, error)                                   // an application of a node
//	func (*Anycast) Take(group id.Hash, t Taker) (stop func())           // what its member is willing to take
//	func (*Anycast) Anycast(t *task.T, group id.Hash, body []byte, o Options) ([]Granted, error)
package anycast
