package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/phyllo-net/phyllo/cmd/phyllo/command"
	"github.com/phyllo-net/phyllo/cmd/phyllo/console"
	"github.com/phyllo-net/phyllo/cmd/phyllo/plain"
	"github.com/phyllo-net/phyllo/node"
)

// newMan writes manual pages, for packages of the program.
func newMan(w *console.World, root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use: "man DIR", Short: "Write manual pages to a folder", Example: "  phyllo man /usr/local/share/man/man1", Args: command.Args(1, 1), ValidArgsFunction: command.Folders,
		RunE: func(_ *cobra.Command, a []string) error {
			if err := os.MkdirAll(a[0], 0o755); err != nil {
				return fmt.Errorf("making the folder: %w: name one that you may write to, as in `%s man ./man`", err, w.Program)
			}
			date, err := manDate(w)
			if err != nil {
				return err
			}
			n := 0
			err = eachCommand(root, func(c *cobra.Command) error {
				n++
				path := filepath.Join(a[0], pageName(c)+".1")
				return os.WriteFile(path, []byte(manPage(c, date)), 0o644)
			})
			if err != nil {
				return fmt.Errorf("writing manual pages: %w: name a folder that you may write to, as in `%s man ./man`", err, w.Program)
			}
			if w.JSON {
				return w.Line(map[string]any{"event": "written", "pages": n, "folder": a[0]})
			}
			w.Printf("%s in %s\n", plain.Plural(n, "page"), plain.Clean(a[0]))
			return nil
		},
	}
}

// manDate is the date that stands on manual pages: today, or what those who build
// packages set, so that building twice gives the same.
func manDate(w *console.World) (string, error) {
	at := w.Now()
	if s := w.Getenv("SOURCE_DATE_EPOCH"); s != "" {
		seconds, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return "", console.Usage("SOURCE_DATE_EPOCH is %+q: give seconds since 1970, as `git log -1 --format=%%ct` prints them", plain.Cut(s))
		}
		at = time.Unix(seconds, 0)
	}
	return at.UTC().Format(time.DateOnly), nil
}

// eachCommand calls f for a command and all below it that the help shows.
func eachCommand(c *cobra.Command, f func(*cobra.Command) error) error {
	if err := f(c); err != nil {
		return err
	}
	for _, sub := range c.Commands() {
		if sub.IsAvailableCommand() {
			if err := eachCommand(sub, f); err != nil {
				return err
			}
		}
	}
	return nil
}

func pageName(c *cobra.Command) string { return strings.ReplaceAll(c.CommandPath(), " ", "-") }

// manPage is a command's page in the man macros.
func manPage(c *cobra.Command, date string) string {
	var b strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	p(`.TH "%s" 1 "%s" "phyllo %s" "phyllo manual"`, strings.ToUpper(pageName(c)), date, roff(node.Version()))
	p(".SH NAME\n%s \\- %s", roff(pageName(c)), roff(lowerFirst(c.Short)))
	p(".SH SYNOPSIS\n.B %s", roff(c.UseLine()))
	if text := c.Long; text != "" {
		p(".SH DESCRIPTION\n%s", paragraphs(text))
	} else {
		p(".SH DESCRIPTION\n%s.", roff(c.Short))
	}
	options(p, "OPTIONS", c.NonInheritedFlags())
	options(p, "GLOBAL OPTIONS", c.InheritedFlags())
	if c.Example != "" {
		p(".SH EXAMPLES\n.nf\n%s\n.fi", roff(c.Example))
	}
	if !c.HasParent() {
		p(".SH EXIT STATUS\n.nf\n%s\n.fi", roff(strings.Join([]string{"0  done (also: a message is queued)", "1  failed", "2  wrong usage",
			"3  not found", "4  no node is running at this home", "5  one is running already, or holds the lock", "6  state of a newer version"}, "\n")))
	}
	var also []string
	if c.HasParent() {
		also = append(also, pageName(c.Parent()))
	}
	for _, sub := range c.Commands() {
		if sub.IsAvailableCommand() {
			also = append(also, pageName(sub))
		}
	}
	for i, name := range also {
		also[i] = ".BR " + roff(name) + " (1)"
	}
	p(".SH SEE ALSO\n%s", strings.Join(also, " ,\n"))
	return b.String()
}

func options(p func(string, ...any), title string, flags *pflag.FlagSet) {
	if !flags.HasAvailableFlags() {
		return
	}
	p(".SH %s", title)
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		name := "--" + f.Name
		if f.Shorthand != "" {
			name = "-" + f.Shorthand + ", " + name
		}
		kind, usage := pflag.UnquoteUsage(f)
		if kind != "" {
			name += " " + kind
		}
		p(".TP\n.B %s\n%s", roff(name), roff(usage))
	})
}

// roff makes text safe for the man macros: a leading dot or quote would be a
// request, and characters beyond ASCII are named.
func roff(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '\\':
			b.WriteString(`\e`)
		case r == '-':
			b.WriteString(`\-`)
		case r > 0x7e:
			fmt.Fprintf(&b, `\[u%04X]`, r)
		default:
			b.WriteRune(r)
		}
	}
	lines := strings.Split(b.String(), "\n")
	for i, l := range lines {
		if strings.HasPrefix(l, ".") || strings.HasPrefix(l, "'") {
			lines[i] = `\&` + l
		}
	}
	return strings.Join(lines, "\n")
}

func paragraphs(s string) string { return strings.ReplaceAll(roff(s), "\n\n", "\n.PP\n") }

func lowerFirst(s string) string { return strings.ToLower(s[:1]) + s[1:] }
