// Package divert decides where replicas go when space runs out: whether a node takes one,
// and to whom a node that does not take it diverts it (PAST, SOSP 2001, section 3). It
// decides and does nothing else: it knows neither overlay nor store, so that rings of
// thousands of nodes can be filled with this very code in seconds.
//
// The idea of the paper is that a node refuses what is large beside the room that it has
// left, long before it is full: so there is always room for the many small files, and
// what is refused is the few large ones.
//
//   - Replica diversion: a node A among the k nearest that refuses has a node B of its leaf
//     set keep the replica, and keeps a pointer to B. B is none of the k nearest, keeps no
//     replica of the object yet, and is the one with most room.
//   - File diversion: where B refuses too the insert is undone and tried anew with another
//     salt, in another part of the ring.
//   - Two salts (not in the paper, and not in the nodes): of two places that a file could have it
//     gets the one with more room around. So no part of the ring is full long before the others,
//     which is what refuses files that are cut into small chunks.
//
// File diversion and two salts are one thought, a file that has several places to go to: nodes look
// at the next one when the first has refused (Policy.Salts), and two salts look at both before
// (Policy.Draws). Nodes do the first alone. It costs nothing until something is full, and of a large
// object a refusal comes before any of its chunks. To look before means to ask twice k nodes in
// each insert; and files are paid for ahead, by their ids, so that both salts of each would have to
// be chosen between before there is a file. What it would win is seen in past-utilisation: of
// pieces of a four-hundredth of what a node offers, in a ring that is 99 % full, 0.07 % are
// refused instead of 1.8 %; of whole files 0.15 % instead of 0.4 %.
//
// The paper splits a node that offers much more than its neighbours into several. Here it
// keeps its one place, and gets its share by diversion: see Policy.Outsize.
package divert
