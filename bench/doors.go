package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/bench/ring"
	"github.com/phyllo-net/phyllo/bench/row"
	"github.com/phyllo-net/phyllo/cause"
)

// What the rows of files store.
const (
	fileCopies = 3
	manyFiles  = 1000 // that rclone copies
	manySize   = 10e3 // bytes of each
	listFiles  = 10_000
)

// doorRows measure files in three processes of `phyllo up`, whose stores are on one disk and synced.
func doorRows() []row.Row {
	return []row.Row{
		{
			Name: "rclone", What: "`rclone copy` of 1,000 files of 10 KB into a bucket, three processes, synced to the disk; then a list of 10,000 keys", Rounds: 1,
			Counted: "rclone 4 files at once, as it does by itself, from its start to its end; the list by `rclone lsf -R` in the same way",
			Goals:   []row.Goal{{Metric: "copy", Limit: 15}, {Metric: "list", Limit: 1}}, Measure: measureRclone,
		},
		{
			Name: "put", What: "put of 100 MB, 3 copies, three processes, synced to the disk", Rounds: 3,
			Counted: "from the first byte to the control socket until there are 3 copies of each piece; beside it what the disk and the links need for it, on the same machine in the same round: " +
				"three times as much written and synced by this program, in files of half a megabyte, 8 at once; and that once more while the content goes to two other nodes on raw " +
				"streams of the library below, sealed and unverified: the part of these rates that a put has",
			Goals: []row.Goal{{Metric: "of disk and links", Limit: 50, AtLeast: true}}, Measure: measurePut,
		},
	}
}

// withUser measures on as many processes as there are copies, on the first of which a user lives.
func withUser(ctx context.Context, measure func(*fleet, *api.Client) ([]row.Round, error)) (rounds []row.Round, err error) {
	f, err := startFleet(ctx, fileCopies)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.stop()) }()
	c, err := f.user(ctx)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	return measure(f, c)
}

func measurePut(ctx context.Context, e *row.Env) ([]row.Round, error) {
	return withUser(ctx, func(f *fleet, c *api.Client) (rounds []row.Round, err error) {
		r, err := ring.Start(ctx, fileCopies, ring.Options{Transport: row.TCP})
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, r.Stop(context.WithoutCancel(ctx))) }()
		if err := r.Mesh(ctx); err != nil {
			return nil, err
		}
		return putRounds(ctx, e, f, c, r)
	})
}

// putRounds puts, and moves as many bytes between the nodes of a ring of this program.
func putRounds(ctx context.Context, e *row.Env, f *fleet, c *api.Client, r *ring.Ring) (rounds []row.Round, err error) {
	film := newCargo()
	content := film.bytes
	put := func(name string, content []byte) error {
		got, err := c.FilePut(ctx, api.FilePut{Name: name, Copies: fileCopies}, bytes.NewReader(content))
		if err == nil && got.Copies != fileCopies {
			err = fmt.Errorf("%d copies of %d were made", got.Copies, fileCopies)
		}
		return err
	}
	if err := put("to warm up", content[:2<<20]); err != nil {
		return nil, err
	}
	for i := range e.Rounds {
		before, err := f.used()
		if err != nil {
			return nil, err
		}
		begun := time.Now()
		if err := put(strconv.Itoa(i), content); err != nil {
			return nil, err
		}
		took := time.Since(begun)
		used, err := f.used()
		if err != nil {
			return nil, err
		}
		wrote, err := writeSynced(ctx, f.dir, content)
		if err != nil {
			return nil, err
		}
		both, err := film.writeAndSend(ctx, r, f.dir)
		if err != nil {
			return nil, err
		}
		rounds = append(rounds, row.Round{
			Figures: []row.Figure{{Metric: "rate", Value: perSecond(took), Unit: "MB/s"}, {Metric: "of disk and links", Value: 100 * both.Seconds() / took.Seconds(), Unit: "%"},
				{Metric: "of the disk", Value: 100 * wrote.Seconds() / took.Seconds(), Unit: "%"}, {Metric: "CPU of all", Value: used - before, Unit: "s"}},
			Bound: fmt.Sprintf("this disk takes three copies at %.0f MB/s, and while the links carry two of them at %.0f MB/s; encryption, links and hashes share the processors",
				perSecond(wrote), perSecond(both)),
		})
	}
	return rounds, nil
}

// writeAndSend takes its content to two other nodes on raw streams, and meanwhile writes three copies.
func (c *cargo) writeAndSend(ctx context.Context, r *ring.Ring, dir string) (time.Duration, error) {
	begun := time.Now()
	err := eachOf(fileCopies, fileCopies, func(i int) error {
		if i > 0 {
			_, err := c.raw(ctx, r, i)
			return err
		}
		_, err := writeSynced(ctx, dir, c.bytes)
		return err
	})
	return time.Since(begun), err
}

// writeSynced writes as many copies of a content as a put makes, in files that are synced.
func writeSynced(ctx context.Context, dir string, content []byte) (took time.Duration, err error) {
	const size, atOnce = 512 << 10, 8
	dir, err = os.MkdirTemp(dir, "disk-")
	if err != nil {
		return 0, err
	}
	begun := time.Now()
	err = eachOf(fileCopies*len(content)/size, atOnce, func(i int) error {
		at := i * size % (len(content) - size)
		f, err := os.Create(filepath.Join(dir, strconv.Itoa(i)))
		if err != nil {
			return err
		}
		_, err = f.Write(content[at : at+size])
		return errors.Join(err, f.Sync(), f.Close(), ctx.Err())
	})
	took = time.Since(begun)
	return took, errors.Join(err, os.RemoveAll(dir))
}

// eachOf runs f for 0 to n-1, some at once, and returns their errors.
func eachOf(n, atOnce int, f func(i int) error) error {
	var next atomic.Int64
	errs := make(chan error, atOnce)
	for range atOnce {
		go func() {
			var err error
			for err == nil {
				i := int(next.Add(1)) - 1
				if i >= n {
					break
				}
				err = f(i)
			}
			errs <- err
		}()
	}
	var all error
	for range atOnce {
		all = cause.Join(all, <-errs)
	}
	return all
}

func measureRclone(ctx context.Context, e *row.Env) ([]row.Round, error) {
	rclone, err := exec.LookPath("rclone")
	if err != nil {
		return []row.Round{{Note: "not measured: rclone is not installed (`make deps` does that)"}}, nil
	}
	return withUser(ctx, func(f *fleet, c *api.Client) ([]row.Round, error) { return rcloneRounds(ctx, e, rclone, f, c) })
}

func rcloneRounds(ctx context.Context, e *row.Env, rclone string, f *fleet, c *api.Client) (rounds []row.Round, err error) {
	b, err := newBucket(ctx, c, rclone, f.dir)
	if err != nil {
		return nil, err
	}
	count, listed := manyFiles, listFiles
	if e.Quick {
		count, listed = manyFiles/10, listFiles/10
	}
	src, err := writeMany(f.dir, count)
	if err != nil {
		return nil, err
	}
	before, err := f.used()
	if err != nil {
		return nil, err
	}
	copied, _, err := b.run(ctx, "copy", src, "ring:bucket/copied")
	if err != nil {
		return nil, err
	}
	used, err := f.used()
	if err != nil {
		return nil, err
	}
	if err := eachOf(listed-count, crowd, func(i int) error {
		_, err := c.FilePut(ctx, api.FilePut{Space: "bucket", Name: fmt.Sprintf("empty/%05d", i)}, bytes.NewReader(nil))
		return err
	}); err != nil {
		return nil, err
	}
	list, out, err := b.run(ctx, "lsf", "-R", "--files-only", "ring:bucket")
	if err != nil {
		return nil, err
	}
	if n := bytes.Count(out, []byte("\n")); n != listed {
		return nil, fmt.Errorf("%d files are listed, want %d", n, listed)
	}
	note := ""
	if e.Quick {
		note = "not at full length: a tenth of the files"
	}
	return []row.Round{{
		Figures: []row.Figure{{Metric: "copy", Value: copied.Seconds(), Unit: "s"}, {Metric: "list", Value: list.Seconds(), Unit: "s"}, {Metric: "CPU of all", Value: used - before, Unit: "s"}},
		Bound:   "each put is a change of the bucket's one directory, in the order of its root; those that wait go together", Note: note,
	}}, nil
}

// bucket is a space of the fleet's first node, with a key for rclone.
type bucket struct {
	rclone string
	env    []string
}

func newBucket(ctx context.Context, c *api.Client, rclone, dir string) (*bucket, error) {
	if _, err := c.SpaceCreate(ctx, api.SpaceCreate{Name: "bucket"}); err != nil {
		return nil, err
	}
	k, err := c.KeyAdd(ctx, api.KeyRequest{For: api.DoorS3, Space: "bucket"})
	if err != nil {
		return nil, err
	}
	// Nothing that this machine's owner has set for programs of his.
	return &bucket{rclone, []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "RCLONE_CONFIG=", "RCLONE_CONFIG_RING_TYPE=s3", "RCLONE_CONFIG_RING_PROVIDER=Other",
		"RCLONE_CONFIG_RING_ACCESS_KEY_ID=" + k.ID, "RCLONE_CONFIG_RING_SECRET_ACCESS_KEY=" + k.Secret, "RCLONE_CONFIG_RING_ENDPOINT=" + k.URL}}, nil
}

// run runs rclone, and returns how long it took and what it wrote.
func (b *bucket) run(ctx context.Context, args ...string) (took time.Duration, out []byte, err error) {
	var said bytes.Buffer
	cmd := exec.CommandContext(ctx, b.rclone, args...)
	cmd.Env, cmd.Stderr = b.env, &said
	begun := time.Now()
	if out, err = cmd.Output(); err != nil {
		return 0, nil, fmt.Errorf("rclone %s: %w: %s", args[0], err, said.Bytes())
	}
	return time.Since(begun), out, nil
}

// writeMany writes files of chance into a folder of their own.
func writeMany(dir string, count int) (src string, err error) {
	src = filepath.Join(dir, "many")
	if err := os.Mkdir(src, 0o700); err != nil {
		return "", err
	}
	content, rng := make([]byte, manySize), rand.NewChaCha8([32]byte{4})
	for i := range count {
		rng.Read(content)
		if err := os.WriteFile(filepath.Join(src, fmt.Sprintf("%04d", i)), content, 0o600); err != nil {
			return "", err
		}
	}
	return src, nil
}
