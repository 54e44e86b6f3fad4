package keys_test

import (
	"encoding/binary"
	"testing"

	"github.com/phyllo-net/phyllo/keys"
	"github.com/phyllo-net/phyllo/peer"
)

// TestRemembering: it says what a Verifier says, however often it is asked and whatever it has
// seen, also of what it has forgotten.
func TestRemembering(t *testing.T) {
	s, other := newSigner(t), newSigner(t)
	var r keys.Remembering
	good := []byte("good")
	sig := s.Sign(good)
	bent := append([]byte(nil), sig...)
	bent[3] ^= 1
	ask := func(when string) {
		t.Helper()
		for _, c := range []struct {
			what    string
			key     peer.Key
			message []byte
			sig     []byte
			want    bool
		}{
			{"a good one", s.Public(), good, sig, true},
			{"another message", s.Public(), []byte("bad"), sig, false},
			{"another key", other.Public(), good, sig, false},
			{"another signature", s.Public(), good, bent, false},
			{"a short signature", s.Public(), append(sig[63:64:64], good...), sig[:63], false},
			{"no signature", s.Public(), good, nil, false},
		} {
			if got := r.Verify(c.key, c.message, c.sig); got != c.want {
				t.Errorf("%s, %s: %v, want %v", when, c.what, got, c.want)
			}
		}
	}
	ask("at first")
	ask("again")
	for i := range 3 * keys.MaxGood / 2 {
		var print [32]byte
		binary.BigEndian.PutUint32(print[:], uint32(i))
		r.Fill(print)
		if i%keys.MaxGood == 7 {
			ask("between others")
		}
	}
	ask("after many others")
	if n := r.Len(); n > 2*keys.MaxGood {
		t.Errorf("%d are remembered, want %d at most", n, 2*keys.MaxGood)
	}
}
