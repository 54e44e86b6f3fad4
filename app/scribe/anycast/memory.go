package anycast

import (
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/task"
)

// memory is what a node knows of items, the last of them, for some time.
type memory[V any] struct {
	most  int
	lasts time.Duration
	known map[id.Hash]V
	order []remembered // as they came
}

type remembered struct {
	item id.Hash
	at   task.Instant
}

func newMemory[V any](most int, lasts time.Duration) memory[V] {
	return memory[V]{most: most, lasts: lasts, known: make(map[id.Hash]V)}
}

// put remembers an item that is not known yet.
func (m *memory[V]) put(item id.Hash, v V, now task.Instant) {
	for len(m.order) >= m.most || len(m.order) > 0 && now.Sub(m.order[0].at) > m.lasts {
		delete(m.known, m.order[0].item)
		m.order = m.order[1:]
	}
	m.known[item] = v
	m.order = append(m.order, remembered{item, now})
}
