package keys_test

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/phyllo-net/phyllo/keys"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/sim/standin"
)

// TestLockers: what holds of the real locker holds of the one for simulations.
func TestLockers(t *testing.T) {
	for name, l := range map[string]peer.Locker{"real": keys.Locker{}, "stand-in": standin.NewLocker(1)} {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(rt *rapid.T) {
				text := rapid.SliceOf(rapid.Byte()).Draw(rt, "text")
				info := rapid.SliceOf(rapid.Byte()).Draw(rt, "info")
				key := l.NewSecret()
				locked := l.Lock(key, info, text)
				if len(locked) != len(text)+peer.LockOverhead {
					rt.Fatalf("%d bytes locked as %d", len(text), len(locked))
				}
				if got, err := l.Unlock(key, info, locked); err != nil || !bytes.Equal(got, text) {
					rt.Fatalf("got %x, %v", got, err)
				}
				bad := bytes.Clone(locked)
				bad[rapid.IntRange(0, len(bad)-1).Draw(rt, "byte")] ^= 1 << rapid.IntRange(0, 7).Draw(rt, "bit")
				for what, open := range map[string]func() ([]byte, error){
					"altered": func() ([]byte, error) { return l.Unlock(key, info, bad) },
					"cut": func() ([]byte, error) {
						return l.Unlock(key, info, locked[:rapid.IntRange(0, len(locked)-1).Draw(rt, "cut")])
					},
					"with another key":       func() ([]byte, error) { return l.Unlock(l.NewSecret(), info, locked) },
					"for another purpose":    func() ([]byte, error) { return l.Unlock(key, append(info, 0), locked) },
					"as what was not locked": func() ([]byte, error) { return l.Unlock(key, info, nil) },
				} {
					if _, err := open(); !errors.Is(err, keys.ErrOpen) && !errors.Is(err, standin.ErrOpen) {
						rt.Fatalf("%s: %v", what, err)
					}
				}
			})
			a, b := l.Signer(peer.Secret{1}), l.Signer(peer.Secret{2})
			if a.Public() == b.Public() || a.Public() != l.Signer(peer.Secret{1}).Public() {
				t.Error("a seed is not one key")
			}
		})
	}
	if !(keys.Verifier{}).Verify(keys.Locker{}.Signer(peer.Secret{1}).Public(), []byte("x"), keys.Locker{}.Signer(peer.Secret{1}).Sign([]byte("x"))) {
		t.Error("a signature by a seed's key is wrong")
	}
}

// TestSecrets: a secret is not printed, and purposes do not run together.
func TestSecrets(t *testing.T) {
	s := peer.Secret{0xab}
	if text := fmt.Sprintf("%v %x %+v %s", s, s, s, struct{ S peer.Secret }{s}); bytes.Contains([]byte(text), []byte("ab")) || bytes.Contains([]byte(text), []byte("171")) {
		t.Errorf("printed as %q", text)
	}
	seen := map[peer.Secret]bool{s: true}
	for _, d := range []peer.Secret{s.Derive("a"), s.Derive("a", []byte("b")), s.Derive("ab"), s.Derive("a", nil), s.Derive("a", []byte("b"), nil), s.Derive("a", nil, []byte("b")), peer.Secret{}.Derive("a")} {
		if seen[d] {
			t.Error("two purposes have one secret")
		}
		seen[d] = true
	}
}
