// Package topic is groups of scribe with names, for people and programs: who publishes to
// the topic news reaches all who have subscribed to it.
//
// # Names
//
// A topic is the whole ring's, as news, or a person's, as ann/news. The name of one that is
// the ring's is claimed in the directory, as /news, with the key of who made it: a majority of
// the nodes that keep the name say whose it is, as with a person's name, and it lapses if his
// nodes do not come back for half a year. A person's topic needs no claim of its own. The key
// of a topic's group is the hash of its owner's key and its name, so nobody else can sign a
// charter for it.
//
// Who publishes first makes a topic of the ring, and is its owner; ann/news is made by ann
// alone, when she publishes to it first. Rules say who may publish, who may subscribe, and how
// much is kept for who comes later.
//
// # What is promised
//
// What package scribe promises: a message that was acknowledged is read by each subscriber
// once, in the order of its publisher, and what cannot be had any more is told as a Gap in its
// place. The subscribers of one node share one membership, and what it has read: each gets the
// history that he asks for, oldest first. Messages are not sealed: who forwards a topic, and
// every member of the ring who asks for its tree, can see it, and those who keep it have it on
// their disks for as long as the topic's history reaches.
//
// The node of a topic's owner keeps the charter on its disk, too, and brings it back when all who
// kept the topic have lost theirs. What messages outlive the end of all nodes at once package
// scribe/shelf says.
//
// # Use
//
//	func New(Config) (*Topics, error)                                      // an application of a node
//	func (*Topics) Set(t *task.T, n Name, by peer.Signer, r Rules) error   // makes a topic, or changes who may what
//	func (*Topics) Open(t *task.T, n Name, by peer.Signer) (*Outlet, error)
//	func (*Outlet) Say(t *task.T, message []byte) (seq uint64, err error)
//	func (*Outlet) Publish(message []byte, done func(seq uint64, err error)) error
//	func (*Topics) Subscribe(t *task.T, n Name, o Options) (*Subscription, error)
//	func (*Topics) Tree(t *task.T, n Name) (*Tree, error)                  // who forwards what
//	func (*Topics) Measure(t *task.T, n Name, by peer.Signer, c Trial) (*Measured, error) // how long messages take
//	func (*Topics) List() []Standing
package topic
