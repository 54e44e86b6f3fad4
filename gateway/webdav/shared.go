package webdav

import (
	"bytes"
	"encoding/xml"
	"time"

	"golang.org/x/net/webdav"
)

// The library knows exclusive locks alone. A shared one (RFC 4918, 6.1) is an exclusive
// one of the library's that all have together who hold it: each has a token of his own,
// and it ends with the last of them. They share what they lock by the same name and depth.

// unshare finds out whether a request wants a shared lock, and makes it one for an
// exclusive lock, which the library understands. What wants both stays as it is, for the
// library to refuse. b has been looked at by front.CheckXML.
func unshare(b []byte) (out []byte, shared bool) {
	d := xml.NewDecoder(bytes.NewReader(b))
	var path []string
	var edits [][2]int64
	for {
		start := d.InputOffset()
		t, err := d.RawToken()
		if err != nil {
			break // the end
		}
		switch t := t.(type) {
		case xml.StartElement:
			if len(path) > 0 && path[len(path)-1] == "lockscope" {
				switch t.Name.Local {
				case "exclusive":
					return b, false
				case "shared":
					edits = append(edits, [2]int64{start, d.InputOffset()})
				}
			}
			path = append(path, t.Name.Local)
		case xml.EndElement:
			path = path[:len(path)-1]
			if t.Name.Local == "shared" && len(path) > 0 && path[len(path)-1] == "lockscope" {
				edits = append(edits, [2]int64{start, d.InputOffset()})
			}
		}
	}
	end := int64(0)
	for _, e := range edits {
		out = append(out, b[end:e[0]]...)
		out = append(out, bytes.Replace(b[e[0]:e[1]], []byte("shared"), []byte("exclusive"), 1)...)
		end = e[1]
	}
	return append(out, b[end:]...), len(edits) > 0
}

// told is the library's answer to a request for a lock, with the scope that it has.
func told(b []byte) []byte {
	return bytes.Replace(b, []byte("<D:lockscope><D:exclusive/>"), []byte("<D:lockscope><D:shared/>"), 1)
}

// Create implements webdav.LockSystem.
func (c confirming) Create(now time.Time, d webdav.LockDetails) (string, error) {
	if c.v.shared {
		return c.share(now, d)
	}
	return c.locks.Create(now, d)
}

// Refresh implements webdav.LockSystem.
func (c confirming) Refresh(now time.Time, token string, d time.Duration) (webdav.LockDetails, error) {
	c.mu.Lock()
	c.v.shared = c.held[token].shared
	c.mu.Unlock()
	return c.locks.Refresh(now, token, d)
}

// share gives one more a lock that is shared already, or makes it.
func (l *locks) share(now time.Time, d webdav.LockDetails) (string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.room(now); err != nil {
		return "", err
	}
	d.Duration = bounded(d.Duration)
	want := heldBy("", d, now, true)
	for _, h := range l.held {
		if !h.shared || h.root != want.root || h.zero != want.zero {
			continue
		}
		if _, err := l.in.Refresh(now, h.token, l.longest(now, h.token, d.Duration)); err != nil {
			return "", err
		}
		want.token = h.token
		return l.keep(want), nil
	}
	in, err := l.in.Create(now, d)
	if err != nil {
		return "", err
	}
	want.token = in
	return l.keep(want), nil
}

// longest is for how long one of the library's locks must last: as long as anybody who
// holds it may.
func (l *locks) longest(now time.Time, in string, d time.Duration) time.Duration {
	for _, h := range l.held {
		if h.token == in {
			d = max(d, h.end.Sub(now))
		}
	}
	return d
}

// alone reports whether nobody holds one of the library's locks any more.
func (l *locks) alone(in string) bool {
	for _, h := range l.held {
		if h.token == in {
			return false
		}
	}
	return true
}
