package storage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/cmd/phyllo/command"
	"github.com/phyllo-net/phyllo/cmd/phyllo/console"
	"github.com/phyllo-net/phyllo/cmd/phyllo/plain"
)

func newGet(w *console.World) *cobra.Command {
	var f fileFlags
	var to string
	var force bool
	cmd := &cobra.Command{
		Use:   "get NAME|FOLDER|LINK [TO]",
		Short: "Read a file of the ring into a file here",
		Long: `Read a file that was stored with ` + "`phyllo put`" + `, or one that somebody has shared, into a
file of this folder, or TO another file or folder, or to standard output, if TO is -. A folder
is read with all that is in it.
What is there already is only replaced with --force: without it nothing of a folder is read
if one of its files is there.`,
		Example: `  phyllo get thesis.pdf
  phyllo get thesis.pdf --version 4 old-thesis.pdf
  phyllo get photos/ /tmp/photos
  phyllo get phyllo://file/…`,
		Args: command.Typed(1, 2, command.FileOrLink),
		RunE: func(cmd *cobra.Command, a []string) error {
			if len(a) == 2 {
				if to != "" && to != a[1] {
					return console.Usage("%s or %s: say once where to write it", plain.Clean(a[1]), plain.Clean(to))
				}
				to = a[1]
			}
			c, err := w.Client()
			if err != nil {
				return err
			}
			defer c.Close()
			if to == "-" {
				return printFile(cmd.Context(), w, c, f.name(a[0]))
			}
			g := &getting{w: w, c: c, force: force}
			return g.get(cmd.Context(), f.name(a[0]), to)
		},
	}
	f.add(cmd, true)
	cmd.Flags().StringVarP(&to, "output", "o", "", "write to this `FILE`, as TO")
	cmd.Flags().BoolVar(&force, "force", false, "replace a file that is there already")
	cmd.ValidArgsFunction = command.Complete(w, fileNames)
	return cmd
}

// Got is a line of "phyllo get --json".
type Got struct {
	Name string `json:"name"` // of a folder: with "/" at its end
	Size int64  `json:"size"`
	Path string `json:"path"`
}

// getting reads files into files here.
type getting struct {
	w     *console.World
	c     *api.Client
	force bool
}

// get reads what a person names: a file, or else a folder, also if its last "/" is missing.
func (g *getting) get(ctx context.Context, q api.FileName, to string) error {
	if strings.HasSuffix(q.Name, "/") {
		return g.folder(ctx, q, to)
	}
	err := g.file(ctx, q, to)
	if api.KindOf(err) == api.NotFound && q.Version == "" && isFolder(ctx, g.w, g.c, q) {
		q.Name += "/"
		return g.folder(ctx, q, to)
	}
	return err
}

// list is all files of a folder.
func (g *getting) list(ctx context.Context, q api.FileName) ([]api.File, error) {
	done := g.w.Waiting("listing …")
	defer done()
	return wholeList(ctx, g.c, api.FileQuery{User: q.User, Space: q.Space, Prefix: q.Name})
}

// folder reads all files of a folder into one here. Nothing is read where one of them could not
// be written.
func (g *getting) folder(ctx context.Context, q api.FileName, to string) error {
	if q.Version != "" {
		return console.Usage("%s is a folder: --version is for files", plain.Clean(q.Name))
	}
	if to == "" {
		if to = path.Base(q.Name); !calledHere(to) {
			return console.Usage("%q is no name for a folder on this computer: say where to write it with --output", q.Name)
		}
	}
	list, err := g.list(ctx, q)
	if err != nil {
		return err
	}
	if len(list) == 0 {
		return api.Errorf(api.NotFound, "there is no folder %q: `phyllo ls` lists those that there are", q.Name)
	}
	paths := make([]string, len(list))
	for i, f := range list {
		name := strings.TrimSuffix(strings.TrimPrefix(f.Name, q.Name), "/")
		below := filepath.FromSlash(name)
		if name != "" && !filepath.IsLocal(below) { // others may write to a space, with any program
			return fmt.Errorf("%q is no name for a file on this computer: read it alone, with --output", f.Name)
		}
		paths[i] = filepath.Join(to, below)
		if strings.HasSuffix(f.Name, "/") {
			continue
		}
		if err := g.free(paths[i]); err != nil {
			return err
		}
	}
	for i, f := range list {
		if err := g.one(ctx, q, f, paths[i]); err != nil {
			return fmt.Errorf("after %d of %s: %w", i, plain.Plural(len(list), "file"), err)
		}
	}
	return nil
}

// one reads a file of a folder, or makes a folder that is in it.
func (g *getting) one(ctx context.Context, q api.FileName, f api.File, to string) error {
	folder := strings.HasSuffix(f.Name, "/")
	dir := filepath.Dir(to)
	if folder {
		dir = to
	}
	switch err := os.MkdirAll(dir, 0o755); {
	case err != nil:
		return unwritten(dir, err)
	case folder:
		return g.said(f.Name, 0, to)
	}
	return g.file(ctx, api.FileName{User: q.User, Space: q.Space, Name: f.Name, Version: f.Version}, to)
}

// said tells of a file that is whole, or of a folder.
func (g *getting) said(name string, size int64, to string) error {
	if g.w.JSON {
		return g.w.Line(Got{name, size, to})
	}
	what := plain.Bytes(uint64(size))
	if strings.HasSuffix(name, "/") {
		what = "a folder"
	}
	g.w.Printf("%s %s: %s\n", g.w.Mark("good"), plain.Clean(to), what)
	return nil
}

// free says whether a file may be written to a path.
func (g *getting) free(to string) error {
	if _, err := os.Lstat(to); err == nil && !g.force {
		return fmt.Errorf("%s is there already: give another name with --output, or --force to replace it", plain.Clean(to))
	}
	return nil
}

// file reads a file into one beside the one that is wanted, which it becomes when all is there.
func (g *getting) file(ctx context.Context, q api.FileName, to string) error {
	f, content, err := g.c.FileGet(ctx, q)
	if err != nil {
		return err
	}
	defer content.Close()
	if at, err := os.Stat(to); to == "" || err == nil && at.IsDir() {
		base := path.Base(f.Name)
		if !calledHere(base) {
			return console.Usage("%q is no name for a file on this computer: say where to write it with --output", f.Name)
		}
		to = filepath.Join(to, base)
	}
	if err := g.free(to); err != nil {
		return err
	}
	part, err := os.CreateTemp(filepath.Dir(to), ".phyllo-*")
	if err != nil {
		return unwritten(to, err)
	}
	defer os.Remove(part.Name()) // it is gone if all went well
	m := &console.Moved{Reader: content, Size: f.Size, Begin: time.Now()}
	done := g.w.WaitingFor(func() string { return "reading " + plain.Clean(f.Name) + " … " + m.Text() })
	_, err = io.Copy(part, m)
	done()
	if err = errors.Join(err, part.Close()); err == nil {
		err = errors.Join(os.Chmod(part.Name(), 0o644), os.Rename(part.Name(), to))
	}
	if err != nil {
		return err
	}
	return g.said(f.Name, f.Size, to)
}

// calledHere reports whether a file or folder can have a name on this computer. Others may write to a space, with any program.
func calledHere(name string) bool { return name != "." && filepath.IsLocal(name) }

// unwritten is the error for a path that cannot be written.
func unwritten(to string, err error) error {
	var why *fs.PathError
	if errors.As(err, &why) {
		err = why.Err
	}
	return fmt.Errorf("writing %s: %w: may you write to that folder?", plain.Clean(to), err)
}
