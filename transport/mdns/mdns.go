package mdns

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"golang.org/x/net/ipv4"
)

// Announcer announces a ring until it is closed.
type Announcer struct {
	what func() *Ring
	ends []*net.UDPConn
	stop chan struct{}
	wg   sync.WaitGroup
	once sync.Once
}

// Announce begins to announce what the function returns at each moment; nil means
// that nothing is to be announced then. It is called from other goroutines.
func Announce(what func() *Ring, o Options) (*Announcer, error) {
	ends, err := listen(o)
	if err != nil {
		return nil, err
	}
	a := &Announcer{what: what, ends: ends, stop: make(chan struct{})}
	for _, c := range ends {
		asked := make(chan struct{}, 1)
		a.wg.Go(func() { a.hear(c, asked) })
		a.wg.Go(func() { a.say(c, asked) })
	}
	return a, nil
}

// hear passes on that somebody asks.
func (a *Announcer) hear(c *net.UDPConn, asked chan<- struct{}) {
	b := make([]byte, maxPacket)
	for {
		n, _, err := c.ReadFrom(b)
		if err != nil {
			if errors.Is(err, net.ErrClosed) || !a.pause(replyGap) {
				return
			}
			continue
		}
		if isQuestion(b[:n]) {
			select {
			case asked <- struct{}{}:
			default: // the answer to others is under way
			}
		}
	}
}

// pause waits; it reports false if the announcer was closed.
func (a *Announcer) pause(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-a.stop:
		return false
	}
}

// say announces at the start and to those who ask, at most once a second: the
// answer goes to all, so one is enough for many who ask.
func (a *Announcer) say(c *net.UDPConn, asked <-chan struct{}) {
	for i := 0; ; i++ {
		a.send(c, lifetime)
		if !a.pause(replyGap) {
			break
		}
		if i+1 < announces {
			continue
		}
		select {
		case <-asked:
			continue
		case <-a.stop:
		}
		break
	}
	a.send(c, 0)
}

// send sends an announcement if there is one. A network that is gone for the
// moment is not worth a word.
func (a *Announcer) send(c *net.UDPConn, ttl uint32) {
	r := a.what()
	if r == nil {
		return
	}
	if b, err := announce(r, ttl); err == nil {
		c.WriteTo(b, group)
	}
}

// Close takes the announcement back and ends.
func (a *Announcer) Close() error {
	a.once.Do(func() {
		close(a.stop)
		past := time.Now()
		for _, c := range a.ends {
			c.SetReadDeadline(past) // wakes the reader; the farewell is still written
		}
		a.wg.Wait()
		for _, c := range a.ends {
			c.Close()
		}
	})
	return nil
}

// Browse calls found for each node that announces a ring, once for one node, until
// ctx ends, which is no error. found is called by one goroutine at a time.
func Browse(ctx context.Context, found func(Ring), o Options) error {
	ends, err := listen(o)
	if err != nil {
		return err
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	seen := make(map[string]struct{})
	for _, c := range ends {
		wg.Go(func() {
			b := make([]byte, maxPacket)
			for ctx.Err() == nil {
				n, _, err := c.ReadFrom(b)
				if err != nil {
					return
				}
				for _, r := range read(b[:n]) {
					mu.Lock()
					k := string(r.Key[:]) + string(r.Ring[:])
					_, old := seen[k]
					if !old && len(seen) < maxFound {
						seen[k] = struct{}{}
						found(r)
					}
					mu.Unlock()
				}
			}
		})
	}
	err = question(ctx, ends)
	for _, c := range ends {
		c.Close()
	}
	wg.Wait()
	return err
}

// question asks, at first after a second again, then ever more rarely.
func question(ctx context.Context, ends []*net.UDPConn) error {
	q, err := ask()
	if err != nil {
		return err
	}
	for d := firstAsk; ; d = min(2*d, lastAsk) {
		sent := 0
		var failed error
		for _, c := range ends {
			if _, err := c.WriteTo(q, group); err != nil {
				failed = err
				continue
			}
			sent++
		}
		if sent == 0 {
			return fmt.Errorf("%w (%w)", ErrNoNetwork, failed)
		}
		timer := time.NewTimer(d)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil
		}
	}
}

// listen opens a socket on each interface.
func listen(o Options) ([]*net.UDPConn, error) {
	ifs, err := interfaces(o)
	if err != nil {
		return nil, err
	}
	var ends []*net.UDPConn
	var last error
	for i := range ifs {
		c, err := open(&ifs[i])
		if err != nil {
			last = err
			continue
		}
		ends = append(ends, c)
	}
	if len(ends) == 0 {
		return nil, errors.Join(ErrNoNetwork, last)
	}
	return ends, nil
}

func open(i *net.Interface) (*net.UDPConn, error) {
	c, err := net.ListenMulticastUDP("udp4", i, group)
	if err != nil {
		return nil, err
	}
	p := ipv4.NewPacketConn(c)
	err = errors.Join(p.SetMulticastInterface(i), p.SetMulticastTTL(255), p.SetMulticastLoopback(true))
	if err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// interfaces returns those to use.
func interfaces(o Options) ([]net.Interface, error) {
	if len(o.Interfaces) > 0 {
		var list []net.Interface
		for _, name := range o.Interfaces {
			i, err := net.InterfaceByName(name)
			if err != nil {
				return nil, fmt.Errorf("interface %s: %w", name, err)
			}
			list = append(list, *i)
		}
		return list, nil
	}
	all, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	var list, loop []net.Interface
	for _, i := range all {
		switch {
		case i.Flags&net.FlagUp == 0:
		case i.Flags&net.FlagLoopback != 0:
			loop = append(loop, i)
		case i.Flags&net.FlagMulticast != 0 && i.Flags&net.FlagPointToPoint == 0:
			list = append(list, i)
		}
	}
	if len(list) == 0 {
		list = loop
	}
	return list, nil
}
