package console

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/phyllo-net/phyllo/cmd/phyllo/plain"
)

func TestTablesAlign(t *testing.T) {
	var out bytes.Buffer
	w := &World{Stdout: &out}
	w.Open()
	w.Table([][]string{{"NAME", "X"}, {"日本", "1"}, {"e\u0301a", "2"}, {"\x1b[1m", "3"}})
	if err := w.Out.Flush(); err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(strings.TrimSpace(out.String()), "\n") {
		if plain.Cells(line) != len("\\x1b[1m  X") {
			t.Errorf("%q has %d columns", line, plain.Cells(line))
		}
	}
}

// TestProgress: nothing is drawn for what is fast, and nothing is left of what is
// slow.
func TestProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		s := &spinner{out: &out, text: func() string { return "thinking" }, signs: []string{"|", "/"}}
		stop := s.start()
		time.Sleep(patience - time.Millisecond)
		stop()
		if out.Len() > 0 {
			t.Errorf("after less than %v it has drawn %q", patience, out.String())
		}
		stop = s.start()
		time.Sleep(patience + 150*time.Millisecond)
		stop()
		if want := "\r| thinking\x1b[K\r/ thinking\x1b[K\r\x1b[K"; out.String() != want {
			t.Errorf("%q, want %q", out.String(), want)
		}
	})
}

func TestHalfBlocks(t *testing.T) {
	dots := [][]bool{{true, true, false, false}, {true, false, true, false}, {false, true, true, false}}
	if got := strings.Join(halfBlocks(dots, false), "/"); got != " ▄▀█/█▄▄█" {
		t.Errorf("%q", got)
	}
	if got := halfBlocks(dots, true)[0]; got != "\x1b[97;40m ▄▀█\x1b[0m" {
		t.Errorf("%q", got)
	}
}

// TestPictureOnTerminalsOnly: an invitation is drawn where there is room for it.
func TestPictureOnTerminalsOnly(t *testing.T) {
	invite := "phyllo1" + strings.Repeat("abcdefgh", 40)
	for _, c := range []struct {
		columns int
		lang    string
		drawn   bool
	}{{100, "de_DE.UTF-8", true}, {100, "C", false}, {40, "C.UTF-8", false}, {0, "C.UTF-8", false}} {
		var out bytes.Buffer
		w := &World{Stdout: &out, Environ: []string{"LANG=" + c.lang}}
		w.Open()
		w.Columns = c.columns
		w.QR(invite)
		if err := w.Out.Flush(); err != nil {
			t.Fatal(err)
		}
		if drawn := out.Len() > 0; drawn != c.drawn {
			t.Errorf("%+v: drawn %v", c, drawn)
		}
	}
}

// TestSaveWholeOrNothing: RELIABILITY.md section 5, rows 46 and 47.
func TestSaveWholeOrNothing(t *testing.T) {
	dir := t.TempDir()
	w := &World{}
	path := filepath.Join(dir, "secret")
	if err := w.Save(path, "first", false); err != nil {
		t.Fatal(err)
	}
	if err := w.Save(path, "second", false); err == nil || !strings.Contains(err.Error(), "--force") {
		t.Errorf("an existing file: %v", err)
	}
	if b, _ := os.ReadFile(path); string(b) != "first" {
		t.Errorf("it holds %q", b)
	}
	if err := w.Save(path, "third", true); err != nil {
		t.Error(err)
	}
	if b, _ := os.ReadFile(path); string(b) != "third" {
		t.Errorf("it holds %q", b)
	}
	if err := w.Save("/dev/full/x", "fourth", false); err == nil {
		t.Error("a folder that is none was written to")
	}
	st, err := os.Stat(path)
	if err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", st.Mode(), err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
}
