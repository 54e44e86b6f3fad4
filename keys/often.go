package keys

import (
	"crypto/ed25519"
	"sync"

	"github.com/phyllo-net/phyllo/keys/comb"
	"github.com/phyllo-net/phyllo/peer"
)

const (
	// maxTables is of how many keys the process keeps tables: 4 MiB at most.
	maxTables = 128
	// tableAfter is how many good signatures of a key make it one that is heard of often: a
	// table costs as much as three verifications.
	tableAfter = 8
	// tableIdle is after how many verifications without a key its table may make room: in a ring
	// of more keys than there is room for, tables would only be made and dropped else.
	tableIdle = 4096
	// maxCounted is of how many other keys signatures are counted, until the count begins anew.
	maxCounted = 1024
)

// often has the tables of this process: they are made of public keys alone, so all its nodes and
// users may share them.
var often tables

// tables are of keys that signatures are often verified of. Bad signatures make none: who sends
// them pays as before.
type tables struct {
	mu    sync.Mutex
	now   uint64 // verifications so far
	of    map[peer.Key]*table
	count map[peer.Key]int
}

type table struct {
	*comb.Table
	used uint64
}

// verify is ed25519.Verify for a key that was looked at.
func (ts *tables) verify(key peer.Key, message, sig []byte) bool {
	if t := ts.find(key); t != nil {
		return t.Verify(message, sig)
	}
	if !ed25519.Verify(key[:], message, sig) {
		return false
	}
	if ts.good(key) {
		if t, err := comb.New(key); err == nil {
			ts.keep(key, t)
		}
	}
	return true
}

// find returns the table of a key, or nil.
func (ts *tables) find(key peer.Key) *comb.Table {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	ts.now++
	t := ts.of[key]
	if t == nil {
		return nil
	}
	t.used = ts.now
	return t.Table
}

// good counts a good signature of a key without a table, and reports whether it should have one and
// there is room.
func (ts *tables) good(key peer.Key) bool {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	if ts.count == nil || len(ts.count) >= maxCounted {
		ts.count = make(map[peer.Key]int)
	}
	ts.count[key]++
	if ts.count[key] < tableAfter {
		return false
	}
	delete(ts.count, key)
	return len(ts.of) < maxTables || ts.drop()
}

// drop drops the table that was used longest ago, if that is long. ts is locked.
func (ts *tables) drop() bool {
	var idle peer.Key
	oldest := ts.now
	for key, t := range ts.of {
		if t.used < oldest {
			idle, oldest = key, t.used
		}
	}
	if ts.now-oldest < tableIdle {
		return false
	}
	delete(ts.of, idle)
	return true
}

// keep keeps a table.
func (ts *tables) keep(key peer.Key, t *comb.Table) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	if ts.of == nil {
		ts.of = make(map[peer.Key]*table)
	}
	if len(ts.of) < maxTables { // others may have been made meanwhile
		ts.of[key] = &table{t, ts.now}
	}
}
