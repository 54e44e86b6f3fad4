package node_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestFilesProcesses: what is put on one process is read on every other, also after kill -9 of
// the one that stored it and with its disk gone; who is granted a space uses it, and a link reads
// one file, sent to a person or to a room.
func TestFilesProcesses(t *testing.T) {
	if testing.Short() {
		t.Skip("needs three processes")
	}
	beside(t)
	a, b, c := threeProcesses(t)
	a.must("user", "add", "ann")
	b.must("user", "add", "bob")
	c.must("user", "add", "carol")

	content := make([]byte, 300_000)
	rand.NewChaCha8([32]byte{1}).Read(content)
	file := filepath.Join(t.TempDir(), "film")
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
	// Who stored it may have heard of the third node a moment later.
	a.until("the film is put in three copies", func() bool {
		out := a.must("put", file)
		if !strings.Contains(out, " of 5 copies, more when more machines join") {
			t.Fatalf("put: %q", out)
		}
		return strings.Contains(out, "film: 300.0 KB, 3 of 5 copies")
	})
	if cost := a.status(); cost.Traffic.BytesOut < 2*300_000 {
		t.Errorf("two others have the file, and %d bytes were sent", cost.Traffic.BytesOut)
	}
	a.must("space", "create", "common")
	a.must("put", file, "--space", "common", "--as", "films/first")
	link := strings.TrimSpace(a.must("share", "film"))
	key := strings.TrimSpace(a.must("space", "grant", "common", "bob"))
	b.must("space", "add", key)
	b.must("put", file, "--space", "common", "--as", "films/second")
	if out := a.must("ls", "films/", "--space", "common"); out != "films/first\nfilms/second\n" {
		t.Errorf("the owner lists %q", out)
	}
	var f *failure
	if _, err := c.run("space", "add", key); !errors.As(err, &f) {
		t.Errorf("carol uses a space that was granted to bob: %v", err)
	}

	b.must("send", "carol", "--file", file, "look at this")
	sent := c.received("look at this")
	b.must("room", "create", "cinema")
	b.must("room", "invite", "cinema", "carol")
	c.until("an invitation", func() bool { return strings.Contains(c.must("room", "list"), "invited by bob") })
	b.must("send", "#cinema", "--file", file, "tonight")
	c.must("room", "join", "cinema")
	shown := ""
	c.until("the film in the room", func() (found bool) {
		_, shown, found = strings.Cut(c.must("room", "history", "cinema"), "film, 300000 bytes: ")
		return found
	})

	a.kill()
	want := func(p *process, args ...string) {
		t.Helper()
		to := filepath.Join(t.TempDir(), "got")
		p.until(fmt.Sprintf("get %q", args), func() bool {
			_, err := p.run(append([]string{"get", "-o", to, "--force"}, args...)...)
			return err == nil
		})
		if got, err := os.ReadFile(to); err != nil || !bytes.Equal(got, content) {
			t.Errorf("get %q: %d bytes, %v", args, len(got), err)
		}
	}
	want(c, link)
	want(c, sent)
	want(c, strings.TrimSpace(shown))
	want(b, "films/first", "--space", "common")
	want(b, "films/second", "--space", "common")
}

// received waits for a message with a file, and returns the file's link.
func (p *process) received(text string) (link string) {
	p.t.Helper()
	out := ""
	p.until("the message comes", func() bool {
		out = p.must("inbox", "--peek")
		return strings.Contains(out, text)
	})
	_, link, found := strings.Cut(out, "film, 300000 bytes: ")
	if !found {
		p.t.Fatalf("the message has no link: %q", out)
	}
	return strings.TrimSpace(link)
}
