package wire

import "unicode/utf8"

// Scanner reads items in the deterministic form, one after another. What it gives for
// bytes aliases those that it reads; it allocates nothing. After the first thing that
// is not as asked for it has failed: it then gives zeros only.
type Scanner struct {
	b      []byte
	failed bool
}

// Scan returns a scanner of b.
func Scan(b []byte) Scanner { return Scanner{b: b} }

// Fail lets the scanner have failed.
func (s *Scanner) Fail() { s.b, s.failed = nil, true }

// Failed reports whether something was not as asked for.
func (s *Scanner) Failed() bool { return s.failed }

// Done reports whether all was as asked for, and nothing is left.
func (s *Scanner) Done() bool { return !s.failed && len(s.b) == 0 }

// head reads the head of an item of one major type.
func (s *Scanner) head(want byte) uint64 {
	if s.failed {
		return 0
	}
	major, arg, n, err := head(s.b)
	if err != nil || major != want {
		s.Fail()
		return 0
	}
	s.b = s.b[n:]
	return arg
}

// Uint reads a number of at most limit.
func (s *Scanner) Uint(limit uint64) uint64 {
	n := s.head(majorUnsigned)
	if n > limit {
		s.Fail()
		return 0
	}
	return n
}

// Bool reads true or false.
func (s *Scanner) Bool() bool {
	if len(s.b) == 0 || s.b[0] != yea && s.b[0] != nay {
		s.Fail()
		return false
	}
	yes := s.b[0] == yea
	s.b = s.b[1:]
	return yes
}

// Null reads what stands for a list that is nil, if that comes next.
func (s *Scanner) Null() bool {
	if len(s.b) == 0 || s.b[0] != null {
		return false
	}
	s.b = s.b[1:]
	return true
}

// Bytes reads a byte string that is not empty.
func (s *Scanner) Bytes() []byte { return s.string(majorBytes) }

// Exact reads a byte string that is as long as to into it.
func (s *Scanner) Exact(to []byte) {
	b := s.Bytes()
	if len(b) != len(to) {
		s.Fail()
		return
	}
	copy(to, b)
}

// Text reads a text that is not empty.
func (s *Scanner) Text() []byte {
	t := s.string(majorText)
	if !utf8.Valid(t) {
		s.Fail()
		return nil
	}
	return t
}

func (s *Scanner) string(major byte) []byte {
	n := s.head(major)
	if n == 0 || n > uint64(len(s.b)) {
		s.Fail()
		return nil
	}
	t := s.b[:n:n]
	s.b = s.b[n:]
	return t
}

// Array reads the head of an array of 1 to limit elements, and returns their number.
func (s *Scanner) Array(limit int) int {
	n := s.head(majorArray)
	if n == 0 || n > uint64(limit) {
		s.Fail()
		return 0
	}
	return int(n)
}

// Numbers reads an array of 1 to limit numbers into room, or into a longer list if it
// does not hold them.
func (s *Scanner) Numbers(limit int, room []uint32) []uint32 {
	n := s.Array(limit)
	if n > len(s.b) { // each takes a byte
		s.Fail()
		return nil
	}
	list := room[:0]
	if n > cap(room) {
		list = make([]uint32, 0, n)
	}
	for range n {
		list = append(list, uint32(s.Uint(1<<32-1)))
	}
	return list
}

// MapScanner reads a map whose keys are small numbers, in their order.
type MapScanner struct {
	*Scanner
	left int
	next uint64 // the lowest key that may come
}

// Map reads the head of a map.
func (s *Scanner) Map() MapScanner {
	return MapScanner{Scanner: s, left: int(min(s.head(majorMap), MaxPairs+1))}
}

// Next reads the next key; it reports false behind the last one, or when the scanner
// has failed.
func (m *MapScanner) Next() (key uint64, more bool) {
	if m.left == 0 || m.failed {
		return 0, false
	}
	m.left--
	key = m.Uint(argOne - 1)
	if key < m.next {
		m.Fail()
	}
	m.next = key + 1
	return key, !m.failed
}
