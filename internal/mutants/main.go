package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
)

func main() {
	root := flag.String("root", ".", "the module's `folder`")
	seeds := flag.Int("seeds", 100, "`number` of seeds in which a mutant must be caught")
	nodes := flag.Int("nodes", 12, "`nodes` of each ring")
	flag.Parse()
	ctx, end := signal.NotifyContext(context.Background(), os.Interrupt)
	defer end()
	if err := hunt(ctx, &laboratory{root: *root, seeds: *seeds, nodes: *nodes}, flag.Args(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

// hunt runs the mutants of the given names, or all, and says which seed caught each.
func hunt(ctx context.Context, l *laboratory, names []string, out io.Writer) error {
	if len(names) == 0 {
		files, err := filepath.Glob(filepath.Join(l.root, folder, "*.patch"))
		if err != nil || len(files) == 0 {
			return fmt.Errorf("no patches in %s: %w", folder, errors.Join(err, os.ErrNotExist))
		}
		for _, f := range files {
			names = append(names, strings.TrimSuffix(filepath.Base(f), ".patch"))
		}
	}
	var bad []error
	for _, name := range names {
		p, seed, err := l.run(ctx, name)
		if err != nil {
			bad = append(bad, fmt.Errorf("%s: %w", name, err))
			fmt.Fprintf(out, "%-22s %v\n", name, err)
			continue
		}
		fmt.Fprintf(out, "%-22s caught by seed %s: %s\n", name, seed, p.what)
	}
	return errors.Join(bad...)
}

// folder holds the patches.
const folder = "lab/testdata/mutants"

// laboratory is where mutants are made and struck.
type laboratory struct {
	root         string
	seeds, nodes int
}

// errEscaped: no storm found the mutant out.
var errEscaped = errors.New("not caught")

// run makes a mutant, and returns the seed that caught it.
func (l *laboratory) run(ctx context.Context, name string) (*patch, string, error) {
	dir, err := os.MkdirTemp("", "phyllo-mutant-")
	if err != nil {
		return nil, "", err
	}
	defer os.RemoveAll(dir)
	p, err := l.mutate(name, dir)
	if err != nil {
		return nil, "", err
	}
	program := filepath.Join(dir, "phyllolab")
	build := exec.CommandContext(ctx, "go", "build", "-overlay", filepath.Join(dir, "overlay.json"), "-o", program, "./cmd/phyllolab")
	build.Dir = l.root
	if text, err := build.CombinedOutput(); err != nil {
		return p, "", fmt.Errorf("it does not build: %w\n%s", err, text)
	}
	storm := exec.CommandContext(ctx, program, "storm", "--quick", "--seeds", fmt.Sprintf("1..%d", l.seeds), "--nodes", fmt.Sprint(l.nodes))
	text, err := storm.CombinedOutput()
	if err == nil {
		return p, "", fmt.Errorf("%w in %d seeds: %s", errEscaped, l.seeds, p.what)
	}
	seed := caught.FindSubmatch(text)
	if seed == nil {
		return p, "", fmt.Errorf("the storm ended without a verdict: %w\n%s", err, text)
	}
	return p, string(seed[1]), nil
}

// caught finds the seed in what phyllolab storm prints.
var caught = regexp.MustCompile(`(?m)^seed (\d+) failed: `)

// mutate writes the changed file, and the overlay that names it, to dir.
func (l *laboratory) mutate(name, dir string) (*patch, error) {
	text, err := os.ReadFile(filepath.Join(l.root, folder, name+".patch"))
	if err != nil {
		return nil, err
	}
	p, err := parsePatch(string(text))
	if err != nil {
		return nil, err
	}
	source, err := filepath.Abs(filepath.Join(l.root, filepath.FromSlash(p.file)))
	if err != nil {
		return nil, err
	}
	whole, err := os.ReadFile(source)
	if err != nil {
		return nil, err
	}
	broken, err := p.apply(string(whole))
	if err != nil {
		return nil, err
	}
	mutant := filepath.Join(dir, "mutant.go")
	if err := os.WriteFile(mutant, []byte(broken), 0o600); err != nil {
		return nil, err
	}
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{source: mutant}})
	if err != nil {
		return nil, err
	}
	return p, os.WriteFile(filepath.Join(dir, "overlay.json"), overlay, 0o600)
}
