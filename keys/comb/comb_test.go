package comb_test

import (
	"crypto/ed25519"
	"encoding/binary"
	"encoding/hex"
	"math/big"
	"slices"
	"testing"

	"filippo.io/edwards25519"

	"github.com/phyllo-net/phyllo/keys/comb"
)

// check verifies with a table and with crypto/ed25519, who must agree, and returns what they say.
func check(t *testing.T, table *comb.Table, key [32]byte, message, sig []byte) bool {
	t.Helper()
	got := table.Verify(message, sig)
	if want := len(sig) == ed25519.SignatureSize && ed25519.Verify(key[:], message, sig); got != want {
		t.Fatalf("key %x, message %x, signature %x: %v, crypto/ed25519 says %v", key, message, sig, got, want)
	}
	return got
}

func pair(t testing.TB, seed byte) (ed25519.PrivateKey, [32]byte, *comb.Table) {
	t.Helper()
	private := ed25519.NewKeyFromSeed(append(make([]byte, 31), seed))
	key := [32]byte(private.Public().(ed25519.PublicKey))
	table, err := comb.New(key)
	if err != nil {
		t.Fatal(err)
	}
	return private, key, table
}

// TestAgrees: a table says what crypto/ed25519 says, of good signatures and of all that differ from one in
// a bit.
func TestAgrees(t *testing.T) {
	for seed := range byte(20) {
		private, key, table := pair(t, seed)
		for size := range 8 {
			message := make([]byte, 1<<size)
			message[0] = seed
			if !check(t, table, key, message, ed25519.Sign(private, message)) {
				t.Fatal("a right signature was refused")
			}
		}
	}
	private, key, table := pair(t, 100)
	message := []byte("a message")
	sig := ed25519.Sign(private, message)
	for bit := range 8 * len(sig) {
		bent := slices.Clone(sig)
		bent[bit/8] ^= 1 << (bit % 8)
		if check(t, table, key, message, bent) {
			t.Errorf("bit %d was altered, and it is good", bit)
		}
	}
	for _, short := range [][]byte{nil, sig[:63], append(slices.Clone(sig), 0)} {
		if check(t, table, key, message, short) {
			t.Errorf("a signature of %d bytes is good", len(short))
		}
	}
	if check(t, table, key, append(message, 0), sig) {
		t.Error("good for another message")
	}
	if check(t, table, key, message, moreByOrder(sig)) {
		t.Error("S above the order is good")
	}
	if check(t, table, key, message, make([]byte, 64)) {
		t.Error("zero is good")
	}
}

// moreByOrder adds the order of the group to S.
func moreByOrder(sig []byte) []byte {
	order, _ := new(big.Int).SetString("7237005577332262213973186563042994240857116359379907606001950938285454250989", 10)
	s := slices.Clone(sig)
	slices.Reverse(s[32:])
	new(big.Int).Add(new(big.Int).SetBytes(s[32:]), order).FillBytes(s[32:])
	slices.Reverse(s[32:])
	return s
}

// TestOddKeys: of keys with a part of small order some signatures are good, of others not, and both
// say the same of each.
func TestOddKeys(t *testing.T) {
	small, err := hex.DecodeString("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05")
	if err != nil {
		t.Fatal(err)
	}
	eighth, err := new(edwards25519.Point).SetBytes(small)
	if err != nil {
		t.Fatal(err)
	}
	secret := scalar(t, 77)
	odd := new(edwards25519.Point).ScalarBaseMult(secret)
	odd.Add(odd, eighth)
	good, bad := 0, 0
	for name, a := range map[string]*edwards25519.Point{"odd": odd, "small": eighth} {
		key := [32]byte(a.Bytes())
		table, err := comb.New(key)
		if err != nil {
			t.Fatal(err)
		}
		s := secret
		if name == "small" {
			s = edwards25519.NewScalar()
		}
		for i := range uint64(40) {
			message := binary.BigEndian.AppendUint64(nil, i)
			if check(t, table, key, message, sign(t, s, key, message)) {
				good++
			} else {
				bad++
			}
		}
	}
	if good == 0 || bad == 0 {
		t.Errorf("%d good, %d bad: nothing was compared", good, bad)
	}
}

// TestNoPoint: a key that is no point has no table.
func TestNoPoint(t *testing.T) {
	for _, b := range []byte{2, 5, 6} {
		key := [32]byte{b}
		_, err := new(edwards25519.Point).SetBytes(key[:])
		if _, got := comb.New(key); (got == nil) != (err == nil) {
			t.Errorf("y = %d: %v, and the curve says %v", b, got, err)
		}
	}
	if _, err := comb.New([32]byte{2}); err == nil {
		t.Error("y = 2 is on the curve")
	}
}

func BenchmarkVerify(b *testing.B) {
	private, key, table := pair(b, 1)
	text := make([]byte, 100)
	sig := ed25519.Sign(private, text)
	b.Run("table", func(b *testing.B) {
		for b.Loop() {
			if !table.Verify(text, sig) {
				b.Fatal("refused")
			}
		}
	})
	b.Run("plain", func(b *testing.B) {
		for b.Loop() {
			if !ed25519.Verify(key[:], text, sig) {
				b.Fatal("refused")
			}
		}
	})
	b.Run("new", func(b *testing.B) {
		for b.Loop() {
			if _, err := comb.New(key); err != nil {
				b.Fatal(err)
			}
		}
	})
}
