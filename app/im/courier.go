package im

import (
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/app/im/books"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/task"
)

// courier sees to it that what waits for one name goes out. It exists while
// something waits, has a carrier for each device that lacks something, and keeps
// nothing that is not in the store, but for the times of its next attempts.
type courier struct {
	acc      *account
	name     string
	carriers []*carrier // by node
	planning bool
	again    bool // plan once more
	oldest   int64
	retry    retry // of reading the name's record
	asking   bool  // the record is being read
	halted   bool
}

// retry is one thing that is tried again and again with growing waits.
type retry struct {
	wait  time.Duration
	timer task.Timer
	set   bool
}

func (r *retry) stop() {
	r.timer.Stop()
	r.set = false
}

// later calls f after the next wait, which grows with the number of failures and
// is capped by the age of what waits.
func (r *retry) later(m *IM, oldest int64, f func()) {
	r.stop()
	most := m.cfg.RetryMost
	switch age := time.Duration(m.ep.Wall().UnixMilli()-oldest) * time.Millisecond; {
	case age > 7*24*time.Hour:
		most *= 48
	case age > 24*time.Hour:
		most *= 8
	}
	r.wait = min(max(2*r.wait, m.cfg.RetryFirst), most)
	// Up to a quarter less, so that those who wait for one node do not come together.
	d := r.wait - time.Duration(m.ep.Rand().Int64N(int64(r.wait)/4+1))
	r.set = true
	r.timer = m.ep.After(d, func() {
		r.set = false
		f()
	})
}

func (a *account) courier(name string) (int, bool) {
	return slices.BinarySearchFunc(a.couriers, name, func(c *courier, name string) int {
		switch {
		case c.name < name:
			return -1
		case c.name > name:
			return 1
		}
		return 0
	})
}

// kick has a look at what waits for a name. With now set, what would be tried
// later is tried at once.
func (a *account) kick(name string, now bool) {
	if a.closed {
		return
	}
	at, have := a.courier(name)
	if !have {
		a.couriers = slices.Insert(a.couriers, at, &courier{acc: a, name: name})
	}
	c := a.couriers[at]
	if now {
		c.retry.stop()
		c.retry.wait = 0
		for _, x := range c.carriers {
			x.retry.stop()
		}
	}
	c.plan()
}

// Nudge tries at once what waits for a node that has just been heard of.
func (m *IM) Nudge(node id.ID) {
	for _, a := range m.accounts {
		for _, c := range a.couriers {
			for _, x := range c.carriers {
				if x.node == node {
					x.retry.stop()
					x.retry.wait = 0
					x.again = x.busy
					x.start()
				}
			}
		}
	}
}

// plan reads what waits and sets carriers going.
func (c *courier) plan() {
	switch {
	case c.halted:
		return
	case c.planning:
		c.again = true
		return
	}
	c.planning = true
	c.acc.room.ep.Go(func(t *task.T) error {
		for {
			c.again = false
			st, err := transact(t, c.acc, func(l *books.Ledger) (books.LineState, error) { return l.Survey(c.name, c.acc.room.cfg.KeepForDevices) })
			if err != nil {
				c.planLater()
				return err
			}
			if !c.again {
				c.act(t, st)
			}
			if !c.again {
				return nil
			}
		}
	}, func(error) {
		c.planning = false
	})
}

func (c *courier) planLater() {
	if !c.halted && !c.retry.set {
		c.retry.later(c.acc.room, c.oldest, c.plan)
	}
}

// act does what the state of the line asks for.
func (c *courier) act(t *task.T, st books.LineState) {
	c.oldest = st.Oldest
	switch {
	case c.halted:
	case st.Waiting == 0:
		c.end()
	case !st.Pinned:
		c.meet(t)
	case st.Pin.Changed != nil:
		c.readBeside() // until the user has verified, or the directory is back at the pinned key
		c.planLater()
	default:
		c.carriers = slices.DeleteFunc(c.carriers, func(x *carrier) bool {
			gone := !x.busy && !slices.Contains(st.Devices, x.node)
			if gone {
				x.retry.stop()
			}
			return gone
		})
		for _, node := range st.Devices {
			c.carrier(node).start()
		}
		if len(st.Devices) == 0 {
			c.readBeside() // the record names no device
			c.planLater()
		}
	}
}

// end forgets the courier: nothing waits.
func (c *courier) end() {
	for _, x := range c.carriers {
		if x.busy {
			return // it plans again when it is done
		}
	}
	if at, have := c.acc.courier(c.name); have && c.acc.couriers[at] == c {
		c.acc.couriers = slices.Delete(c.acc.couriers, at, at+1)
	}
	c.halt()
}

func (c *courier) halt() {
	c.halted = true
	c.retry.stop()
	for _, x := range c.carriers {
		x.retry.stop()
	}
}

// meet reads the record of a name that was written to while nobody could tell who
// it is.
func (c *courier) meet(t *task.T) {
	m := c.acc.room
	got, err := m.lookup(t, c.name)
	if err == nil {
		_, err = transact(t, c.acc, func(l *books.Ledger) (books.Pin, error) { return l.Meet(c.name, got) })
		if err == nil {
			c.again = true
			return
		}
	}
	if noSuchName(err) {
		why := err.Error() + ": is it spelt right?"
		if _, err = transact(t, c.acc, func(l *books.Ledger) (struct{}, error) { return l.Abandon(c.name, why) }); err == nil {
			c.again = true
			return
		}
	}
	c.planLater()
}

// readBeside reads the record of a pinned name again, unless that was done a
// moment ago. Letters go meanwhile.
func (c *courier) readBeside() {
	m := c.acc.room
	if c.asking || c.halted || !c.acc.mayRead(c.name) {
		return
	}
	c.asking = true
	m.ep.Go(func(t *task.T) error {
		err := c.acc.readAgain(t, c.name)
		if err == nil {
			c.plan()
		}
		return err
	}, func(error) {
		c.asking = false
	})
}

// mayRead counts a reading of a name's record that nobody waits for, and reports
// whether it is time for one.
func (a *account) mayRead(name string) bool {
	return a.reads.allow(id.HashOf("read-name", name), a.room.ep.Now())
}
