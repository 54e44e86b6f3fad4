package main

import (
	"fmt"
	"slices"
	"strings"

	"golang.org/x/tools/go/packages"

	"github.com/phyllo-net/phyllo/internal/layers"
)

// graph is what imports what: package paths inside the module, sorted.
type graph struct {
	names   []string
	imports map[string][]string
}

// readGraph reads the imports of all packages below dir, tools left out. The
// packages need not compile for that.
func readGraph(table *layers.Table, dir string) (graph, error) {
	g := graph{imports: map[string][]string{}}
	config := &packages.Config{Dir: dir, Mode: packages.NeedName | packages.NeedImports | packages.NeedFiles}
	pkgs, err := packages.Load(config, "./...")
	if err != nil {
		return g, fmt.Errorf("loading the packages in %s: %w", dir, err)
	}
	for _, p := range pkgs {
		rel, ours := table.Rel(p.PkgPath)
		room := table.Find(rel)
		if !ours || room == nil || room.Has(layers.Tools) || len(p.GoFiles) == 0 {
			continue
		}
		g.names = append(g.names, rel)
		for path := range p.Imports {
			if to, ours := table.Rel(path); ours {
				g.imports[rel] = append(g.imports[rel], to)
			}
		}
		slices.Sort(g.imports[rel])
	}
	slices.Sort(g.names)
	return g, nil
}

// String gives the graph as text, a line for each package.
func (g graph) String() string {
	var b strings.Builder
	for _, n := range g.names {
		fmt.Fprintf(&b, "%s: %s\n", n, strings.Join(g.imports[n], " "))
	}
	return b.String()
}

// reaches says whether one package needs another through one import or more.
func (g graph) reaches(from, to string) bool {
	for _, next := range g.imports[from] {
		if next == to || g.reaches(next, to) {
			return true
		}
	}
	return false
}

// direct gives the imports of a package that do not follow from its others.
func (g graph) direct(from string) []string {
	var out []string
	for _, to := range g.imports[from] {
		if !slices.ContainsFunc(g.imports[from], func(via string) bool { return via != to && g.reaches(via, to) }) {
			out = append(out, to)
		}
	}
	return out
}
