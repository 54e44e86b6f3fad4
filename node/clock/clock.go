// Package clock is what speaks for and against a computer's time of day, on behalf of a node that runs on it.
package clock

import (
	"encoding/binary"
	"errors"
	"sync"
	"time"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/host"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/keys"
	"github.com/phyllo-net/phyllo/machine"
	theirs "github.com/phyllo-net/phyllo/member/clock"
	"github.com/phyllo-net/phyllo/node/finding"
	"github.com/phyllo-net/phyllo/peer"
)

// Watch collects what speaks for and against this computer's time of day: the
// dates of the ring's certificates, and how the time of day runs beside the clock
// that nobody can set. Make it with New; its methods may be called from any goroutine.
type Watch struct {
	read  func() machine.Clock
	begun machine.Clock

	mu sync.Mutex // guards what follows
	// outOfDate are members whose certificates are not valid by this clock, at most
	// maxOutOfDate, and by how much: positive, if they had ended; negative, if they
	// begin later.
	outOfDate map[id.ID]time.Duration
}

// maxOutOfDate bounds what is remembered of those whose certificates are refused.
const maxOutOfDate = 64

// New returns a watch that begins now. wall is the time of day; nil: what the system says.
func New(wall func() time.Time) *Watch {
	system := host.System()
	read := func() machine.Clock {
		now := system()
		if wall != nil {
			now.Wall = wall()
		}
		return now
	}
	return &Watch{read: read, begun: read(), outOfDate: make(map[id.ID]time.Duration)}
}

// Read is what the clocks of this computer say.
func (c *Watch) Read() machine.Clock { return c.read() }

// Now is the time of day, as this computer says it is.
func (c *Watch) Now() time.Time { return c.read().Wall }

// Set is how much the time of day was set forward or back since the start. A
// computer that slept is no such case.
func (c *Watch) Set(now machine.Clock) time.Duration {
	return now.Wall.Round(0).Sub(c.begun.Wall.Round(0)) - now.Boot.Sub(c.begun.Boot)
}

// Saw notes the verdict on a certificate that a node has shown. One that is wrong in
// more than its dates says nothing.
func (c *Watch) Saw(ring id.Hash, cert *peer.Certificate, verdict error) {
	if cert == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !errors.Is(verdict, peer.ErrExpired) {
		if verdict == nil {
			delete(c.outOfDate, cert.Node)
		}
		return
	}
	begins, ends := time.Unix(cert.NotBefore, 0), time.Unix(cert.NotAfter, 0)
	if cert.Check(ring, begins, keys.Verifier{}) != nil {
		return
	}
	if _, known := c.outOfDate[cert.Node]; !known && len(c.outOfDate) >= maxOutOfDate {
		return
	}
	off := c.Now().Sub(ends)
	if off < 0 {
		off = -begins.Sub(c.Now())
	}
	c.outOfDate[cert.Node] = off
}

// off sums up outOfDate: how many members' certificates had ended and how many begin
// later, and by how much at the most.
func (c *Watch) off() (ended, later int, behind time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, d := range c.outOfDate {
		if d > 0 {
			ended++
			continue
		}
		later++
		behind = max(behind, -d)
	}
	return ended, later, behind
}

// buildYear is when this program was written: a clock before that is wrong.
const buildYear = 2026

// SetAside is how far the time of day may be set while a node runs without a word:
// time services do that in smaller steps.
const SetAside = time.Minute

// LookAt says what speaks for and against this clock, and reports whether dates can be judged by it. own is the node's
// certificate, which may be nil; aheads are how far this clock is ahead of each neighbour's, nil of one that told nothing.
func (c *Watch) LookAt(own *peer.Certificate, aheads []*time.Duration, say finding.Say) bool {
	now := c.read()
	text := now.Wall.UTC().Format(time.DateTime)
	const fix = "set it (`timedatectl set-ntp true`)"
	ended, later, behind := c.off()
	if own != nil {
		if d := time.Unix(own.NotBefore, 0).Sub(now.Wall); d > peer.ClockSkew {
			later, behind = later+1, max(behind, d)
		}
	}
	off, others := theirs.Middle(aheads)
	agree := others // who speak for this clock, where certificates speak against it
	if off.Abs() > peer.ClockSkew {
		agree = 0
	}
	way, jump := "forward", c.Set(now)
	if jump < 0 {
		way = "back"
	}
	switch {
	case now.Wall.Year() < buildYear:
		say("clock", api.Bad, "The clock says %s UTC, which cannot be: %s.", text, fix)
	case later > agree:
		say("clock", api.Bad, "The clock says %s UTC, but %s of this ring begin up to %s later, so it is behind: %s.", text, finding.Many(later, "certificate"), finding.About(behind), fix)
	case own != nil && now.Wall.After(time.Unix(own.NotAfter, 0).Add(peer.ClockSkew)) && (ended > 0 || off > peer.ClockSkew):
		who := ""
		if ended > 0 {
			who = " and of " + finding.Many(ended, "member") + " who called"
		}
		say("clock", api.Bad, "The clock says %s UTC, but by it the certificates of this node%s had ended, so it is most likely ahead: %s.", text, who, fix)
	case off.Abs() > peer.ClockSkew:
		side := "ahead of"
		if off < 0 {
			side = "behind"
		}
		say("clock", api.Bad, "The clock says %s UTC, which is %s %s %s on the ring: %s, or theirs.", text, finding.About(off), side, finding.Many(others, "neighbour"), fix)
		return true
	case jump.Abs() > SetAside:
		say("clock", api.Warn, "The clock says %s UTC; it was set %s by %s while this node ran: if it is right now, all is well, but for the times of messages from before.", text, way, finding.About(jump))
		return true
	case later > 0:
		say("clock", api.Warn, "The clock says %s UTC, and agrees with %s to %s; but %s of this ring begin up to %s later: somebody else's clock is ahead.",
			text, finding.Many(others, "neighbour"), finding.Within(off), finding.Many(later, "certificate"), finding.About(behind))
		return true
	case others > 0:
		say("clock", api.Good, "The clock says %s UTC, and agrees with %s to %s.", text, finding.Many(others, "neighbour"), finding.Within(off))
		return true
	default:
		say("clock", api.Good, "The clock says %s UTC, which fits the certificates of the ring.", text)
		return true
	}
	return false
}

// Answer is what a node answers that is asked for its clock: the time of day in milliseconds. Newer versions
// may say more behind it.
func Answer(now time.Time) []byte {
	return binary.BigEndian.AppendUint64(nil, uint64(now.UnixMilli()))
}

// ReadAnswer reads what Answer wrote. A node that tells no time, or one that
// cannot be, told nothing.
func ReadAnswer(b []byte) (at time.Time, told bool) {
	if len(b) < 8 {
		return time.Time{}, false
	}
	const year10000 = 253402300800000
	ms := binary.BigEndian.Uint64(b)
	if ms >= year10000 {
		return time.Time{}, false
	}
	return time.UnixMilli(int64(ms)), true
}
