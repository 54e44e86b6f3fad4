// Package memory keeps spaces in memory: for tests of the doors, and to say in code
// what package files says in words.
package memory

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/phyllo-net/phyllo/gateway/files"
)

// Memory keeps spaces in memory. Make one with New.
type Memory struct {
	mu     sync.Mutex // guards all of its spaces, too
	spaces map[string]*space
	room   int64  // bytes that are still free
	last   uint64 // number of the newest version
	saved  map[string]*draft
}

var _ files.Spaces = (*Memory)(nil)

// New returns spaces that have room for so many bytes of content, all versions and
// drafts together.
func New(room int64) *Memory {
	return &Memory{spaces: map[string]*space{}, room: room, saved: map[string]*draft{}}
}

// Spaces implements files.Spaces.
func (m *Memory) Spaces(context.Context) ([]files.Info, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []files.Info
	for _, name := range slices.Sorted(maps.Keys(m.spaces)) {
		out = append(out, m.spaces[name].info)
	}
	return out, nil
}

// Space implements files.Spaces.
func (m *Memory) Space(_ context.Context, name string) (files.Space, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s := m.spaces[name]; s != nil {
		return s, nil
	}
	return nil, files.ErrNoSpace
}

// Create implements files.Spaces.
func (m *Memory) Create(_ context.Context, name string) error {
	if err := files.CheckSpaceName(name); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.spaces[name] != nil {
		return files.ErrExists
	}
	m.spaces[name] = &space{m: m, info: files.Info{Name: name, Made: time.Now()}, versions: map[string][]*version{}}
	return nil
}

// Remove implements files.Spaces.
func (m *Memory) Remove(_ context.Context, name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.spaces[name]
	switch {
	case s == nil:
		return files.ErrNoSpace
	case len(s.names) > 0:
		return files.ErrNotEmpty
	}
	delete(m.spaces, name)
	return nil
}

// next is a version that no change had before.
func (m *Memory) next() string {
	m.last++
	return strconv.FormatUint(m.last, 36)
}

// take takes so much of the room, unless there is too little.
func (m *Memory) take(n int) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if int64(n) > m.room {
		return files.ErrFull
	}
	m.room -= int64(n)
	return nil
}

// Free is for how many bytes there is room now.
func (m *Memory) Free() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.room
}

// blob is content. It is not changed once it has a version, and its room is free again
// when the last version that has it is given up.
type blob struct {
	parts [][]byte
	size  int64
	kept  files.Kept // what a ring would do
	users int
}

// kept is what a large ring makes of the classes.
var kept = map[files.Class]files.Kept{files.InCopies: {Total: 5}, files.InParts: {Total: 24, Need: 6}}

func (m *Memory) release(b *blob) {
	if b == nil {
		return
	}
	if b.users--; b.users <= 0 {
		m.room += b.size
	}
}
