package command

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/cmd/phyllo/console"
	"github.com/phyllo-net/phyllo/cmd/phyllo/plain"
)

// Passphrase is where a passphrase comes from: a file, the variable
// PHYLLO_PASSPHRASE, or the keyboard. Never the command line, which others can read.
type Passphrase struct{ file string }

// Flag gives a command the flag that names the file.
func (p *Passphrase) Flag(cmd *cobra.Command) {
	cmd.Flags().StringVar(&p.file, "passphrase-file", "", "read the passphrase from the first line of this `FILE`")
}

// Read asks for the passphrase; a fresh one is asked for twice.
func (p *Passphrase) Read(w *console.World, fresh bool) (string, error) {
	if p.file != "" {
		b, err := console.ReadLimited(p.file, console.MaxSecretFile)
		if err != nil {
			return "", console.Missing(err, p.file, "one whose first line is the passphrase with --passphrase-file")
		}
		line, _, _ := strings.Cut(string(b), "\n")
		return strings.TrimSuffix(line, "\r"), nil
	}
	if s := w.Getenv("PHYLLO_PASSPHRASE"); s != "" {
		return s, nil
	}
	f, ok := w.Stdin.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return "", console.Usage("a passphrase is needed, and there is no keyboard to ask at: use --passphrase-file FILE, or the variable PHYLLO_PASSPHRASE")
	}
	ask := func(prompt string) (string, error) {
		fmt.Fprint(w.Stderr, prompt)
		b, err := term.ReadPassword(int(f.Fd()))
		fmt.Fprintln(w.Stderr)
		return string(b), err
	}
	first, err := ask("Passphrase: ")
	if err != nil || !fresh {
		return first, err
	}
	again, err := ask("The same again: ")
	if err == nil && again != first {
		err = errors.New("the two passphrases differ: try again")
	}
	return first, err
}

// Saved writes a sealed secret and says so.
func Saved(w *console.World, path string, s *api.Sealed, force bool) error {
	if err := w.Save(path, s.Text, force); err != nil {
		return err
	}
	switch {
	case path == "-":
	case w.JSON:
		return w.Line(map[string]string{"event": "saved", "file": path})
	default:
		w.Printf("%s saved in %s: without the passphrase it is worth nothing, also to you\n", w.Mark(api.Good), plain.Clean(path))
	}
	return nil
}
