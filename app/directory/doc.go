// Package directory maps names to people: a name to a record that says whose key
// it belongs to, how to seal a message to him, and on which nodes he lives. It
// grew from the name service of PastryIM, where a user's node told the nodes
// nearest to the hash of his name where he was; here records are signed, and no
// single node is believed.
//
// # Who keeps a record
//
// The 5 nodes nearest to the name's key (all of them in a smaller ring), its
// holders. A holder writes a record durably before it gives a signed receipt for
// it. Holders compare what they keep whenever a neighbour comes or goes, and
// fetch what they lack; a record's owner refreshes it daily; a node that leaves
// in order hands its records over (Leave).
//
// # Who is believed
//
// A majority of the holders: for a key, and for "no such name" alike. Each must
// answer over a link that stands, or sign its answer over the asker's nonce. Who
// the holders are is not taken from one mouth: a key that is too far to know is
// reached over two routes with different first hops, and a third question goes
// to a point beside it, so that it ends at another node than the key's root. Of
// all nodes that the answers name the nearest to the key that can be reached
// count: only members can be reached, and no member chose his place. A holder
// that is new, and has not yet asked its fellows, does not deny a name. Two keys
// and no majority: DisputedError. Too few answers: ErrNotReachable, never
// ErrNotFound.
//
// # Whose a name is
//
// The first claim's, by the votes of the holders: a claim that has receipts of a
// majority stands, one that has fewer bars others for some seconds only. When two
// standing claims meet after a partition, the one with more receipts wins, then
// the one with the smaller hash; the loser's devices are told, and verify it
// themselves (Events.Lost). Only its identity key changes a record, with a rising
// version. A name lapses 180 days after its last refresh, and only its old key
// may have it for 180 days more.
//
// # Use
//
// A Directory is an application of a node (kbr.App). Lookup, Put, Holders and
// Leave are for tasks of the same node; an edge calls them through host.Call.
//
//	func New(Config) (*Directory, error)
//	func (*Directory) Lookup(t *task.T, name Name) (Found, error) // asks the holders, unless verified a moment ago
//	func (*Directory) LookupNow(t *task.T, name Name) (Found, error) // asks the holders
//	func (*Directory) Cached(name Name) (Found, bool)             // what was verified last; asks nobody
//	func (*Directory) Put(t *task.T, rec *Record) error           // claims the name, or changes the record
//	func (*Directory) Keep(rec *Record, identity peer.Signer)     // refreshes rec from now on
//	func (*Directory) Forget(name Name, identity peer.Key)        // refreshes it no longer
//	func (*Directory) Holders(t *task.T, name Name) ([]*peer.Handle, error)
//	func (*Directory) Leave(t *task.T) error                      // before the node stops in order
//	func (*Directory) Kept() []*Record                            // what Keep refreshes
//
// CheckHolders, CheckBeliefs and Directory.Check are for simulations.
//
// # What it does not stop
//
// Members that sit, by the chance of the salt, on a majority of a name's five
// places can say of it what they like; so can nodes that stand on every route of
// the asker, who then hears nothing rather than something false. Pins (package im)
// show a changed key. Whoever may ask may also ask for many names one by one; and
// all who do not hide (Profile.Unlisted) are in the lists that package census makes.
//
// # Papers
//
//	who keeps a record    PastryIM: (username, address) at the k nodes nearest to the name's key
//	two routes            Castro et al., OSDI 2002 (secure routing): diverse routes, and the
//	                      nearest of the union of what they give; also Pastry 2001, 2.2
//	replica sets, Update  Dabek et al., IPTPS 2003 (common API)
//	nodeIds               Castro et al., OSDI 2002: certified, so nobody sits where he wants
package directory
