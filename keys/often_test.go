package keys_test

import (
	"encoding/binary"
	"slices"
	"sync"
	"testing"

	"github.com/phyllo-net/phyllo/keys"
	"github.com/phyllo-net/phyllo/peer"
)

// TestOftenHeardKeys: a Verifier says the same of a key that is heard of often as before, also while many
// ask, and bad signatures do not make a key one of these.
func TestOftenHeardKeys(t *testing.T) {
	ts := new(keys.Tables)
	s, other := newSigner(t), newSigner(t)
	good := []byte("good")
	sig := s.Sign(good)
	bent := slices.Clone(sig)
	bent[40] ^= 1
	for range 3 * keys.TableAfter {
		if ts.Verify(s.Public(), good, bent) {
			t.Fatal("an altered signature is good")
		}
	}
	if ts.Len() != 0 {
		t.Fatal("bad signatures made a table")
	}
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 2 * keys.TableAfter {
				switch {
				case !ts.Verify(s.Public(), good, sig):
					t.Error("a right signature was refused")
				case ts.Verify(s.Public(), good, bent):
					t.Error("an altered signature is good")
				case ts.Verify(other.Public(), good, sig):
					t.Error("good for another key")
				case ts.Verify(s.Public(), []byte("bad"), sig):
					t.Error("good for another message")
				}
			}
		})
	}
	all.Wait()
	if ts.Len() != 1 {
		t.Errorf("%d tables after that, want 1", ts.Len())
	}
}

// TestTablesAreFew: what was used a moment ago is not dropped for a new key, what was not used for long
// is, and there are never more than a bound.
func TestTablesAreFew(t *testing.T) {
	ts := new(keys.Tables)
	hear := func(s *keys.Signer, times int) {
		t.Helper()
		sig := s.Sign(nil)
		for range times {
			if !ts.Verify(s.Public(), nil, sig) {
				t.Fatal("refused")
			}
		}
	}
	first := newSigner(t)
	hear(first, keys.TableAfter)
	ts.Fill(keys.MaxTables - 1)
	second := newSigner(t)
	hear(second, keys.TableAfter)
	if ts.Has(second.Public()) || !ts.Has(first.Public()) || ts.Len() != keys.MaxTables {
		t.Errorf("a full house took a new key (%v), or dropped one just used (%v)", ts.Has(second.Public()), !ts.Has(first.Public()))
	}
	ts.Pass(keys.TableIdle)
	hear(first, 1)
	hear(second, keys.TableAfter)
	if !ts.Has(second.Public()) || !ts.Has(first.Public()) || ts.Len() != keys.MaxTables {
		t.Errorf("there was no room for a new key (%v), or it took that of one in use (%v)", !ts.Has(second.Public()), !ts.Has(first.Public()))
	}
	for i := range uint64(3 * keys.MaxCounted) {
		ts.Count(peer.Key(binary.BigEndian.AppendUint64(make([]byte, 24), i)))
	}
	if n := ts.Counted(); n > keys.MaxCounted {
		t.Errorf("%d keys are counted, want %d at most", n, keys.MaxCounted)
	}
}
