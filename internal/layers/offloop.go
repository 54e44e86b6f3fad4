package layers

import (
	"go/ast"
	"go/token"
	"go/types"
)

// What a task gives to Work runs in a goroutine of its own, and goes on when the task has
// stopped waiting for it: the time was up, or the node ends. So it may write nothing that
// was declared outside of it. What it has to say it returns.

// offLoop finds functions for Work that write to variables from outside, and those for
// functions of the package that call them in Work.
func (v *visit) offLoop() {
	passers := v.passers()
	v.calls(func(call *ast.CallExpr, f *types.Func) {
		at, ok := passers[f]
		if f.Name() == "Work" {
			at, ok = firstLiteral(call), true
		}
		if ok && at < len(call.Args) {
			if lit, ok := call.Args[at].(*ast.FuncLit); ok {
				v.writesOutside(lit)
			}
		}
	})
}

// calls visits the calls of functions and methods by their names.
func (v *visit) calls(visit func(call *ast.CallExpr, f *types.Func)) {
	for _, file := range v.pkg.Syntax {
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			var name *ast.Ident
			switch f := ast.Unparen(call.Fun).(type) {
			case *ast.SelectorExpr:
				name = f.Sel
			case *ast.Ident:
				name = f
			default:
				return true
			}
			if f, ok := v.pkg.TypesInfo.Uses[name].(*types.Func); ok {
				visit(call, f)
			}
			return true
		})
	}
}

// firstLiteral gives which argument is the first function literal; what comes after it is
// called on the loop.
func firstLiteral(call *ast.CallExpr) int {
	for i, a := range call.Args {
		if _, ok := a.(*ast.FuncLit); ok {
			return i
		}
	}
	return len(call.Args)
}

// passers are the functions of the package that call one of their parameters in Work, and
// which one.
func (v *visit) passers() map[*types.Func]int {
	type place struct {
		f  *types.Func
		at int
	}
	params := map[types.Object]place{}
	for _, file := range v.pkg.Syntax {
		for _, d := range file.Decls {
			if d, ok := d.(*ast.FuncDecl); ok {
				f := v.pkg.TypesInfo.Defs[d.Name].(*types.Func)
				all := f.Signature().Params()
				for i := range all.Len() {
					params[all.At(i)] = place{f, i}
				}
			}
		}
	}
	out := map[*types.Func]int{}
	v.calls(func(call *ast.CallExpr, f *types.Func) {
		at := firstLiteral(call)
		if f.Name() != "Work" || at == len(call.Args) {
			return
		}
		ast.Inspect(call.Args[at], func(n ast.Node) bool {
			if inner, ok := n.(*ast.CallExpr); ok {
				if name, ok := inner.Fun.(*ast.Ident); ok {
					if p, ok := params[v.pkg.TypesInfo.Uses[name]]; ok {
						out[p.f] = p.at
					}
				}
			}
			return true
		})
	})
	return out
}

// writesOutside finds the writes of a function to what was declared outside of it.
func (v *visit) writesOutside(f *ast.FuncLit) {
	write := func(to ast.Expr) {
		root := rootOf(to)
		if root == nil || root.Name == "_" {
			return
		}
		obj := v.pkg.TypesInfo.ObjectOf(root)
		if obj == nil || f.Pos() <= obj.Pos() && obj.Pos() < f.End() {
			return
		}
		v.found("off the loop", to.Pos(), v.rel+" writes to "+root.Name+" in a function for Work, outside of which it was declared",
			"the function goes on when the task has given up waiting for it, so the two may touch the variable at once",
			"return the value from the function, or work on a copy that the function makes")
	}
	ast.Inspect(f.Body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			for _, to := range n.Lhs {
				write(to)
			}
		case *ast.IncDecStmt:
			write(n.X)
		case *ast.RangeStmt:
			if n.Tok == token.ASSIGN {
				for _, to := range []ast.Expr{n.Key, n.Value} {
					if to != nil {
						write(to)
					}
				}
			}
		}
		return true
	})
}

// rootOf gives the variable that an expression is a part of, or nil.
func rootOf(e ast.Expr) *ast.Ident {
	for {
		switch x := ast.Unparen(e).(type) {
		case *ast.Ident:
			return x
		case *ast.SelectorExpr:
			e = x.X
		case *ast.IndexExpr:
			e = x.X
		case *ast.StarExpr:
			e = x.X
		default:
			return nil
		}
	}
}
