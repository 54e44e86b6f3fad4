package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/cmd/phyllo/console"
	"github.com/phyllo-net/phyllo/node/config"
)

// TestUI: a browser gets a file that only this user can read; the one-time address
// stands on no command line, and is printed only where it is asked for or needed.
func TestUI(t *testing.T) {
	home := newHome(t)
	c := config.Default()
	c.Home, c.UI = home, "127.0.0.1:0"
	r, err := fakeLaunch(c, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer r.Stop(t.Context())

	for _, x := range []struct {
		name    string
		args    []string
		browser error
		shown   bool // the address
	}{
		{"a browser", []string{"ui"}, nil, false},
		{"no browser", []string{"ui"}, errors.New("there is no screen here"), true},
		{"printed", []string{"ui", "--print"}, nil, true},
	} {
		var stdout, stderr strings.Builder
		opened := ""
		code := run(&console.World{Args: x.args, Stdin: strings.NewReader(""), Stdout: &stdout, Stderr: &stderr, Environ: []string{"PHYLLO_HOME=" + home},
			Now: time.Now, Browse: func(path string, _ func(string) string) error {
				opened = path
				return x.browser
			}})
		if code != 0 || strings.Contains(stdout.String(), "ticket=") != x.shown {
			t.Errorf("%s: %d, %s%s", x.name, code, stdout.String(), stderr.String())
		}
		if x.args[len(x.args)-1] == "--print" {
			continue
		}
		if filepath.Dir(opened) != home {
			t.Errorf("%s: opened %q", x.name, opened)
		}
		if st, err := os.Stat(opened); err != nil || st.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", x.name, st, err)
		}
	}
}
