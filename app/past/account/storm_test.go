package account_test

import (
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/past/account"
	"github.com/phyllo-net/phyllo/app/past/certificate"
	"github.com/phyllo-net/phyllo/kbr/kbrtest"
	"github.com/phyllo-net/phyllo/sim/simtest"
)

// TestStorm: while nodes die and come back, the ring is parted and messages are lost, members
// pay, store, do not store, and reclaim. In the calm after it each keeper's book says of each
// account just what its objects cost (RELIABILITY, S7), and none was ever above its limit.
func TestStorm(t *testing.T) {
	simtest.Seeds(t, 8, func(t *testing.T, seed uint64) {
		n := []int{2, 3, 4, 9, 14}[seed%5]
		s := &storm{
			world: newWorld(t, n, kbrtest.Config{Seed: seed, Loss: float64(seed%4) / 20}, func(c *account.Config) { c.Gift, c.Copies = 20_000, 1 }),
			rng:   rand.New(rand.NewPCG(seed, 1)), stored: make([][]*certificate.Certificate, n),
		}
		for range 60 {
			s.step()
			s.net.Run(time.Duration(s.rng.IntN(90)) * time.Second)
			s.check()
			s.within()
		}
		s.calm()
		for i, m := range s.members {
			s.mustUse(m, s.used(i))
			if of := m.accounts.Disputed(); len(of) > 0 {
				t.Errorf("%s suspects the keepers of %v", m.node.Self(), of)
			}
		}
	})
}

type storm struct {
	*world
	rng    *rand.Rand
	stored [][]*certificate.Certificate // by member, what is not reclaimed
	files  int
	parted bool
}

// step is one thing that happens.
func (s *storm) step() {
	i := s.rng.IntN(len(s.members))
	m := s.members[i]
	switch x := s.rng.IntN(10); {
	case x == 0 && m.node.Alive():
		m.node.Kill()
	case x == 1 && !m.node.Alive():
		m.restart()
	case x == 2 && !s.parted:
		s.part()
	case x == 3 && s.parted:
		s.net.Heal()
		s.parted = false
	case x < 8 && m.node.Alive():
		s.store(i, x < 7)
	case m.node.Alive() && len(s.stored[i]) > 0:
		c := s.stored[i][0]
		s.stored[i] = s.stored[i][1:]
		s.take(c)
		if err := m.refund(c.ID()); err != nil {
			s.t.Error(err)
		}
	}
}

// part parts the ring in two.
func (s *storm) part() {
	var a, b []*kbrtest.Node
	for _, m := range s.live() {
		if s.rng.IntN(2) == 0 {
			a = append(a, m.node)
		} else {
			b = append(b, m.node)
		}
	}
	if len(a) > 0 && len(b) > 0 {
		s.net.Partition(a, b)
		s.parted = true
	}
}

// store pays for a file, and perhaps stores it.
func (s *storm) store(i int, really bool) {
	s.files++
	c := file(s.files, 1+s.rng.IntN(3000), 1+s.rng.IntN(3))
	p, err := s.members[i].pay(c, time.Time{})
	if errors.Is(err, account.ErrQuota) || errors.Is(err, account.ErrNotReachable) {
		return
	}
	if err != nil {
		s.t.Errorf("pay: %v", err)
	} else if really {
		s.put(c, s.files, p)
		s.stored[i] = append(s.stored[i], c)
	}
}

// used is what a member's objects cost that are stored.
func (s *storm) used(i int) (sum int64) {
	for _, c := range s.stored[i] {
		sum += chargeOf(c).Cost()
	}
	return sum
}

// within checks that nobody stores more than he may.
func (s *storm) within() {
	s.t.Helper()
	for i, m := range s.members {
		if n := s.used(i); n > 20_000 {
			s.t.Errorf("%s stores %d of 20000", m.node.Self(), n)
		}
	}
}

// calm ends all faults, and lets vouchers end and everything be settled.
func (s *storm) calm() {
	if s.parted {
		s.net.Heal()
	}
	for _, m := range s.members {
		if !m.node.Alive() {
			m.restart()
		}
	}
	s.net.Run(4 * time.Hour)
}
