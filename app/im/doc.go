// Package im carries messages between people by name: PastryIM, made to last. A
// user lives on one or more nodes; what he writes is durable on his node before
// Send returns, goes straight to the nodes of the one whom he writes to, and is
// durable there before his node is told so.
//
// # What is promised
//
//   - Exactly once. A message has a random id; the receiver keeps (sender, id) for
//     good, so a repetition is found after any time, across retries, restarts and
//     sudden ends of either side.
//   - In order. Each device of a sender counts what it writes to a name. It hands
//     letters over in that order, and hands none over before the one before it was
//     acknowledged; a letter names the one that must have come before. So the
//     receiver never holds back what it has, and never waits by the clock: a
//     sender that lost its state begins another stream, and one that was put
//     back to an earlier state sends with new ids, which are taken as they come.
//   - States that are true. Queued: in the outbox. Delivered: durable at one of the
//     receiver's nodes, which acknowledged it over its own connection, or signed by
//     the receiver. Read: a receipt, signed by the receiver, says that his program
//     has shown it. Failed: it was not delivered and will not be.
//   - Sealed. A letter is signed by the sender's identity key, over ring, both
//     identities, conversation, id, counter and body, padded to one of 8 sizes, and
//     sealed to the receiver's key. On the way only the receiver's key and the size
//     can be seen, by the two nodes at the ends, and by others where a letter has to
//     take the ring.
//   - To the right key. A name's key is what a majority of its holders said when it
//     was first used, and is pinned then. If they say another one later, nothing is
//     sent until the user has verified it.
//
// There is no forward secrecy yet: who gets a user's sealing key, and has kept what
// went over the wire, can read it.
//
// # Several devices
//
// Users of one identity on several nodes share its keys. A message goes to all
// nodes that the receiver's record names; it is delivered at the first, and kept
// for the others for Config.KeepForDevices. Each device has its own history: what a
// user sends from one of his devices, and what he has read on one, is not shown
// on his others yet.
//
// # Nodes without a link
//
// Two nodes may have no link that works, and no relay. Then letters take the ring, and
// nothing that a link would prove is believed: the sender of a letter is who signed it;
// an answer for which letters leave the outbox is signed by the receiver, as that of this
// device to these very letters; all that comes so counts as one node for what is
// taken in at a time and for strangers' requests. Presence is not signed, so it is refused:
// such a contact is not seen to be there.
//
// # Strangers
//
// What somebody writes who is not known waits as a request: Contact.Request,
// Message.Request. To add him, or to write to him, accepts it. At most
// Config.MaxRequests wait; what does not fit stays queued at its sender, who
// learns nothing else, and cannot tell it from being blocked. A stranger is shown
// under the name that he claims only if the directory gives his key for it.
//
// # Parts
//
//	letter       (a room) what is signed, sealed  books       (a room) what is in the store
//	config.go    settings and limits              msg.go      what nodes say to each other
//	courier.go   what waits for one name          carrier.go  the way to one device
//	intake.go    pushes that come                 presence.go who is there
//	lane.go      one transaction at a time        shown.go    what edges are shown
//	api.go, contacts.go, follow.go, user.go       what edges call
//
// All that lasts is in the store (package books); a transaction reads and writes it
// off the loop, one at a time for each user.
//
// # Papers
//
//	send by name, acknowledge with the    PastryIM (Rice, Comp 527): SendMessage is routed to
//	address, then direct traffic          hash(user); here the directory is asked, by a majority,
//	                                      and the message itself is routed only past a link
//	                                      that does not work
//	users announce themselves at the      PastryIM; here signed records, see app/directory
//	k nodes nearest to their name
//	seal to the receiver, retry until     POST (HotOS 2003; EuroSys 2006), section on messaging:
//	it is acknowledged                    notifications are encrypted, signed and retried
package im
