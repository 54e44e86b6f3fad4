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

// fileFlags say whose file is meant, and where it is.
type fileFlags struct{ user, space, version string }

func (f *fileFlags) add(cmd *cobra.Command, version bool) {
	cmd.Flags().StringVar(&f.user, "user", "", "whose `NAME` it is, where several users live on the node")
	cmd.Flags().StringVar(&f.space, "space", "", "the space `NAME` (default \"home\")")
	if version {
		cmd.Flags().StringVar(&f.version, "version", "", "the version `V`, as phyllo history shows it")
	}
}

func (f *fileFlags) name(name string) api.FileName {
	return api.FileName{User: f.user, Space: f.space, Name: name, Version: f.version}
}

// putFlags say how files are stored.
type putFlags struct {
	fileFlags
	as      string
	archive bool
	copies  command.Number
	expires command.Length
}

func newPut(w *console.World) *cobra.Command {
	p := &putFlags{copies: command.Number{Value: api.FileCopies, Low: 1, High: api.MaxFileCopies}, expires: command.Length{Low: time.Minute, High: 3650 * 24 * time.Hour}}
	cmd := &cobra.Command{
		Use:   "put FILE...",
		Short: "Store files in the ring",
		Long: `Store files, and folders with all that is in them, so that they survive the death of
this computer. They are sealed here: those who keep them can read neither contents nor
names. An older version of the same name stays (see ` + "`phyllo history`" + `). In a ring with
fewer computers than copies the rest are made when more join, without being asked.
With - standard input is stored; --as says under which name.

With --archive a file is cut into 24 parts, or 64 in a large ring, which lie all
around the ring, and any 6 of them are enough: it costs 4 times its size (10.7 times in
a large ring), and is still there when most computers are lost at once. Your computer
makes lost parts anew, so let it run once in a week or two. Keep the link that
` + "`phyllo share`" + ` prints: with it the file is found even if the list of your files is lost.`,
		Example: `  phyllo put thesis.pdf
  phyllo put --archive photos.tar
  phyllo put photos --space holidays --copies 3
  phyllo put notes.txt --as old/notes.txt --expires 30d
  tar c src | phyllo put - --as src.tar`,
		Args: command.Args(1, 1000),
		RunE: func(cmd *cobra.Command, a []string) error {
			if p.archive && cmd.Flags().Changed("copies") {
				return console.Usage("--archive has parts in place of copies: leave --copies away")
			}
			if p.as != "" && len(a) > 1 {
				return console.Usage("--as names one file: store them one by one, or leave it away")
			}
			if p.as != "" {
				if err := command.NewName(p.as); err != nil {
					return err
				}
			}
			sources := make([]source, len(a))
			for i, from := range a { // nothing is stored if one of them cannot be
				var err error
				if sources[i], err = p.look(from, len(a) == 1); err != nil {
					return err
				}
			}
			left := 0
			for _, from := range sources {
				n, err := from.put(cmd.Context(), w, p)
				if err != nil {
					return err
				}
				left += n
			}
			if left > 0 {
				return fmt.Errorf("%s not stored: the lines above say why", plain.Plural(left, "file"))
			}
			return nil
		},
	}
	p.add(cmd, false)
	cmd.Flags().StringVar(&p.as, "as", "", "store it under this `NAME`, as in letters/bob.txt")
	cmd.Flags().VarP(&p.copies, "copies", "k", "how many nodes keep a copy, 1 to 16")
	cmd.Flags().BoolVar(&p.archive, "archive", false, "keep it in parts all around the ring, any 6 of which are enough")
	cmd.Flags().Var(&p.expires, "expires", "give it up after this time, as in 30d (default: never)")
	cmd.Flags().Lookup("expires").DefValue = "" // not "0s", as it is never
	cmd.ValidArgsFunction = command.AnyFiles
	return cmd
}

// source is what somebody names to be stored: a file, or a folder with all that is in it, and the name that it gets.
type source struct {
	from, name string
	size       int64 // of a file
	folder     bool
}

// look tells what is wrong with something that is to be stored, alone or with others, as far as that is seen before
// anything is sent.
func (p *putFlags) look(from string, alone bool) (source, error) {
	if from == "-" {
		if p.as == "" {
			return source{}, console.Usage("what comes from standard input needs a name: give it with --as, as in --as src.tar")
		}
		return source{from: from, name: p.as}, command.NewFile(p.as)
	}
	at, err := os.Stat(from)
	if err != nil {
		help := "does the link lead to a file?"
		if _, err := os.Lstat(from); err != nil {
			help = "is it spelt right, and may you read it?"
		}
		return source{}, unread(from, err, help)
	}
	s := source{from: from, name: path.Base(filepath.ToSlash(filepath.Clean(from))), size: at.Size(), folder: at.IsDir()}
	if p.as != "" {
		s.name = strings.TrimSuffix(p.as, "/")
		if !s.folder && s.name != p.as {
			s.name = path.Join(s.name, path.Base(filepath.ToSlash(from)))
		}
	}
	switch {
	case s.folder && (p.as != "" || s.name == "."):
	case s.folder: // or each file below would be left out for it
		err = command.NewName(s.name)
	case !at.Mode().IsRegular():
		return s, console.Usage("%s is no file: store what comes out of it with `phyllo put - --as NAME < FILE`", plain.Clean(from))
	default:
		err = command.NewFile(s.name)
	}
	switch {
	case err != nil && alone && p.as != "":
		return s, console.Usage("%w: give the whole name with --as, as in --as letters/bob.txt", err)
	case err != nil && alone:
		return s, console.Usage("%w: give it with --as", err)
	case err != nil:
		return s, console.Usage("%s: %w: store it alone, with --as", plain.Clean(from), err)
	}
	f, err := os.Open(from)
	if err != nil {
		return s, unread(from, err, "may you read it? (`ls -l`)")
	}
	return s, f.Close()
}

// unread is the error for what cannot be read here.
func unread(from string, err error, help string) error {
	var why *fs.PathError
	if errors.As(err, &why) {
		err = why.Err
	}
	return fmt.Errorf("reading %s: %w: %s", plain.Clean(from), err, help)
}

// put stores it. What of a folder cannot be read or stored, or is no file, is left out and told: left is how many files cannot be,
// a folder that cannot be read being one.
func (s source) put(ctx context.Context, w *console.World, p *putFlags) (left int, err error) {
	switch {
	case s.from == "-":
		return 0, putOne(ctx, w, p, w.Stdin, s.name, 0)
	case !s.folder:
		f, err := os.Open(s.from)
		if err != nil {
			return 0, unread(s.from, err, "may you read it? (`ls -l`)")
		}
		defer f.Close()
		return 0, putOne(ctx, w, p, f, s.name, s.size)
	}
	from := s.from + string(filepath.Separator) // a link to a folder that somebody names is followed, and none in a folder
	leave := func(at string, why error) error {
		w.Say("%s %s: %s", w.Mark(api.Warn), plain.Clean(at), why)
		left++
		return nil
	}
	err = filepath.WalkDir(from, func(at string, d fs.DirEntry, err error) error {
		if err != nil && at == from {
			return unread(s.from, err, "may you read it? (`ls -l`)")
		}
		if err != nil {
			return leave(at, errors.Unwrap(err))
		}
		info, err := os.Stat(at)
		switch {
		case err == nil && info.IsDir() && d.IsDir():
			return nil
		case errors.Is(err, fs.ErrPermission):
			return leave(at, errors.Unwrap(err))
		case err != nil || !info.Mode().IsRegular():
			w.Say("%s %s is no file, and left out", w.Mark(api.Warn), plain.Clean(at))
			return nil
		}
		rel, err := filepath.Rel(from, at)
		if err != nil {
			return err
		}
		name := path.Join(s.name, filepath.ToSlash(rel))
		if err := command.NewFile(name); err != nil {
			return leave(at, err)
		}
		f, err := os.Open(at)
		if err != nil {
			return leave(at, errors.Unwrap(err))
		}
		defer f.Close()
		err = putOne(ctx, w, p, f, name, info.Size())
		if api.KindOf(err) == api.Usage {
			return leave(at, err)
		}
		return err
	})
	return left, err
}

// putOne stores what r has to its end, under a name that can be a file's.
func putOne(ctx context.Context, w *console.World, p *putFlags, r io.Reader, name string, size int64) error {
	q := api.FilePut{User: p.user, Space: p.space, Name: name, Copies: p.copies.Value, Archive: p.archive}
	if p.expires.Value > 0 {
		q.Expires = w.Now().Add(p.expires.Value).UTC().Truncate(time.Millisecond)
	}
	m := &console.Moved{Reader: r, Size: size, Begin: time.Now()}
	c, err := w.Client()
	if err != nil {
		return err
	}
	defer c.Close()
	done := w.WaitingFor(func() string { return "storing " + plain.Clean(name) + " … " + m.Text() })
	f, err := c.FilePut(ctx, q, m)
	done()
	if err != nil {
		return err
	}
	if w.JSON {
		return w.Line(f)
	}
	w.Printf("%s %s: %s, %s\n", w.Mark("good"), plain.Clean(f.Name), plain.Bytes(uint64(f.Size)), p.kept(f)+plain.Apart(f.Apart))
	return w.Out.Flush()
}

// kept says in how many copies or parts a file is kept.
func (p *putFlags) kept(f *api.File) string {
	switch {
	case f.Need > 0:
		return partsOf(*f)
	case p.archive && f.Size > 0:
		return plain.Copies(f.Copies, f.Wanted) + "; for an archive this ring has too few computers"
	}
	return plain.Copies(f.Copies, f.Wanted)
}

// partsOf is how many parts of an archived file there are.
func partsOf(f api.File) string {
	return fmt.Sprintf("%d of %d parts, any %d are enough", f.Copies, f.Wanted, f.Need)
}

func newCat(w *console.World) *cobra.Command {
	var f fileFlags
	cmd := &cobra.Command{
		Use:   "cat NAME|LINK",
		Short: "Print a file of the ring",
		Long:  "Print what a file contains, byte for byte, also with --json. Nothing of it is written here.",
		Example: `  phyllo cat notes.txt
  phyllo cat src.tar | tar x`,
		Args: command.Typed(1, 1, command.FileOrLink),
		RunE: func(cmd *cobra.Command, a []string) error {
			c, err := w.Client()
			if err != nil {
				return err
			}
			defer c.Close()
			return printFile(cmd.Context(), w, c, f.name(a[0]))
		},
	}
	f.add(cmd, true)
	cmd.ValidArgsFunction = command.Complete(w, fileNames)
	return cmd
}

// printFile writes what a file contains to standard output.
func printFile(ctx context.Context, w *console.World, c *api.Client, q api.FileName) error {
	_, content, err := c.FileGet(ctx, q)
	if err != nil {
		return notFolder(ctx, w, c, q, err)
	}
	defer content.Close()
	_, err = io.Copy(w.Out, content)
	return err
}

// notFolder says so where a folder is named for a file; otherwise the error stays.
func notFolder(ctx context.Context, w *console.World, c *api.Client, q api.FileName, err error) error {
	if api.KindOf(err) == api.NotFound && q.Version == "" && (strings.HasSuffix(q.Name, "/") || isFolder(ctx, w, c, q)) {
		return console.Usage("%s is a folder, and this is for one file: `phyllo ls` lists those in it", plain.Clean(q.Name))
	}
	return err
}

func newRm(w *console.World) *cobra.Command {
	var f fileFlags
	var recursive bool
	cmd := &cobra.Command{
		Use:   "rm NAME...",
		Short: "Remove files from the ring, with all their versions",
		Long: `Remove files with all their versions, or with --version one of them, and give their
space back; with --recursive folders, too, with all that is in them. Their keepers are told,
signed, to delete them. What nobody can promise is that no copy is left: a keeper may have
been away, or have kept one.`,
		Example: `  phyllo rm notes.txt
  phyllo rm notes.txt --version 4
  phyllo rm photos/ --recursive`,
		Args: command.Args(1, 1000),
		RunE: func(cmd *cobra.Command, a []string) error {
			for _, name := range a {
				if err := command.File(name); err != nil {
					return err
				}
				if strings.HasSuffix(name, "/") && !recursive {
					return folderNot(name)
				}
			}
			return w.Ask(cmd.Context(), "removing …", func(ctx context.Context, c *api.Client) error {
				for _, name := range a {
					err := c.FileRemove(ctx, f.name(name))
					if api.KindOf(err) == api.NotFound && f.version == "" && isFolder(ctx, w, c, f.name(name)) {
						if name += "/"; !recursive {
							return folderNot(name)
						}
						err = c.FileRemove(ctx, f.name(name))
					}
					if err != nil {
						return err
					}
					console.Answered(ctx)
					text := "is removed; nobody can promise that no copy is left somewhere"
					if f.version != "" {
						text = "has no version " + plain.Clean(f.version) + " any more; nobody can promise that no copy is left somewhere"
					}
					if err := removed(w, name, text); err != nil {
						return err
					}
				}
				return nil
			})
		},
	}
	f.add(cmd, true)
	cmd.Flags().BoolVarP(&recursive, "recursive", "r", false, "remove folders with all that is in them")
	cmd.ValidArgsFunction = command.Complete(w, fileNames)
	return cmd
}

// folderNot is the error for a folder that is to be removed like a file.
func folderNot(name string) error {
	return console.Usage("%s is a folder: to remove it with all that is in it say --recursive", plain.Clean(name))
}

// isFolder reports whether what a person names is a folder whose last "/" is missing.
func isFolder(ctx context.Context, w *console.World, c *api.Client, q api.FileName) bool {
	if strings.HasSuffix(q.Name, "/") {
		return false
	}
	p, err := c.FileList(ctx, api.FileQuery{User: q.User, Space: q.Space, Prefix: q.Name + "/"})
	return err == nil && len(p.Files)+len(p.Folders) > 0
}

// removed says that something is there no more.
func removed(w *console.World, name, text string) error {
	if w.JSON {
		return w.Line(struct {
			Event string `json:"event"`
			Name  string `json:"name"`
		}{"removed", name})
	}
	w.Printf("%s %s %s\n", w.Mark("good"), plain.Clean(name), text)
	return nil
}

// fileNames are those of the space "home", the first thousand.
func fileNames(ctx context.Context, c *api.Client) ([]string, error) {
	p, err := c.FileList(ctx, api.FileQuery{})
	if err != nil {
		return nil, err
	}
	var words []string
	for _, f := range p.Files {
		words = append(words, f.Name+"\t"+plain.Bytes(uint64(f.Size)))
	}
	return words, nil
}
