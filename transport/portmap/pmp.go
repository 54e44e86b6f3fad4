package portmap

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"
)

// pmpPort is where routers listen for NAT-PMP (RFC 6886, section 3.1).
const pmpPort = 5351

// Operations of NAT-PMP (RFC 6886, sections 3.2 and 3.3); an answer's is pmpAnswer more.
const (
	pmpOutside = 0
	pmpUDP     = 1
	pmpTCP     = 2
	pmpAnswer  = 128
)

// firstWait is how long an answer is awaited before the question is repeated, doubling
// (RFC 6886, section 3.1).
const firstWait = 250 * time.Millisecond

var errNoAddress = errors.New("the router has no address outside")

// pmp is a router that speaks NAT-PMP.
type pmp struct{ at netip.AddrPort }

func (r pmp) outside(ctx context.Context) (netip.Addr, error) {
	b, err := r.ask(ctx, []byte{0, pmpOutside}, 12)
	if err != nil {
		return netip.Addr{}, err
	}
	ip := netip.AddrFrom4([4]byte(b[8:12]))
	if ip.IsUnspecified() {
		return ip, errNoAddress
	}
	return ip, nil
}

func (r pmp) openPort(ctx context.Context, p Port, at uint16) (uint16, error) {
	b, err := r.ask(ctx, request(p, at, lease), 16)
	if err != nil {
		return 0, err
	}
	if inside := binary.BigEndian.Uint16(b[8:]); inside != p.Number {
		return 0, fmt.Errorf("the router opened port %d, not %d", inside, p.Number)
	}
	return binary.BigEndian.Uint16(b[10:]), nil
}

// closePort asks for a lease of no time (RFC 6886, section 3.4).
func (r pmp) closePort(ctx context.Context, p Port, _ uint16) error {
	_, err := r.ask(ctx, request(p, 0, 0), 16)
	return err
}

func request(p Port, at uint16, life time.Duration) []byte {
	op := byte(pmpTCP)
	if p.UDP {
		op = pmpUDP
	}
	b := binary.BigEndian.AppendUint16([]byte{0, op, 0, 0}, p.Number)
	b = binary.BigEndian.AppendUint16(b, at)
	return binary.BigEndian.AppendUint32(b, uint32(life/time.Second))
}

// ask sends a question again and again until its answer comes, of so many bytes.
func (r pmp) ask(ctx context.Context, question []byte, size int) ([]byte, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, "udp4", r.at.String()) // nobody else is heard on it
	if err != nil {
		return nil, err
	}
	defer c.Close()
	unwatch := context.AfterFunc(ctx, func() { c.SetReadDeadline(time.Now()) })
	defer unwatch()
	var b [16]byte
	for wait := firstWait; ctx.Err() == nil; wait *= 2 {
		if _, err := c.Write(question); err != nil {
			return nil, err
		}
		c.SetReadDeadline(time.Now().Add(wait))
		for ctx.Err() == nil {
			n, err := c.Read(b[:])
			var late net.Error
			if errors.As(err, &late) && late.Timeout() {
				break
			}
			if err != nil {
				return nil, err // nobody listens there
			}
			if err, mine := checkAnswer(b[:n], question[1], size); mine {
				return b[:n], err
			}
		}
	}
	return nil, ctx.Err()
}

// checkAnswer reports whether a packet answers an operation, and what its result says.
func checkAnswer(b []byte, op byte, size int) (err error, mine bool) {
	if len(b) < 4 || b[0] != 0 || b[1] != op+pmpAnswer {
		return nil, false
	}
	if result := binary.BigEndian.Uint16(b[2:]); result != 0 {
		return fmt.Errorf("the router answers with the error %d of NAT-PMP", result), true
	}
	return nil, len(b) == size
}
