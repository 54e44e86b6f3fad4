// Package space keeps trees of files for people: a space is what a person thinks of as a
// folder, on all of his machines, and maybe other people's.
//
// # What a space is made of
//
//   - A charter: a mutable object (package past) that its owner alone signs. It says who may
//     write and who may only read, and has for each of them the space's secrets, sealed to him.
//   - A root: a mutable object, signed with the key that all writers have, and within it by
//     the writer who changed it last. It refers to the directory as it is now.
//   - The directory: one tree of frozen nodes (package tree), each an object of its own.
//   - Contents: pieces and lists of pieces (package piece), each an object of its own.
//
// All but the charter's outside is sealed on its writer's node. Those who keep the objects see
// neither names nor contents nor which objects belong together, but by the key that signed
// them; they see lengths and times. Who has a space's Handle alone sees its charter.
//
// # How it is changed
//
// Every change makes another root in place of the one that it was made from, and storage lets
// one alone of two do so. The other makes its change anew from the root that won. So
// changes of a space are in one order, whoever makes them, conditions are decided in that
// order, and names are merged: two who change different names both have what they wanted. A
// node makes all changes that wait for it at once, so many writers on a few nodes cost few roots.
// It begins at its own last root, as long as it knows of no other, without asking; the nodes of all
// levels of the directory are stored at once, as their ids are known before.
//
// Whether a change was made is known for certain, also if the answer was lost: the root names
// the last attempts of those who change it.
//
// Of two who put the same name at once, neither knowing of the other, the later one
// is current and the other stays among its versions, also in a space without history.
//
// Where a majority of those who keep the root has been away for half a minute (one of two laptops sleeps), the others go
// on without it, and Space.Apart says so. Changes with a condition, and of the charter, are
// past.ErrNotReachable until it is back, as they promise more. What gets another name meanwhile gets a content
// of its own, as the majority may give the old one back (anew.go). A rename that has lost sight of the majority a moment ago
// waits for it, and other changes pass it meanwhile, but for those of the same names.
//
// What is tried again, as nobody has told what became of it, looks for what the first try has made: the roots tell. A file
// that is put again so, where the first one may stand out of sight, gets a content of its own, too.
//
// Parts of a ring that are out of each other's sight may so each change a space, or make the first root
// of one that was open in both. When they meet, storage keeps the losers as rivals, and the next node
// of a writer that looks at the space, or changes it, merges their directories by name into its
// root: as above the later file is current and the other one a version of it. Where one has a
// file and the other a folder of that name, the one that comes second is called "name (2)". What one of them removed
// or moved, and the other left as it was, stays so: each version tells which change made it, and each root after which
// changes it comes (package roots). From
// then on a number that somebody knows from before counts as unseen, as the parts have given
// the same numbers. While a majority is away nothing gets another name so, as the majority may remove the old one and
// give its content back: the changes of a part where that would be needed stay a rival until it is back. Who only
// reads does not see the others' files before a writer has come;
// and what others made while one part gave the space another key stays beside it as a rival.
//
// # Giving back
//
// What is not referred to any more is reclaimed after a minute (Config.Grace), so that readers
// who hold an older root are not surprised; these read the root again. What a copy shares is
// reclaimed with its last name. In a convergent space contents are not reclaimed, as the
// same piece may have just been stored for another name.
//
// A node that ends before it has reclaimed, or in the middle of a put, leaves behind what nobody
// needs. So once a day (Config.Tend) each node goes through all that it pays for, and gives back
// what was signed by a space of its people and what no directory refers to: see sweep.go. What it pays for and
// cannot find it looks for less and less often. A change of its own that roots of a majority do not come after keeps it from
// that until it has met such roots for Config.LostAfter: then the part of the ring that may have the change is taken for lost.
// Where nobody pays (past.Config without Accounts; nodes of phyllo always have them) nothing tells what a node has stored: what
// it left behind so, and what a merge or a change without a majority dropped, stays.
//
// # Archives
//
// Contents may be kept in fragments (Storing.Archive, package archive), their lists too; the
// directory is not: after a disaster the content is found by a link that was kept elsewhere. The
// nodes of writers look through their archives once a day (Config.Tend).
//
// # Who is believed
//
// Storage is not: each object's hash stands in what refers to it. A writer can do to a space
// whatever he likes but hide who he is, as roots bear his own signature. Who is revoked loses
// his place in the order of changes at once: the space gets other keys. What he could
// read he may have kept; and what was stored before he could still reclaim, by the old key.
//
// # Use
//
//	func New(Config) (*Spaces, error)                      // an application of the node
//	func (*Spaces) Create(t, Person, Founding) (*Space, error)
//	func (*Spaces) Open(t, Person, Handle) (*Space, error)
//	func (*Space) Begin(Storing) *Upload                   // then Write, Finish
//	func (*Space) Put(t, name, File, Cond) (*tree.Version, Fates, error) // then Upload.Settle
//	func (*Space) Look(t, func(Snapshot) error) error      // lists, versions, reading
//	func (*Space) Copy, Rename, Remove, SetHistory, Grant, Revoke
//
// # Papers
//
//	roots in place of roots   POST (HotOS 2003), public-key blocks; Lamport's rule in package past
//	contents and lists        Freenet (2000), 3.1: content-hash keys and splitting; PAST (2001)
package space
