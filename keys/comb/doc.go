// Package comb verifies Ed25519 signatures of keys that one hears of often, in a third of the
// time: what a verification computes for its key is computed once and kept.
//
// A verification is [S]B - [k]A, for the generator B and the key A, compared with R (RFC 8032,
// section 5.1.7). For a key that was never seen all powers of two of A have to be computed on the way,
// a doubling each. A Table has every fifteenth of them, and the multiples of these of which digits
// of k choose one each (fixed-base windows with signed digits: Brickell, Gordon, McCurley, Wilson,
// Eurocrypt 1992). What is left are additions, for which the formulas hold without exception on this curve
// (Hisil, Wong, Carter, Dawson, Asiacrypt 2008, sections 3.1 and 3.3), so that no input takes another way.
//
// All of it is known to everybody: nothing here is secret, and the time that it takes may depend
// on it. Private keys never come here.
package comb
