package layers

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"strings"

	"golang.org/x/tools/go/packages"
)

// The order of a Go map differs from run to run. In a pure room a loop over a
// map is let through only if that order cannot be seen afterwards:
//
//   - it only appends to slices, and each of them is sorted by a later
//     statement of the same block before anything else reads it (its length may
//     be read before);
//   - it only deletes from the map, counts or adds up integers, takes a min or
//     max, fills another map under the same key, or leaves with one constant
//     answer;
//   - what its conditions and values read is not changed by the loop, and what
//     they call changes nothing (whether what they call reads what the loop
//     changes is left to the reviewer).
//
// Likewise maps.Keys, maps.Values and maps.All may stand only inside a call of
// slices.Sorted, slices.SortedFunc or slices.SortedStableFunc.

// mapRanges finds loops over maps whose order may show.
func (v *visit) mapRanges() {
	for _, file := range v.pkg.Syntax {
		quiet := map[*ast.RangeStmt]bool{}
		sorted := map[*ast.Ident]bool{}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.BlockStmt:
				v.blockRanges(n.List, quiet)
			case *ast.CaseClause:
				v.blockRanges(n.Body, quiet)
			case *ast.CallExpr:
				v.sortedCall(n, sorted)
			case *ast.RangeStmt:
				if isMap(v.pkg.TypesInfo.TypeOf(n.X)) && !quiet[n] {
					v.mapOrder(n, "ranges over the map "+types.ExprString(n.X))
				}
			case *ast.Ident:
				v.mapIterator(n, sorted)
			}
			return true
		})
	}
}

func (v *visit) mapOrder(n ast.Node, what string) {
	v.found("map range", n.Pos(), fmt.Sprintf("%s is pure and %s, in an order that may show", v.rel, what),
		"the order of a map differs from run to run, so two runs with one seed would differ",
		"loop over slices.Sorted(maps.Keys(m)) (or slices.SortedFunc), keep a sorted slice instead of the map, or sort what the loop "+
			"collected before anything reads it; internal/layers/maprange.go lists the loops that are let through")
}

// blockRanges marks the loops over maps that stand directly in a block and whose order cannot show.
func (v *visit) blockRanges(block []ast.Stmt, quiet map[*ast.RangeStmt]bool) {
	for i, stmt := range block {
		loop, ok := stmt.(*ast.RangeStmt)
		if !ok || quiet[loop] {
			continue
		}
		body := newLoopBody(v)
		if !body.acceptLoop(loop) || len(body.maps) == 0 || !body.sortedLater(block[i+1:]) {
			continue
		}
		for _, m := range body.maps {
			quiet[m] = true
		}
	}
}

// sortedCall remembers the iterators that stand inside a call of slices.Sorted….
func (v *visit) sortedCall(call *ast.CallExpr, sorted map[*ast.Ident]bool) {
	fn := v.callee(call)
	if fn == nil || !strings.HasPrefix(fullName(fn), "slices.Sorted") || len(call.Args) == 0 {
		return
	}
	if inner, ok := ast.Unparen(call.Args[0]).(*ast.CallExpr); ok {
		if id := calledName(inner); id != nil {
			sorted[id] = true
		}
	}
}

func (v *visit) mapIterator(id *ast.Ident, sorted map[*ast.Ident]bool) {
	obj := v.use(id)
	if obj == nil || sorted[id] {
		return
	}
	switch name := fullName(obj); name {
	case "maps.Keys", "maps.Values", "maps.All", "(reflect.Value).MapKeys", "(reflect.Value).MapRange", "(reflect.Value).Seq", "(reflect.Value).Seq2":
		v.mapOrder(id, "uses "+name+" without sorting")
	}
}

// isMap says whether a type is a map, or a type parameter that can be one.
func isMap(t types.Type) bool {
	if t == nil {
		return false
	}
	if param, ok := types.Unalias(t).(*types.TypeParam); ok {
		return mayBeMap(param.Constraint().Underlying())
	}
	_, ok := t.Underlying().(*types.Map)
	return ok
}

func mayBeMap(constraint types.Type) bool {
	switch t := constraint.(type) {
	case *types.Interface:
		for e := range t.EmbeddedTypes() {
			if mayBeMap(e) {
				return true
			}
		}
	case *types.Union:
		for term := range t.Terms() {
			if mayBeMap(term.Type()) {
				return true
			}
		}
	default:
		return isMap(t)
	}
	return false
}

// function is the declaration of a function of ours with the types of its package.
type function struct {
	decl *ast.FuncDecl
	info *types.Info
}

// index remembers the functions of a package, so that what a loop calls can be looked at.
func (c *checker) index(p *packages.Package) {
	for _, file := range p.Syntax {
		for _, d := range file.Decls {
			if decl, ok := d.(*ast.FuncDecl); ok {
				if obj, ok := p.TypesInfo.Defs[decl.Name].(*types.Func); ok {
					c.funcs[obj.FullName()] = function{decl, p.TypesInfo}
				}
			}
		}
	}
}

// callee gives the function or method that a call names, or nil if it calls a value.
func (v *visit) callee(call *ast.CallExpr) *types.Func {
	return calleeIn(v.pkg.TypesInfo, call)
}

func calleeIn(info *types.Info, call *ast.CallExpr) *types.Func {
	id := calledName(call)
	if id == nil {
		return nil
	}
	fn, _ := info.Uses[id].(*types.Func)
	return fn
}

func calledName(call *ast.CallExpr) *ast.Ident {
	switch fun := ast.Unparen(call.Fun).(type) {
	case *ast.Ident:
		return fun
	case *ast.SelectorExpr:
		return fun.Sel
	case *ast.IndexExpr:
		return calledName(&ast.CallExpr{Fun: fun.X})
	}
	return nil
}

// quietPackages are packages of the standard library whose functions change
// nothing but what they return.
var quietPackages = map[string]bool{"bytes": true, "strings": true, "strconv": true, "math": true, "math/bits": true, "cmp": true,
	"errors": true, "unicode": true, "unicode/utf8": true, "crypto/sha256": true, "net/netip": true, "time": true, "encoding/hex": true}

// quietSlices are the functions of package slices that only look.
var quietSlices = map[string]bool{"Contains": true, "ContainsFunc": true, "Index": true, "IndexFunc": true, "Equal": true, "EqualFunc": true,
	"BinarySearch": true, "BinarySearchFunc": true, "Max": true, "MaxFunc": true, "Min": true, "MinFunc": true, "Compare": true,
	"CompareFunc": true, "IsSorted": true, "IsSortedFunc": true, "Clone": true, "Concat": true}

// quietCall says whether a call changes nothing that can be seen outside it.
func (c *checker) quietCall(info *types.Info, call *ast.CallExpr, depth int) bool {
	if tv, ok := info.Types[call.Fun]; ok && tv.IsType() {
		return true // a conversion
	}
	if id := calledName(call); id != nil {
		if b, ok := info.Uses[id].(*types.Builtin); ok {
			switch b.Name() {
			case "len", "cap", "min", "max", "new", "make", "append", "real", "imag", "complex":
				return true
			}
			return false
		}
	}
	fn := calleeIn(info, call)
	if fn == nil || fn.Pkg() == nil {
		return false
	}
	if quietPackages[fn.Pkg().Path()] || quietSlices[fn.Name()] && fn.Pkg().Path() == "slices" {
		return true // a function that it is given is looked at where it stands
	}
	declared, ok := c.funcs[fn.Origin().FullName()]
	return ok && depth < 8 && c.quietFunc(declared, depth+1)
}

// quietFunc says whether a function of ours assigns only to variables of its own and calls only quiet functions.
func (c *checker) quietFunc(f function, depth int) bool {
	return f.decl.Body != nil && c.quietCode(f.info, f.decl.Body, f.decl.Pos(), f.decl.End(), depth)
}

// quietCode says whether a piece of code changes nothing but variables that are
// declared between two places, and calls only quiet functions.
func (c *checker) quietCode(info *types.Info, code ast.Node, from, to token.Pos, depth int) bool {
	own := func(e ast.Expr) bool {
		id, ok := ast.Unparen(e).(*ast.Ident)
		if !ok {
			return false
		}
		obj := info.ObjectOf(id)
		return id.Name == "_" || obj != nil && from <= obj.Pos() && obj.Pos() < to
	}
	quiet := true
	ast.Inspect(code, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			for _, lhs := range n.Lhs {
				quiet = quiet && own(lhs)
			}
		case *ast.IncDecStmt:
			quiet = quiet && own(n.X)
		case *ast.RangeStmt:
			quiet = quiet && (n.Tok != token.ASSIGN || own(n.Key) && (n.Value == nil || own(n.Value)))
		case *ast.CallExpr:
			quiet = quiet && c.quietCall(info, n, depth)
		case *ast.GoStmt, *ast.DeferStmt, *ast.SendStmt, *ast.SelectStmt:
			quiet = false
		case *ast.UnaryExpr:
			quiet = quiet && n.Op != token.ARROW
		}
		return quiet
	})
	return quiet
}
