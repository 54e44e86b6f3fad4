package keys_test

import (
	"crypto/ed25519"
	"crypto/sha512"
	"encoding/binary"
	"slices"
	"sync"
	"testing"

	"github.com/oasisprotocol/curve25519-voi/curve"
	"github.com/oasisprotocol/curve25519-voi/curve/scalar"

	"github.com/phyllo-net/phyllo/keys"
	"github.com/phyllo-net/phyllo/peer"
)

// strange signs message so that the equation of RFC 8032, section 5.1.7, holds but for parts of
// small order: the key is aB + P and the signature's R is rB + Q, for the points of small order
// numbered p and q. Of such signatures one in eight holds with these parts too, for any P and Q.
func strange(t testing.TB, message []byte, p, q int) (peer.Key, []byte) {
	t.Helper()
	encode := func(s *scalar.Scalar, add int) []byte {
		point := new(curve.EdwardsPoint).MulBasepoint(curve.ED25519_BASEPOINT_TABLE, s)
		point.Add(point, curve.EIGHT_TORSION[add])
		return slices.Clone(curve.NewCompressedEdwardsY().SetEdwardsPoint(point)[:])
	}
	number := func(seed string) *scalar.Scalar {
		h := sha512.Sum512(append([]byte(seed), message...))
		s, err := scalar.NewFromBytesModOrderWide(h[:])
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	a, r := number("a"), number("r")
	key, first := peer.Key(encode(a, p)), encode(r, q)
	h := sha512.Sum512(slices.Concat(first, key[:], message))
	s, err := scalar.NewFromBytesModOrderWide(h[:])
	if err != nil {
		t.Fatal(err)
	}
	s.Mul(s, a).Add(s, r)
	second := make([]byte, scalar.ScalarSize)
	if err := s.ToBytes(second); err != nil {
		t.Fatal(err)
	}
	return key, append(first, second...)
}

// agree fails where Verifier says of a signature another thing than crypto/ed25519 says, and returns
// what both say. Keys that only Verifier refuses are not for it.
func agree(t *testing.T, key peer.Key, message, sig []byte) bool {
	t.Helper()
	want := ed25519.Verify(key[:], message, sig)
	if got := (keys.Verifier{}).Verify(key, message, sig); got != want {
		t.Errorf("key %x, message %x, signature %x: %v, where crypto/ed25519 says %v", key, message, sig, got, want)
	}
	return want
}

// Implementations of Ed25519 differ about signatures that nobody makes by signing: with parts of small
// order, or in a second encoding. Nodes that differ about what is signed could be set against each
// other, so the library in use must say what crypto/ed25519 does, which others have, too.
func TestVerifiesAsTheStandardLibrary(t *testing.T) {
	good, bad := 0, 0
	for p := range 8 {
		for q := range 8 {
			for n := range uint64(24) {
				message := binary.LittleEndian.AppendUint64(nil, n)
				key, sig := strange(t, message, p, q)
				if agree(t, key, message, sig) {
					good++
				} else {
					bad++
				}
			}
		}
	}
	if good < 64*24/16 || bad < 64*24/2 {
		t.Errorf("%d strange signatures are good and %d are not: the cases are not what they should be", good, bad)
	}

	s, message := newSigner(t), []byte("message")
	sig := s.Sign(message)
	for i := range 8 * len(sig) { // each with one bit changed
		flipped := slices.Clone(sig)
		flipped[i/8] ^= 1 << (i % 8)
		if agree(t, s.Public(), message, flipped) {
			t.Errorf("good with bit %d changed", i)
		}
	}
	// R of small order, and in an encoding that is not its one: y + p, and a sign for x = 0.
	for _, y := range smallY {
		for _, sign := range []byte{0, 0x80} {
			first := unhex(t, y)
			first[31] |= sign
			agree(t, s.Public(), message, slices.Concat(first, sig[32:]))
			agree(t, s.Public(), message, slices.Concat(first, make([]byte, 32)))
		}
	}
	for low := 0xed; low <= 0xff; low++ {
		first := append([]byte{byte(low)}, slices.Repeat([]byte{0xff}, 31)...)
		for _, last := range []byte{0x7f, 0xff} {
			first[31] = last
			agree(t, s.Public(), message, slices.Concat(first, sig[32:]))
		}
	}
	// Keys that are no points at all.
	for n := range uint64(64) {
		h := sha512.Sum512(binary.LittleEndian.AppendUint64(nil, n))
		agree(t, peer.Key(h[:32]), message, sig)
	}
}

// What is kept of keys that were heard of changes nothing, also when there were more of them than there is room
// for, and several goroutines verify.
func TestKeysHeardAgain(t *testing.T) {
	s, message := newSigner(t), []byte("message")
	sig := s.Sign(message)
	bent := slices.Clone(sig)
	bent[40] ^= 1
	var others []*keys.Signer
	for range keys.MaxHeard + 40 {
		others = append(others, newSigner(t))
	}
	var all sync.WaitGroup
	for part := range slices.Chunk(others, len(others)/4+1) {
		all.Go(func() {
			var v keys.Verifier
			for _, o := range part {
				switch {
				case !v.Verify(o.Public(), message, o.Sign(message)), !v.Verify(s.Public(), message, sig):
					t.Error("a right signature was refused")
				case v.Verify(o.Public(), message, sig), v.Verify(s.Public(), message, bent), v.Verify(s.Public(), nil, sig):
					t.Error("a wrong signature is good")
				}
			}
		})
	}
	all.Wait()
	if first := others[0]; !(keys.Verifier{}).Verify(first.Public(), message, first.Sign(message)) {
		t.Error("a key that was forgotten is refused")
	}
}

func FuzzVerifiesAsTheStandardLibrary(f *testing.F) {
	s := newSigner(f)
	public := s.Public()
	f.Add(public[:], []byte("message"), s.Sign([]byte("message")))
	for p := range 8 {
		key, sig := strange(f, []byte("message"), p, (8-p)%8)
		f.Add(key[:], []byte("message"), sig)
	}
	f.Fuzz(func(t *testing.T, key, message, sig []byte) {
		if len(key) != len(peer.Key{}) || len(sig) != peer.SignatureSize {
			return
		}
		// Verifier refuses more: keys of small order and in a second encoding.
		if (keys.Verifier{}).Verify(peer.Key(key), message, sig) && !ed25519.Verify(key, message, sig) {
			t.Errorf("good, where crypto/ed25519 refuses it")
		}
	})
}
