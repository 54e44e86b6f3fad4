// Package transcript plays transcripts of commands, which are tests and examples in one.
//
// In a transcript a line that begins with "$ " is a command; what follows is what it
// prints, lines of standard error with "2> " before them, "~" for an empty line, and its
// exit code in brackets if that is not 0. A line with "% " prepares something: `% file
// NAME TEXT` writes a file, and a test may have more. "#" begins a comment. Words are
// parted by spaces; in double quotes Go's escapes hold. After a wanted change of what is
// printed: go test -run Scripts -update.
package transcript

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write what the commands print into testdata")

// Stage is where one transcript is played.
type Stage struct {
	// Dir holds its files; it is "$DIR" in commands and in what they print.
	Dir string
	// Command runs the program, whose name stands in Program, with its words.
	Program string
	Command func(words []string) (stdout, stderr string, code int)
	// Prepare does what a line with "% " asks for, other than to write a file, and
	// reports whether it knows that; nil: there is nothing else.
	Prepare func(words []string) bool
}

// Play plays the transcripts below testdata, each on a stage of its own.
func Play(t *testing.T, stage func(t *testing.T) Stage) {
	t.Helper()
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	for _, file := range files {
		if file, err = filepath.Abs(file); err != nil {
			t.Fatal(err)
		}
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			s := stage(t)
			got := s.play(t, string(b))
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

// play plays a transcript and returns it with what was printed now.
func (s *Stage) play(t *testing.T, text string) string {
	t.Helper()
	var out strings.Builder
	for line := range strings.SplitSeq(strings.TrimRight(text, "\n"), "\n") {
		switch {
		case strings.HasPrefix(line, "$ "):
			fmt.Fprintln(&out, line)
			out.WriteString(s.Run(t, line[2:]))
		case strings.HasPrefix(line, "% "):
			fmt.Fprintln(&out, line)
			s.Do(t, split(t, line[2:]))
		case line == "" || strings.HasPrefix(line, "#"):
			fmt.Fprintln(&out, line)
		}
	}
	return out.String()
}

// Run runs one command, "PROGRAM WORD …", and returns what it printed as a transcript
// has it.
func (s *Stage) Run(t *testing.T, line string) string {
	t.Helper()
	words := split(t, strings.ReplaceAll(line, "$DIR", s.Dir))
	if words[0] != s.Program {
		t.Fatalf("not a command of %s: %q", s.Program, line)
	}
	printed := Print(s.Command(words[1:]))
	if s.Dir == "" {
		return printed
	}
	return strings.ReplaceAll(printed, s.Dir, "$DIR")
}

// Do does what a line with "% " asks for.
func (s *Stage) Do(t *testing.T, words []string) {
	t.Helper()
	if words[0] != "file" || len(words) != 3 {
		if s.Prepare == nil || !s.Prepare(words) {
			t.Fatalf("no such preparation: %q", words)
		}
		return
	}
	path := filepath.Join(s.Dir, words[1])
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(words[2]), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Print shows what a command printed, and its exit code, as in a transcript.
func Print(stdout, stderr string, code int) string {
	var out strings.Builder
	for _, part := range []struct{ before, text string }{{"", stdout}, {"2> ", stderr}} {
		if part.text == "" {
			continue
		}
		for line := range strings.SplitSeq(strings.TrimSuffix(part.text, "\n"), "\n") {
			if line == "" {
				line = "~"
			}
			fmt.Fprintf(&out, "%s%s\n", part.before, line)
		}
	}
	if code != 0 {
		fmt.Fprintf(&out, "[%d]\n", code)
	}
	return out.String()
}

// split splits a line as a shell does; in double quotes Go's escapes hold.
func split(t *testing.T, line string) []string {
	t.Helper()
	var out []string
	for rest := strings.TrimSpace(line); rest != ""; rest = strings.TrimSpace(rest) {
		if rest[0] != '"' {
			word, after, _ := strings.Cut(rest, " ")
			out, rest = append(out, word), after
			continue
		}
		quoted, err := strconv.QuotedPrefix(rest)
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		word, err := strconv.Unquote(quoted)
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		out, rest = append(out, word), rest[len(quoted):]
	}
	return out
}
