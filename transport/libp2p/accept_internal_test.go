package libp2p

import (
	"bytes"
	"errors"
	"testing"
	"time"

	manet "github.com/multiformats/go-multiaddr/net"

	"github.com/phyllo-net/phyllo/transport/libp2p/crowd"
)

// bytesConn is a connection on which much arrives at once.
type bytesConn struct {
	manet.Conn
	r *bytes.Reader
}

func (c *bytesConn) SetDeadline(time.Time) error { return nil }

func (c *bytesConn) Read(b []byte) (int, error) { return c.r.Read(b) }

// Of a connection whose handshake goes on and on, no more than 4 KiB are read; of one
// whose handshake is over, all.
func TestBytesBeforeTheHandshake(t *testing.T) {
	wire := &bytesConn{r: bytes.NewReader(make([]byte, 1<<20))}
	c := &incomingConn{Conn: wire, place: new(crowd.Stranger)}
	buf := make([]byte, 3000)
	if !c.listen() {
		t.Error("nothing was heard")
	}
	n := 0
	for {
		m, err := c.Read(buf)
		n += m
		if err != nil {
			if !errors.Is(err, errTalkative) {
				t.Error(err)
			}
			break
		}
	}
	if n != maxBefore || wire.r.Len() != 1<<20-n {
		t.Errorf("%d bytes were read, %d are left", n, wire.r.Len())
	}
	c.prove()
	if m, err := c.Read(buf); m != len(buf) || err != nil {
		t.Errorf("after the handshake: %d bytes, %v", m, err)
	}
}
