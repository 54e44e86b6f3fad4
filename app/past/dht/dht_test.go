package dht_test

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/past"
	"github.com/phyllo-net/phyllo/app/past/dht"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/kbr/kbrtest"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/sim/standin"
	"github.com/phyllo-net/phyllo/store/mem"
	"github.com/phyllo-net/phyllo/task"
)

var (
	authority = standin.NewSigner(1, 0)
	everybody = standin.NewSigner(2, 0) // signs the ring's own table
	ann       = standin.NewSigner(2, 1)
)

// world is a ring whose nodes have a table.
type world struct {
	t       testing.TB
	net     *kbrtest.Net
	members []*member
}

type member struct {
	node *kbrtest.Node
	past *past.Past
}

func newWorld(t testing.TB, n int) *world {
	w := &world{t: t, net: kbrtest.New(kbrtest.Config{Seed: uint64(n)})}
	t.Cleanup(w.net.Close)
	for range n {
		w.join()
	}
	w.net.Run(10 * time.Second)
	return w
}

func (w *world) join() {
	w.t.Helper()
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC).Add(w.net.Elapsed())
	i := len(w.members)
	signer := standin.NewSigner(3, uint64(i))
	cert := peer.NewCertificate(authority, peer.NewAdmission(authority, authority.Public(), now), signer.Public(), peer.Salt{byte(i), 7}, now)
	c := past.Default()
	c.Ring, c.Signer, c.Verifier, c.Store = peer.RingID(authority.Public()), signer, standin.Verifier{}, mem.New()
	c.Certificate = func() *peer.Certificate { return cert }
	p, err := past.New(c)
	if err != nil {
		w.t.Fatal(err)
	}
	node := w.net.Add(&peer.Handle{ID: cert.Node, Key: signer.Public(), Incarnation: 1}, kbr.Mount{Number: 1, App: p})
	w.members = append(w.members, &member{node, p})
}

// patience is longer than any call takes.
const patience = 5 * time.Minute

// do runs f with the table of an owner, in a task of node i.
func (w *world) do(i int, owner peer.Signer, copies uint8, f func(*task.T, dht.Table) error) error {
	m := w.members[i]
	return m.node.Call(patience, func(t *task.T) error { return f(t, dht.New(m.past, owner, copies)) })
}

// get reads an entry of the ring's table on node i.
func (w *world) get(i int, key string) (e dht.Entry, err error) {
	err = w.do(i, everybody, dht.Copies, func(t *task.T, d dht.Table) (err error) { e, err = d.Get(t, key); return err })
	return e, err
}

func (w *world) put(i int, key, v string) (e dht.Entry, err error) {
	err = w.do(i, everybody, dht.Copies, func(t *task.T, d dht.Table) (err error) { e, err = d.Put(t, key, []byte(v)); return err })
	return e, err
}

func (w *world) putIf(i int, key string, version uint64, v string) (e dht.Entry, err error) {
	err = w.do(i, everybody, dht.Copies, func(t *task.T, d dht.Table) (err error) {
		e, err = d.PutIf(t, key, version, []byte(v))
		return err
	})
	return e, err
}

func (w *world) remove(i int, key string) error {
	return w.do(i, everybody, dht.Copies, func(t *task.T, d dht.Table) error { return d.Remove(t, key) })
}

func (w *world) removeIf(i int, key string, version uint64) error {
	return w.do(i, everybody, dht.Copies, func(t *task.T, d dht.Table) error { return d.RemoveIf(t, key, version) })
}

func wantErr(t *testing.T, what string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Fatalf("%s: got %v, want %v", what, got, want)
	}
}

// wantConflict fails unless err says that this version is current.
func wantConflict(t *testing.T, what string, err error, version uint64) {
	t.Helper()
	var c *dht.ConflictError
	if !errors.As(err, &c) || !errors.Is(err, dht.ErrConflict) || c.Version != version {
		t.Fatalf("%s: got %v, want a conflict with version %d", what, err, version)
	}
}

func TestPutGetRemove(t *testing.T) {
	w := newWorld(t, 12)
	_, err := w.get(11, "key")
	wantErr(t, "an unknown key", err, dht.ErrNotFound)
	for i, v := range []string{"one", "two", "", strings.Repeat("x", dht.MaxValue)} {
		put, err := w.put(i, "key", v)
		if err != nil {
			t.Fatal(err)
		}
		got, err := w.get(11, "key")
		if err != nil || string(got.Value) != v || got.Version != uint64(i)+1 || got.Holders != 5 || got.Version != put.Version || put.Holders != 5 {
			t.Fatalf("got %d bytes, version %d, %d holders, %v; want %d", len(got.Value), got.Version, got.Holders, err, len(v))
		}
	}
	_, err = w.get(0, "other")
	wantErr(t, "another key", err, dht.ErrNotFound)
	for range 2 {
		if err := w.remove(0, "key"); err != nil {
			t.Fatal(err)
		}
		_, err = w.get(11, "key")
		wantErr(t, "removed", err, dht.ErrNotFound)
	}
	if e, err := w.put(11, "key", "again"); err != nil || e.Version != 6 {
		t.Errorf("put again: %+v, %v", e, err)
	}
	if got, err := w.get(0, "key"); err != nil || string(got.Value) != "again" {
		t.Errorf("put again: %+v, %v", got, err)
	}
}

func TestLimits(t *testing.T) {
	w := newWorld(t, 1)
	_, err := w.put(0, "key", strings.Repeat("x", dht.MaxValue+1))
	wantErr(t, "a large value", err, dht.ErrTooLarge)
	for _, key := range []string{"", strings.Repeat("k", dht.MaxKey+1)} {
		_, err := w.put(0, key, "x")
		wantErr(t, "put with a bad key", err, dht.ErrKey)
		_, err = w.get(0, key)
		wantErr(t, "get with a bad key", err, dht.ErrKey)
		wantErr(t, "remove with a bad key", w.remove(0, key), dht.ErrKey)
	}
	if _, err := w.put(0, strings.Repeat("k", dht.MaxKey), "x"); err != nil {
		t.Error(err)
	}
}

// TestIfVersion: a change is made only in place of the version that was seen.
func TestIfVersion(t *testing.T) {
	w := newWorld(t, 3)
	_, err := w.putIf(0, "key", 1, "x")
	wantConflict(t, "put in place of what is not there", err, 0)
	if e, err := w.putIf(0, "key", 0, "one"); err != nil || e.Version != 1 {
		t.Fatalf("the first: %+v, %v", e, err)
	}
	_, err = w.putIf(1, "key", 0, "x")
	wantConflict(t, "put as the first", err, 1)
	if e, err := w.putIf(1, "key", 1, "two"); err != nil || e.Version != 2 {
		t.Fatalf("the second: %+v, %v", e, err)
	}
	_, err = w.putIf(2, "key", 1, "x")
	wantConflict(t, "put in place of an old one", err, 2)
	wantConflict(t, "remove an old one", w.removeIf(2, "key", 1), 2)
	if got, err := w.get(2, "key"); err != nil || string(got.Value) != "two" {
		t.Fatalf("got %+v, %v", got, err)
	}
	if err := w.removeIf(2, "key", 2); err != nil {
		t.Fatal(err)
	}
	for version := uint64(2); version <= 3; version++ {
		_, err = w.putIf(0, "key", version, "x")
		wantConflict(t, "put in place of what was removed", err, 0)
		wantConflict(t, "remove what was removed", w.removeIf(0, "key", version), 0)
	}
	if e, err := w.putIf(0, "key", 0, "three"); err != nil || e.Version != 4 {
		t.Errorf("put after it was removed: %+v, %v", e, err)
	}
}

// TestCounting: of changes of one entry from all nodes at once none is lost or made twice.
func TestCounting(t *testing.T) {
	const nodes, each = 8, 4
	w := newWorld(t, nodes)
	left := nodes
	for _, m := range w.members {
		m.node.Endpoint(1).Go(func(t *task.T) error {
			d := dht.New(m.past, everybody, dht.Copies)
			for range each {
				if err := increment(t, d, "counter"); err != nil {
					return err
				}
			}
			return nil
		}, func(err error) {
			left--
			if err != nil {
				t.Error(err)
			}
		})
	}
	for range 200 {
		if left == 0 {
			break
		}
		w.net.Run(10 * time.Second)
	}
	if got, err := w.get(3, "counter"); err != nil || string(got.Value) != strconv.Itoa(nodes*each) || got.Version != nodes*each {
		t.Errorf("%d nodes are not done; counted %q, version %d, %v, want %d", left, got.Value, got.Version, err, nodes*each)
	}
}

func increment(t *task.T, d dht.Table, key string) error {
	for {
		have, err := d.Get(t, key)
		if err != nil && !errors.Is(err, dht.ErrNotFound) {
			return err
		}
		n := 0
		if have.Version > 0 {
			if n, err = strconv.Atoi(string(have.Value)); err != nil {
				return err
			}
		}
		_, err = d.PutIf(t, key, have.Version, fmt.Append(nil, n+1))
		if !errors.Is(err, dht.ErrConflict) {
			return err
		}
	}
}

// TestMoreHoldersLater: with fewer nodes than copies all keep the entry, and others when
// they join.
func TestMoreHoldersLater(t *testing.T) {
	w := newWorld(t, 2)
	if e, err := w.put(0, "key", "v"); err != nil || e.Holders != 2 {
		t.Fatalf("%+v, %v", e, err)
	}
	for range 5 {
		w.join()
	}
	w.net.Run(time.Minute)
	if e, err := w.get(6, "key"); err != nil || e.Holders != 5 || string(e.Value) != "v" {
		t.Fatalf("%+v, %v", e, err)
	}
}

// TestTablesAreApart: another owner's table and another number of copies are other entries.
func TestTablesAreApart(t *testing.T) {
	w := newWorld(t, 3)
	if _, err := w.put(0, "key", "v"); err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		owner  peer.Signer
		copies uint8
	}{{ann, dht.Copies}, {everybody, 3}} {
		err := w.do(0, x.owner, x.copies, func(t *task.T, d dht.Table) error { _, err := d.Get(t, "key"); return err })
		wantErr(t, "in another table", err, dht.ErrNotFound)
	}
}

// TestReader: a table is read by who knows its owner's key, and changed by nobody else.
func TestReader(t *testing.T) {
	w := newWorld(t, 9)
	read := func(owner peer.Key) (e dht.Entry, err error) {
		m := w.members[8]
		err = m.node.Call(time.Minute, func(t *task.T) (err error) {
			e, err = dht.Of(m.past, owner, dht.Copies).Get(t, "key")
			return err
		})
		return e, err
	}
	_, err := read(ann.Public())
	wantErr(t, "before it is there", err, dht.ErrNotFound)
	for i, owner := range []peer.Signer{ann, everybody} {
		if err := w.do(i, owner, dht.Copies, func(t *task.T, d dht.Table) error { _, err := d.Put(t, "key", fmt.Append(nil, i)); return err }); err != nil {
			t.Fatal(err)
		}
	}
	if e, err := read(ann.Public()); err != nil || string(e.Value) != "0" || e.Version != 1 {
		t.Errorf("read: %+v, %v", e, err)
	}
}
