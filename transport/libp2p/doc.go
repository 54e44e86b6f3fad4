// Package libp2p is the transport of real nodes, on go-libp2p: TCP with Noise and
// yamux where both ends reach each other directly, QUIC across NATs. Links, their
// hellos, queues and back-off are those of package transport/link; this package
// gives them streams over authenticated connections and bounds what strangers can
// cost.
//
// A node's identity is its Ed25519 key. Addresses are multiaddrs as text, like
// /ip4/192.0.2.7/tcp/4001 and /ip4/192.0.2.7/udp/4001/quic-v1, without a peer id:
// whose address it is stands beside it.
//
// # Connections
//
// A connection carries the streams of both ends. One that no stream of ours uses
// is closed after a short while; so the surplus goes when both ends dialled at
// once, and so do strangers who connect and say nothing. The library's connection
// trimming, keep-alives of its muxer and dial back-off are off, because links have
// their own.
//
// # Reach
//
// How a node behind a router is reached, and helps others there, is the business of
// package reach. A relayed connection is authenticated end to end as any other. The
// library then tries to punch a hole (DCUtR); a link moves to the direct connection
// without losing a frame.
//
// # Strangers
//
// An incoming connection whose other end has not shown a certificate has one of 256
// places, at most 16 of them for one address (64 for one of loopback), and the oldest
// gives way to a new one. Who comes over TCP and says nothing is never shown to the
// library; before the handshake is over 4 KiB are read and no more, and it has an
// absolute end after 5 s. QUIC answers nobody with more than it got before the address
// is known to be his (RFC 9000, section 8.1); its handshakes under way, which quic-go
// lets nobody end, are 128 at most, and end after 5 s without a packet, 10 s in all.
//
// # Peers
//
// One peer has 12 streams open at once (4 if it has shown no certificate), because
// over TCP each may hold 256 KiB that nobody has read yet, and 4 MiB in all. More are
// refused; whose streams were refused 64 times in 10 s is cut off. What frames on a
// link may cost is bounded by package transport/link and package host, whose docs say
// how. The library's own limits stand above all of these, for what is overlooked: its
// defaults allow 8 connections for an IPv4 address and exempt loopback, so that tests
// would never meet a limit that an office behind one address meets at once.
package libp2p
