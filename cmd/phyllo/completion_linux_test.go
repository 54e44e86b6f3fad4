package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// capture makes a zsh write what it offers at ^X into the file out, and then a line of
// three equal signs: a compadd of ours also keeps what the true one takes.
const capture = `PS1= HISTFILE=
autoload -Uz compinit; compinit -u -D
source ./script
compdef _phyllo phyllo
compadd() {
	if [[ ${@[1,(i)(-|--)]} == *-(O|A|D)\ * ]]; then builtin compadd "$@"; return; fi
	local -a hits
	builtin compadd -A hits "$@"
	builtin compadd "$@"
	local -i result=$?
	print -rl -- $hits >> out
	return result
}
ask() { zle complete-word; print -r -- '===' >> out; zle kill-buffer }
zle -N ask
bindkey '^X' ask
print -r -- '===' >> out
`

// TestCompletionInZsh types at a zsh that has a terminal of its own.
func TestCompletionInZsh(t *testing.T) {
	dir, env := shellHome(t, "zsh")
	cmd := shellCommand(t, "zsh", dir, env, "-f", "-i")
	if err := os.WriteFile(filepath.Join(dir, "capture"), []byte(capture), 0o600); err != nil {
		t.Fatal(err)
	}
	keyboard, screen := terminal(t)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = screen, screen, screen
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { // what it draws is looked at by nobody, but must go somewhere
		var b [4096]byte
		for {
			if _, err := keyboard.Read(b[:]); err != nil {
				return
			}
		}
	}()
	answered := func(n int) []string {
		var got []string
		waitFor(t, func() bool {
			b, _ := os.ReadFile(filepath.Join(dir, "out"))
			got = strings.Split(string(b), "===\n")
			return len(got) > n
		})
		return got
	}
	typing := func(text string) {
		if _, err := keyboard.WriteString(text); err != nil {
			t.Fatal(err)
		}
	}
	typing("source ./capture\n")
	answered(1)
	for i, c := range inShells {
		typing(c.typed + "\x18")
		offers(t, c.typed, c.want, c.not, answered(i + 2)[i+1])
	}
	typing("exit\n")
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}
