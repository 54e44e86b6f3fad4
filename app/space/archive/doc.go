// Package archive keeps sealed pieces of files as fragments of which any few make the whole,
// so that most of a ring may die at once and the file is still there: the archive of Glacier
// (Haeberlen, Mislove and Druschel, NSDI 2005), with Tahoe's way of verifying.
//
// # Fragments
//
// A content is coded by Reed and Solomon's code into Total fragments, any Need of which make
// it: 6 of 24, or 6 of 64 in a ring that is large enough for these. Each fragment is a file of
// package past with one copy, signed by the key of the space. Fragment i lies in the i-th of Total
// equal arcs of the ring, counted from a place that follows from the reference's key, in the first half of
// it: its certificate's salt is the first that puts it there. So two fragments are on one node only
// where nodes are thin, a reader finds all of them by the reference alone, and those
// who keep them see neither what they are of nor which belong together.
//
// In a ring with fewer than Least nodes too many fragments would be on one node: there
// Choose says so, and contents are kept in copies.
//
// # Who is believed
//
// The reference has the root of a hash tree over all fragments and the hash of the whole.
// Each fragment comes with its path in that tree (Tahoe's), so it is verified by itself, and a
// false one is left out and another asked for. The whole is verified once more. Nobody, not
// even its owner, can put other fragments in the place of these.
//
// # Reading
//
// The fragments that are the content itself are asked for first, the others as these
// fail or take longer than a moment.
//
// # Mending
//
// Storage moves a fragment to where it belongs when nodes come, but what dies with its node is gone, as
// there is one copy. So that a laptop which is away costs nothing, nothing is done as long as
// few are missing; when more than a quarter of those that may be, all are made
// anew from any Need, under the same ids. That is done by the nodes of those who may write to the
// space, as nobody else can sign, or has to pay, for a fragment. They look through their
// archives once a day, a few objects a second, as in Glacier, so that the ring is not flooded after
// a disaster. So an archive wants one of its writers' nodes from time to time:
// of a ring whose nodes live for thirty days, 28 % of the fragments die in ten days, and
// fewer than 6 of 24 are left after that once in 10^8.
//
// # What it costs
//
// Total/Need times the content, 4 or 10.7, and for each fragment some 600 bytes beside it: a file of
// 1 KB costs 18 KB. Glacier packs small files together, which is not done here: put a
// folder of small files in as one archive of tar.
package archive
