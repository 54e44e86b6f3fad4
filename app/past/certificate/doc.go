// Package certificate is what is signed about a stored object: the file
// certificate, by which each node that stores or serves the object checks it, the
// store receipt, by which a holder says that it has written the object down, and the
// reclaim, by which the owner gives it back. It knows neither overlay nor store.
//
// # Three kinds of object
//
//   - File: the salted, immutable file of PAST. Its id is over {name part, owner's
//     key, salt}, so one name can be stored again and again, at other places.
//   - Block: named by what it contains (Freenet's CHK, POST's content block). Whoever
//     has the content can store it, and so nobody can be allowed to take it away: a
//     block lives for a lease, and lives on if somebody stores it again. The number of
//     copies is a part of the id, as otherwise the next to store it could lower it.
//   - Mutable: named by its owner's key, a description and the number of copies (Freenet's
//     SSK, POST's public-key block), with versions, of which the root rules which is current.
//
// An id has 256 bits; its place on the ring is the first 128.
//
// The name part is an HMAC of the name under the key of its space: who keeps the object
// cannot find out the name by trying names.
//
// What is signed at once, certificates of one owner or receipts of one holder, may have one
// signature over the root of a Merkle tree; its path to that root lies with each, so each is
// verified by itself wherever it goes, and who has seen one of them verifies no signature for the
// next. The number of things under a root is signed with it, so that each place has one path.
//
// Everything signed names the ring, so it is worth nothing in another one. Dates are Unix
// milliseconds, as an object can be stored, reclaimed and stored again within a second,
// and the order of these is told by their dates.
//
// # Papers
//
//	file certificate, store receipt, reclaim    PAST (SOSP 2001), 2.1 and 2.2
//	content hash, signed subspace keys          Freenet (2000), 3.1; POST (HotOS 2003)
package certificate
