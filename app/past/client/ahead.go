package client

import (
	"maps"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/app/past/certificate"
	"github.com/phyllo-net/phyllo/app/past/voucher"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
)

// Who stores many files pays for some of them ahead: a file's id follows from its owner, its
// name part and a salt, so ids can be drawn before there is anything to store, and go under
// one voucher. What is not used is given back when the voucher has ended, as all that was
// never stored.

const (
	// maxAhead is how many ids of one kind are paid for ahead at most: as many as one voucher
	// pays for, whose signatures each holder verifies once, and what is used while that comes.
	maxAhead = voucher.MaxCharges * 3 / 2
	// arcBits says on how large a part of the ring the ids lie that go under one voucher, an eighth,
	// and draws how many are drawn at most to find one: see payAhead.
	arcBits = 3
	draws   = 4 << arcBits
	// maxAheadBytes bounds what they pay for together, in bytes of all copies.
	maxAheadBytes = 8 << 20
	// maxUnused is how many bytes may be paid for ahead in all and not be used. Directories have
	// many sizes, and what was paid for one that does not come again is given back late.
	maxUnused = 256 << 20
	// backTime is in what time that is given back, at the latest.
	backTime = 2 * time.Hour
	// busy is how many files of a kind somebody stores within a second before it pays ahead for
	// as many: who stores a few leaves nothing to be given back.
	busy = 8
	// aheadTime is how much longer a voucher must be good, to be used for a new file.
	aheadTime = 5 * time.Minute
	// tightTime is how long nobody pays ahead after the account did not allow something.
	tightTime = 10 * time.Minute
	// maxKinds bounds the kinds that are remembered.
	maxKinds = 64
)

// kind is what files have in common that can take each other's ids.
type kind struct {
	owner  peer.Key
	part   certificate.Part
	copies uint8
	until  int64 // see until
}

// prepaid is an id that was paid for.
type prepaid struct {
	salt    peer.Salt
	payment *voucher.Payment
}

// supply is what there is of one kind.
type supply struct {
	ready  []prepaid
	coming int
	at     id.ID // the place of the last that was taken
	arc    id.ID // where the part of the ring begins for which ids are drawn next
	// So many were wanted in the second that began then, and in the one before.
	since       task.Instant
	now, before int
}

// unused counts what was paid for ahead and not used yet, in bytes of all copies. What is not
// used for long was given back, and is forgotten.
type unused struct {
	bytes int64
	since task.Instant
}

// more adds to it, unless that would be too much.
func (u *unused) more(bytes int64, now task.Instant) bool {
	if now.Sub(u.since) >= backTime {
		*u = unused{since: now}
	}
	if u.bytes+bytes > maxUnused {
		return false
	}
	u.bytes += bytes
	return true
}

func (u *unused) less(bytes int64) { u.bytes = max(0, u.bytes-bytes) }

// supplies are those of a client.
type supplies map[kind]*supply

func kindOf(c *certificate.Certificate, owner peer.Signer) kind {
	u := until(c)
	if u.IsZero() {
		return kind{owner.Public(), c.Part, c.Copies, 0}
	}
	return kind{owner.Public(), c.Part, c.Copies, u.UnixMilli()}
}

// of returns the supply of a kind.
func (s supplies) of(k kind) *supply {
	if s[k] == nil {
		if len(s) >= maxKinds {
			clear(s)
		}
		s[k] = new(supply)
	}
	return s[k]
}

// want notes that one more is wanted, which pays for so many bytes of all copies, and returns
// how many should be there.
func (s *supply) want(now task.Instant, bytes int64) int {
	switch gone := now.Sub(s.since); {
	case gone >= 2*time.Second:
		s.since, s.now, s.before = now, 0, 0
	case gone >= time.Second:
		s.since, s.now, s.before = now, 0, s.now
	}
	s.now++
	if n := max(s.now, s.before); n >= busy {
		return min(n*3/2, maxAhead, int(maxAheadBytes/max(bytes, 1)))
	}
	return 0
}

func (p prepaid) place() id.ID { return p.payment.Path.Charge.Object.Place() }

// fits reports whether what was paid for is enough for a file, and not much more.
func (p prepaid) fits(pays int64) bool {
	paid := p.payment.Path.Charge.Size
	return paid >= pays && paid <= pays+pays/8
}

// take takes an id that is good for a file which pays for so many bytes: of these the next on
// the ring. So files that are stored one after another lie side by side, few nodes keep many of
// them, and what they are told and sign is for many at once (and fewer sets of nodes have all
// replicas of something: Cidon et al., Copysets, 2013).
func (s *supply) take(pays int64, wall time.Time) (prepaid, bool) {
	s.ready = slices.DeleteFunc(s.ready, func(p prepaid) bool { return !p.payment.Voucher.Debit.Open(wall.Add(aheadTime)) })
	next := -1
	for i, p := range s.ready {
		if p.fits(pays) && (next < 0 || p.place().Sub(s.at).Less(s.ready[next].place().Sub(s.at))) {
			next = i
		}
	}
	if next < 0 {
		return prepaid{}, false
	}
	p := s.ready[next]
	s.at, s.ready = p.place(), slices.Delete(s.ready, next, next+1)
	return p, true
}

// prepaid returns an id for a file that pays for so many bytes, if one was paid for, and pays
// for more ahead when they run low.
func (cl *Client) prepaid(c *certificate.Certificate, pays int64, owner peer.Signer) (prepaid, bool) {
	if cl.cfg.Accounts == nil || pays > MaxContent {
		return prepaid{}, false
	}
	s := cl.ahead.of(kindOf(c, owner))
	want := s.want(cl.asker.ep.Now(), pays*int64(c.Copies))
	p, ok := s.take(pays, cl.asker.ep.Wall())
	if ok {
		cl.unused.less(p.payment.Path.Charge.Size * int64(c.Copies))
	}
	if len(s.ready) > maxAhead { // of many sizes: the oldest were of no use
		s.ready = slices.Delete(s.ready, 0, len(s.ready)-maxAhead)
	}
	fit := s.coming
	for _, p := range s.ready {
		if p.fits(pays) {
			fit++
		}
	}
	if fit <= want/3 && cl.asker.ep.Now() >= cl.tight {
		for range min(want-fit, voucher.MaxCharges) {
			cl.payAhead(s, c, pays, owner)
		}
		s.arc = s.arc.Add(id.ID{Hi: 1 << (64 - arcBits)})
	}
	return p, ok
}

// payAhead pays for one more. Those that are asked for in one go, and the file that is stored
// just now, go under one voucher. Their ids are drawn until they lie on one part of the ring, so that
// few nodes keep them, each of which verifies the voucher's signatures; those under the next voucher
// lie on the next part, so all parts of the ring get the same.
func (cl *Client) payAhead(s *supply, c *certificate.Certificate, pays int64, owner peer.Signer) {
	bytes := pays * int64(c.Copies)
	if !cl.unused.more(bytes, cl.asker.ep.Now()) {
		return
	}
	x := *c
	x.Owner, x.Salt = owner.Public(), cl.salt()
	for n := 0; n < draws && x.ID().Place().Sub(s.arc).Hi>>(64-arcBits) != 0; n++ {
		x.Salt = cl.salt()
	}
	s.coming++
	var p *voucher.Payment
	cl.asker.ep.Go(func(t *task.T) (err error) {
		p, err = cl.pay(t, &x, pays)
		return err
	}, func(err error) {
		if s.coming--; err == nil {
			s.ready = append(s.ready, prepaid{x.Salt, p})
		} else {
			cl.unused.less(bytes)
		}
	})
}

// spoil forgets what was paid for ahead of an object's kind, as holders do not take it.
func (cl *Client) spoil(c *certificate.Certificate) {
	maps.DeleteFunc(cl.ahead, func(k kind, _ *supply) bool { return k.owner == c.Owner && k.part == c.Part })
}
