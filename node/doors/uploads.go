package doors

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/phyllo-net/phyllo/app/space/piece"
	"github.com/phyllo-net/phyllo/gateway/s3"
	"github.com/phyllo-net/phyllo/node/records"
	"github.com/phyllo-net/phyllo/node/spaces"
	"github.com/phyllo-net/phyllo/store"
)

// uploadTable keeps what the door S3 knows of uploads in parts. Their contents are in the ring.
const uploadTable store.Table = "uploads"

// sweepTime is how often uploads in parts are looked for that nobody goes on with.
const sweepTime = time.Hour

// Uploads are what a node keeps of uploads in parts. Its methods may be called from any goroutine.
type Uploads struct {
	store store.Store
	log   *slog.Logger

	mu      sync.Mutex
	damaged []string // the records of parts that were so at the last sweep
}

var _ s3.Records = (*Uploads)(nil)

// Get implements s3.Records.
func (r *Uploads) Get(key string) ([]byte, error) {
	b, err := r.store.Get(uploadTable, []byte(key))
	return b, records.IfThere(err)
}

// Put implements s3.Records.
func (r *Uploads) Put(key string, value []byte) error {
	return r.store.Put(uploadTable, []byte(key), value)
}

// Delete implements s3.Records.
func (r *Uploads) Delete(keys ...string) error {
	var b store.Batch
	for _, k := range keys {
		b.Delete(uploadTable, []byte(k))
	}
	return r.store.Apply(&b)
}

// Each implements s3.Records.
func (r *Uploads) Each(prefix string, f func(key string, value []byte)) error {
	return r.store.Scan(uploadTable, store.Prefix([]byte(prefix)), func(key, value []byte) bool {
		f(string(key), value)
		return true
	})
}

// Waiting are the contents of all parts that have come. What is damaged nobody can go on with,
// and it keeps nothing else: the log says so once, and not at every sweep. An error is that of the store.
func (r *Uploads) Waiting() (cs []piece.Content, err error) {
	damaged, err := s3.Waiting(r, func(saved []byte) error {
		c, err := spaces.Saved(saved)
		if err == nil {
			cs = append(cs, c)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	told := r.damaged
	r.damaged = damaged
	r.mu.Unlock()
	for _, key := range damaged {
		if !slices.Contains(told, key) {
			r.log.Warn("what is kept of a part of an upload is damaged: its client has to upload it again", "record", key)
		}
	}
	return cs, nil
}

// watchUploads has uploads given up that nobody goes on with, until the context ends.
func watchUploads(ctx context.Context, s *s3.Server) {
	tick := time.NewTicker(sweepTime)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		bounded, cancel := context.WithTimeout(ctx, sweepTime/2)
		s.Sweep(bounded)
		cancel()
	}
}
