package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/node/config"
)

// programName is how the program is called where it lies in the PATH.
const programName = "phyllo"

// world is what a run of the program sees of its surroundings.
type world struct {
	args           []string
	stdin          io.Reader
	stdout, stderr io.Writer
	environ        []string
	now            func() time.Time
	// program is how to call this program, for hints; empty means "phyllo".
	program string
	// launch makes a node that is not started yet. serve, if not nil, gets its
	// interface and returns what the control socket shall offer.
	launch func(c config.Config, log *slog.Logger, serve func(api.Node) api.Node) (runner, error)
	// browse opens a file in the user's browser.
	browse func(path string, getenv func(string) string) error

	// Set by the global flags.
	home string
	json bool

	out     *output
	columns int // of the terminal that gets the output; 0: it is none
}

// getenv is os.Getenv in this world.
func (w *world) getenv(name string) string {
	for _, v := range slices.Backward(w.environ) {
		if value, ok := strings.CutPrefix(v, name+"="); ok {
			return value
		}
	}
	return ""
}

// output is standard output, buffered. It remembers the first error, so that nobody
// is told that something was shown which was not.
type output struct {
	b   *bufio.Writer
	err error
}

// Write implements io.Writer.
func (o *output) Write(p []byte) (int, error) {
	if o.err != nil {
		return 0, o.err
	}
	n, err := o.b.Write(p)
	o.err = err
	return n, err
}

// flush reports whether all that was written is out.
func (o *output) flush() error {
	if o.err == nil {
		o.err = o.b.Flush()
	}
	if o.err != nil {
		return fmt.Errorf("writing the output: %w: is its disk full, or has the program that reads it ended?", o.err)
	}
	return nil
}

// printf writes to standard output.
func (w *world) printf(format string, args ...any) { fmt.Fprintf(w.out, format, args...) }

// say writes a line for people to standard error.
func (w *world) say(format string, args ...any) { fmt.Fprintf(w.stderr, format+"\n", args...) }

// open prepares the output.
func (w *world) open() {
	w.out = &output{b: bufio.NewWriter(w.stdout)}
	if w.program == "" {
		w.program = programName
	}
	if f, ok := w.stdout.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		w.columns = 80
		if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 0 {
			w.columns = width
		}
	}
}

// colour reports whether the output may have colours.
func (w *world) colour() bool {
	return w.columns > 0 && w.getenv("NO_COLOR") == "" && w.getenv("TERM") != "dumb" && w.getenv("TERM") != ""
}

// wide reports whether the user's locale has more than ASCII.
func (w *world) wide() bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if v := w.getenv(name); v != "" {
			v = strings.ToLower(v)
			return strings.Contains(v, "utf-8") || strings.Contains(v, "utf8")
		}
	}
	return false
}

// mark is a sign before a line: good, warn or bad.
func (w *world) mark(verdict string) string {
	sign, colour := "ok", "32"
	switch verdict {
	case api.Warn:
		sign, colour = "!", "33"
	case api.Bad:
		sign, colour = "X", "31"
	}
	if w.wide() {
		sign = map[string]string{"ok": "✓", "!": "!", "X": "✗"}[sign]
	}
	if w.colour() {
		return "\x1b[" + colour + "m" + sign + "\x1b[0m"
	}
	return sign
}

// client returns a client of the node at the home.
func (w *world) client() (*api.Client, error) { return api.Dial(w.home) }

// command is how to call this program for the same home, for hints.
func (w *world) command(rest string) string {
	if def, err := config.DefaultHome(w.getenv); err == nil && def == w.home {
		return w.program + " " + rest
	}
	return w.commandAt(w.home, rest)
}

// commandAt is how to call this program for a home, for hints.
func (w *world) commandAt(home, rest string) string {
	return w.program + " --home " + quoteArg(home) + " " + rest
}

// quoteArg quotes an argument for a shell where it needs that.
func quoteArg(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._-+=:@,", r)
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// errQuiet ends the program with exit code 1 after everything was said.
var errQuiet = errors.New("")

// usage is an error of kind Usage.
func usage(format string, args ...any) error { return api.Errorf(api.Usage, format, args...) }

// setHome makes the home absolute.
func (w *world) setHome() (err error) {
	if w.home == "" {
		w.home, err = config.DefaultHome(w.getenv)
		return err
	}
	w.home, err = filepath.Abs(w.home)
	return err
}
