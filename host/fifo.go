package host

// fifo is a first-in, first-out queue that uses its memory again.
type fifo[T any] struct {
	list []T
	head int
}

func (q *fifo[T]) len() int { return len(q.list) - q.head }

func (q *fifo[T]) push(v T) {
	if 2*q.head >= len(q.list) && len(q.list) == cap(q.list) && q.head > 0 { // half is free: move down, do not grow
		n := copy(q.list, q.list[q.head:])
		clear(q.list[n:])
		q.list, q.head = q.list[:n], 0
	}
	q.list = append(q.list, v)
}

func (q *fifo[T]) pop() (v T, ok bool) {
	if q.len() == 0 {
		return v, false
	}
	var none T
	v, q.list[q.head] = q.list[q.head], none
	q.head++
	if q.head == len(q.list) {
		q.list, q.head = q.list[:0], 0
	}
	return v, true
}

// first is what pop would return, or nil.
func (q *fifo[T]) first() *T {
	if q.len() == 0 {
		return nil
	}
	return &q.list[q.head]
}
