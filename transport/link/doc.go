// Package link is the half of a transport that all implementations share: links
// with their hellos, queues, back-off, reasons of their end and limits. What
// carries bytes (libp2p, or memory) stands below as a Carrier, and gives streams
// whose other end has proven a key.
//
// A link is one stream, opened by either end, for frames in both directions. Its
// first frames are hellos. When both ends open one at once, the one opened by the
// lower id is kept: the lower refuses the other's hello while its own is out, the
// higher gives its own up when the lower's arrives. So a link comes up once and
// never moves to another stream.
//
// Liveness never waits behind a full inbox: frames of class Liveness are handed
// over by the goroutine that reads. So are those of other classes while the owner
// has room (transport.Offers); the others wait in a bounded inbox of the link, from
// which a second goroutine, which lives only while there is something in it, hands
// them over and may block. A sender knows how much
// room is left there (credit, as in HTTP/2's flow control) and keeps to it, so
// the reading never stops. A second stream for Liveness would do the same, but
// costs 6 to 10 KiB for each idle peer.
//
// Who sends writes, where the stream is likely to take it at once (over TCP, if no write is
// under way there); it is held up for two milliseconds at most, and by one peer not twice
// in ten seconds. Else one goroutine writes for all links, and another one while that one is stuck.
// An idle link is one goroutine and a buffer of 512 bytes.
//
// # Bad input
//
// What is wrong is counted once by its kind, logged once a minute for a peer, and ends
// its link. What no honest node sends, whatever its version or the state of its
// connection, is an offence besides: three within a minute, and for a minute nobody
// speaks with the holder of that key. A connection that breaks within a frame, an old
// certificate and a slow handshake are none.
//
// # Frames
//
// A frame on a stream is one byte of kind and a wire frame (length, body). Kinds
// 0 to 2 are the classes, 192 to 195 the link's own; others from 224 on are
// skipped and counted, all else ends the link.
package link
