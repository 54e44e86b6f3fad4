package password

import (
	"net"
	"time"
)

// Limits of wrong passwords.
const (
	maxWrong   = 10              // at once, from one address for one key
	wrongTime  = 6 * time.Second // after which one more is looked at
	maxSources = 1024            // that are remembered
)

// slow remembers who gave wrong passwords: until when the last of them counts. Each
// wrong one counts for wrongTime, one after the other.
type slow map[string]time.Time

// source is who is slowed down. All unknown keys of an address are one, so that making
// up keys helps nobody.
func source(from, id string, known bool) string {
	if !known {
		return from
	}
	return from + " " + id
}

// host is the address without its port.
func host(from string) string {
	if h, _, err := net.SplitHostPort(from); err == nil {
		return h
	}
	return from
}

func (s slow) refuses(who string, now time.Time) bool {
	return s[who].Sub(now) > (maxWrong-1)*wrongTime
}

func (s slow) wrong(who string, now time.Time) {
	if _, there := s[who]; !there && len(s) >= maxSources {
		s.forget(now)
	}
	end := s[who]
	if end.Before(now) {
		end = now
	}
	s[who] = end.Add(wrongTime)
}

// forget makes room for one: who is free again goes, or else who will be first.
func (s slow) forget(now time.Time) {
	first := ""
	for who, end := range s {
		if !now.Before(end) {
			delete(s, who)
		} else if first == "" || end.Before(s[first]) {
			first = who
		}
	}
	if len(s) >= maxSources {
		delete(s, first)
	}
}
