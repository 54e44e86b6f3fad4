package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/cmd/phyllo/console"
	"github.com/phyllo-net/phyllo/internal/fakenode"
	"github.com/phyllo-net/phyllo/internal/transcript"
	"github.com/phyllo-net/phyllo/node/config"
)

// TestScripts plays the transcripts of testdata; see internal/transcript, and
// script.arrange for what lines with "% " can ask for.
func TestScripts(t *testing.T) {
	transcript.Play(t, func(t *testing.T) transcript.Stage {
		s := &script{t: t, dir: newHome(t)}
		s.env = []string{"HOME=" + s.dir, "PHYLLO_HOME=" + s.home(), "LANG=C.UTF-8"}
		return s.stage()
	})
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

func (s *script) stage() transcript.Stage {
	return transcript.Stage{Dir: s.dir, Program: "phyllo", Command: s.run, Prepare: s.arrange}
}

// command runs one command and returns what it printed, as a transcript has it.
func (s *script) command(line string) string {
	stage := s.stage()
	return stage.Run(s.t, line)
}

// prepare does what a line with "% " asks for.
func (s *script) prepare(words []string) {
	stage := s.stage()
	stage.Do(s.t, words)
}

// arrange does what is needed between commands, besides files.
func (s *script) arrange(a []string) bool {
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
	case "folder": // NAME, as a page or a door makes one
		if err := s.node.FolderAdd(s.t.Context(), api.FileName{Name: a[1]}); err != nil {
			s.t.Fatal(err)
		}
	case "link": // NAME TARGET, beside the files
		if err := os.Symlink(filepath.Join(s.dir, a[2]), filepath.Join(s.dir, a[1])); err != nil {
			s.t.Fatal(err)
		}
	case "called": // NAME, that shared files have
		s.node.Called = a[1]
	case "receive": // USER FROM TEXT
		s.node.Receive(a[1], a[2], a[3])
	case "rival": // KEY VALUE
		s.node.Rival(a[1], a[2])
	case "stranger": // USER CLAIMED TEXT
		s.node.Stranger(a[1], a[2], a[3])
	case "invited": // USER BY ROOM
		s.node.InviteToRoom(a[1], a[2], a[3])
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
	default:
		return false
	}
	return true
}

func userNamed(name string) api.UserRequest { return api.UserRequest{Name: name} }

// run runs one command and returns what it printed.
func (s *script) run(args []string) (out, err string, code int) {
	var stdout, stderr strings.Builder
	code = run(&console.World{
		Args: args, Stdin: strings.NewReader(s.stdin), Stdout: &stdout, Stderr: &stderr, Environ: s.env,
		Now: func() time.Time { return fakenode.Begin.Add(time.Minute) }, Launch: fakeLaunch,
		Browse: func(string, func(string) string) error { return nil },
	})
	s.stdin = ""
	return stdout.String(), stderr.String(), code
}

// TestEveryCommandHasExamples: the help of a command is where its use is learnt.
func TestEveryCommandHasExamples(t *testing.T) {
	w := &console.World{}
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
	for _, name := range []string{"listen", "join", "user", "ui", "offer", "lan"} {
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
