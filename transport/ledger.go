package transport

import (
	"maps"
	"sync"
	"time"
)

// The log says at most one line per peer and minute about bad input, about at most
// so many peers a minute.
const (
	logEvery = time.Minute
	logPeers = 256
)

// Ledger counts bad input from outside by kind, and says when the log may speak of
// it. K names peers; its zero value stands for all who are not known by name. The
// zero Ledger is ready; its methods may be called from any goroutine.
type Ledger[K comparable] struct {
	mu     sync.Mutex
	kinds  map[string]uint64
	logged map[K]time.Time // the last line about a peer
}

// Note counts bad input of a kind, which must be a word of the program's own: nothing
// from outside. It reports whether the log may say a line about this peer now.
func (l *Ledger[K]) Note(from K, kind string) (speak bool) {
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.kinds == nil {
		l.kinds = make(map[string]uint64)
		l.logged = make(map[K]time.Time)
	}
	l.kinds[kind]++
	if last, known := l.logged[from]; known && now.Sub(last) < logEvery {
		return false
	}
	if len(l.logged) >= logPeers {
		maps.DeleteFunc(l.logged, func(_ K, last time.Time) bool { return now.Sub(last) >= logEvery })
		if len(l.logged) >= logPeers {
			return false
		}
	}
	l.logged[from] = now
	return true
}

// Counts returns a copy of the counts by kind.
func (l *Ledger[K]) Counts() map[string]uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.kinds)
}
