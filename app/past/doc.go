// Package past keeps files for the people of a ring: PAST (Rowstron and Druschel, SOSP
// 2001), whose files survive the death of machines, as each is kept by the k nodes whose
// ids are nearest to the file's own.
//
// # Who is believed
//
// Nobody has to be. An object comes with a certificate (package certificate) that its
// owner signed: its id follows from the certificate, and its content's hash stands there.
// Every node verifies both before it keeps an object, and so does every reader, so a
// node can withhold an object and can give nothing else in its place. That there is no
// such object is believed at a majority of the nearest nodes and at the root. A node
// that is new, or beside which one went away a moment ago, is not sure that it knows.
//
// # Who keeps an object
//
// The k nodes nearest to its place; with fewer in the ring all of them, and the others
// when they join, without being asked. The root decides first: of two contents for one
// id, which only the owner can make, one is refused, and a content is never replaced.
// A holder writes an object down durably before it signs a receipt; who stores it checks
// the receipts of k different certified nodes.
//
// # How replicas are kept
//
// By fetching, never by being told: a node that is one of the k nearest and lacks an
// object fetches it from another holder and verifies it. What two holders have in common
// is compared by sums of parts of the ring (compare.go), after each change among the
// neighbours and every ten minutes. So no node can make another delete or overwrite.
//
// The replicas of a node that goes away are made anew at once if fewer than a majority is
// left, or if the node was expelled; else after ten minutes (Config.Absence), as most come
// back. A replica too many is deleted after twenty, and only when each of the k nearest
// nodes has said that it has one.
//
// A damaged replica is put away when it is read, and fetched from another holder.
//
// # Reclaiming
//
// Only the owner's signature takes a file away, and what it takes away is told by the
// date of the certificate it names. Holders remember it for thirty days, so that one
// that was away does not bring the file back. There is no promise that all copies are gone.
//
// # Use
//
// A Past is an application of a node (kbr.App). These are for tasks of the same node; an
// edge calls them through host.Call.
//
//	func New(Config) (*Past, error)
//	func (*Past) Insert(t *task.T, f File, owner peer.Signer) (Stored, error)
//	func (*Past) InsertBlock(t, content, copies, expires, owner) (Stored, error)
//	func (*Past) Store(t, cert, content) (Stored, error)   // again, or renewed
//	func (*Past) Lookup(t *task.T, object id.Hash) (Found, error)
//	func (*Past) Inspect(t *task.T, object id.Hash) (*certificate.Certificate, error)
//	func (*Past) Reclaim(t *task.T, object id.Hash, owner peer.Signer) error
//
// Past.Check, Past.CheckDisk and CheckReplicas are for simulations.
//
// # What it does not do yet
//
// Content travels in one message, so MaxContent is small. There is no diversion of replicas
// and files (PAST, 3), no cache on the way (PAST, 4), and no quota but each node's own
// capacity.
//
// # Papers
//
//	insert, lookup, reclaim   PAST (SOSP 2001), 2.1 and 2.2
//	upkeep of replicas        PAST, 2.2 and 3.5
//	content-hash objects      Freenet (2000), 3.1; POST (HotOS 2003)
//	replica sets, Update      Dabek et al., IPTPS 2003 (common API)
package past
