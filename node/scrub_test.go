package node_test

import (
	"bytes"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/node"
	"github.com/phyllo-net/phyllo/store"
)

// awaitStatus asks a node for its status until that is as it should be.
func awaitStatus(t *testing.T, n *node.Node, what string, good func(*api.Status) bool) (s *api.Status) {
	t.Helper()
	defer func() {
		if t.Failed() && s != nil {
			t.Logf("the last answer: %+v; of what the users store %+v", *s, s.Mine)
		}
	}()
	eventually(t, n, what, func() bool {
		var err error
		if s, err = n.API().Status(limited(t)); err != nil {
			t.Fatal(err)
		}
		return good(s)
	})
	return s
}

// flip changes a bit in the longest file of a node's blobs, and returns what it was before.
func flip(t *testing.T, home string) (file string, was []byte) {
	t.Helper()
	var longest string
	var size int64
	err := filepath.WalkDir(home, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Base(filepath.Dir(filepath.Dir(path))) != "blobs" {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Size() > size {
			longest, size = path, info.Size()
		}
		return err
	})
	if err != nil || longest == "" {
		t.Fatalf("no file of a blob below %s: %v", home, err)
	}
	b, err := os.ReadFile(longest)
	if err != nil {
		t.Fatal(err)
	}
	was = bytes.Clone(b)
	b[len(b)/3] ^= 16
	if err := os.WriteFile(longest, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return longest, was
}

// TestFlippedBitIsFoundAndRepaired: a bit that changes on the disk of a node is found though
// nobody reads the file, and the replica is fetched anew from another node. How far reading
// came outlives the node.
func TestFlippedBitIsFoundAndRepaired(t *testing.T) {
	quick := store.Pace{Period: 5 * time.Second, Share: 1}
	home := t.TempDir()
	first := start(t, settings(t.TempDir()))
	inv, err := first.API().Invite(limited(t), api.InviteRequest{Uses: 1})
	if err != nil {
		t.Fatal(err)
	}
	c := settings(home)
	c.Join = inv.Invite
	second := start(t, c)
	addUser(t, first, "ann")
	content := make([]byte, 900_000)
	rand.NewChaCha8([32]byte{1}).Read(content)
	for {
		f, err := first.API().FilePut(limited(t), api.FilePut{Name: "film"}, bytes.NewReader(content))
		if err != nil {
			t.Fatal(err)
		}
		if f.Copies == 2 {
			break // both nodes have it
		}
	}
	if s, err := second.API().Status(limited(t)); err != nil || s.Keeps.Objects == 0 || s.Keeps.Bytes < 900_000 || s.Keeps.Damaged != 0 {
		t.Fatalf("the second keeps %+v, %v", s.Keeps, err)
	}
	if err := second.Stop(limited(t)); err != nil {
		t.Fatal(err)
	}
	file, was := flip(t, home)
	c.Join = ""
	second = start(t, c, node.WithScrub(quick))
	awaitStatus(t, second, "found and repaired", func(s *api.Status) bool {
		return s.Keeps.Damaged == 1 && s.Keeps.Repaired == 1 && s.Keeps.Lost == 0
	})
	if b, err := os.ReadFile(file); err != nil || !bytes.Equal(b, was) {
		t.Errorf("the file is not what it was: %d bytes, %v", len(b), err)
	}
	passed := awaitStatus(t, second, "a whole pass", func(s *api.Status) bool { return !s.Keeps.Read.IsZero() }).Keeps
	if err := second.Stop(limited(t)); err != nil {
		t.Fatal(err)
	}
	second = start(t, c) // at the usual pace: there is no step for hours
	s := awaitStatus(t, second, "the pass is known", func(s *api.Status) bool { return !s.Keeps.Read.IsZero() })
	if s.Keeps.Read.Before(passed.Read) || s.Keeps.Damaged != 0 || s.Keeps.Lost != 0 {
		t.Errorf("after another start: %+v, before: %+v", s.Keeps, passed)
	}
}
