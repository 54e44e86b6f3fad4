package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
)

func main() {
	root := flag.String("root", ".", "the module's `folder`")
	seeds := flag.Int("seeds", 100, "`number` of seeds in which a mutant must be caught")
	nodes := flag.Int("nodes", 12, "`nodes` of each ring, where the mutant does not say")
	flag.Parse()
	ctx, end := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer end()
	if err := hunt(ctx, &laboratory{root: *root, seeds: *seeds, nodes: *nodes}, flag.Args(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

// hunt runs the mutants of the given names, or all, and says which seed caught each.
func hunt(ctx context.Context, l *laboratory, names []string, out io.Writer) error {
	if len(names) == 0 {
		all, err := l.all()
		if err != nil {
			return err
		}
		names = all
	}
	var bad []error
	for _, name := range names {
		c, err := l.run(ctx, name)
		if err != nil {
			bad = append(bad, fmt.Errorf("%s: %w", name, err))
			fmt.Fprintf(out, "%-22s %v\n", name, err)
			continue
		}
		fmt.Fprintf(out, "%-22s caught by seed %s: %s\n%22s   %s\n", name, c.seed, c.what, "", c.wrong)
	}
	if len(bad) == 0 {
		fmt.Fprintf(out, "%d mutants, each of them caught within %d seeds\n", len(names), l.seeds)
	}
	return errors.Join(bad...)
}

// all names all mutants.
func (l *laboratory) all() ([]string, error) {
	files, err := filepath.Glob(filepath.Join(l.root, folder, "*.patch"))
	if err != nil || len(files) == 0 {
		return nil, fmt.Errorf("no patches in %s: %w", folder, errors.Join(err, os.ErrNotExist))
	}
	var names []string
	for _, f := range files {
		names = append(names, strings.TrimSuffix(filepath.Base(f), ".patch"))
	}
	return names, nil
}
