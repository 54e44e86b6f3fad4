package node

import (
	"context"
	"encoding/binary"
	"errors"
	"sync"
	"time"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/host"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/keys"
	"github.com/phyllo-net/phyllo/machine"
	"github.com/phyllo-net/phyllo/member/clock"
	"github.com/phyllo-net/phyllo/node/finding"
	"github.com/phyllo-net/phyllo/node/loop"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
)

// clockwatch collects what speaks for and against this computer's time of day: the
// dates of the ring's certificates, and how the time of day runs beside the clock
// that nobody can set.
type clockwatch struct {
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

func newClockwatch(wall func() time.Time) *clockwatch {
	system := host.System()
	read := func() machine.Clock {
		now := system()
		if wall != nil {
			now.Wall = wall()
		}
		return now
	}
	return &clockwatch{read: read, begun: read(), outOfDate: make(map[id.ID]time.Duration)}
}

// now is the time of day, as this computer says it is.
func (c *clockwatch) now() time.Time { return c.read().Wall }

// set is how much the time of day was set forward or back since the start. A
// computer that slept is no such case.
func (c *clockwatch) set(now machine.Clock) time.Duration {
	return now.Wall.Round(0).Sub(c.begun.Wall.Round(0)) - now.Boot.Sub(c.begun.Boot)
}

// saw notes the verdict on a certificate that a node has shown. One that is wrong in
// more than its dates says nothing.
func (c *clockwatch) saw(ring id.Hash, cert *peer.Certificate, verdict error) {
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
	off := c.now().Sub(ends)
	if off < 0 {
		off = -begins.Sub(c.now())
	}
	c.outOfDate[cert.Node] = off
}

// off sums up outOfDate: how many members' certificates had ended and how many begin
// later, and by how much at the most.
func (c *clockwatch) off() (ended, later int, behind time.Duration) {
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

// checkCertificate is transport.Config.Check.
func (n *Node) checkCertificate(cert *peer.Certificate) error {
	err := n.member.Check(cert)
	if ring, none := n.member.Ring(); none == nil {
		n.clock.saw(ring.ID, cert, err)
	}
	return err
}

// buildYear is when this program was written: a clock before that is wrong.
const buildYear = 2026

// clockSet is how far the time of day may be set while a node runs without a word:
// time services do that in smaller steps.
const clockSet = time.Minute

// lookAtClock reports whether dates can be judged by this clock.
func (n *Node) lookAtClock(ctx context.Context, say finding.Say) bool {
	now := n.clock.read()
	text := now.Wall.UTC().Format(time.DateTime)
	const fix = "set it (`timedatectl set-ntp true`)"
	ended, later, behind := n.clock.off()
	own := n.member.Certificate()
	if own != nil {
		if d := time.Unix(own.NotBefore, 0).Sub(now.Wall); d > peer.ClockSkew {
			later, behind = later+1, max(behind, d)
		}
	}
	off, others := n.compareClocks(ctx)
	agree := others // who speak for this clock, where certificates speak against it
	if off.Abs() > peer.ClockSkew {
		agree = 0
	}
	way, jump := "forward", n.clock.set(now)
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
	case jump.Abs() > clockSet:
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

// compareClocks asks neighbours for their time of day. off is how far this clock is
// ahead of theirs, in the middle of those who answered.
func (n *Node) compareClocks(ctx context.Context) (off time.Duration, others int) {
	v, err := n.View(ctx)
	if err != nil {
		return 0, 0
	}
	ask := v.Leaf[:min(len(v.Leaf), 5)]
	offs := make([]*time.Duration, len(ask))
	var wg sync.WaitGroup
	for i, h := range ask {
		wg.Go(func() {
			answer, err := loop.Do(ctx, n.overlay(), func(t *task.T, o *overlay) (kbr.Answer, error) {
				return kbr.CallPeer(t, o.pastry.Endpoint(AppProbe), h, nil, kbr.Options{Timeout: 2 * time.Second})
			})
			if err != nil {
				return
			}
			if theirs, told := readTimeAnswer(answer.Payload); told {
				d := n.clock.now().Round(0).Sub(theirs.Add(answer.RTT / 2))
				offs[i] = &d
			}
		})
	}
	wg.Wait()
	return clock.Middle(offs)
}

// timeAnswer is what a probe answers: the time of day in milliseconds. Newer versions
// may say more behind it.
func timeAnswer(now time.Time) []byte {
	return binary.BigEndian.AppendUint64(nil, uint64(now.UnixMilli()))
}

// readTimeAnswer reads what timeAnswer wrote. A node that tells no time, or one that
// cannot be, told nothing.
func readTimeAnswer(b []byte) (at time.Time, told bool) {
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
