package keys_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/big"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"

	"github.com/phyllo-net/phyllo/keys"
	"github.com/phyllo-net/phyllo/peer"
)

func newSigner(t testing.TB) *keys.Signer {
	t.Helper()
	s, err := keys.NewSigner(keys.Random())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// RFC 8032, section 7.1, tests 1 to 3.
func TestVectorsOfTheRFC(t *testing.T) {
	for _, v := range [][4]string{
		{"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60", "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
			"e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"},
		{"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb", "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
			"92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"},
		{"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7", "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
			"6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"},
	} {
		s, err := keys.SignerFromSeed(unhex(t, v[0]))
		if err != nil {
			t.Fatal(err)
		}
		pub := s.Public()
		sig := s.Sign(unhex(t, v[2]))
		if hex.EncodeToString(pub[:]) != v[1] || hex.EncodeToString(sig) != v[3] {
			t.Errorf("key %x signs as %x", pub, sig)
		}
		if !(keys.Verifier{}).Verify(pub, unhex(t, v[2]), sig) {
			t.Error("a right signature was refused")
		}
	}
}

func TestSignatureHoldsForOneMessageAndKey(t *testing.T) {
	a, b := newSigner(t), newSigner(t)
	var v keys.Verifier
	rapid.Check(t, func(t *rapid.T) {
		m := rapid.SliceOf(rapid.Byte()).Draw(t, "message")
		sig := a.Sign(m)
		if !v.Verify(a.Public(), m, sig) {
			t.Fatal("refused")
		}
		if v.Verify(b.Public(), m, sig) || v.Verify(a.Public(), append(m, 0), sig) {
			t.Fatal("good for another key or message")
		}
		bad := slices.Clone(sig)
		bad[rapid.IntRange(0, len(sig)-1).Draw(t, "byte")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		if v.Verify(a.Public(), m, bad) {
			t.Fatal("altered, and good")
		}
	})
}

// RELIABILITY.md section 5, row 23.
func TestMalleatedSignatures(t *testing.T) {
	s, m := newSigner(t), []byte("message")
	sig := s.Sign(m)
	order, _ := new(big.Int).SetString("7237005577332262213973186563042994240857116359379907606001950938285454250989", 10)
	half := slices.Clone(sig[32:])
	slices.Reverse(half)
	n := new(big.Int).SetBytes(half)
	for range 8 { // S + L, S + 2L, … : the same number to a careless verifier
		n.Add(n, order)
		if n.BitLen() > 256 {
			break
		}
		b := n.FillBytes(make([]byte, 32))
		slices.Reverse(b)
		if (keys.Verifier{}).Verify(s.Public(), m, append(slices.Clone(sig[:32]), b...)) {
			t.Errorf("S = %v was accepted", n)
		}
	}
	for _, bad := range [][]byte{nil, {}, sig[:63], append(slices.Clone(sig), 0), make([]byte, 64)} {
		if (keys.Verifier{}).Verify(s.Public(), m, bad) {
			t.Errorf("signature of %d bytes was accepted", len(bad))
		}
	}
}

// prime is 2^255 - 19.
var prime = new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 255), big.NewInt(19))

// double returns y of 2P, for a point P of edwards25519 with this y (RFC 8032,
// section 5.1.4, with x² from the curve's equation): 2P has
// y' = (y² + x²) / (1 - d x² y²), as a = -1.
func double(y *big.Int) *big.Int {
	d := new(big.Int).Mul(big.NewInt(-121665), new(big.Int).ModInverse(big.NewInt(121666), prime))
	yy := new(big.Int).Mul(y, y)
	num := new(big.Int).Sub(yy, big.NewInt(1))
	den := new(big.Int).Add(new(big.Int).Mul(d, yy), big.NewInt(1))
	xx := num.Mul(num, den.ModInverse(den.Mod(den, prime), prime)) // x² = (y²-1)/(dy²+1)
	under := new(big.Int).Mul(d, new(big.Int).Mul(xx, yy))
	under.Sub(big.NewInt(1), under)
	over := new(big.Int).Add(yy, xx)
	return over.Mul(over, under.ModInverse(under.Mod(under, prime), prime)).Mod(over, prime)
}

func little(k []byte) *big.Int {
	b := slices.Clone(k)
	slices.Reverse(b)
	return new(big.Int).SetBytes(b)
}

// smallY are the y coordinates of all points P with 8P = 0: three doublings lead
// to y = 1. The group of them has 8 points with 5 values of y, so these are all.
var smallY = []string{
	"0000000000000000000000000000000000000000000000000000000000000000",
	"0100000000000000000000000000000000000000000000000000000000000000",
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
	"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
}

func TestKeysOfSmallOrder(t *testing.T) {
	// For R = the neutral point and S = 0 the equation SB = R + hA holds whenever
	// hA is neutral: for a key of small order, for one message in eight at least.
	forged := make([]byte, 64)
	forged[0] = 1
	for _, text := range smallY {
		key := peer.Key(unhex(t, text))
		if y := double(double(double(little(key[:])))); y.Cmp(big.NewInt(1)) != 0 {
			t.Errorf("%s is not of small order: 8P has y = %v", text, y)
		}
		for _, sign := range []byte{0, 0x80} {
			key[31] = key[31]&0x7f | sign
			for i := range 64 {
				if (keys.Verifier{}).Verify(key, []byte{byte(i)}, forged) {
					t.Errorf("key %x accepts a forged signature", key)
				}
			}
		}
	}
}

func TestKeysInASecondEncoding(t *testing.T) {
	for add := range int64(19) { // y + p for every y that leaves room for it
		b := new(big.Int).Add(prime, big.NewInt(add)).FillBytes(make([]byte, 32))
		slices.Reverse(b)
		forged := make([]byte, 64)
		forged[0] = 1
		for i := range 64 {
			if (keys.Verifier{}).Verify(peer.Key(b), []byte{byte(i)}, forged) {
				t.Errorf("y = p + %d was accepted", add)
			}
		}
	}
}

func TestSecretsAreNotPrinted(t *testing.T) {
	s := newSigner(t)
	p, err := keys.NewSealPair(7)
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("text", "signer", s, "value", *s, "pair", p)
	slog.New(slog.NewJSONHandler(&log, nil)).Info("json", "signer", s, "value", *s, "pair", p, "in", struct{ S *keys.Signer }{s})
	text, err := json.Marshal(map[string]any{"s": s, "v": *s, "p": p})
	if err != nil {
		t.Fatal(err)
	}
	log.Write(text)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t"} {
		fmt.Fprintf(&log, verb+verb+verb+verb, s, *s, p, []any{s, *s, p})
	}
	seed := s.Seed()
	sealed, err := p.Secret()
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range [][]byte{seed, sealed[8:]} {
		for _, shown := range []string{string(secret[:8]), fmt.Sprintf("%x", secret[:8]), fmt.Sprintf("%X", secret[:8]),
			strings.Trim(fmt.Sprint(secret[:8]), "[]"), strings.Trim(fmt.Sprintf("%#v", secret[:4]), "[]byte{}")} {
			if strings.Contains(log.String(), shown) {
				t.Errorf("the secret can be read: %q", shown)
			}
		}
	}
	if !strings.Contains(log.String(), "(secret)") {
		t.Error("nothing was printed")
	}
}

func TestSignerOfABadSource(t *testing.T) {
	if _, err := keys.NewSigner(iotest.ErrReader(fmt.Errorf("no randomness"))); err == nil {
		t.Error("a key was made of nothing")
	}
	if _, err := keys.NewSigner(strings.NewReader("short")); err == nil {
		t.Error("a key was made of 5 bytes")
	}
	if _, err := keys.SignerFromSeed(make([]byte, 64)); err == nil {
		t.Error("a key was made of 64 bytes")
	}
	if a, b := keys.RandomSeed(), keys.RandomSeed(); a == b {
		t.Error("two seeds are equal")
	}
}

func BenchmarkSign(b *testing.B) {
	s, m := newSigner(b), make([]byte, 32)
	for b.Loop() {
		s.Sign(m)
	}
}

func BenchmarkVerify(b *testing.B) {
	s, m := newSigner(b), make([]byte, 32)
	sig := s.Sign(m)
	for b.Loop() {
		(keys.Verifier{}).Verify(s.Public(), m, sig)
	}
}
