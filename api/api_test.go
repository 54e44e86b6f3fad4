package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/id"
)

func TestExitCodes(t *testing.T) {
	for kind, want := range map[api.Kind]int{
		api.Failed: 1, api.Usage: 2, api.NotFound: 3, api.NotRunning: 4, api.Locked: 5, api.NewerState: 6,
		api.Unreachable: 1, api.KeyChanged: 1, api.Disputed: 1, api.Denied: 1, "of a newer version": 1,
	} {
		if got := api.ExitCode(fmt.Errorf("while testing: %w", api.Errorf(kind, "x"))); got != want {
			t.Errorf("%s: %d, want %d", kind, got, want)
		}
	}
	if api.ExitCode(nil) != 0 || api.ExitCode(errors.New("x")) != 1 {
		t.Error("errors without a kind")
	}
}

func TestErrorsKeepTheirCauses(t *testing.T) {
	err := api.Errorf(api.NotFound, "reading: %w", fs.ErrNotExist)
	if !errors.Is(err, fs.ErrNotExist) {
		t.Error("the cause of Errorf is lost")
	}
	if w := api.Wrap(api.Failed, fmt.Errorf("outer: %w", err)); api.KindOf(w) != api.NotFound {
		t.Errorf("Wrap has replaced a kind by %s", api.KindOf(w))
	}
	if api.Wrap(api.Failed, nil) != nil {
		t.Error("Wrap of nil")
	}
	if k := api.KindOf(api.Wrap(api.Disputed, fs.ErrClosed)); k != api.Disputed {
		t.Errorf("kind %s", k)
	}
	if k := api.KindOf(context.DeadlineExceeded); k != api.Unreachable {
		t.Errorf("kind %s of a time-out", k)
	}
}

// TestReady holds the line that "phyllo up --json" prints.
func TestReady(t *testing.T) {
	s := api.Status{ID: id.Tiny(0xab), Addrs: []string{"10.0.0.1:4280"}, Ring: id.Hash{1}, UI: "http://127.0.0.1:4281", Control: "/home/x/control.sock"}
	b, err := json.Marshal(s.Ready())
	if err != nil {
		t.Fatal(err)
	}
	want := `{"event":"ready","id":"ab` + strings.Repeat("0", 30) + `","addrs":["10.0.0.1:4280"],"ring":"01` + strings.Repeat("0", 62) +
		`","ui":"http://127.0.0.1:4281","control":"/home/x/control.sock"}`
	if string(b) != want {
		t.Errorf("got  %s\nwant %s", b, want)
	}
}

// TestNobodyRuns: every way in which no node is there has the same kind.
func TestNobodyRuns(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	long := filepath.Join(t.TempDir(), strings.Repeat("long/", 30))
	if err := os.MkdirAll(long, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, home := range map[string]string{"an empty folder": t.TempDir(), "no folder": "/nowhere/at/all", "a file": file, "a long path": long} {
		c, err := api.Dial(home)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Status(t.Context()); api.KindOf(err) != api.NotRunning || !strings.Contains(err.Error(), "phyllo up") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestOperationsAreNamedOnce: the path says which operation is meant.
func TestOperationsAreNamedOnce(t *testing.T) {
	seen := map[string]bool{}
	for _, o := range api.Operations() {
		if seen[o.Name] {
			t.Errorf("%s stands in the table twice", o.Name)
		}
		seen[o.Name] = true
	}
}
