// Package keys is the real cryptography behind the interfaces of package peer:
// Ed25519 for signatures, HPKE (RFC 9180) with a hybrid of X25519 and ML-KEM-768
// for what is sealed to somebody who is not there, and the files and passphrases
// that keep private keys. It is the one room with cryptography beyond hashes, so
// that there is one room to review.
//
// Private keys live in files of their own, mode 0600, in folders of mode 0700,
// written whole or not at all. A file that others could read is not used (see
// ErrMode): its key may be known already. Types that hold a secret never print
// it, whatever the verb.
package keys
