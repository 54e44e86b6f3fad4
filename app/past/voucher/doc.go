// Package voucher is what is signed when storage is paid for without a smartcard: the
// debit, in which a member names objects and what they cost; the votes of those who keep his
// account, which make a voucher of it; and the release, by which a holder says that it does
// not keep an object, so that its cost is given back. It knows neither overlay nor store.
//
// One debit pays for up to MaxCharges objects. They stand in it as the root of a Merkle
// tree, and each goes to its holders with its own path to the root, so that one voucher's
// signatures are checked once for all of them.
//
// A member is a certified node: the debit carries its certificate and is signed with its
// key. Who owns the objects is not asked: the member that names them pays for them.
//
// # Papers
//
//	quota, debited size·k, credited by receipts    PAST (SOSP 2001), 2.1 and 2.2
//	accounts kept by the nodes nearby              Ngan, Wallach and Druschel, Enforcing fair
//	                                               sharing (IPTPS 2003), quota managers
package voucher
