package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/cmd/phyllo/console"
)

// inShells is what shells complete in a home where ann lives, bob and carol are
// contacts, and a stranger asks.
var inShells = []struct {
	typed string // before the tab
	want  []string
	not   string
}{
	{"phyllo sta", []string{"status"}, ""},
	{"phyllo user ex", []string{"export"}, ""},
	{"phyllo send --fr", []string{"--from"}, ""},
	{"phyllo send b", []string{"bob"}, "carol"},
	{"phyllo send --from an", []string{"ann"}, ""},
	{"phyllo user edit ", []string{"ann"}, "bob"},
	{"phyllo contact accept ca80", []string{"ca80328f0893eb4b1ac52325"}, ""},
	{"phyllo member expel ca12", []string{"ca12f31b8cbf5f29e268ea64c20a37f3"}, ""},
	{"phyllo config check goo", []string{"good.toml"}, ""},
	{"phyllo send bob h", nil, "help"},
}

// shellHome prepares what inShells is about: a node with people, and a folder with
// the program phyllo and its completions for a shell.
func shellHome(t *testing.T, shell string) (dir string, env []string) {
	t.Helper()
	dir = newHome(t)
	s := &script{t: t, dir: dir, env: []string{"HOME=" + dir, "PHYLLO_HOME=" + dir + "/node", "LANG=C.UTF-8"}}
	for _, p := range [][]string{{"node"}, {"user", "ann"}, {"stranger", "ann", "dan", "let me in"}, {"file", "good.toml", ""}} {
		s.prepare(p)
	}
	for _, c := range []string{"bob", "carol"} {
		if out := s.command("phyllo contact add " + c); !strings.Contains(out, "is a contact") {
			t.Fatal(out)
		}
	}
	var text strings.Builder
	if code := run(&console.World{Args: []string{"completion", shell}, Stdout: &text, Stderr: &text, Environ: s.env, Now: time.Now}); code != 0 {
		t.Fatal(text.String())
	}
	s.prepare([]string{"file", "script", text.String()})
	program := "#!/bin/sh\nGORACE=atexit_sleep_ms=0 " + asProgram + "=1 exec '" + testProgram(t) + "' \"$@\"\n"
	if err := os.WriteFile(filepath.Join(dir, "phyllo"), []byte(program), 0o700); err != nil {
		t.Fatal(err)
	}
	return dir, append(s.env, "PATH="+dir+":"+os.Getenv("PATH"), "TERM=dumb")
}

func testProgram(t *testing.T) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// shellCommand is a run of a shell, which CI has and others may not.
func shellCommand(t *testing.T, name, dir string, env []string, args ...string) *exec.Cmd {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skip("client missing: " + name)
	}
	ctx, end := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(end)
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Dir, cmd.Env = dir, env
	return cmd
}

// offers checks what a shell has offered, a line for each word.
func offers(t *testing.T, typed string, want []string, not, got string) {
	t.Helper()
	var words []string
	for _, line := range strings.Split(got, "\n") {
		if f := strings.Fields(line); len(f) > 0 {
			words = append(words, f[0])
		}
	}
	for _, w := range want {
		if !slices.Contains(words, w) {
			t.Errorf("%q: offers %q, want %q", typed, words, w)
		}
	}
	if len(want) == 0 && len(words) > 0 || not != "" && slices.Contains(words, not) {
		t.Errorf("%q: offers %q, and should not", typed, words)
	}
}

func TestCompletionInBash(t *testing.T) {
	const library = "/usr/share/bash-completion/bash_completion"
	if _, err := os.Stat(library); err != nil {
		t.Skip("client missing: bash-completion")
	}
	dir, env := shellHome(t, "bash")
	text := "set -e; source " + library + "; source ./script\n"
	for _, c := range inShells {
		words := strings.Split(c.typed, " ")
		text += "COMP_WORDS=(" + strings.TrimSpace(c.typed) + strings.Repeat(" ''", strings.Count(words[len(words)-1]+"|", "|")-1)
		if words[len(words)-1] == "" {
			text += " ''"
		}
		text += `); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); COMP_LINE='` + c.typed + `'; COMP_POINT=${#COMP_LINE}; COMP_TYPE=9; COMPREPLY=(); files=yes
__start_phyllo || true
# With complete -o default files are offered where a completion has nothing and does not forbid it.
if [ ${#COMPREPLY[@]} -eq 0 ] && [ $files = yes ]; then COMPREPLY=($(compgen -f -- "${COMP_WORDS[-1]}" || true)); fi
printf '%s\n' "${COMPREPLY[@]}"; echo ===
`
	}
	// compopt, which the script knows as a builtin, works only where the shell itself
	// completes.
	out, err := shellCommand(t, "bash", dir, env, "--norc", "--noprofile", "-c", "compopt() { case \"$*\" in *'+o default'*) files=no ;; esac; }; type() { [ \"$2\" = compopt ] && echo builtin || builtin type \"$@\"; }; "+text).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	got := strings.Split(string(out), "===\n")
	for i, c := range inShells {
		offers(t, c.typed, c.want, c.not, got[i])
	}
}

func TestCompletionInFish(t *testing.T) {
	dir, env := shellHome(t, "fish")
	text := "source ./script\n"
	for _, c := range inShells {
		text += "complete --do-complete='" + c.typed + "'; echo ===\n"
	}
	out, err := shellCommand(t, "fish", dir, env, "--no-config", "-c", text).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	got := strings.Split(string(out), "===\n")
	for i, c := range inShells {
		offers(t, c.typed, c.want, c.not, got[i])
	}
}

// TestPowerShellScript: Debian has no PowerShell, so only the form of its script is
// looked at: it registers itself for the command, asks for completions in the way in
// which the others do, and what it opens it closes.
func TestPowerShellScript(t *testing.T) {
	dir, _ := shellHome(t, "powershell")
	b, err := os.ReadFile(filepath.Join(dir, "script"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Register-ArgumentCompleter -CommandName 'phyllo' -ScriptBlock", "__complete"} {
		if !strings.Contains(string(b), want) {
			t.Errorf("no %q", want)
		}
	}
	if err := balanced(string(b)); err != nil {
		t.Error(err)
	}
	for _, broken := range []string{"if (1) { 'a'", "} {", "(]", "'open", "\"open `\""} {
		if balanced(broken) == nil {
			t.Errorf("%q passes as a script", broken)
		}
	}
}

// balanced checks brackets and quotes of a PowerShell script.
func balanced(script string) error {
	var open []rune
	var quote rune
	comment, escaped := false, false
	for _, r := range script {
		switch {
		case comment:
			comment = r != '\n'
		case escaped:
			escaped = false
		case r == '`' && quote != '\'':
			escaped = true
		case quote != 0:
			if r == quote {
				quote = 0
			}
		case r == '\'' || r == '"':
			quote = r
		case r == '#':
			comment = true
		case strings.ContainsRune("([{", r):
			open = append(open, r)
		case strings.ContainsRune(")]}", r):
			at := strings.IndexRune(")]}", r)
			if len(open) == 0 || open[len(open)-1] != rune("([{"[at]) {
				return fmt.Errorf("%c closes nothing", r)
			}
			open = open[:len(open)-1]
		}
	}
	if len(open) > 0 || quote != 0 {
		return fmt.Errorf("%q and %q are not closed", string(open), string(quote))
	}
	return nil
}
