package node_test

import (
	"bytes"
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/gateway/doortest"
)

// stored is a ring of three processes with a key for a space of a user of the first.
type stored struct {
	t       *testing.T
	a, b, c *process
	key     api.Key
	dir     string // where programs work; below src is what they store
	want    map[string][]byte
}

func threeWithKey(t *testing.T, door string) *stored {
	t.Helper()
	s := &stored{t: t, dir: t.TempDir()}
	s.a, s.b, s.c = threeProcesses(t)
	s.a.must("user", "add", "ann")
	s.a.must("space", "create", "backup")
	s.a.read(&s.key, "key", "add", "--for", door, "--space", "backup")
	large := make([]byte, 700_000)
	rand.NewChaCha8([32]byte{2}).Read(large)
	s.want = map[string][]byte{"large": large, "text": []byte("hello\n"), "folder/other": bytes.Repeat([]byte("0123456789"), 3000)}
	for name, content := range s.want {
		path := filepath.Join(s.dir, "src", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// program runs a program of others, wants it to succeed, and returns what it wrote.
func (s *stored) program(env []string, argv ...string) string {
	s.t.Helper()
	return doortest.Command{Dir: s.dir, Env: env}.Run(s.t, argv...)
}

// everywhere waits until each file of the space has a copy on each of three nodes.
func (s *stored) everywhere() {
	s.t.Helper()
	c := s.a.dial()
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	page, err := c.FileList(ctx, api.FileQuery{Space: "backup"})
	if err != nil || len(page.Files) < len(s.want) || page.Next != "" {
		s.t.Fatalf("the space has %+v, %v", page, err)
	}
	for _, f := range page.Files {
		s.a.until(f.Name+" has copies on three nodes", func() bool {
			got, err := c.FileStat(ctx, api.FileName{Space: "backup", Name: f.Name})
			return err == nil && got.Copies >= 3
		})
	}
}

// diskLost kills the second process, removes all that it kept, and has look read everything from
// the other two; then the machine comes back with an empty disk, and has its copies made again.
func (s *stored) diskLost(look func()) {
	s.t.Helper()
	s.everywhere()
	s.b.kill()
	if err := os.RemoveAll(s.b.home); err != nil {
		s.t.Fatal(err)
	}
	look()
	s.a.admit(s.b)
	s.everywhere()
	look()
}

// same compares what came back with what was stored.
func (s *stored) same(folder string) {
	s.t.Helper()
	for name, content := range s.want {
		if got, err := os.ReadFile(filepath.Join(folder, name)); err != nil || !bytes.Equal(got, content) {
			s.t.Errorf("%s came back with %d bytes of %d, %v", name, len(got), len(content), err)
		}
	}
}

// TestResticDiskLost: a backup through S3 into three processes is whole when one of them is killed
// and its disk is gone, and has its copies again when that machine is back with an empty one.
func TestResticDiskLost(t *testing.T) {
	beside(t)
	restic := doortest.Program(t, "restic")
	s := threeWithKey(t, api.DoorS3)
	env := []string{"AWS_ACCESS_KEY_ID=" + s.key.ID, "AWS_SECRET_ACCESS_KEY=" + s.key.Secret, "RESTIC_PASSWORD=x",
		"RESTIC_REPOSITORY=s3:" + s.key.URL + "/backup/r"}
	s.program(env, restic, "--no-cache", "init")
	s.program(env, restic, "--no-cache", "backup", "src")
	s.diskLost(func() {
		s.program(env, restic, "--no-cache", "check", "--read-data")
		out := t.TempDir()
		s.program(env, restic, "--no-cache", "restore", "latest", "--target", out)
		s.same(filepath.Join(out, "src"))
	})
}

// TestRcloneDiskLost is TestResticDiskLost for rclone, through WebDAV.
func TestRcloneDiskLost(t *testing.T) {
	beside(t)
	rclone := doortest.Program(t, "rclone")
	s := threeWithKey(t, api.DoorWebDAV)
	s.program(nil, rclone, "config", "create", "--obscure", "ring", "webdav", "url="+s.key.URL+"/backup", "vendor=other", "user="+s.key.ID, "pass="+s.key.Secret)
	s.program(nil, rclone, "copy", "src", "ring:r")
	s.diskLost(func() {
		s.program(nil, rclone, "check", "--download", "src", "ring:r")
		out := t.TempDir()
		s.program(nil, rclone, "copy", "ring:r", out)
		s.same(out)
	})
}
