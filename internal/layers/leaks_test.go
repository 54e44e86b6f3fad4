package layers_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

// unwatched are the packages whose tests need not look for goroutines that were
// left behind, each with the reason.
var unwatched = map[string]string{}

// TestLeaksAreLookedFor: the tests of every package end with a look for goroutines
// that nobody ended. A node runs for months: what leaks once an hour ends it.
func TestLeaksAreLookedFor(t *testing.T) {
	tests, watched := map[string]bool{}, map[string]bool{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return enter(path, d)
		}
		if !strings.HasSuffix(path, "_test.go") {
			return nil
		}
		dir, err := filepath.Rel(root, filepath.Dir(path))
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		tests[dir] = true
		watched[dir] = watched[dir] || looksForLeaks(file)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(tests) < 30 {
		t.Errorf("only %d packages with tests were found", len(tests))
	}
	for dir := range tests {
		if _, free := unwatched[dir]; !free && !watched[dir] {
			t.Errorf("the tests of %s do not look for goroutines that they leave behind: give the package func TestMain(m *testing.M) { goleak.VerifyTestMain(m) } (go.uber.org/goleak)", dir)
		}
	}
	for dir, why := range unwatched {
		if !tests[dir] || watched[dir] || why == "" {
			t.Errorf("%s stands among the exceptions without a reason, or needs none any more", dir)
		}
	}
}

// enter leaves out what is no part of the module, and the fixtures.
func enter(path string, d fs.DirEntry) error {
	name := d.Name()
	if path == root {
		return nil
	}
	if strings.HasPrefix(name, ".") || name == "testdata" || name == "node_modules" {
		return filepath.SkipDir
	}
	if matches, err := filepath.Glob(filepath.Join(path, "go.mod")); err != nil || len(matches) > 0 {
		return filepath.SkipDir // a module of its own
	}
	return nil
}

// looksForLeaks reports whether a test file has a TestMain that calls goleak.
func looksForLeaks(file *ast.File) bool {
	found := false
	for _, d := range file.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok || f.Recv != nil || f.Name.Name != "TestMain" {
			continue
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok {
				x, ok := s.X.(*ast.Ident)
				found = found || ok && x.Name == "goleak" && (s.Sel.Name == "VerifyTestMain" || s.Sel.Name == "Find")
			}
			return true
		})
	}
	return found
}

func TestLooksForLeaks(t *testing.T) {
	for text, want := range map[string]bool{
		"func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }":                      true,
		"func TestMain(m *testing.M) { m.Run(); if goleak.Find() != nil { panic(1) } }": true,
		"func TestMain(m *testing.M) { m.Run() }":                                       false,
		"func TestOther(t *testing.T) { goleak.VerifyNone(t) }":                         false,
		"func (x) TestMain() { goleak.Find() }":                                         false,
	} {
		file, err := parser.ParseFile(token.NewFileSet(), "x_test.go", "package x\n"+text, 0)
		if err != nil {
			t.Fatal(err)
		}
		if looksForLeaks(file) != want {
			t.Errorf("%s: want %v", text, want)
		}
	}
}
