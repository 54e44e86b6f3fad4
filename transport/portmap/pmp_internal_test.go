package portmap

import (
	"context"
	"encoding/binary"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// pmpServer answers each question with what f makes of it; the first is lost.
func pmpServer(t *testing.T, f func(q []byte) []byte) pmp {
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		var b [64]byte
		for i := 0; ; i++ {
			n, from, err := c.ReadFromUDPAddrPort(b[:])
			if err != nil {
				return
			}
			if i == 0 {
				continue
			}
			c.WriteToUDPAddrPort([]byte{0, 77, 0, 0}, from) // of something else
			c.WriteToUDPAddrPort(f(b[:n]), from)
		}
	})
	t.Cleanup(func() {
		c.Close()
		wg.Wait()
	})
	return pmp{netip.MustParseAddrPort(c.LocalAddr().String())}
}

func TestPMP(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var last atomic.Value
	r := pmpServer(t, func(q []byte) []byte {
		last.Store(string(q))
		if q[1] == pmpOutside {
			return []byte{0, 128, 0, 0, 0, 0, 0, 1, 203, 0, 113, 7}
		}
		a := append([]byte{0, q[1] + 128, 0, 0, 0, 0, 0, 1}, q[4:6]...)
		a = binary.BigEndian.AppendUint16(a, 5555)
		return append(a, q[8:12]...)
	})
	if ip, err := r.outside(ctx); err != nil || ip.String() != "203.0.113.7" {
		t.Errorf("outside: %v, %v", ip, err)
	}
	if at, err := r.openPort(ctx, udp, 4001); err != nil || at != 5555 {
		t.Errorf("opened %d, %v", at, err)
	}
	if want := "\x00\x01\x00\x00\x0f\xa1\x0f\xa1\x00\x00\x07\x08"; last.Load() != want {
		t.Errorf("asked %q, want %q", last.Load(), want)
	}
	if err := r.closePort(ctx, tcp, 4001); err != nil {
		t.Error(err)
	}
	if want := "\x00\x02\x00\x00\x0f\xa1\x00\x00\x00\x00\x00\x00"; last.Load() != want {
		t.Errorf("asked %q, want %q", last.Load(), want)
	}
}

// What a router says that is wrong is no answer, or an error.
func TestWrongAnswersOfPMP(t *testing.T) {
	for name, answer := range map[string]string{
		"an error":       "\x00\x80\x00\x02\x00\x00\x00\x00\x00\x00\x00\x00",
		"no address":     "\x00\x80\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00",
		"cut off":        "\x00\x80\x00\x00\x00",
		"too long":       "\x00\x80\x00\x00\x00\x00\x00\x00\x01\x02\x03\x04\x05",
		"a later one":    "\x02\x80\x00\x00\x00\x00\x00\x00\x01\x02\x03\x04",
		"nothing at all": "",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := pmpServer(t, func([]byte) []byte { return []byte(answer) })
			ctx, cancel := context.WithTimeout(t.Context(), 3*firstWait)
			defer cancel()
			if ip, err := r.outside(ctx); err == nil {
				t.Errorf("outside is %v", ip)
			}
		})
	}
	r := pmpServer(t, func(q []byte) []byte {
		return []byte("\x00\x81\x00\x00\x00\x00\x00\x00\x00\x07\x00\x07\x00\x00\x00\x00")
	})
	if at, err := r.openPort(t.Context(), udp, 4001); err == nil || !strings.Contains(err.Error(), "port 7") {
		t.Errorf("another port was opened: %d, %v", at, err)
	}
}

func FuzzPMP(f *testing.F) {
	f.Add([]byte("\x00\x80\x00\x00\x00\x00\x00\x00\x01\x02\x03\x04"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if err, mine := checkAnswer(b, pmpOutside, 12); err == nil && mine && len(b) != 12 {
			t.Errorf("an answer of %d bytes", len(b))
		}
	})
}
