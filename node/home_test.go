package node_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/keys"
	"github.com/phyllo-net/phyllo/node"
	"github.com/phyllo-net/phyllo/node/home"
)

func TestRestartKeepsEverything(t *testing.T) {
	t.Parallel()
	ns := ring(t, 2, nil)
	addUser(t, ns[0], "ann")
	addUser(t, ns[1], "bob")
	send(t, ns[0], "ann", "bob", "before")
	c := settings(status(t, ns[1]).Home)
	old := status(t, ns[1])
	begin := time.Now()
	if err := ns[1].Stop(limited(t)); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begin); took > patience {
		t.Errorf("stopping took %v", took)
	}
	if s, err := ns[0].API().Send(limited(t), api.Draft{To: "bob", Text: "meanwhile"}); err != nil || s.State != api.StateQueued {
		t.Errorf("to one who is off: %+v, %v", s, err)
	}
	again := start(t, c)
	eventually(t, again, "what was sent meanwhile is there", func() bool { return len(inbox(t, again, "")) == 2 })
	if got := inbox(t, again, "bob"); strings.Join(got, ", ") != "ann: before, ann: meanwhile" {
		t.Errorf("bob has %q", got)
	}
	now := status(t, again)
	if now.ID != old.ID || now.Ring != old.Ring || len(now.Users) != 1 {
		t.Errorf("was %+v, is %+v", old, now)
	}
	send(t, again, "bob", "ann", "after")
}

func TestExportMovesAUser(t *testing.T) {
	t.Parallel()
	ns := ring(t, 3, nil)
	addUser(t, ns[0], "ann")
	key := addUser(t, ns[1], "bob").Key
	file, err := ns[1].API().UserExport(limited(t), "bob", "five words of mine here")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ns[2].API().UserImport(limited(t), *file, "another passphrase"); api.KindOf(err) != api.Failed {
		t.Errorf("with a wrong passphrase: %v", err)
	}
	if _, err := ns[2].API().UserImport(limited(t), api.Sealed{Text: "hello"}, "x"); api.KindOf(err) != api.Usage {
		t.Errorf("something else: %v", err)
	}
	u, err := ns[2].API().UserImport(limited(t), *file, "five words of mine here")
	if err != nil || u.Key != key || len(u.Devices) != 2 || u.Trouble != "" {
		t.Fatalf("%+v, %v", u, err)
	}
	send(t, ns[0], "ann", "bob", "both of you")
	for _, n := range ns[1:] {
		eventually(t, n, "both have it", func() bool { return strings.Join(inbox(t, n, "bob"), "") == "ann: both of you" })
	}
	if _, err := ns[2].API().UserImport(limited(t), *file, "five words of mine here"); api.KindOf(err) != api.Failed {
		t.Errorf("twice: %v", err)
	}
}

func TestHomes(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	n := start(t, settings(home))
	addUser(t, n, "ann")
	second, err := node.New(settings(home))
	if err != nil {
		t.Fatal(err)
	}
	if err := second.Start(limited(t)); api.KindOf(err) != api.Locked || !strings.Contains(err.Error(), fmt.Sprint(os.Getpid())) {
		t.Errorf("a second node: %v", err)
	}
	if err := second.Stop(limited(t)); err != nil {
		t.Errorf("stopping what never started: %v", err)
	}
	err = filepath.WalkDir(home, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		st, err := d.Info()
		private := strings.HasSuffix(path, ".key") || filepath.Base(path) == "record"
		switch {
		case err != nil:
			return err
		case path == filepath.Join(home, "store"):
			return filepath.SkipDir // its modes are the store's business, within this folder
		case d.IsDir() && st.Mode().Perm()&0o077 != 0:
			t.Errorf("the folder %s has mode %o", path, st.Mode().Perm())
		case private && st.Mode().Perm() != 0o600:
			t.Errorf("the file %s has mode %o", path, st.Mode().Perm())
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestNewerHome(t *testing.T) {
	home := t.TempDir()
	version := filepath.Join(home, "version")
	if err := os.WriteFile(version, []byte("2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	n, err := node.New(settings(home))
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Start(limited(t)); api.KindOf(err) != api.NewerState {
		t.Errorf("kind %s: %v", api.KindOf(err), err)
	}
	if err := n.Stop(limited(t)); err != nil {
		t.Error(err)
	}
	if entries, err := os.ReadDir(home); err != nil || len(entries) != 1 {
		t.Errorf("there is now %v, %v", entries, err)
	}
}

func TestControlSocket(t *testing.T) {
	n := start(t, settings(t.TempDir()))
	c, err := api.Dial(status(t, n).Home)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	s, err := c.Status(limited(t))
	if err != nil || s.ID != status(t, n).ID || s.Control == "" {
		t.Errorf("%+v, %v", s, err)
	}
	findings, err := c.Doctor(limited(t))
	if err != nil || len(findings) < 5 {
		t.Errorf("%+v, %v", findings, err)
	}
	for _, f := range findings {
		if f.Verdict == api.Bad {
			t.Errorf("a healthy node: %+v", f)
		}
	}
	metrics, err := c.Metrics(limited(t))
	if err != nil || len(metrics) < 20 {
		t.Errorf("%d metrics, %v", len(metrics), err)
	}
	p, err := c.Picture(limited(t))
	if err != nil || len(p.Nodes) != 1 || p.Self != s.ID {
		t.Errorf("%+v, %v", p, err)
	}
	done := make(chan error, 1)
	go func() { done <- c.Stop(limited(t)) }()
	select {
	case <-n.Done():
	case <-time.After(patience):
		t.Fatal("nobody was told")
	}
	if err := n.Stop(limited(t)); err != nil {
		t.Error(err)
	}
	if err := <-done; err != nil {
		t.Errorf("the one who asked: %v", err)
	}
	if _, err := c.Status(limited(t)); api.KindOf(err) != api.NotRunning {
		t.Errorf("afterwards: %v", err)
	}
}

// TestKeyWithoutStore: a node that has lost what it knew of its ring does not found one of its own without a
// word, and nothing is made in its home.
func TestKeyWithoutStore(t *testing.T) {
	dir := t.TempDir()
	key := filepath.Join(dir, home.KeyName)
	if _, err := keys.LoadOrMakeSigner(key, keys.NodeKey, keys.Random()); err != nil {
		t.Fatal(err)
	}
	n, err := node.New(settings(dir))
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Start(limited(t)); err == nil || !strings.Contains(err.Error(), "phyllo up --join INVITATION") {
		t.Errorf("it starts: %v", err)
	}
	if err := n.Stop(limited(t)); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(dir, home.StoreName)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("there is a store now: %v", err)
	}
}

// TestStoreThatDidNotOpen: a home whose store could not be made at the first start has lost nothing, and is begun
// with again.
func TestStoreThatDidNotOpen(t *testing.T) {
	dir := t.TempDir()
	store := filepath.Join(dir, home.StoreName)
	if err := os.WriteFile(store, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	n, err := node.New(settings(dir))
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Start(limited(t)); err == nil {
		t.Error("it starts with a file in place of its store")
	}
	if err := n.Stop(limited(t)); err != nil {
		t.Error(err)
	}
	if err := os.Remove(store); err != nil {
		t.Fatal(err)
	}
	start(t, settings(dir))
}
