package client

import (
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/app/past/certificate"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
)

// Who stores many small files at once has them signed together, and sent together to those who
// keep several of them: so most of what one costs is paid for many. Who stores few waits for
// nobody.

const (
	// few is how many files may be on their way before another one waits for company.
	few = 8
	// most is how many times as many may wait as are on their way.
	most = 3
	// A file waits for others for half as long as the last ones took to be stored, within these.
	minCompany, maxCompany = 10 * time.Millisecond, 100 * time.Millisecond
)

// unsigned is a file that waits for its signature.
type unsigned struct {
	cert     *certificate.Certificate
	body     []byte
	owner    peer.Signer
	resolve  func(*certificate.Certificate, error)
	released bool
	at       task.Instant // it was
}

// company is what is stored at once.
type company struct {
	waiting []*unsigned
	under   int // signed and not stored yet
	alarm   task.Timer
	took    time.Duration // the last ones, to be stored
}

// time is how long a file waits for others at most.
func (c *company) time() time.Duration { return min(max(c.took/2, minCompany), maxCompany) }

// stored notes how long one took.
func (c *company) stored(took time.Duration) { c.took = (7*c.took + took) / 8 }

// ready reports whether those who wait should go on.
func (c *company) ready() bool {
	return c.under < few || len(c.waiting) >= min(most*c.under, certificate.MaxBatch)
}

// signTogether is sign for one of many small files. left must be called when it is stored, or
// will not be.
func (cl *Client) signTogether(t *task.T, c *certificate.Certificate, body []byte, owner peer.Signer) (signed *certificate.Certificate, left func(), err error) {
	u := &unsigned{cert: c, body: body, owner: owner}
	signed, err = task.Await(t, maxCompany+work, func(resolve func(*certificate.Certificate, error)) {
		u.resolve = resolve
		c := &cl.company
		if c.waiting = append(c.waiting, u); len(c.waiting) == 1 {
			c.alarm = cl.asker.ep.After(c.time(), cl.release)
		}
		cl.gather()
	})
	left = func() {
		if u.released {
			u.released = false
			cl.company.under--
			cl.company.stored(cl.asker.ep.Now().Sub(u.at))
			cl.gather()
		}
	}
	if err != nil {
		cl.company.waiting = slices.DeleteFunc(cl.company.waiting, func(x *unsigned) bool { return x == u })
		left()
	}
	return signed, left, err
}

// gather lets those who wait go on if it is time.
func (cl *Client) gather() {
	if c := &cl.company; len(c.waiting) > 0 && c.ready() {
		cl.release()
	}
}

// release signs what waits: of each owner under one signature, or a few.
func (cl *Client) release() {
	c := &cl.company
	c.alarm.Stop()
	waiting := c.waiting
	c.waiting = nil
	for len(waiting) > 0 {
		var some, rest []*unsigned
		for _, u := range waiting {
			if u.owner.Public() == waiting[0].owner.Public() {
				some = append(some, u)
			} else {
				rest = append(rest, u)
			}
		}
		cl.signSome(some)
		waiting = rest
	}
}

func (cl *Client) signSome(us []*unsigned) {
	ring, wall := cl.cfg.Ring, cl.asker.ep.Wall()
	cl.company.under += len(us)
	for _, u := range us {
		u.released, u.at = true, cl.asker.ep.Now()
	}
	cl.asker.ep.Work(func() any {
		cs := make([]*certificate.Certificate, len(us))
		for i, u := range us {
			whole := *u.cert
			whole.Content = whole.BodyHash(u.body)
			cs[i] = &whole
		}
		return certificate.SignAll(cs, ring, us[0].owner, wall)
	}, func(signed any) {
		for i, c := range signed.([]*certificate.Certificate) {
			us[i].resolve(c, c.Check())
		}
	})
}
