package doortest

import (
	"context"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Program finds a client, first at these paths, or skips the test.
func Program(t testing.TB, name string, paths ...string) string {
	t.Helper()
	for _, p := range append(paths, name) {
		if found, err := exec.LookPath(p); err == nil {
			return found
		}
	}
	t.Skip("client missing: " + name)
	return ""
}

// programTime bounds how long a client may take.
const programTime = 3 * time.Minute

// Command is a client in a folder, which it takes for its user's home, with nothing in its
// environment but that and env.
type Command struct {
	Dir   string
	Env   []string
	Typed string // by its user
}

// Try runs a client, and returns what it wrote.
func (c Command) Try(argv ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), programTime)
	defer cancel()
	p := exec.CommandContext(ctx, argv[0], argv[1:]...)
	p.Dir, p.Stdin = c.Dir, strings.NewReader(c.Typed)
	p.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + c.Dir, "TMPDIR=" + c.Dir, "LANG=C.UTF-8", "TERM=dumb"}, c.Env...)
	out, err := p.CombinedOutput()
	return string(out), err
}

// Run is Try for a client that must succeed.
func (c Command) Run(t testing.TB, argv ...string) string {
	t.Helper()
	out, err := c.Try(argv...)
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(argv, " "), err, out)
	}
	return out
}

// Same fails unless two trees have the same files.
func (c Command) Same(t testing.TB, a, b string) {
	t.Helper()
	c.Run(t, "diff", "-r", a, b)
}

// Tree makes files of some sizes below src in a new folder, which it returns; one of them has the
// name large.
func Tree(t testing.TB, large int) (dir string) {
	t.Helper()
	dir = t.TempDir()
	chance := rand.NewChaCha8([32]byte{})
	for name, size := range map[string]int{"a.txt": 10, "empty": 0, "folder/b c.bin": 100_000, "folder/deep/ü.txt": 1000, "folder/+&=%41.txt": 77, "large": large} {
		path := filepath.Join(dir, "src", filepath.FromSlash(name))
		b := make([]byte, size)
		chance.Read(b)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
