package layers

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/format"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// MaxLines is the length up to which a function counts as readable at one look.
const MaxLines = 100

// maxLongShare is the share of functions that may be longer, one in so many.
const maxLongShare = 100

// docs finds packages and exported names without a comment, and counts functions.
func (v *visit) docs() {
	documented := len(v.pkg.Syntax) == 0 // a folder of tests only has nobody to explain to
	for _, file := range v.pkg.Syntax {
		documented = documented || file.Doc != nil
		for _, decl := range file.Decls {
			switch d := decl.(type) {
			case *ast.FuncDecl:
				v.docFunc(d)
			case *ast.GenDecl:
				v.docGroup(d)
			}
		}
	}
	if !documented {
		v.found("doc", v.pkg.Syntax[0].Package, "package "+v.rel+" has no doc comment",
			"the first question of a reader is what a package is for and what it promises",
			"write a comment above a package clause (doc.go is the place for a long one)")
	}
}

func (v *visit) docFunc(d *ast.FuncDecl) {
	v.count.Functions++
	start, end := v.pkg.Fset.Position(d.Pos()), v.pkg.Fset.Position(d.End())
	if end.Line-start.Line+1 > MaxLines {
		v.count.Long++
		v.long = append(v.long, fmt.Sprintf("%s: %s", v.place(d.Pos()), d.Name.Name))
	}
	name := d.Name.Name
	if d.Recv != nil {
		receiver := receiverName(d)
		if !ast.IsExported(receiver) {
			return
		}
		name = receiver + "." + name
	}
	if d.Name.IsExported() {
		v.exported(d.Name, name, d.Doc)
	}
}

func (v *visit) docGroup(d *ast.GenDecl) {
	for _, spec := range d.Specs {
		switch s := spec.(type) {
		case *ast.TypeSpec:
			if s.Name.IsExported() {
				v.exported(s.Name, s.Name.Name, s.Doc, s.Comment, d.Doc)
			}
		case *ast.ValueSpec:
			for _, name := range s.Names {
				if name.IsExported() {
					v.exported(name, name.Name, s.Doc, s.Comment, d.Doc)
				}
			}
		}
	}
}

// exported counts an exported name, which one of the comments must explain.
func (v *visit) exported(at *ast.Ident, name string, comments ...*ast.CommentGroup) {
	if v.pkg.Name == "main" {
		return // nobody can import it
	}
	v.count.Exported++
	for _, c := range comments {
		if c != nil && strings.TrimSpace(c.Text()) != "" {
			return
		}
	}
	v.found("doc", at.Pos(), fmt.Sprintf("%s.%s has no doc comment", v.rel, name),
		"what another room may rely on (units, ranges, errors, who owns memory) must not have to be guessed from the code",
		"say in a sentence what it is or does, and what its caller must know")
}

func receiverName(d *ast.FuncDecl) string {
	t := d.Recv.List[0].Type
	for {
		switch x := t.(type) {
		case *ast.StarExpr:
			t = x.X
		case *ast.IndexExpr:
			t = x.X
		case *ast.IndexListExpr:
			t = x.X
		case *ast.ParenExpr:
			t = x.X
		case *ast.Ident:
			return x.Name
		default:
			return ""
		}
	}
}

// checkLong holds the number of long functions against the share that is allowed.
func (c *checker) checkLong() {
	if c.count.Long*maxLongShare <= c.count.Functions {
		return
	}
	c.findings = append(c.findings, Finding{Rule: "long functions", Pos: "the whole program",
		What: fmt.Sprintf("%d of %d functions are longer than %d lines: %s", c.count.Long, c.count.Functions, MaxLines, strings.Join(c.long, "; ")),
		Why:  "what does not fit one look is read wrongly; at most one function in a hundred may be so long",
		Mend: "give the steps of the longest ones names and functions of their own"})
}

// Unformatted lists the Go files below dir that gofmt would change. It leaves
// out hidden folders and vendored code.
func Unformatted(dir string) ([]string, error) {
	var out []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name := d.Name(); path != dir && (strings.HasPrefix(name, ".") || name == "vendor" || name == "node_modules") {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(path, ".go") {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		formatted, err := format.Source(text)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if !bytes.Equal(text, formatted) {
			out = append(out, path)
		}
		return nil
	})
	return out, err
}
