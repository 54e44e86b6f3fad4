package lab

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/sim"
	"github.com/phyllo-net/phyllo/wire"
)

// meterApp is the number of the application that measures routes.
const meterApp wire.AppID = 1001

// Meter is a ring whose routes are measured: one without faults, in which what a
// message takes is the way that it goes.
type Meter struct {
	*Ring
	now Routes
	out []passage // the messages on their way, by number
}

// passage is a message of a Meter.
type passage struct {
	from sim.NodeRef
	at   time.Duration
}

// Routes sums up measured messages.
type Routes struct {
	Sent, Delivered int
	Hops, Longest   int           // links crossed, in all and by the longest
	Way, Direct     time.Duration // in all: over these links, and straight to the roots
}

// MeanHops is the mean number of links.
func (r Routes) MeanHops() float64 { return float64(r.Hops) / float64(r.Delivered) }

// Stretch is the ratio of the means of the way gone and of the direct one.
func (r Routes) Stretch() float64 { return float64(r.Way) / float64(r.Direct) }

// NewMeter makes an empty ring whose routes can be measured. c.Apps is its own.
func NewMeter(c Config) *Meter {
	m := new(Meter)
	c.Unwatched = true
	c.Apps = func(i int, _ sim.NodeEnv) []kbr.Mount {
		return []kbr.Mount{{Number: meterApp, App: &meterEnd{m: m, ref: sim.NodeRef(i)}}}
	}
	m.Ring = New(c)
	return m
}

// meterEnd is the application of one node.
type meterEnd struct {
	m   *Meter
	ref sim.NodeRef
	ep  kbr.Endpoint
}

func (e *meterEnd) Start(ep kbr.Endpoint)     { e.ep = ep }
func (e *meterEnd) Update(*peer.Handle, bool) {}
func (e *meterEnd) Stop()                     {}

func (e *meterEnd) Deliver(d *kbr.Delivery) {
	m := e.m
	p := m.out[binary.BigEndian.Uint32(d.Payload)]
	m.now.Delivered++
	m.now.Hops += d.Hops
	m.now.Longest = max(m.now.Longest, d.Hops)
	m.now.Way += m.Sim.Now() - p.at
	if p.from != e.ref {
		m.now.Direct += m.Sim.Delay(p.from, e.ref)
	}
}

// Measure routes messages from random nodes to random keys, rate of them in a second
// of virtual time, and returns when all had time to arrive.
func (m *Meter) Measure(messages, rate int) (Routes, error) {
	m.now, m.out = Routes{}, make([]passage, 0, messages)
	gap := time.Second / time.Duration(rate)
	begin := m.Sim.Now()
	for i := range messages {
		from := m.Member()
		key := id.ID{Hi: m.rng.Uint64(), Lo: m.rng.Uint64()}
		m.out = append(m.out, passage{from, begin + time.Duration(i)*gap})
		m.Sim.Run(m.out[i].at)
		ep := m.Node(from).Endpoint(meterApp)
		m.Sim.Call(from, func() {
			ep.Route(key, binary.BigEndian.AppendUint32(make([]byte, 0, 4), uint32(i)), nil)
		})
		m.now.Sent++
	}
	m.Sim.RunFor(5 * time.Second)
	if m.now.Delivered != messages {
		return m.now, fmt.Errorf("%d of %d messages were delivered", m.now.Delivered, messages)
	}
	return m.now, nil
}
