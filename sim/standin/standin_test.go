package standin_test

import (
	"bytes"
	"errors"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/sim/standin"
)

func TestSignaturesHoldForTheirKeyAndMessageAlone(t *testing.T) {
	var v standin.Verifier
	rapid.Check(t, func(t *rapid.T) {
		seed := rapid.Uint64().Draw(t, "seed")
		a, b := standin.NewSigner(seed, 1), standin.NewSigner(seed, 2)
		msg := rapid.SliceOf(rapid.Byte()).Draw(t, "message")
		sig := a.Sign(msg)
		if len(sig) != peer.SignatureSize || !v.Verify(a.Public(), msg, sig) {
			t.Fatalf("a right signature of %d bytes is refused", len(sig))
		}
		if !bytes.Equal(sig, standin.NewSigner(seed, 1).Sign(msg)) {
			t.Fatal("the signature differs the second time")
		}
		bit := rapid.IntRange(0, 8*len(sig)-1).Draw(t, "bit")
		bad := slices.Clone(sig)
		bad[bit/8] ^= 1 << (bit % 8)
		key := a.Public()
		key[bit%peer.KeySize] ^= 1
		for what, ok := range map[string]bool{
			"another key":       v.Verify(b.Public(), msg, sig),
			"an altered key":    v.Verify(key, msg, sig),
			"a longer message":  v.Verify(a.Public(), append(slices.Clone(msg), 0), sig),
			"an altered sig":    v.Verify(a.Public(), msg, bad),
			"a shorter sig":     v.Verify(a.Public(), msg, sig[:len(sig)-1]),
			"a longer sig":      v.Verify(a.Public(), msg, append(slices.Clone(sig), 0)),
			"no sig":            v.Verify(a.Public(), msg, nil),
			"no key":            v.Verify(peer.Key{}, msg, sig),
			"another one's sig": v.Verify(a.Public(), msg, b.Sign(msg)),
		} {
			if ok {
				t.Fatalf("%s is accepted", what)
			}
		}
	})
}

func TestSealedTextOpensForItsKeyAlone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seed := rapid.Uint64().Draw(t, "seed")
		s, a, b := standin.NewSealer(seed), standin.NewOpener(seed, 1), standin.NewOpener(seed, 2)
		text := rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "text")
		info := rapid.SliceOf(rapid.Byte()).Draw(t, "info")
		sealed, err := s.Seal(a.SealKey(), info, text)
		if err != nil {
			t.Fatal(err)
		}
		if len(sealed) != len(text)+1136 || standin.Overhead != 1136 {
			t.Fatalf("%d bytes for a text of %d", len(sealed), len(text))
		}
		if len(text) >= 4 && bytes.Contains(sealed, text[:4]) {
			t.Fatal("the text stands in clear in what is sealed")
		}
		if got, err := a.Open(info, sealed); err != nil || !bytes.Equal(got, text) {
			t.Fatalf("opened %q, %v; want %q", got, err, text)
		}
		if again, _ := s.Seal(a.SealKey(), info, text); bytes.Equal(again, sealed) {
			t.Fatal("two seals of one text are equal")
		}
		if same, _ := standin.NewSealer(seed).Seal(a.SealKey(), info, text); !bytes.Equal(same, sealed) {
			t.Fatal("the first seal of an equal sealer differs")
		}
		bit := rapid.IntRange(0, 8*len(sealed)-1).Draw(t, "bit")
		bad := slices.Clone(sealed)
		bad[bit/8] ^= 1 << (bit % 8)
		for what, f := range map[string]func() ([]byte, error){
			"another key":  func() ([]byte, error) { return b.Open(info, sealed) },
			"another info": func() ([]byte, error) { return a.Open(append(slices.Clone(info), 1), sealed) },
			"altered":      func() ([]byte, error) { return a.Open(info, bad) },
			"shorter":      func() ([]byte, error) { return a.Open(info, sealed[:len(sealed)-1]) },
			"longer":       func() ([]byte, error) { return a.Open(info, append(slices.Clone(sealed), 0)) },
			"too short":    func() ([]byte, error) { return a.Open(info, sealed[:standin.Overhead-1]) },
			"nothing":      func() ([]byte, error) { return a.Open(info, nil) },
		} {
			if _, err := f(); !errors.Is(err, standin.ErrOpen) {
				t.Fatalf("%s: %v, want ErrOpen", what, err)
			}
		}
	})
}

func TestSealRefusesWhatIsNoKey(t *testing.T) {
	key := standin.NewOpener(1, 1).SealKey()
	if len(key) != standin.SealKeySize {
		t.Errorf("key of %d bytes", len(key))
	}
	for _, k := range []peer.SealKey{nil, key[1:], append(slices.Clone(key), 0)} {
		if _, err := standin.NewSealer(1).Seal(k, nil, nil); !errors.Is(err, standin.ErrSealKey) {
			t.Errorf("key of %d bytes: %v, want ErrSealKey", len(k), err)
		}
	}
}

func TestKeysDiffer(t *testing.T) {
	seen := make(map[peer.Key]bool)
	for seed := range uint64(10) {
		for n := range uint64(100) {
			seen[standin.NewSigner(seed, n).Public()] = true
		}
	}
	if len(seen) != 1000 {
		t.Errorf("%d keys of 1000 are different", len(seen))
	}
}

// The stand-ins carry what peer builds on them.
func TestCertificates(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	authority, admitter, node := standin.NewSigner(1, 1), standin.NewSigner(1, 2), standin.NewSigner(1, 3)
	ring := peer.RingID(authority.Public())
	adm := peer.NewAdmission(authority, admitter.Public(), now)
	c := peer.NewCertificate(admitter, adm, node.Public(), peer.Salt{1}, now)
	if err := c.Check(ring, now, standin.Verifier{}); err != nil {
		t.Errorf("a right certificate: %v", err)
	}
	forged := peer.NewCertificate(node, adm, node.Public(), peer.Salt{1}, now)
	if err := forged.Check(ring, now, standin.Verifier{}); !errors.Is(err, peer.ErrForged) {
		t.Errorf("a certificate by another signer: %v, want ErrForged", err)
	}
}
