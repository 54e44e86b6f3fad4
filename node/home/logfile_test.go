package home_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/phyllo-net/phyllo/node/home"
)

// TestLogFile: no line is lost or cut when a new file is begun, and no more is kept
// than two files.
func TestLogFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	line := append(bytes.Repeat([]byte("x"), 1<<20-1), '\n')
	const lines = 20
	for range 2 { // the second time it goes on where it was
		l, err := home.OpenLog(path)
		if err != nil {
			t.Fatal(err)
		}
		for range lines {
			if n, err := l.Write(line); n != len(line) || err != nil {
				t.Fatal(n, err)
			}
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := l.Write(line); !errors.Is(err, fs.ErrClosed) {
			t.Errorf("after Close: %v", err)
		}
	}
	for _, name := range []string{path, path + ".old"} {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		st, err := os.Stat(name)
		if err != nil || st.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, st.Mode(), err)
		}
		if len(b) > home.MaxLog || len(b)%len(line) != 0 || b[len(b)-1] != '\n' {
			t.Errorf("%s has %d bytes", name, len(b))
		}
	}
	if list, err := filepath.Glob(path + "*"); err != nil || len(list) != 2 {
		t.Errorf("%v, %v", list, err)
	}
}
