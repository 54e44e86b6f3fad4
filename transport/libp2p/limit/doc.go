// Package limit is what the other ends of connections on libp2p may cost: the library's
// accounts, and what those lack. Streams above the limits are refused without ending the
// connection, and who goes on is cut off; QUIC's handshakes under way are counted; and
// the sender of a datagram is not believed.
//
// Who without a certificate has a place at all is decided by package crowd. A doorway of
// package libp2p sees to TCP's handshakes.
package limit
