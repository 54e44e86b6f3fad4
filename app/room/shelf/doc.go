// Package shelf is what lies in the ring's storage of a room: sealed, and found by those who
// have a key of the room's, so that who comes when no member is there finds the way, and where
// the room says so the whole log.
//
// # The head
//
// The head of a room is one object that changes, for each key of the room: the key of an epoch,
// or in a public room one that follows from its id. It says how far the log goes, who is in the
// room, and which packs hold the log. Where it lies, who may change it and what opens it follow
// from the key: who has none cannot find it, and who was put out neither finds nor changes the
// head of the epoch that began without him.
//
// With a new epoch another head begins. The head before it then names Letters: an object with
// the new key, sealed once to each who is in the room. So who was away meanwhile goes from head
// to head with the keys that he had. Such a head says little else then (Head.Slim), and its letters are
// made anew before they end.
//
// # Packs
//
// A pack holds entries, each after those that it names, as they are in the log: signed by their
// authors, words locked with their epoch's key. It is sealed with a key of its own that stands in the head.
// What a head says is packed (Head.Packed) is: all that comes before these entries, and they
// themselves, are in its packs. Packs and letters end by themselves; the head says when (Ref.Ends, Next.Ends);
// where a program has written it that does not know of that, storage says so.
//
// # Whom it believes
//
// Nobody. Heads and packs are written by any member, and by who was one as long as his key opens
// them: what is in a pack counts for the signatures of its entries, and a key from a letter for
// what it opens. So a member who lies can hide what is on the shelf and can make nobody
// believe anything else. Those who have the log put it there again.
//
// Holders see objects of some size, who pays for them and when, and not which room it is.
package shelf
