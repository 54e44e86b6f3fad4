package cache

import "math"

// Digits is how many nodes of one level of the routing table there are for each of the
// level above it, and DigitBits how many bits a digit has. They are what is pushed by, and need not be those of the overlay.
const (
	DigitBits = 4
	Digits    = 1 << DigitBits
)

// Heat is how often a node is asked by others for an object that it has, and the level that
// copies of it are at: at level n all nodes have one whose ids begin with the same n digits
// as the object's place (Beehive, Ramasubramanian and Sirer, NSDI 2004). What is hot is pushed
// to the next level, which saves a hop to all who ask.
//
// Beehive solves for the levels from what all nodes measure. Here a node decides alone: when it
// was asked as often as there are digits. Then all nodes of its level together were asked once
// for each copy that is to be made, and a copy saves about what it costs.
type Heat struct {
	level, asked int
}

// NewHeat returns the heat of a copy that came at a level: see Level for replicas.
func NewHeat(level int) Heat { return Heat{level: level} }

// Level is the level of k replicas in a ring of so many nodes: all nodes of this level, and
// not those of the one below, are among the k nearest.
func Level(nodes float64, k int) int {
	return max(0, int(math.Ceil(math.Log(nodes/float64(max(k, 1)))/math.Log(Digits))))
}

// Asked counts a question, and returns the level to push copies to; false: not yet.
func (h *Heat) Asked() (level int, push bool) {
	if h.level == 0 {
		return 0, false
	}
	if h.asked++; h.asked < Digits {
		return 0, false
	}
	h.asked = 0
	h.level--
	return h.level, true
}

// Pushed notes that copies were pushed to a level.
func (h *Heat) Pushed(level int) {
	if level < h.level {
		h.level, h.asked = level, 0
	}
}
