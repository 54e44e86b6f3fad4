package doortest

import (
	"maps"
	"slices"
	"strings"
	"sync"
)

// Records are what a node keeps for the door S3, in memory. Make them with NewRecords.
type Records struct {
	mu  sync.Mutex
	all map[string][]byte
	err error // of each change
}

// NewRecords returns records of which there are none yet.
func NewRecords() *Records { return &Records{all: map[string][]byte{}} }

// Fail has each change fail with this error, or none.
func (r *Records) Fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.err = err
}

// Len is how many there are.
func (r *Records) Len() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.all)
}

// Damage puts something else in the place of the records whose keys begin with prefix, and returns
// how many these are.
func (r *Records) Damage(prefix, value string) (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for k := range r.all {
		if strings.HasPrefix(k, prefix) {
			r.all[k] = []byte(value)
			n++
		}
	}
	return n
}

// Get implements s3.Records.
func (r *Records) Get(key string) ([]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.all[key], nil
}

// Put implements s3.Records.
func (r *Records) Put(key string, value []byte) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err == nil {
		r.all[key] = slices.Clone(value)
	}
	return r.err
}

// Delete implements s3.Records.
func (r *Records) Delete(keys ...string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, k := range keys {
		if r.err == nil {
			delete(r.all, k)
		}
	}
	return r.err
}

// Each implements s3.Records.
func (r *Records) Each(prefix string, f func(key string, value []byte)) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, k := range slices.Sorted(maps.Keys(r.all)) {
		if strings.HasPrefix(k, prefix) {
			f(k, r.all[k])
		}
	}
	return nil
}
