package webdav

import (
	"crypto/rand"
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/webdav"
)

// Limits of locks.
const (
	MaxLocks = 1000
	LockTime = time.Hour // after which a lock ends that was not refreshed
)

var errLocks = errors.New("webdav: too many locks: give some back")

// locks are the library's, with an end, a number that is bounded, and tokens that
// nobody guesses: who has one space's password cannot give back another's locks.
type locks struct {
	in webdav.LockSystem

	mu   sync.Mutex
	held map[string]held // by our token
}

type held struct {
	token  string // the library's
	root   string // what is locked
	zero   bool   // it alone, and nothing below it
	shared bool
	end    time.Time
}

func heldBy(in string, d webdav.LockDetails, now time.Time, shared bool) held {
	return held{token: in, root: path.Clean(d.Root), zero: d.ZeroDepth, shared: shared, end: now.Add(d.Duration)}
}

func newLocks() *locks { return &locks{in: webdav.NewMemLS(), held: map[string]held{}} }

// bounded is how long a lock lasts. The library asks for locks without end, too.
func bounded(d time.Duration) time.Duration {
	if d < 0 || d > LockTime {
		return LockTime
	}
	return d
}

// timeout is what is answered to a wish of how long a lock lasts: the first of them,
// within bounds.
func timeout(wish string) string {
	first, _, _ := strings.Cut(wish, ",")
	text, ok := strings.CutPrefix(strings.TrimSpace(first), "Second-")
	n, err := strconv.ParseUint(text, 10, 32)
	if !ok || err != nil || n == 0 || n > uint64(LockTime/time.Second) {
		n = uint64(LockTime / time.Second)
	}
	return fmt.Sprintf("Second-%d", n)
}

// Confirm implements webdav.LockSystem.
func (l *locks) Confirm(now time.Time, name0, name1 string, conditions ...webdav.Condition) (func(), error) {
	ours := make([]webdav.Condition, len(conditions))
	l.mu.Lock()
	for i, c := range conditions {
		ours[i] = c
		if c.Token != "" {
			ours[i].Token = "unknown"
			if h, ok := l.held[c.Token]; ok && !now.After(h.end) {
				ours[i].Token = h.token
			}
		}
	}
	l.mu.Unlock()
	return l.in.Confirm(now, name0, name1, ours...)
}

// Create implements webdav.LockSystem.
func (l *locks) Create(now time.Time, d webdav.LockDetails) (string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.room(now); err != nil {
		return "", err
	}
	d.Duration = bounded(d.Duration)
	in, err := l.in.Create(now, d)
	if err != nil {
		return "", err
	}
	return l.keep(heldBy(in, d, now, false)), nil
}

// room forgets what has ended, and returns errLocks if there is no room for one more.
func (l *locks) room(now time.Time) error {
	for token, h := range l.held {
		if now.After(h.end) {
			delete(l.held, token)
		}
	}
	if len(l.held) >= MaxLocks {
		return errLocks
	}
	return nil
}

// keep remembers who holds a lock, by a new token.
func (l *locks) keep(h held) string {
	token := newToken()
	l.held[token] = h
	return token
}

// confirming is what one request sees of the locks: conditions that the library does not
// look at (RFC 4918, 10.4: entity tags, and Not) are looked at here.
type confirming struct {
	*locks
	v *view
}

// Confirm implements webdav.LockSystem.
func (c confirming) Confirm(now time.Time, name0, name1 string, conditions ...webdav.Condition) (func(), error) {
	about := name0
	if about == "" {
		about = name1
	}
	var tokens []webdav.Condition
	for _, x := range conditions {
		holds := true
		switch {
		case x.ETag != "":
			i, err := c.v.look(path.Clean(about))
			holds = (err == nil && x.ETag == `"`+i.Tag()+`"`) != x.Not
		case x.Not:
			holds = !c.knows(x.Token)
		default:
			tokens = append(tokens, x)
		}
		if !holds {
			return nil, webdav.ErrConfirmationFailed
		}
	}
	if len(tokens) == 0 {
		return c.claim(now, name0, name1)
	}
	return c.locks.Confirm(now, name0, name1, tokens...)
}

func (l *locks) knows(token string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, ok := l.held[token]
	return ok
}

// claim locks what nobody has locked, until the request is over.
func (l *locks) claim(now time.Time, names ...string) (func(), error) {
	var tokens []string
	release := func() {
		for _, t := range tokens {
			l.Unlock(now, t) // it is there, or has ended
		}
	}
	for _, name := range names {
		if name == "" {
			continue
		}
		t, err := l.Create(now, webdav.LockDetails{Root: name, Duration: LockTime, ZeroDepth: true})
		if errors.Is(err, webdav.ErrLocked) {
			err = webdav.ErrConfirmationFailed
		}
		if err != nil {
			release()
			return nil, err
		}
		tokens = append(tokens, t)
	}
	return release, nil
}

// drop ends the locks of what is not there any more (RFC 4918, 9.6.1), which the library
// leaves standing (golang/go#42839).
func (l *locks) drop(now time.Time, gone string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for token, h := range l.held {
		if h.root == gone || strings.HasPrefix(h.root, gone+"/") {
			l.in.Unlock(now, h.token) // it is there, or has ended
			delete(l.held, token)
		}
	}
}

// newToken makes a URN of a random UUID (RFC 4918, 6.5).
func newToken() string {
	var b [16]byte
	rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("urn:uuid:%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// Refresh implements webdav.LockSystem.
func (l *locks) Refresh(now time.Time, token string, d time.Duration) (webdav.LockDetails, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	h, ok := l.held[token]
	if !ok {
		return webdav.LockDetails{}, webdav.ErrNoSuchLock
	}
	d = bounded(d)
	details, err := l.in.Refresh(now, h.token, l.longest(now, h.token, d))
	if err == nil {
		h.end = now.Add(d)
		l.held[token] = h
		details.Duration = d
	}
	return details, err
}

// Unlock implements webdav.LockSystem.
func (l *locks) Unlock(now time.Time, token string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	h, ok := l.held[token]
	if !ok {
		return webdav.ErrNoSuchLock
	}
	delete(l.held, token)
	if !l.alone(h.token) {
		return nil
	}
	err := l.in.Unlock(now, h.token)
	if errors.Is(err, webdav.ErrLocked) {
		l.held[token] = h // a request that uses it is on its way
	}
	return err
}
