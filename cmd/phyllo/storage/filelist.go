package storage

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/cmd/phyllo/command"
	"github.com/phyllo-net/phyllo/cmd/phyllo/console"
	"github.com/phyllo-net/phyllo/cmd/phyllo/plain"
)

func newLs(w *console.World) *cobra.Command {
	var f fileFlags
	var long, all bool
	cmd := &cobra.Command{
		Use:   "ls [FOLDER]",
		Short: "List files of the ring",
		Long: `List what is in a space, or in a folder of it. Folders end with "/"; with --recursive
the files in them are listed, too. -l shows lengths, times, and how many nodes keep a copy
of each file now, of as many as are wanted; or how many parts of an archive there are, and how
many of these are enough.`,
		Example: `  phyllo ls
  phyllo ls photos/ -l --space holidays
  phyllo ls --recursive`,
		Args: command.Args(0, 1),
		RunE: func(cmd *cobra.Command, a []string) error {
			q := api.FileQuery{User: f.user, Space: f.space, Fold: !all, Count: long}
			if len(a) == 1 {
				q.Prefix = a[0]
			}
			return w.Ask(cmd.Context(), "listing …", func(ctx context.Context, c *api.Client) error {
				list, err := below(ctx, c, q)
				if err != nil {
					return err
				}
				console.Answered(ctx)
				if q.Prefix != "" && len(list) == 0 {
					return api.Errorf(api.NotFound, "there is no file or folder %+.80q: `phyllo ls` lists those that there are", q.Prefix)
				}
				if long || w.JSON || len(list) == 0 {
					return longList(w, list)
				}
				for _, x := range list {
					w.Printf("%s\n", plain.Clean(x.Name))
				}
				return nil
			})
		},
	}
	f.add(cmd, false)
	cmd.Flags().BoolVarP(&long, "long", "l", false, "show lengths, times and copies")
	cmd.Flags().BoolVarP(&all, "recursive", "r", false, "list the files in folders, too")
	return cmd
}

// longList shows lengths, times and copies, and until when files are kept if some are not for ever.
func longList(w *console.World, list []api.File) error {
	head := []string{"SIZE", "STORED", "COPIES", "NAME"}
	row := func(f api.File) []string { return longRow(w, f) }
	if slices.ContainsFunc(list, func(f api.File) bool { return !f.Expires.IsZero() }) {
		head = slices.Insert(head, 3, "UNTIL")
		row = func(f api.File) []string {
			until := ""
			if !f.Expires.IsZero() {
				until = f.Expires.Local().Format("2006-01-02 15:04")
			}
			return slices.Insert(longRow(w, f), 3, until)
		}
	}
	return console.Listing(w, list, "nothing is stored there: `phyllo put FILE` stores a file", head, row)
}

// below is the list of what a person names: what is in the folder, also if its last "/" is
// missing, else all that begins so.
func below(ctx context.Context, c *api.Client, q api.FileQuery) ([]api.File, error) {
	list, err := wholeList(ctx, c, q)
	if err != nil || !q.Fold {
		return list, err
	}
	for _, f := range list {
		if f.Version == "" && f.Name == q.Prefix+"/" {
			q.Prefix = f.Name
			return wholeList(ctx, c, q)
		}
	}
	return list, nil
}

// wholeList is a list with all its pages; folders are among the files, by name.
func wholeList(ctx context.Context, c *api.Client, q api.FileQuery) (list []api.File, err error) {
	for {
		p, err := c.FileList(ctx, q)
		if err != nil {
			return nil, err
		}
		for len(p.Files) > 0 || len(p.Folders) > 0 {
			if len(p.Files) == 0 || len(p.Folders) > 0 && p.Folders[0] < p.Files[0].Name {
				list = append(list, api.File{Space: q.Space, Name: p.Folders[0]})
				p.Folders = p.Folders[1:]
				continue
			}
			list = append(list, p.Files[0])
			p.Files = p.Files[1:]
		}
		if p.Next == "" {
			return list, nil
		}
		q.After = p.Next
	}
}

// longRow is a line of a long list.
func longRow(w *console.World, f api.File) []string {
	if f.Version == "" {
		return []string{"", "", "", plain.Clean(f.Name)}
	}
	return []string{plain.Bytes(uint64(f.Size)), w.Ago(f.Modified), countedText(f), plain.Clean(f.Name)}
}

// countedText is how many copies of a file there are, or parts.
func countedText(f api.File) string {
	if f.Need > 0 {
		return partsOf(f)
	}
	return fmt.Sprintf("%d of %d", f.Copies, f.Wanted)
}

func newHistory(w *console.World) *cobra.Command {
	var f fileFlags
	cmd := &cobra.Command{
		Use:   "history NAME",
		Short: "List the versions of a file",
		Long: `List all versions of a file, the newest first, with those who stored them. Of two people
who store the same name at once both are kept here.`,
		Example: `  phyllo history notes.txt
  phyllo get notes.txt --version 4`,
		Args: command.Typed(1, 1, command.File),
		RunE: func(cmd *cobra.Command, a []string) error {
			return w.Ask(cmd.Context(), "looking …", func(ctx context.Context, c *api.Client) error {
				list, err := c.FileHistory(ctx, f.name(a[0]))
				if err != nil {
					return notFolder(ctx, w, c, f.name(a[0]), err)
				}
				console.Answered(ctx)
				return console.Listing(w, list, "", []string{"VERSION", "SIZE", "STORED", "BY"}, func(f api.File) []string {
					size := plain.Bytes(uint64(f.Size))
					if f.Removed {
						size = "removed"
					}
					return []string{f.Version, size, w.Ago(f.Modified), plain.Clean(f.By)}
				})
			})
		},
	}
	f.add(cmd, false)
	cmd.ValidArgsFunction = command.Complete(w, fileNames)
	return cmd
}

func newShare(w *console.World) *cobra.Command {
	var f fileFlags
	cmd := &cobra.Command{
		Use:   "share NAME",
		Short: "Print a link by which others can read a file",
		Long: `Print a link. Everybody in the ring who has it can read this version of the file, and
nothing else, for as long as it is kept: send it by a way that you trust. It cannot be
taken back, other than by removing the file.`,
		Example: `  phyllo share thesis.pdf
  phyllo send bob "$(phyllo share thesis.pdf)"`,
		Args: command.Typed(1, 1, command.File),
		RunE: func(cmd *cobra.Command, a []string) error {
			return w.Ask(cmd.Context(), "looking …", func(ctx context.Context, c *api.Client) error {
				l, err := c.FileShare(ctx, f.name(a[0]))
				if err != nil {
					return notFolder(ctx, w, c, f.name(a[0]), err)
				}
				console.Answered(ctx)
				if w.JSON {
					return w.Line(l)
				}
				w.Printf("%s\n", l.Link)
				return nil
			})
		},
	}
	f.add(cmd, true)
	cmd.ValidArgsFunction = command.Complete(w, fileNames)
	return cmd
}

func newDf(w *console.World) *cobra.Command {
	var user string
	cmd := &cobra.Command{
		Use:   "df",
		Short: "Show what is stored, and what this node keeps for others",
		Long: `Show how much is in your spaces: all versions of all files, those that were replaced, too,
and those of files that a program has removed and whose versions are kept. So a file of 10 MB
that was put three times counts as 30 MB ("phyllo history" lists its versions, "phyllo rm
--version" gives one back). Each is counted once and not once for each copy. It says, too, how
many of the parts that all this consists of have all their copies on other computers or this
one; how much this node keeps for the ring, of what it offers, and for whom, by the names of
your contacts who live there, as far as that is known; and how much you may store, where each
copy counts: who offers more may store more (see "phyllo offer"). Once a day the node gives
back what it pays for and no file needs, as of an upload that was broken off: it says so here.`,
		Example: "  phyllo df",
		Args:    command.Args(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return w.Ask(cmd.Context(), "looking …", func(ctx context.Context, c *api.Client) error {
				s, err := c.Storage(ctx, user)
				if err != nil {
					return err
				}
				console.Answered(ctx)
				if w.JSON {
					return w.Line(s)
				}
				if len(s.Spaces) > 0 {
					rows := [][]string{{"SPACE", "FILES", "ALL VERSIONS", "COPIES"}}
					for _, x := range s.Spaces {
						rows = append(rows, []string{plain.Clean(x.Name), strconv.FormatUint(x.Files, 10), plain.Bytes(uint64(x.Bytes)), partsShort(x.Copies)})
					}
					w.Table(rows)
				}
				w.Printf("This node keeps %s in %s, of %s that it offers.\n", plain.Bytes(uint64(s.Kept)), plain.Plural(s.Objects, "object"), plain.Bytes(uint64(s.Offered)))
				usedBy(w, s.By)
				if s.Heard > 0 {
					w.Printf("You use %s of %s, all copies counted%s.\n", plain.Bytes(uint64(s.Used)), plain.Bytes(uint64(s.Limit)), plain.Beyond(s.Used, s.Limit))
				}
				swept(w, s.Sweep)
				return nil
			})
		},
	}
	cmd.Flags().StringVar(&user, "user", "", "whose `NAME` they are, where several users live on the node")
	return cmd
}

// swept says what came of looking for what nobody needs.
func swept(w *console.World, x *api.Sweep) {
	if x == nil {
		return
	}
	w.Printf("Looked through %s: %s (%s) that no file needs were given back", w.Ago(x.At), plain.Plural(x.Objects, "object"), plain.Bytes(uint64(x.Bytes)))
	if x.Missing > 0 {
		w.Printf("; %s that you pay for cannot be found", plain.Plural(x.Missing, "object"))
	}
	if x.Spaces > 0 {
		w.Printf("; %s left alone, as changes of this node stand in another part of the ring", plain.Plural(x.Spaces, "space"))
	}
	w.Printf(".\n")
}

// usedBy says for whom the node keeps what it keeps.
func usedBy(w *console.World, uses []api.MemberUse) {
	if len(uses) == 0 {
		return
	}
	rows := [][]string{{"FOR MEMBER", "OBJECTS", "SIZE"}}
	for _, u := range uses {
		who := u.Member.String()
		switch {
		case u.Self:
			who = "this node"
		case len(u.Names) > 0:
			who = plain.Clean(strings.Join(u.Names, ", ")) + " (" + u.Member.Short() + ")"
		case u.Member.IsZero():
			who = "not known: another node gave it"
		}
		rows = append(rows, []string{who, strconv.Itoa(u.Objects), plain.Bytes(uint64(u.Bytes))})
	}
	w.Table(rows)
}
