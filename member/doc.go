// Package member is who belongs to a ring: its authority, its admitters, their
// certificates, invitations and expulsions. It speaks the one protocol that is
// spoken with a node that has no certificate yet, on streams of its own
// ("/phyllo/member/1"), below and beside the overlay, which it never sees.
//
// # Trust
//
// A ring is the hash of its authority's key. The authority signs admitters; an
// admitter invites, admits and renews. Who founds a ring holds its authority and
// is its first admitter. DESIGN.md, decisions 1 and 2.
//
// # One conversation
//
// Whoever opens a stream says only which versions it speaks (Greet). The other
// end answers with its certificate and admission (Hello), and the opener checks
// them against the ring and the key that the stream proved before it says
// anything else: an invitation's secret goes to nobody but an admitter of the
// ring. The key that is admitted is the one that the stream proved, never one
// that a message names. Frames have at most 16 KiB, and every answer a deadline.
//
// # Deciding once
//
// Two things must be decided once (package register), although several admitters may be asked at
// the same time and each may die at any point: which key used an invitation, and
// which salt (so: which place on the ring) belongs to a key. Both are registers
// that are written once, by the single-decree protocol of Paxos (Lamport, "Paxos
// Made Simple", section 2): an invitation's at a majority of the admitters named
// in it, a key's at a majority of all admitters. A certificate goes out after
// both are durable there. A lost answer is asked for again and finds what was
// decided.
//
// The admitters of a ring change by one at a time, and none votes on a place
// before it has read the registers of a majority (see sync.go), so that two
// majorities, before and after the change, have a member in common that knows.
//
// # Clocks
//
// Dates of certificates are those of the admitters' clocks, and one may be wrong. Each
// Hello tells the time of day. A certificate begins no later than its bearer's clock
// says that it is. An admitter lets another one renew its own; where none does, it
// compares clocks with other members first, and signs by whichever is behind. With a
// clock that is far ahead it signs nothing for itself, and what it had signed without
// them it signs anew when its clock is right (see clock.go).
//
// # What it does not give
//
// Whoever can connect to a node hears its ring's name and certificate. An admitter
// is trusted with admitting: it could choose keys for an accomplice until a place
// suits (every certificate names its admitter), and two that work together can
// expel members; the authority undoes both. When several admitters are expelled
// at once, a place that only they knew can be drawn anew.
//
// # Rooms
//
// What is said stands in package msg, and how a conversation goes in talk; what is kept in
// book, and who the admitters are in roll. Package register decides once, invite is the
// line of text, lan the six digits, authority where the authority's key lies.
//
// # Concurrency
//
// A Member's methods may be called from any goroutine. They block on the store
// and on streams, within their contexts and the deadlines of this package.
package member
