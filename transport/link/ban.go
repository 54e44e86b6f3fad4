package link

import (
	"maps"
	"sync"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
)

// Who sends three times within a minute what no honest node sends is not spoken with
// for a minute. What a broken connection, another version, an old certificate or a
// slow machine can cause is counted, and is no offence.
const (
	banAfter     = 3
	banWithin    = time.Minute
	banTime      = time.Minute
	maxOffenders = 1024 // keys cost nothing to those without a certificate
)

// offences are the kinds of bad input that count towards a ban.
var offences = map[string]bool{
	"malformed": true, "too_large": true, "identity": true, "negotiation": true, "streams": true, "flood": true,
}

// bans remembers offenders by key.
type bans struct {
	mu   sync.Mutex
	list map[peer.Key]*offender
}

// offender is who sent bad input.
type offender struct {
	since time.Time // of the first offence that counts
	n     int
	until time.Time // banned until then
}

// idle reports whether there is no reason left to remember the offender.
func (o *offender) idle(now time.Time) bool {
	return now.After(o.until) && now.Sub(o.since) >= banWithin
}

// note counts an offence, and reports whether it was one too many.
func (b *bans) note(key peer.Key, now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.list == nil {
		b.list = make(map[peer.Key]*offender)
	}
	o := b.list[key]
	if o == nil {
		if len(b.list) >= maxOffenders {
			maps.DeleteFunc(b.list, func(_ peer.Key, o *offender) bool { return o.idle(now) })
		}
		if len(b.list) >= maxOffenders {
			return false // their connections end all the same
		}
		o = new(offender)
		b.list[key] = o
	}
	if now.Sub(o.since) >= banWithin {
		o.since, o.n = now, 0
	}
	o.n++
	if o.n < banAfter || now.Before(o.until) {
		return false
	}
	o.n, o.until = 0, now.Add(banTime)
	return true
}

// now reports whether a key is banned at this time.
func (b *bans) now(key peer.Key, now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	o := b.list[key]
	return o != nil && now.Before(o.until)
}

// Banned reports whether nobody is to speak with the holder of a key at this moment.
func (l *Links) Banned(key peer.Key) bool { return l.bans.now(key, time.Now()) }

// offend counts an offence of a peer.
func (l *Links) offend(key peer.Key) {
	if l.bans.note(key, time.Now()) {
		l.counts.banned.Add(1)
		l.log.Warn("a peer sent bad input again and again: it is not spoken with for a while", "from", key.String(), "for", banTime)
	}
}

// Blame is transport.Transport's.
func (l *Links) Blame(node id.ID) {
	f := l.lock(node)
	if f == nil {
		return
	}
	s := f.live
	f.mu.Unlock()
	if s != nil {
		l.offend(s.h.Key)
	}
	l.Disconnect(node, false)
}
