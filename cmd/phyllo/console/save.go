package console

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/term"

	"github.com/phyllo-net/phyllo/cmd/phyllo/plain"
)

// MaxSecretFile bounds a backup or a passphrase file that is read, in bytes.
const MaxSecretFile = 1 << 20

// Confirm asks a question that is answered with yes or no; nobody to ask means no.
func (w *World) Confirm(question string) (bool, error) {
	fmt.Fprintf(w.Stderr, "%s [y/N] ", question)
	if f, ok := w.Stdin.(*os.File); !ok || !term.IsTerminal(int(f.Fd())) {
		fmt.Fprintln(w.Stderr) // nobody types the end of the line
	}
	line, err := bufio.NewReader(io.LimitReader(w.Stdin, 1024)).ReadString('\n')
	if err != nil && err != io.EOF {
		return false, fmt.Errorf("reading the answer: %w: type it, or put it before a pipe, as in `echo y | %s …`", err, w.Program)
	}
	switch strings.ToLower(strings.TrimSpace(line)) {
	case "y", "yes":
		return true, nil
	}
	return false, nil
}

// ReadLimited reads a file of at most so many bytes.
func ReadLimited(path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(b)) > most {
		err = fmt.Errorf("%s has more than %s: is it the right file?", path, plain.Bytes(uint64(most)))
	}
	return b, err
}

// Save writes a secret to a new file, for this user only: the whole or nothing. "-"
// is standard output. An existing file stays, unless force is set.
func (w *World) Save(path, text string, force bool) error {
	if path == "-" {
		w.Printf("%s", text)
		return nil
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".phyllo-*") // with mode 0600
	if err != nil {
		return fmt.Errorf("writing %s: %w: name a file in a folder that you may write to, with room on its disk", path, plainError(err))
	}
	defer os.Remove(f.Name()) // after a success it is gone, or has a second name
	_, err = io.Copy(f, bytes.NewReader([]byte(text)))
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	switch {
	case err != nil:
	case force:
		err = os.Rename(f.Name(), path)
	default:
		err = os.Link(f.Name(), path)
		if errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("%s exists already: choose another name, or --force", path)
		}
		if err != nil { // sticks are often of a kind that knows one name for each file
			if _, there := os.Lstat(path); errors.Is(there, fs.ErrNotExist) {
				err = os.Rename(f.Name(), path)
			}
		}
	}
	if err != nil {
		return fmt.Errorf("writing %s: %w: name a file in a folder that you may write to, with room on its disk", path, plainError(err))
	}
	return nil
}

// plainError leaves the names of temporary files away.
func plainError(err error) error {
	var path *fs.PathError
	var link *os.LinkError
	switch {
	case errors.As(err, &path):
		return path.Err
	case errors.As(err, &link):
		return link.Err
	}
	return err
}

// Missing is err as one of usage: a file that was named cannot be used. If it is not
// there, it says which one is wanted.
func Missing(err error, path, want string) error {
	if errors.Is(err, fs.ErrNotExist) {
		return Usage("there is no file %s: name %s", path, want)
	}
	return Usage("%w", err)
}
