package layers

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/tools/go/packages"
)

// Finding is one thing that breaks the picture.
type Finding struct {
	Rule string // short name of the rule: "import", "pure", "map range", "doc" …
	Pos  string // file:line inside the repository, or the package
	What string // what was found
	Why  string // why it is banned
	Mend string // how to mend it
}

// String gives the finding as the tests print it.
func (f Finding) String() string {
	return fmt.Sprintf("%s: %s: %s\n\twhy:  %s\n\tmend: %s", f.Pos, f.Rule, f.What, f.Why, f.Mend)
}

// Load loads packages of the module in dir with syntax and types; what they
// import is read from compiled form, which keeps it fast.
func Load(dir string, patterns ...string) ([]*packages.Package, error) {
	config := &packages.Config{Dir: dir, Mode: packages.NeedName | packages.NeedFiles | packages.NeedCompiledGoFiles |
		packages.NeedImports | packages.NeedTypes | packages.NeedTypesInfo | packages.NeedSyntax | packages.NeedModule}
	pkgs, err := packages.Load(config, patterns...)
	if err != nil {
		return nil, fmt.Errorf("loading %v in %s: %w", patterns, dir, err)
	}
	if len(pkgs) == 0 {
		return nil, fmt.Errorf("loading %v in %s: no packages", patterns, dir)
	}
	return pkgs, nil
}

// checker goes through the packages with the table and gathers findings.
type checker struct {
	table    *Table
	funcs    map[string]function // by full name, over all packages: for the order of maps
	findings []Finding
	count    Count
	long     []string // functions longer than MaxLines, by place
}

// Count says how much a check has looked at, so that a check that looked at
// nothing is not taken for a clean house.
type Count struct {
	Packages  int // packages of ours
	PureRooms int // of these, packages in pure rooms
	Functions int // functions and methods outside tests
	Long      int // of these, longer than MaxLines
	Exported  int // exported names
}

// Check holds the packages against the table. Findings come sorted by place.
func Check(t *Table, pkgs []*packages.Package) ([]Finding, Count) {
	c := &checker{table: t, funcs: map[string]function{}}
	for _, p := range pkgs {
		c.index(p)
	}
	for _, p := range pkgs {
		c.check(p)
	}
	c.checkLong()
	slices.SortStableFunc(c.findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Pos, b.Pos))
	})
	return c.findings, c.count
}

func (c *checker) check(p *packages.Package) {
	rel, ours := c.table.Rel(p.PkgPath)
	if !ours {
		return
	}
	c.count.Packages++
	if errors := compileErrors(p); len(errors) > 0 {
		what := rel + " does not compile: " + errors[0].Msg
		if more := len(errors) - 1; more > 0 {
			what += fmt.Sprintf(" (and %d more)", more)
		}
		c.findings = append(c.findings, Finding{Rule: "compile", Pos: errors[0].Pos, What: what,
			Why:  "the other rules need the types of the whole package",
			Mend: "mend the package, then run the test again"})
	}
	room := c.table.Find(rel)
	if room == nil {
		c.findings = append(c.findings, Finding{Rule: "room", Pos: rel, What: "package " + rel + " stands in no row of layers.txt",
			Why:  "a package without a row may import anything, and the picture no longer says what the house looks like",
			Mend: "put the code into the room it belongs to, or add a row with its band, its imports and the reason"})
		return
	}
	r := &visit{checker: c, pkg: p, rel: rel, room: room}
	r.imports()
	r.testImports()
	r.starts()
	r.offLoop()
	r.docs()
	if room.Has(Pure) {
		c.count.PureRooms++
		r.pure()
		r.mapRanges()
	}
}

// compileErrors gives what keeps a package from compiling, without the go
// command's summary of the same where the place is known.
func compileErrors(p *packages.Package) []packages.Error {
	exact := slices.DeleteFunc(slices.Clone(p.Errors), func(e packages.Error) bool { return e.Kind == packages.ListError })
	if len(exact) > 0 {
		return exact
	}
	return p.Errors
}

// visit is the check of one package.
type visit struct {
	*checker
	pkg  *packages.Package
	rel  string // path inside the module
	room *Room
}

// found adds a finding at a place in the package.
func (v *visit) found(rule string, at token.Pos, what, why, mend string) {
	v.findings = append(v.findings, Finding{Rule: rule, Pos: v.place(at), What: what, Why: why, Mend: mend})
}

// place gives file:line with the file's path inside the repository.
func (v *visit) place(at token.Pos) string {
	pos := v.pkg.Fset.Position(at)
	return fmt.Sprintf("%s:%d", v.inside(pos.Filename), pos.Line)
}

func (v *visit) inside(file string) string {
	name := filepath.Base(file)
	if v.rel == "." {
		return name
	}
	return v.rel + "/" + name
}

// use gives the package-level function, method or variable that an identifier
// stands for when it belongs to another package, else nil.
func (v *visit) use(id *ast.Ident) types.Object {
	obj := v.pkg.TypesInfo.Uses[id]
	if obj == nil || obj.Pkg() == nil || obj.Pkg() == v.pkg.Types {
		return nil
	}
	return obj
}

// fullName gives "path.Name", or "(path.Type).Method" without the star of a pointer.
func fullName(obj types.Object) string {
	if f, ok := obj.(*types.Func); ok {
		return strings.Replace(f.FullName(), "(*", "(", 1)
	}
	return obj.Pkg().Path() + "." + obj.Name()
}
