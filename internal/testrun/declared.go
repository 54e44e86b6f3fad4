package main

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/build"
	"go/doc"
	"go/parser"
	"go/token"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"unicode"
	"unicode/utf8"
)

// listed is what go list says of a package.
type listed struct {
	Dir, ImportPath                           string
	TestGoFiles, XTestGoFiles, IgnoredGoFiles []string
}

// declaredTests reads the names of all tests, fuzz targets and checked examples
// out of the test files of the packages, also of files that a build tag leaves
// out, so that a test that never began is noticed. Files for other systems than
// this one do not count.
func declaredTests(packages []string, race bool) ([]testName, error) {
	args := []string{"list", "-e", "-json=Dir,ImportPath,TestGoFiles,XTestGoFiles,IgnoredGoFiles"}
	if race {
		args = append(args, "-race")
	}
	out, err := exec.Command("go", append(args, packages...)...).Output()
	if err != nil {
		return nil, fmt.Errorf("go list %v: %w", packages, err)
	}
	var names []testName
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := dec.Decode(&p); err == io.EOF {
			return names, nil
		} else if err != nil {
			return nil, fmt.Errorf("go list %v: %w", packages, err)
		}
		files := append(p.TestGoFiles, p.XTestGoFiles...)
		for _, f := range p.IgnoredGoFiles {
			if strings.HasSuffix(f, "_test.go") && !forOtherSystem(p.Dir, f, race) {
				files = append(files, f)
			}
		}
		for _, f := range files {
			tests, err := testsIn(filepath.Join(p.Dir, f))
			if err != nil {
				return nil, err
			}
			for _, t := range tests {
				names = append(names, testName{p.ImportPath, t})
			}
		}
	}
}

// forOtherSystem says whether a file is left out here only because it is for another system.
func forOtherSystem(dir, file string, race bool) bool {
	for _, system := range []string{"linux", "darwin", "windows", "freebsd"} {
		for _, arch := range []string{"amd64", "arm64"} {
			other := build.Default
			other.GOOS, other.GOARCH, other.CgoEnabled = system, arch, true
			if race {
				other.BuildTags = []string{"race"}
			}
			if fits, err := other.MatchFile(dir, file); err == nil && fits {
				return true
			}
		}
	}
	return false
}

// testsIn gives the names of what go test would run in a file. A file that does
// not parse has no names: go test says itself what is wrong with it.
func testsIn(path string) ([]string, error) {
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, nil
	}
	var names []string
	for _, d := range file.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if ok && fn.Recv == nil && fn.Name.Name != "TestMain" && (isTest(fn.Name.Name, "Test") || isTest(fn.Name.Name, "Fuzz")) {
			names = append(names, fn.Name.Name)
		}
	}
	for _, e := range doc.Examples(file) {
		if e.Output != "" || e.EmptyOutput {
			names = append(names, "Example"+e.Name)
		}
	}
	return names, nil
}

// isTest follows go test: after the prefix comes nothing, or no lower-case letter.
func isTest(name, prefix string) bool {
	rest, ok := strings.CutPrefix(name, prefix)
	if !ok {
		return false
	}
	first, _ := utf8.DecodeRuneInString(rest)
	return rest == "" || !unicode.IsLower(first)
}
