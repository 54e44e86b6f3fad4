package node_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/gateway/doortest"
)

// TestTwoOfThreeGone: two of three machines are gone for longer than they are waited for. On the third one
// values and files are changed, and it says that this is without the others; what holds a condition is refused,
// here and through S3, and it says what helps. When the two are back, everybody has all.
func TestTwoOfThreeGone(t *testing.T) {
	if testing.Short() {
		t.Skip("needs three processes")
	}
	beside(t)
	curl := doortest.Program(t, "curl")
	a, b, c := newProcess(t), newProcess(t), newProcess(t)
	for _, p := range []*process{a, b, c} {
		p.env = []string{"PHYLLO_ABSENCE=2s"}
	}
	a.up()
	a.admit(b)
	a.admit(c)
	file := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(file, []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	a.must("user", "add", "ann")
	b.must("user", "add", "bob")
	a.must("space", "create", "common")
	b.must("space", "add", strings.TrimSpace(a.must("space", "grant", "common", "bob")))
	var key api.Key
	a.read(&key, "key", "add", "--for", "s3", "--space", "common")
	s3 := func(name string, args ...string) string {
		line := append([]string{curl, "-sS", "--aws-sigv4", "aws:amz:us-east-1:s3", "--user", key.ID + ":" + key.Secret, key.URL + "/common/" + name}, args...)
		return doortest.Command{Dir: t.TempDir()}.Run(t, line...)
	}
	a.must("put", file, "--space", "common", "--as", "before")
	etag := s3("before", "-o", "/dev/null", "-w", "%header{etag}")
	var kept api.DHTKept
	a.until("three keep the value", func() bool { a.read(&kept, "dht", "put", "colour", "red"); return kept.Copies == 3 })

	b.kill()
	c.kill()
	a.read(&kept, "dht", "put", "colour", "blue")
	blue := fmt.Sprint(kept.Version) // each try above made one
	// Where the others noticed the first death before the second, they have gone on as two.
	apart := func(from int) bool { return from == 2 || from == 3 }
	if !apart(kept.Apart) {
		t.Errorf("the value is %+v, want it apart from 3 or 2", kept)
	}
	var put api.File
	a.read(&put, "put", file, "--space", "common", "--as", "after")
	if !apart(put.Apart) {
		t.Errorf("the file is %+v, want it apart from 3 or 2", put)
	}
	if out := a.must("cat", "before", "--space", "common"); out != "hello" {
		t.Errorf("a file from before is %q", out)
	}
	var f *failure
	if _, err := a.run("dht", "put", "colour", "green", "--if-version", blue); !errors.As(err, &f) || f.code != api.Unreachable.ExitCode() ||
		!strings.Contains(f.stderr, "not reachable now") || !strings.Contains(f.stderr, "start them again") {
		t.Errorf("a value with a condition: %v", err)
	}
	for _, condition := range []string{"If-Match: " + etag, "If-None-Match: *"} {
		name := "before"
		if strings.HasPrefix(condition, "If-None") {
			name = "new"
		}
		if out := s3(name, "-T", file, "-H", condition, "-w", "%{http_code}"); !strings.Contains(out, "ServiceUnavailable") || !strings.Contains(out, "not reachable now") ||
			!strings.Contains(out, "start them again") || !strings.HasSuffix(out, "503") {
			t.Errorf("%s: %s", condition, out)
		}
	}

	b.up()
	c.up()
	b.until("the other one has what was made without it", func() bool {
		out, err := b.run("ls", "--space", "common")
		return err == nil && out == "after\nbefore\n"
	})
	a.until("a condition is decided again", func() bool {
		_, err := a.run("dht", "put", "colour", "green", "--if-version", blue)
		return err == nil
	})
	if out := s3("before", "-T", file, "-H", "If-Match: "+etag, "-w", "%{http_code}"); out != "200" {
		t.Errorf("If-Match when all are back: %s", out)
	}
	if out := b.must("cat", "after", "--space", "common"); out != "hello" {
		t.Errorf("what was put without the others is %q there", out)
	}
}
