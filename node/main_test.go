package node_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"
)

// TestMain runs the tests, removes the program that was built for them, and looks for
// goroutines that nodes left behind.
func TestMain(m *testing.M) {
	code := m.Run()
	if built.Load() {
		path, err := program()
		if err == nil {
			err = os.RemoveAll(filepath.Dir(path))
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = max(code, 1)
		}
	}
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}
