package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"time"
)

// folder holds the patches.
const folder = "lab/testdata/mutants"

// laboratory is where mutants are made and struck.
type laboratory struct {
	root         string
	seeds, nodes int
}

// errEscaped: no storm found the mutant out.
var errEscaped = errors.New("not caught")

// patience bounds the storms of one mutant: what is broken may also go on for ever.
const patience = 2 * time.Minute

// catch is how a mutant was found out.
type catch struct {
	what        string // it breaks
	seed, wrong string
}

// run makes a mutant, and lets storms strike it until one finds it out.
func (l *laboratory) run(ctx context.Context, name string) (*catch, error) {
	dir, err := os.MkdirTemp("", "phyllo-mutant-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	p, err := l.mutate(name, dir)
	if err != nil {
		return nil, err
	}
	program := filepath.Join(dir, "phyllolab")
	build := exec.CommandContext(ctx, "go", "build", "-ldflags=-s -w", "-overlay", filepath.Join(dir, "overlay.json"), "-o", program, "./cmd/phyllolab")
	build.Dir = l.root
	if text, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("it does not build: %w\n%s", err, text)
	}
	return l.strike(ctx, program, p)
}

// strike runs storms on a mutant. It ends the program with the first seed that fails:
// other seeds of a broken overlay may never end.
func (l *laboratory) strike(ctx context.Context, program string, p *patch) (*catch, error) {
	ctx, end := context.WithTimeout(ctx, patience)
	defer end()
	args := []string{"storm", "--quick", "--seeds", fmt.Sprintf("1..%d", l.seeds)}
	if !slices.Contains(p.storm, "--nodes") {
		args = append(args, "--nodes", fmt.Sprint(l.nodes))
	}
	storm := exec.CommandContext(ctx, program, append(args, p.storm...)...)
	out, err := storm.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := storm.Start(); err != nil {
		return nil, err
	}
	var found *catch
	for lines := bufio.NewScanner(out); found == nil && lines.Scan(); {
		if m := caught.FindStringSubmatch(lines.Text()); m != nil {
			found = &catch{p.what, m[1], m[2]}
		}
	}
	if found != nil {
		end()
	}
	err = storm.Wait()
	switch {
	case found != nil:
		return found, nil
	case err == nil:
		return nil, fmt.Errorf("%w in %d seeds: %s", errEscaped, l.seeds, p.what)
	}
	return nil, fmt.Errorf("the storm ended without a verdict: %w", err)
}

// caught finds the seed, and what was wrong, in what phyllolab storm prints.
var caught = regexp.MustCompile(`^seed (\d+) failed: (.*)`)

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
