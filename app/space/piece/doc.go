// Package piece is what files are cut into: pieces, sealed one by one, under a Merkle tree of
// lists, so that a range of a file is read without the rest of it.
//
// # Sealing
//
// Each piece is sealed under a key of its own, which stands beside the piece's id and hash
// in the list above it, as in Freenet's content-hash keys; the topmost reference stands in the
// tree of the space, or in a link. Who has the reference can read all that is below it, and
// nothing else. Those who keep pieces have none of the keys, and see lengths only.
//
// A piece may be longer than a chunk, which is what storage moves and verifies at once. Then each
// chunk is sealed by itself, under a key that follows from the piece's and the chunk's
// number, so that a range of the piece is read without its other chunks. That they are all there, and
// in their order, follows from the hash in the reference, which is over all of them.
//
// A key is random. In a space that was made convergent it follows from the text and the
// space's secret (POST, HotOS 2003), so that the same piece is stored once. The price: who is
// in the space, or was once, and can see what others store, can find out by trying whether
// it is a text that he guesses. Nobody else can, as the secret goes into the key.
//
// # Cutting
//
// Where a piece ends is decided by what stands before (FastCDC: Xia et al., USENIX ATC 2016),
// so that a change in a long file leaves most pieces the same. The table behind the
// decision follows from the space's secret: else the lengths of its pieces would betray a known file.
package piece
