package layers

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// link finds the target of a Markdown link or picture.
var link = regexp.MustCompile(`\]\(([^)\s]+)\)`)

// Links holds the links of a Markdown file in dir against the repository: a
// link to a file or folder must lead to one, and a link to a test,
// path_test.go#TestName, to a test function of that name. Links to other sites
// are left alone. It gives what leads nowhere, and the number of links to tests.
func Links(dir, file string) (broken []string, tests int, err error) {
	text, err := os.ReadFile(filepath.Join(dir, file))
	if err != nil {
		return nil, 0, err
	}
	for _, m := range link.FindAllStringSubmatch(string(text), -1) {
		target, anchor, _ := strings.Cut(m[1], "#")
		if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") || target == "" {
			continue
		}
		path := filepath.Join(dir, filepath.Dir(file), filepath.FromSlash(target))
		if _, err := os.Stat(path); err != nil {
			broken = append(broken, fmt.Sprintf("%s: %s: there is no such file", file, m[1]))
			continue
		}
		if !strings.HasSuffix(target, "_test.go") {
			continue
		}
		tests++
		if anchor == "" {
			broken = append(broken, fmt.Sprintf("%s: %s: name the test: %s#TestName", file, m[1], target))
		} else if err := hasTest(path, anchor); err != nil {
			broken = append(broken, fmt.Sprintf("%s: %s: %v", file, m[1], err))
		}
	}
	return broken, tests, nil
}

// hasTest says whether a file declares a test, fuzz target, benchmark or example of that name.
func hasTest(path, name string) error {
	f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	for _, prefix := range []string{"Test", "Fuzz", "Benchmark", "Example"} {
		if !strings.HasPrefix(name, prefix) {
			continue
		}
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == name {
				return nil
			}
		}
	}
	return fmt.Errorf("there is no test %s in it", name)
}
