// Package bulk moves contents between nodes on streams of their own, so that a file never
// delays a heartbeat: it is how package host carries out machine.DoBulk and DoAdmit.
//
// # A stream
//
// The opener sends an opening (one frame of package wire, at most MaxOpening bytes): the
// application, the ticket, whether it will send or take, and which chunks. The other end
// has expected a transfer with that ticket, from that key, in that direction, of chunks
// among which these are; anything else is refused, with one answer for all reasons. A
// ticket is used up by who may use it, and by nobody else.
//
// Then records of 13 bytes go both ways: a kind, a number of 4 bytes, one of 8.
//
//	admitted           the taker of the stream lets it in
//	piece n, length    so many bytes of chunk n follow, 1 to MaxPiece
//	ack chunks, bytes  so many chunks are verified, so many bytes were received
//	stop reason        the sender of this gives the transfer up
//
// Chunks come in the order of the opening, each in pieces that make up its length, and
// nothing else may come: what does is bad input, which is told and ends the stream. A sink
// verifies a chunk before the next one is handed to it; the sender is at most task.InFlight
// chunks ahead of what is verified. So the memory of a transfer is bounded on both sides,
// and nothing is allocated because the other end says so. And as the taker has room for all
// that may be on the way, it reads at once whatever its sink does: nothing stays in the
// windows of a connection, where frames would wait for it.
//
// # How fast
//
// The pieces and heartbeats of a peer share a connection, where what was handed to the
// system first goes first. So the sender lets no more be on the way than passes in a fifth
// of a second beyond the way itself (see pacer): on a slow line a heartbeat waits for that
// long at the most, and a fast line is filled.
//
// # How long
//
// A transfer on which no piece and no acknowledgement comes for task.Stall ends with
// task.ErrStalled. Its time-out bounds the whole. Of those that were begun, twelve are under
// way at a time, four with one peer, and as many of those that others began; the rest waits.
package bulk
