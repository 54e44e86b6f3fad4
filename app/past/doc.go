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
// when they join, without being asked. For an id that may be known the root decides first: of
// two contents for one, which only the owner can make, one is refused, and a content is never
// replaced. A salt that was drawn a moment ago nobody else knows, and all are asked at once;
// an owner who makes two contents for it all the same has one of them kept, the same everywhere.
// A holder writes an object down durably before it signs a receipt; who stores it checks
// the receipts of k different certified nodes.
//
// # How replicas are kept
//
// By fetching, never by being told: a node that is one of the k nearest and lacks an
// object fetches it from another holder and verifies it. What two holders have in common
// is compared by sums of parts of the ring (compare.go), after each change among the
// neighbours and every ten minutes. So no node can make another delete or overwrite. Nor
// can it make another keep what nobody paid for: with an object goes a slip that names
// what paid, and those who keep that account are asked (package dues).
//
// The replicas of a node that goes away are made anew at once if fewer than a majority is
// left, or if the node was expelled; else after ten minutes (Config.Absence), as most come
// back. A replica too many is deleted after twenty, and only when each of the k nearest
// nodes has said that it has one.
//
// A damaged replica is put away when it is read, and fetched from another holder; until then
// it is none, also after a restart. The node has all of them read within a week (Past.Scrub).
//
// # Where room is short
//
// A node refuses a replica that is large beside the room it has left (package divert), and
// has a node of its leaf set keep it, which is none of the k nearest: it keeps a pointer
// there, and gives the receipt itself. The node that is next in line has a pointer too, so that
// the failure of the one who points loses nothing. To other holders a pointer is a replica
// like any, in the same state; to the node that it points to it is nothing, so that one
// keeps its replica for as long as somebody points to it. Each round a node asks whether the replicas that
// it points to are there: of those that are not it makes new ones, as of those whose node
// died; and what it has room for by now it fetches itself. A pointer never takes the place of a replica,
// and is never taken from one who is not a neighbour.
//
// A file whose holders have no room, and cannot divert it, is undone and goes elsewhere
// with another salt; a block cannot. Mutable objects are not diverted.
//
// The chunks of a large replica go straight to the node that is to keep it (lodging.go). The holder
// without room asks that node, which expects them from the client, and passes the ticket on;
// asked again by the client it asks that node again, which writes the record when it has all of them.
// Where a replica is made anew nobody sends: that node fetches the chunks from another holder.
// Readers are told by the holder who has them.
//
// # Large contents
//
// A content of up to certificate.MaxInline bytes travels in messages and lies in a record.
// A larger one, up to certificate.MaxSize, is moved in bulk (task.Bulk): the hashes of its chunks
// stand for it in messages and records, and the certificate says their hash. Who stores it
// asks a holder as for any object; the holder answers with a ticket for the chunks that it
// lacks, these are sent on a stream of their own, and the holder is asked again. So what
// broke off goes on where it was, also after a crash of either. The root is sent it first,
// as it decides, the others at once. Readers take the chunks from several holders at once,
// nearest first, and ask another one for what is late; holders that make a copy anew take them
// from one, and from the next where that breaks off or lies. Each chunk is verified. A holder has all chunks on its disk (Config.Blobs) before
// it writes the record; blobs of which no record speaks are deleted after Config.Surplus.
//
// # Copies
//
// With Config.Cache a node keeps copies of what is read in what its replicas leave (cached.go,
// package cache). A lookup is answered on its way by the first node with a copy. A copy
// is verified as a replica is, counts for nothing, and goes at once when a replica comes.
// It is good for Config.CacheFor, so that what was reclaimed is not read for longer.
//
// The chunks of large objects are not cached. Copies save hops, and these come in none: the reader
// fetches them straight from the nearest holders, and several at once. No node on the way ever has
// them, so to give it a copy would be one more transfer; and 64 MB of memory hold a thousand small
// objects, or one film that is read once from its beginning to its end.
//
// # Reclaiming
//
// Only the owner's signature takes a file away, and what it takes away is told by the
// date of the certificate it names. Holders remember it for thirty days, so that one
// that was away does not bring the file back. There is no promise that all copies are gone.
//
// # Mutable objects
//
// A mutable object has versions 1, 2, 3 …, each signed by its owner, of which one is
// current. Owners have several machines, which may change it at once: a change names the
// version that it replaces, and of two for one version one is made. The k nearest nodes are
// the object's holders; its root, the nearest, decides, and what a majority of the holders has
// on their disks is current. Package office says how, also while the holders change, and why
// no change is lost.
//
// Two parts of a ring that have lost sight of each other for longer than Config.Absence, or Config.Apart for
// who agrees to that, may each make one object for themselves, as each is sure that there is none. When they meet the
// one with the higher version is current, or of two with one number that with the smaller hash;
// what the other part had last is a rival (rivals.go): it is kept besides by the same holders, and
// found in each answer (Found.Rivals, Client.Rival), so that its writer hears of it, until
// the owner says that he has done with it (Edit.Resolves). A change names the certificate that it
// replaces, where its node has read that: so nobody replaces unseen what has the number that
// he knows.
//
// # Where a majority is away
//
// Where a majority of an object's holders is away for longer than Config.Apart (one of two
// laptops sleeps), the rest goes on for those who agree to it (Edit.Apart, Client.Latest), and each
// answer says so (Found.Apart). Change and Current promise more, and are ErrNotReachable until it is back.
// Then both sides' versions meet as above: where one side alone has made some, they simply go on.
// Who was expelled is not waited for, nor who is out of sight for thirty days (Config.LostAfter), counted while
// this node is there, and from when it came or what it keeps named him, if that was later: without them those who are left are the majority again. So it is with what is new: where fewer
// are left than an object has holders, and they are no majority of those who were there, they make it apart from what the others may
// have (missed.Circle); Change makes nothing then, however long they are away.
// The keepers of accounts that are there vote without the others in any case.
//
// # Who pays
//
// With Config.Accounts, storage is paid for from the accounts of the ring's members: see
// package account. The root and the other holders take a new object, or a certificate that
// makes it live longer, with a payment only; the client pays, and asks for the money back when
// the object is reclaimed. A mutable object is paid for up to a size, and again when it outgrows
// that; its root looks at it. Who stores many files pays for some of them ahead, as their ids can be
// drawn before there is anything to store: one voucher, and no wait for it, for up to 256 files. What is
// not used is given back when the voucher has ended. Replicas that holders fetch from each other are not paid for again.
//
// # Many small files at once
//
// Who has more than a few files under way lets the next ones wait for each other, for a moment, and
// signs them together: each certificate has its path to the root that was signed, and is good by
// itself (certificate.SignAll). Ids that were paid for ahead are taken in the order of the ring, so what is stored one
// after another has the same holders, who are told of several files in one message (msg.PutMany), write them
// at once and sign one receipt for them. What is not simple (the object is known, there is no room,
// the message is not understood) is asked about alone. Who stores one file at a time waits for nobody.
//
// # Use
//
// A Past is an application of a node (kbr.App). It is the half that keeps, and has a client
// (package client), the half that asks; what they say to each other is in package msg. These
// are for tasks of the same node; an edge calls them through host.Call.
//
//	func New(Config) (*Past, error)
//	func (*Past) Insert(t *task.T, f File, owner peer.Signer) (Stored, error)
//	func (*Past) Sign(t, f File, owner) (*Signed, error)          // and InsertSigned, in two steps
//	func (*Past) InsertLarge(t, f File, l Large, owner) (Stored, error)
//	func (*Past) InsertBlock(t, content, copies, expires, owner) (Stored, error)
//	func (*Past) Store(t, cert, content) (Stored, error)   // again, or renewed
//	func (*Past) Lookup(t *task.T, object id.Hash) (Found, error)
//	func (*Past) Fetch(t, f Found, part task.Part, sink task.Sink) error
//	func (*Past) Inspect(t *task.T, object id.Hash) (*certificate.Certificate, error)
//	func (*Past) Reclaim(t *task.T, object id.Hash, owner peer.Signer) error
//	func (*Past) Change(t, part, copies, replaces, content, owner) (Found, error)
//	func (*Past) Edit(t, Edit, owner) (Found, error)              // a Change of which more can be said
//	func (*Past) Current(t *task.T, n Name) (Found, error)        // and Latest, without a majority, too
//	func (*Past) Rival(t, n Name, hash id.Hash) (Found, error)    // Edit.Resolves ends it
//	func (*Past) Accounts() *account.Accounts              // to be mounted beside
//
// Package past/dht has the plain Put, Get and Remove of a hash table on top.
//
// Past.Check, Past.CheckDisk and CheckReplicas are for simulations.
//
// # What it does not do yet
//
// Where the holders of a rival were lost for good in their majority before the parts had met,
// it is kept by who has it, and in no answer: nobody can say whether something came after it.
//
// # Papers
//
//	insert, lookup, reclaim   PAST (SOSP 2001), 2.1 and 2.2
//	upkeep of replicas        PAST, 2.2 and 3.5
//	diversion                 PAST, 3.3 and 3.4
//	copies                    PAST, 4; Beehive (NSDI 2004)
//	mutable objects           Lamport, The part-time parliament (1998); Lamport, Malkhi and
//	                          Zhou, Vertical Paxos (2009); Ongaro and Ousterhout, Raft (2014),
//	                          section 6; POST (HotOS 2003), public-key blocks
//	content-hash objects      Freenet (2000), 3.1; POST (HotOS 2003)
//	replica sets, Update      Dabek et al., IPTPS 2003 (common API)
package past
