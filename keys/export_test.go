package keys

import "github.com/phyllo-net/phyllo/peer"

// What tests outside the package need to write files as an attacker would.
var (
	Armour   = armour
	Unarmour = unarmour
	Words    = words
)

// MaxGood is how many signatures are remembered at least.
const MaxGood = maxGood

// Fill remembers something that is no signature.
func (r *Remembering) Fill(print [32]byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.note(print)
}

// Len is how many are remembered.
func (r *Remembering) Len() int { return len(r.new) + len(r.old) }

// Bounds of the tables of keys that are heard of often.
const (
	MaxTables  = maxTables
	TableAfter = tableAfter
	TableIdle  = tableIdle
	MaxCounted = maxCounted
)

// Tables are those of a process.
type Tables = tables

// Verify is what a Verifier does with a key that was looked at.
func (ts *tables) Verify(key peer.Key, message, sig []byte) bool { return ts.verify(key, message, sig) }

// Len is of how many keys there are tables, and Has whether one has one.
func (ts *tables) Len() int              { return len(ts.of) }
func (ts *tables) Has(key peer.Key) bool { return ts.of[key] != nil }

// Fill adds n tables that are used now, Pass lets n verifications pass.
func (ts *tables) Fill(n int) {
	for i := range n {
		ts.keep(peer.Key{byte(i), byte(i >> 8), 1}, nil)
	}
}
func (ts *tables) Pass(n uint64) { ts.now += n }

// Count counts a good signature of a key, and Counted is of how many keys some are counted.
func (ts *tables) Count(key peer.Key) { ts.good(key) }
func (ts *tables) Counted() int       { return len(ts.count) }
