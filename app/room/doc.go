// Package room is group chat without a server: rooms in which people of a ring talk, whose
// history is with all of them.
//
// # The log
//
// Each member has the whole log of a room (package dag) in his node's store, and writes to
// it at once, whoever else is there. What is new is pushed to the nodes of all members, in a room
// of more than 33 from one to the next, each to eight; and every SyncEvery, at its start, and when something names what it does not have, a node
// compares its log with another member's and both get what they lack. So what one member has
// reaches every other as soon as there is a way between them, over others where they are never
// there at the same time; and who has the same entries shows the same room in the same order.
//
// In a large room members who pass nothing on cost those after them some ten seconds while the author is there
// (see package spread), and without him about two comparisons of logs: in rooms of 100 of which a fifth
// swallows all and a fifth is away, 1 to 4 minutes.
//
// Entries are durable before they are pushed, and before who wrote them is told so.
//
// # Keys
//
// What is said in a room for invited people is locked with the key of an epoch. Who lacks a
// key that he has a right to asks the members one after another, and gets it sealed to the
// sealing key in his record; the epoch's proof in the log shows that it is the right one. An
// admin who is there begins a new epoch when somebody is put out, or leaves, at most EpochWithin
// after he knows of it. Who is new may have the keys that are there, from any member: he reads
// what was said before anyway. Two epochs at once do no harm: see package dag.
//
// A node gives what is in a room, and its keys, only to nodes that a member's signed record in
// the directory names, over a link of their own.
//
// # Invitations
//
// Who is made a member learns it from whoever of the members reaches him first: his node
// says that it does not know the room, and is given the founding and the change that
// names him. It fetches nothing before he joins. Of somebody who is made a member again
// and again only one invitation is kept, and of all strangers MaxInvitations.
//
// # Public rooms
//
// Nothing is locked in a public room. Whoever knows somebody who is in it, the owner or
// another, asks his nodes for it (FindPublic), and makes himself a member by his own word
// (JoinPublic); who was put out stays out. Nobody else has a list of public rooms.
//
// # Receipts
//
// About ReceiptAfter after something came or was read, a member's node signs one receipt that
// says up to which entries he has the log, and was shown it (entry.Receipt). All are told in a
// small room, and in a large one those who wrote what is new in it; the others learn it when
// they compare logs, from whoever has it. Of each member only the latest is kept. Who wants
// tells nothing (SetReceipts).
//
// # The shelf
//
// In the ring's storage each room has a head (package shelf), which says how far its log goes and
// who is in it, and where an admin says so (SetStored) the whole log in packs. Who wrote something
// brings the head up to date about ShelveAfter later, and where he does not, a few others who stand
// in for him. So who is invited and joins while no member is there, and who comes back
// when the others are away, takes from the shelf what he lacks; an invitation brings the key that opens it.
// Which rooms a user is in stands in a list under his own key, sealed to himself (shelf.List): his
// other computers have the same rooms, and who lost his disk finds them by his keys alone. A
// room found so rules nothing before its log is as whole as somebody else's.
//
// Packs are paid for by the nodes that make them. Small ones are made one, and
// who made them gives them back when no head names them any more. Each ends by itself, 200 days
// after it was made, and before that whoever is there of the members makes it anew, one after another
// in an order that differs from pack to pack: so those of who has lost his disk go, and
// what was there when the last member was stays for 90 days and more, also if none of them comes. After
// that it goes; a member who comes back then has the log on his disk, and puts it there again.
// So do letters, which are made anew in the same way: those to which the heads of the last 8 epochs lead are looked at each
// day, and of those of all heads before 8 in turn, so these may have some days less: up to 11, and of more than 88 about one
// for every eight. Who cannot be found then keeps the one that he had, so that he reads on who
// was away for so long that his name has lapsed; who could not be found when the epoch began, either, gets his first one as soon
// as a member who looks finds him: until then the packs are not given back that the head names which he can open.
// Where nobody of the room was there for so long, who comes back asks a member for the key.
//
// # What it does not do yet
//
// An epoch that begins when somebody's name has lapsed already, after 180 days away, has no letter for him before he
// is back: a member must be there then, or come by within the 180 days after, for him to read on.
//
// A head under the key of an epoch before is never given back, as storage knows no end of objects that change: of some
// KiB, or at most shelf.MaxContent bytes where somebody in the room could not be found for his letter. Of a log that is longer than shelf.MaxPacks packs what came last is with the members alone
// (ErrLongLog).
package room
