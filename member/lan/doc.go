// Package lan is how two people admit a machine over the local network without an
// invitation: they compare six digits, so that nobody between the two machines can put his
// own key in place of theirs. The joiner commits to his nonce before he knows the
// admitter's, and the admitter shows its own before it knows his (numeric comparison of
// Bluetooth, short authentication strings of ZRTP, RFC 6189, section 4.5): whoever stands
// between has one try in a million for each time that people compare, however many keys
// and nonces he tries out before.
//
// What is said on the stream is the business of package member.
package lan
