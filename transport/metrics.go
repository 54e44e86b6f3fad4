package transport

// Metrics are counts of a transport since it was made, and what stands now. The
// implementations offer it as Metrics(); it is no part of the contract.
type Metrics struct {
	Links         int    // links that stand
	Connections   int    // connections that stand, with a link or without
	BytesIn       uint64 // bytes of frames received
	BytesOut      uint64 // bytes of frames written
	Dials         uint64 // attempts to make a link
	DialFailures  uint64 // of these failed
	DroppedFrames uint64 // frames refused with ErrFull, or dropped with a link that ended
	Panics        uint64 // faults of the program that were contained to one link or stream
	Bans          uint64 // times that a peer was banned for bad input
	// BadInput counts what was wrong with what came from outside, by kind.
	BadInput map[string]uint64
}
