package piece

import (
	"encoding/binary"
	"math/bits"

	"github.com/phyllo-net/phyllo/peer"
)

// Cutter says where pieces end.
type Cutter struct {
	gear            [256]uint64
	min, avg, max   int
	strict, lenient uint64 // masks before and after the average length
}

// NewCutter returns a cutter for pieces of at most max bytes, at least a quarter and
// on average half of it. Equal secrets cut alike. max must be at least 256.
func NewCutter(secret peer.Secret, max int) *Cutter {
	c := &Cutter{min: max / 4, avg: max / 2, max: max}
	for i := range 64 {
		s := secret.Derive("cutter", []byte{byte(i)})
		for j := range 4 {
			c.gear[4*i+j] = binary.BigEndian.Uint64(s[8*j:])
		}
	}
	// Normalised chunking, level 2 (FastCDC, 4.3): two bits more before the average length, and two
	// fewer after it, than would end a piece there in the mean.
	n := bits.Len(uint(c.avg-c.min)) - 1
	c.strict, c.lenient = highest(n+2), highest(n-2)
	return c
}

// highest is a mask of the n highest bits: these hang on the last 64 bytes, the lower ones
// on fewer.
func highest(n int) uint64 { return ^uint64(0) << (64 - n) }

// Max is the length of the longest piece, in bytes.
func (c *Cutter) Max() int { return c.max }

// reach is how many bytes the decision about a place hangs on, those before it.
const reach = 64

// Cut returns the length of the first piece of b, and 0 if that depends on what follows b.
// With end nothing does. seen is for how many bytes of b it has returned 0 before, or 0.
func (c *Cutter) Cut(b []byte, seen int, end bool) int {
	if len(b) <= c.min {
		if end {
			return len(b)
		}
		return 0
	}
	var h uint64
	n := min(len(b), c.max)
	i := c.min
	if seen > c.min+reach {
		for _, x := range b[seen-reach : seen] {
			h = h<<1 + c.gear[x]
		}
		i = seen
	}
	for ; i < min(c.avg, n); i++ {
		h = h<<1 + c.gear[b[i]]
		if h&c.strict == 0 {
			return i + 1
		}
	}
	for ; i < n; i++ {
		h = h<<1 + c.gear[b[i]]
		if h&c.lenient == 0 {
			return i + 1
		}
	}
	if n == c.max || end {
		return n
	}
	return 0
}
