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
// # Limits
//
// The library's defaults are replaced by our own: the default allows 8
// connections for an IPv4 address and exempts loopback, so that tests would never
// meet a limit that an office behind one address meets at once.
package libp2p
