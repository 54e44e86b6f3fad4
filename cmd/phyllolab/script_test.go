package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write what the commands print into testdata")

// TestScripts runs the transcripts of testdata: they are tests and examples in one. A
// line that begins with "$ " is a command; what follows is what it prints, lines of
// standard error with "2> " before them, "~" for an empty line, and its exit code in
// brackets if that is not 0. "% NAME TEXT" writes a file. "#" begins a comment. After a wanted change: go test ./cmd/phyllolab -run Scripts -update
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for i := range files {
		if files[i], err = filepath.Abs(files[i]); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			t.Chdir(t.TempDir())
			got := play(t, string(b))
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
func play(t *testing.T, text string) string {
	var out strings.Builder
	for line := range strings.SplitSeq(strings.TrimRight(text, "\n"), "\n") {
		switch {
		case strings.HasPrefix(line, "$ phyllolab"):
			fmt.Fprintln(&out, line)
			out.WriteString(command(t, strings.Fields(line)[2:]))
		case strings.HasPrefix(line, "% "):
			fmt.Fprintln(&out, line)
			name, text, _ := strings.Cut(line[2:], " ")
			if err := os.WriteFile(name, []byte(strings.ReplaceAll(text, `\n`, "\n")), 0o600); err != nil {
				t.Fatal(err)
			}
		case line == "" || strings.HasPrefix(line, "#"):
			fmt.Fprintln(&out, line)
		}
	}
	return out.String()
}

// command runs one command on a machine of 1 GiB.
func command(t *testing.T, args []string) string {
	var stdout, stderr, all bytes.Buffer
	code := run(t.Context(), &world{out: &stdout, say: &stderr, memory: 1 << 30}, args)
	for _, part := range []struct {
		before string
		text   *bytes.Buffer
	}{{"", &stdout}, {"2> ", &stderr}} {
		if part.text.Len() == 0 {
			continue
		}
		for line := range strings.SplitSeq(strings.TrimSuffix(part.text.String(), "\n"), "\n") {
			if line = strings.TrimRight(line, " "); line == "" {
				line = "~"
			}
			fmt.Fprintf(&all, "%s%s\n", part.before, line)
		}
	}
	if code != 0 {
		fmt.Fprintf(&all, "[%d]\n", code)
	}
	return all.String()
}
