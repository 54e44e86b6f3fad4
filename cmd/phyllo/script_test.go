package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/internal/fakenode"
	"github.com/phyllo-net/phyllo/node/config"
)

var update = flag.Bool("update", false, "write what the commands print into testdata")

// TestScripts runs the transcripts of testdata: they are tests and examples in one.
// A line that begins with "$ " is a command; what follows is what it prints, lines of
// standard error with "2> " before them, and its exit code in brackets if that is
// not 0, and "~" for an empty line. A line with "% " prepares something: see script.prepare. "#" begins a
// comment. After a wanted change: go test ./cmd/phyllo -run Scripts -update
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			s := &script{t: t, dir: newHome(t)}
			s.env = []string{"HOME=" + s.dir, "PHYLLO_HOME=" + s.home(), "LANG=C.UTF-8"}
			got := s.run(string(b))
			switch {
			case got == string(b):
			case *update:
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			default:
				t.Errorf("%s differs (-file +now):\n%s", file, cmp.Diff(strings.Split(string(b), "\n"), strings.Split(got, "\n")))
			}
		})
	}
}

// script is a transcript that is played.
type script struct {
	t     *testing.T
	dir   string
	env   []string
	node  *fakenode.Node
	stdin string
}

func (s *script) home() string { return filepath.Join(s.dir, "node") }

// run plays a transcript and returns it with what was printed now.
func (s *script) run(text string) string {
	var out strings.Builder
	for _, line := range strings.Split(strings.TrimRight(text, "\n"), "\n") {
		switch {
		case strings.HasPrefix(line, "$ "):
			fmt.Fprintln(&out, line)
			out.WriteString(s.command(line[2:]))
		case strings.HasPrefix(line, "% "):
			fmt.Fprintln(&out, line)
			s.prepare(words(s.t, line[2:]))
		case line == "" || strings.HasPrefix(line, "#"):
			fmt.Fprintln(&out, line)
		}
	}
	return out.String()
}

// prepare does what is needed between commands.
func (s *script) prepare(a []string) {
	s.t.Helper()
	switch a[0] {
	case "node": // starts a pretended node at the home
		if err := os.MkdirAll(s.home(), 0o700); err != nil {
			s.t.Fatal(err)
		}
		s.node = start(s.t, s.home())
	case "user": // lives on it
		if _, err := s.node.UserAdd(s.t.Context(), userNamed(a[1])); err != nil {
			s.t.Fatal(err)
		}
	case "receive": // USER FROM TEXT
		s.node.Receive(a[1], a[2], a[3])
	case "stranger": // USER CLAIMED TEXT
		s.node.Stranger(a[1], a[2], a[3])
	case "pass": // TIME goes by
		d, err := time.ParseDuration(a[1])
		if err != nil {
			s.t.Fatal(err)
		}
		s.node.Pass(d)
	case "stdin": // what the next command reads
		s.stdin = a[1]
	case "env": // NAME=VALUE
		s.env = append(s.env, a[1])
	case "file": // NAME TEXT
		path := filepath.Join(s.dir, a[1])
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			s.t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(a[2]), 0o600); err != nil {
			s.t.Fatal(err)
		}
	default:
		s.t.Fatalf("no such preparation: %v", a)
	}
}

func userNamed(name string) api.UserRequest { return api.UserRequest{Name: name} }

// command runs one command and returns what it printed.
func (s *script) command(line string) string {
	a := words(s.t, strings.ReplaceAll(line, "$DIR", s.dir))
	if a[0] != "phyllo" {
		s.t.Fatalf("not a command of ours: %q", line)
	}
	var stdout, stderr strings.Builder
	code := run(&world{
		args: a[1:], stdin: strings.NewReader(s.stdin), stdout: &stdout, stderr: &stderr, environ: s.env,
		now: func() time.Time { return fakenode.Begin.Add(time.Minute) }, launch: fakeLaunch,
		browse: func(string, func(string) string) error { return nil },
	})
	s.stdin = ""
	out := stdout.String()
	for strings.Contains(out, "\n\n") {
		out = strings.ReplaceAll(out, "\n\n", "\n~\n")
	}
	for _, l := range strings.SplitAfter(stderr.String(), "\n") {
		if l != "" {
			out += "2> " + strings.TrimSuffix(l, "\n") + "\n"
		}
	}
	if code != 0 {
		out += fmt.Sprintf("[%d]\n", code)
	}
	return strings.ReplaceAll(out, s.dir, "$DIR")
}

// words splits a line as a shell does; in double quotes Go's escapes hold.
func words(t *testing.T, line string) []string {
	t.Helper()
	var out []string
	for rest := strings.TrimSpace(line); rest != ""; rest = strings.TrimSpace(rest) {
		switch rest[0] {
		case '"':
			quoted, err := strconv.QuotedPrefix(rest)
			if err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			word, err := strconv.Unquote(quoted)
			if err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			out, rest = append(out, word), rest[len(quoted):]
		default:
			word, after, _ := strings.Cut(rest, " ")
			out, rest = append(out, word), after
		}
	}
	return out
}

// TestEveryCommandHasExamples: the help of a command is where its use is learnt.
func TestEveryCommandHasExamples(t *testing.T) {
	w := &world{}
	root := newRoot(w)
	n := 0
	for _, c := range allCommands(root) {
		n++
		if c.Short == "" || strings.HasSuffix(c.Short, ".") {
			t.Errorf("%s: short text %q", c.CommandPath(), c.Short)
		}
		if c.HasSubCommands() {
			continue
		}
		if !strings.HasPrefix(strings.TrimSpace(c.Example), "phyllo ") && !strings.Contains(c.Example, "| phyllo ") {
			t.Errorf("%s has no example", c.CommandPath())
		}
	}
	if n < 30 {
		t.Errorf("only %d commands", n)
	}
}

// TestSettingsHaveFlags: what flags of up exist is known to the settings.
func TestSettingsHaveFlags(t *testing.T) {
	s, err := config.Load(t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"listen", "join", "user", "ui", "lan"} {
		found := false
		for _, x := range s.List() {
			found = found || x.Key == name
		}
		if !found {
			t.Errorf("--%s is no setting", name)
		}
	}
}

func allCommands(root *cobra.Command) []*cobra.Command {
	var out []*cobra.Command
	for _, c := range root.Commands() {
		if c.Name() != "help" {
			out = append(append(out, c), allCommands(c)...)
		}
	}
	return out
}
