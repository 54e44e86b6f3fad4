package bulk

import "time"

// What a pacer keeps to.
const (
	queueing  = 200 * time.Millisecond // what a heartbeat may wait for behind pieces
	minWindow = 32 << 10
	maxWindow = 4 << 20
	minPiece  = 8 << 10
)

// pacer says how many bytes may be on the way. It lets their number grow as long as the
// acknowledgements come hardly later than the first ones did, and takes a quarter away when
// they come later by more than queueing: then that many wait somewhere, before whatever else this
// node has to say (as LEDBAT does, RFC 6817, with a smaller target).
type pacer struct {
	window  int
	base    time.Duration // the shortest time from sending to acknowledgement
	sent    uint64        // bytes
	acked   uint64
	shrunk  uint64 // what had been sent when the window was made smaller last
	records []sentAt
}

// sentAt is when the last byte of a piece was handed over to be sent.
type sentAt struct {
	end uint64
	at  time.Time
}

func newPacer() pacer { return pacer{window: 4 * minWindow} }

// piece is how long the next piece may be; 0 while too much is on the way.
func (p *pacer) piece() int {
	n := min(max(p.window/4, minPiece), MaxPiece)
	if room := p.window - int(p.sent-p.acked); room < n {
		return 0
	}
	return n
}

// send notes that a piece is sent.
func (p *pacer) send(n int, now time.Time) {
	p.sent += uint64(n)
	p.records = append(p.records, sentAt{p.sent, now})
}

// ack notes how many bytes have arrived in all. It reports false if they cannot have.
func (p *pacer) ack(bytes uint64, now time.Time) bool {
	if bytes < p.acked || bytes > p.sent {
		return false
	}
	var late time.Duration
	for len(p.records) > 0 && p.records[0].end <= bytes {
		late = now.Sub(p.records[0].at)
		p.records = p.records[1:]
		if p.base == 0 || late < p.base {
			p.base = max(late, 1)
		}
	}
	switch grown := int(bytes - p.acked); {
	case late <= p.base+queueing && p.shrunk == 0: // twice as much with each round trip
		p.window = min(p.window+grown, maxWindow)
	case late <= p.base+queueing:
		p.window = min(p.window+grown/16, maxWindow)
	case bytes > p.shrunk:
		p.window = max(p.window*3/4, minWindow)
		p.shrunk = p.sent
	}
	p.acked = bytes
	return true
}
