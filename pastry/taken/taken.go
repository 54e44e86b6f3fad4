// Package taken is which of a sender's numbered messages were taken, so that each is taken once, in
// whatever order they come.
package taken

// Words are the bits of the numbers that are remembered, 64 in each.
type Words interface{ [1]uint64 | [16]uint64 }

// Numbers are the numbers, which grow, of the messages that were taken of one sender: the highest, and
// which of those closely below it. The zero Numbers has none.
type Numbers[W Words] struct {
	max  uint64
	seen W // bit num%size, of those not more than size below the highest
}

// Few remembers 64 numbers: enough where one message overtakes another on its way only.
type Few = Numbers[[1]uint64]

// Many remembers 1,024 numbers. Who numbers what it sends to all, by several ways one of which may be
// seconds behind another, needs so many: were its messages taken for copies, they would be sent again
// and again, and put that way further behind.
type Many = Numbers[[16]uint64]

// None reports whether nothing was taken but the number 0.
func (n *Numbers[W]) None() bool { return n.max == 0 }

// Had reports whether a message was taken, or is so old that it may have been. n may be nil.
func (n *Numbers[W]) Had(num uint64) bool {
	if n == nil || num > n.max {
		return false
	}
	word, bit := n.place(num)
	return n.max-num >= n.size() || *word&bit != 0
}

// Take notes a message that was not had, and reports whether its number is the highest.
func (n *Numbers[W]) Take(num uint64) (newest bool) {
	if newest = num > n.max; newest {
		if num-n.max >= n.size() {
			n.seen = *new(W)
		} else {
			for at := n.max + 1; at != num; at++ {
				word, bit := n.place(at)
				*word &^= bit
			}
		}
		n.max = num
	}
	word, bit := n.place(num)
	*word |= bit
	return newest
}

// First is Take unless Had, and reports whether the message was taken.
func (n *Numbers[W]) First(num uint64) bool {
	if n.Had(num) {
		return false
	}
	n.Take(num)
	return true
}

func (n *Numbers[W]) size() uint64 { return 64 * uint64(len(n.seen)) }

func (n *Numbers[W]) place(num uint64) (word *uint64, bit uint64) {
	return &n.seen[num%n.size()/64], 1 << (num % 64)
}
