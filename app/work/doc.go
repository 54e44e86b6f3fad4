// Package work hands items of work to programs that take them: who offers an item to a topic
// finds one taker for it, of all that are there, and learns that it was done, or that nobody
// was willing.
//
// # The way of an item
//
// An item that was queued is in its offerer's store until it is over: queued → taken → done.
// An anycast (app/scribe/anycast) over the topic's tree looks for a taker with a free place,
// near ones first; it carries the item's number, and the offerer's node then hands the content
// to the one that it granted the item. A taker says every third of a lease that he is still at
// it. When his node has died, when nothing was heard of him for a lease, when he gives it back
// or says that it failed, the item is offered again, later each time. Who has confirmed one
// item is handed the next one without a search.
//
// Takers who are all at work are told from none at all by a second question, which those who
// are busy answer too: they then tell the offerer when they have a free place. If there is no
// taker at all within a few seconds the outcome is None, unless the offerer wants to wait, or has
// gone meanwhile.
//
// # What is promised
//
//   - An item goes to one taker at a time while the offerer's node can hear him. Who was cut
//     off for longer than a lease, or was found dead because nobody reached him, may still work on
//     an item when it is given to another; he is told when he is heard again (Lost).
//   - An item is done at least once, and confirmed once. It is done more than once only if a
//     taker was cut off, or died, after he had done it and before the offerer's node knew; its
//     number is the same then.
//   - A confirmation that comes late counts, whoever has the item at that moment, if it is the
//     word of one who had it.
//   - After a restart the offerer's node gives those who may still be at work one lease to say
//     so, and then offers what is left; what nobody had yet is offered at once.
//   - An item that fails Options.Tries times, or that ten takers have had when they went, is
//     not offered any more. Such an outcome that nobody listens to is kept until it is
//     withdrawn.
//
// # Who may what
//
// Who may publish to the topic offers, and who may read it takes: the topic's charter is looked
// at by the takers and by the nodes of its tree. A lease is held by a token that the item's
// secret and the taker's node make, so nobody confirms what he was not given. Items are not
// sealed to takers; they go over the links of two nodes and are seen by nobody else.
//
// # Who sees what is offered
//
// Each node lists its own items. The owner of a topic can ask for those of all nodes (Survey): the
// root of the topic's key knows which nodes these are, as they say so every two minutes, to it and
// to the two that would be root next, and each of them tells the owner, who signs his question.
// Who does not answer is counted, not passed over; of one topic a root remembers 64 nodes, and says
// if there are more. In a ring of few nodes, where all know who is near to the key, each second time the node that
// would be root next is told instead, and the owner asks these too: so a root that hides what it hears
// hides nobody. That a node offers to a topic, but not what, any member may ask.
//
// # Use
//
//	func New(Config) (*Work, error)                                             // an application of a node
//	func (*Work) Open(t *task.T, n topic.Name, by peer.Signer, o Options) (*Offers, error)
//	func (*Offers) Add(t *task.T, bodies ...[]byte) ([]id.Hash, error)          // queues them
//	func (*Work) Take(t *task.T, n topic.Name, o TakeOptions) (*Post, error)
//	func (*Post) Confirm(t *task.T, item id.Hash, r Report) error
//	func (*Work) List() []Standing
//	func (*Work) Survey(t *task.T, n topic.Name, by peer.Signer) (Survey, error)
//	func (*Work) Withdraw(t *task.T, n topic.Name, items ...id.Hash) (int, error)
package work
