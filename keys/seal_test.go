package keys_test

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/phyllo-net/phyllo/keys"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/wire"
)

func newPair(t testing.TB) *keys.SealPair {
	t.Helper()
	p, err := keys.NewSealPair(3)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestSealAndOpen(t *testing.T) {
	p, other := newPair(t), newPair(t)
	if p.Number() != 3 || len(p.SealKey()) != keys.SealKeySize {
		t.Fatalf("number %d, key of %d bytes", p.Number(), len(p.SealKey()))
	}
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.SliceOf(rapid.Byte()).Draw(t, "text")
		info := rapid.SliceOf(rapid.Byte()).Draw(t, "info")
		sealed, err := keys.Sealer{}.Seal(p.SealKey(), info, text)
		if err != nil {
			t.Fatal(err)
		}
		if len(sealed) != len(text)+keys.SealOverhead {
			t.Fatalf("%d bytes sealed as %d", len(text), len(sealed))
		}
		back, err := p.Open(info, sealed)
		if err != nil || !bytes.Equal(back, text) {
			t.Fatalf("opened as %x, %v", back, err)
		}
		if _, err := other.Open(info, sealed); !errors.Is(err, keys.ErrOpen) {
			t.Fatalf("opened by another: %v", err)
		}
		if _, err := p.Open(append(info, 0), sealed); !errors.Is(err, keys.ErrOpen) {
			t.Fatalf("opened for another purpose: %v", err)
		}
		bad := slices.Clone(sealed)
		bad[rapid.IntRange(0, len(bad)-1).Draw(t, "byte")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		if _, err := p.Open(info, bad); !errors.Is(err, keys.ErrOpen) {
			t.Fatalf("altered, and opened: %v", err)
		}
		if _, err := p.Open(info, sealed[:rapid.IntRange(0, len(sealed)-1).Draw(t, "cut")]); !errors.Is(err, keys.ErrOpen) {
			t.Fatalf("cut, and opened: %v", err)
		}
	})
}

// RELIABILITY.md section 5, rows 23 and 42.
func TestSealingKeysThatAreRefused(t *testing.T) {
	good := newPair(t).SealKey()
	change := func(f func(peer.SealKey)) peer.SealKey {
		k := slices.Clone(good)
		f(k)
		return k
	}
	for _, c := range []struct {
		name string
		key  peer.SealKey
	}{
		{"none", nil},
		{"short", good[:len(good)-1]},
		{"long", append(slices.Clone(good), 0)},
		{"only the old half", good[1184:]},
		{"coefficients of ML-KEM not below q", change(func(k peer.SealKey) { copy(k, bytes.Repeat([]byte{0xff}, 32)) })},
		{"X25519 zero", change(func(k peer.SealKey) { clear(k[1184:]) })},
		{"X25519 one, of order 4", change(func(k peer.SealKey) { clear(k[1184:]); k[1184] = 1 })},
		{"X25519 of order 8", change(func(k peer.SealKey) {
			copy(k[1184:], unhex(t, "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"))
		})},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := (keys.Sealer{}).Seal(c.key, nil, []byte("x")); !errors.Is(err, keys.ErrSealKey) {
				t.Errorf("%v, want ErrSealKey", err)
			}
		})
	}
}

func TestSealPairRoundTrip(t *testing.T) {
	p := newPair(t)
	b, err := p.Secret()
	if err != nil {
		t.Fatal(err)
	}
	back, err := keys.SealPairFromSecret(b)
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := keys.Sealer{}.Seal(p.SealKey(), nil, []byte("text"))
	if err != nil {
		t.Fatal(err)
	}
	if text, err := back.Open(nil, sealed); err != nil || string(text) != "text" || back.Number() != 3 {
		t.Errorf("opened as %q, %v; number %d", text, err, back.Number())
	}
	for _, bad := range [][]byte{nil, b[:len(b)-1], wire.MustMarshal(map[int]any{1: 1, 2: []byte{1}})} {
		if _, err := keys.SealPairFromSecret(bad); !errors.Is(err, keys.ErrDamaged) {
			t.Errorf("%d bytes: %v", len(bad), err)
		}
	}
}

func FuzzSealPair(f *testing.F) {
	b, err := newPair(f).Secret()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add(b[:9])
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := keys.SealPairFromSecret(b)
		if err != nil {
			if !errors.Is(err, keys.ErrDamaged) {
				t.Fatalf("untyped error %v", err)
			}
			return
		}
		if len(p.SealKey()) != keys.SealKeySize {
			t.Fatal("a key of a wrong length")
		}
	})
}

func FuzzOpen(f *testing.F) {
	p := newPair(f)
	sealed, err := keys.Sealer{}.Seal(p.SealKey(), nil, []byte("text"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sealed)
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := p.Open(nil, b); err != nil && !errors.Is(err, keys.ErrOpen) {
			t.Fatalf("untyped error %v", err)
		}
	})
}
