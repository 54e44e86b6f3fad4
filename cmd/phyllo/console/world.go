package console

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

// ProgramName is how the program is called where it lies in the PATH.
const ProgramName = "phyllo"

// World is what a run of the program sees of its surroundings.
type World struct {
	Args           []string // after the program's name
	Stdin          io.Reader
	Stdout, Stderr io.Writer // what is printed goes to Out, which Open sets
	Environ        []string  // as os.Environ has it
	Now            func() time.Time
	// Program is how to call this program, for hints; empty means "phyllo".
	Program string
	// Launch makes a node that is not started yet. serve, if not nil, gets its
	// interface and returns what the control socket shall offer.
	Launch func(c config.Config, log *slog.Logger, serve func(api.Node) api.Node) (Runner, error)
	// Browse opens a file in the user's browser.
	Browse func(path string, getenv func(string) string) error

	// Set by the global flags.
	Home string
	JSON bool // print JSON, one object in each line

	Out     *Output
	Columns int // of the terminal that gets the output; 0: it is none
}

// Getenv is os.Getenv in this world.
func (w *World) Getenv(name string) string {
	for _, v := range slices.Backward(w.Environ) {
		if value, ok := strings.CutPrefix(v, name+"="); ok {
			return value
		}
	}
	return ""
}

// Output is standard output, buffered. It remembers the first error, so that nobody
// is told that something was shown which was not.
type Output struct {
	b   *bufio.Writer
	err error
}

// Write implements io.Writer.
func (o *Output) Write(p []byte) (int, error) {
	if o.err != nil {
		return 0, o.err
	}
	n, err := o.b.Write(p)
	o.err = err
	return n, err
}

// Flush reports whether all that was written is out.
func (o *Output) Flush() error {
	if o.err == nil {
		o.err = o.b.Flush()
	}
	if o.err != nil {
		return fmt.Errorf("writing the output: %w: is its disk full, or has the program that reads it ended?", o.err)
	}
	return nil
}

// Printf writes to standard output.
func (w *World) Printf(format string, args ...any) { fmt.Fprintf(w.Out, format, args...) }

// Say writes a line for people to standard error.
func (w *World) Say(format string, args ...any) { fmt.Fprintf(w.Stderr, format+"\n", args...) }

// Open prepares the output.
func (w *World) Open() {
	w.Out = &Output{b: bufio.NewWriter(w.Stdout)}
	if w.Program == "" {
		w.Program = ProgramName
	}
	if f, ok := w.Stdout.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		w.Columns = 80
		if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 0 {
			w.Columns = width
		}
	}
}

// colour reports whether the output may have colours.
func (w *World) colour() bool {
	return w.Columns > 0 && w.Getenv("NO_COLOR") == "" && w.Getenv("TERM") != "dumb" && w.Getenv("TERM") != ""
}

// wide reports whether the user's locale has more than ASCII.
func (w *World) wide() bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if v := w.Getenv(name); v != "" {
			v = strings.ToLower(v)
			return strings.Contains(v, "utf-8") || strings.Contains(v, "utf8")
		}
	}
	return false
}

// Mark is a sign before a line: good, warn or bad.
func (w *World) Mark(verdict string) string {
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

// Client returns a client of the node at the home, which the caller closes.
func (w *World) Client() (*api.Client, error) { return api.Dial(w.Home) }

// Command is how to call this program for the same home, for hints.
func (w *World) Command(rest string) string {
	if def, err := config.DefaultHome(w.Getenv); err == nil && def == w.Home {
		return w.Program + " " + rest
	}
	return w.CommandAt(w.Home, rest)
}

// CommandAt is how to call this program for a home, for hints.
func (w *World) CommandAt(home, rest string) string {
	return w.Program + " --home " + QuoteArg(home) + " " + rest
}

// QuoteArg quotes an argument for a shell where it needs that.
func QuoteArg(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._-+=:@,", r)
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// ErrQuiet ends the program with exit code 1 after everything was said.
var ErrQuiet = errors.New("")

// Usage is an error of kind Usage.
func Usage(format string, args ...any) error { return api.Errorf(api.Usage, format, args...) }

// SetHome makes the home absolute, and sets it where no flag did.
func (w *World) SetHome() (err error) {
	if w.Home == "" {
		w.Home, err = config.DefaultHome(w.Getenv)
		return err
	}
	w.Home, err = filepath.Abs(w.Home)
	return err
}
