// Package reach finds out how a node on libp2p can be reached, and sees to it that it can:
// through relays among the members, and holes in NATs.
//
// Whether a node can be reached it learns from members: it shows its certificate
// over a stream of its own (a pass), hears from where it is seen to come, and asks to
// be called back. If somebody does not get through, it takes places at two members
// that relay: those that were reached by all who called them. The relay is the
// library's circuit v2 with doors (passes) and shares (bytes a second) of our own, and
// without the limits that make it useless for links. The library's AutoNAT and
// AutoRelay are not used: they want public servers, many of them, and minutes.
//
// Package transport/portmap has a router open ports, if it does that, and the addresses
// there are told as own ones.
//
// A relayed connection is authenticated end to end as any other. The library then
// tries to punch a hole (DCUtR); a link moves to the direct connection without losing
// a frame.
//
// Idle, all this costs a TCP keep-alive for each place at a relay, and a call from
// outside now and then. Measured behind a NAT in a ring of four, two of them outside, in
// bytes a second over the node's own device: 90 in the minutes 2 and 3, 45 from then on.
// On the street, before the router, it is 270 in those minutes: a call that is dropped
// there is 14 KB of QUIC's first packets, and one member at a time is asked for it, after 5, 10,
// 20 s and so on, up to 7.5 minutes. A router that opens ports is asked for
// 6 KB each ten minutes besides.
package reach
