package layers

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"
)

// loopBody follows one loop over a map (and loops inside it) and gathers what it does.
type loopBody struct {
	v        *visit
	maps     []*ast.RangeStmt // the loops over maps in it
	ranged   []string         // what these range over, as text
	keys     []types.Object   // key variables of all loops in it, outermost first
	local    map[types.Object]bool
	collects []string   // slices it appends to, as text
	changed  []string   // everything outside that it changes, as text
	reads    []ast.Expr // expressions that must not read what it changes
	answer   string     // the constants it returns, as text
	leaves   bool       // it has a return statement
}

func newLoopBody(v *visit) *loopBody { return &loopBody{v: v, local: map[types.Object]bool{}} }

// acceptLoop says whether the loop does only what does not depend on the order
// of its rounds, except for the order in slices that it appends to.
func (b *loopBody) acceptLoop(loop *ast.RangeStmt) bool {
	if !b.loop(loop) {
		return false
	}
	if b.leaves && len(b.changed) > 0 {
		return false // it leaves after an unknown part of the rounds
	}
	for _, e := range b.reads {
		for _, c := range b.changed {
			if mentions(e, c, false) {
				return false
			}
		}
	}
	return true
}

func (b *loopBody) loop(loop *ast.RangeStmt) bool {
	if outermost := len(b.keys) == 0; !b.quiet(loop.X) {
		return false
	} else if outermost {
		b.reads = nil // what it ranges over is read once, before the first round
	}
	if isMap(b.v.pkg.TypesInfo.TypeOf(loop.X)) {
		b.maps = append(b.maps, loop)
		b.ranged = append(b.ranged, types.ExprString(loop.X))
	}
	if loop.Tok == token.ASSIGN {
		return false // the last key stays in a variable outside
	}
	for i, e := range []ast.Expr{loop.Key, loop.Value} {
		var obj types.Object
		if id, ok := e.(*ast.Ident); ok {
			if obj = b.v.pkg.TypesInfo.Defs[id]; obj != nil {
				b.local[obj] = true
			}
		}
		if i == 0 {
			b.keys = append(b.keys, obj)
		}
	}
	return b.block(loop.Body.List)
}

func (b *loopBody) block(stmts []ast.Stmt) bool {
	for _, s := range stmts {
		if !b.stmt(s) {
			return false
		}
	}
	return true
}

func (b *loopBody) stmt(s ast.Stmt) bool {
	switch s := s.(type) {
	case *ast.BlockStmt:
		return b.block(s.List)
	case *ast.IfStmt:
		return (s.Init == nil || b.stmt(s.Init)) && b.quiet(s.Cond) && b.block(s.Body.List) &&
			(s.Else == nil || b.stmt(s.Else))
	case *ast.RangeStmt:
		return b.loop(s)
	case *ast.BranchStmt:
		return s.Tok == token.CONTINUE && s.Label == nil
	case *ast.ReturnStmt:
		return b.returns(s)
	case *ast.IncDecStmt:
		return b.sum(s.X)
	case *ast.AssignStmt:
		return b.assign(s)
	case *ast.ExprStmt:
		return b.deletes(s.X)
	case *ast.DeclStmt:
		return b.declares(s)
	}
	return false
}

// quiet takes an expression that is evaluated in the loop: what it calls must change nothing.
func (b *loopBody) quiet(e ast.Expr) bool {
	b.reads = append(b.reads, e)
	return b.v.quietCode(b.v.pkg.TypesInfo, e, e.Pos(), e.End(), 0)
}

// returns accepts leaving the loop if every way out gives the same constants.
func (b *loopBody) returns(s *ast.ReturnStmt) bool {
	var words []string
	for _, r := range s.Results {
		tv := b.v.pkg.TypesInfo.Types[r]
		if tv.Value == nil && !tv.IsNil() {
			return false
		}
		words = append(words, types.ExprString(r))
	}
	text := strings.Join(words, ",")
	if b.leaves && text != b.answer {
		return false
	}
	b.leaves, b.answer = true, text
	return true
}

// sum accepts adding to an integer: whole numbers may be added up in any order.
func (b *loopBody) sum(x ast.Expr) bool {
	t := b.v.pkg.TypesInfo.TypeOf(x)
	basic, ok := t.Underlying().(*types.Basic)
	if !ok || basic.Info()&types.IsInteger == 0 {
		return false
	}
	b.change(x)
	return true
}

func (b *loopBody) change(x ast.Expr) {
	if id, ok := x.(*ast.Ident); ok && b.local[b.v.pkg.TypesInfo.ObjectOf(id)] {
		return
	}
	b.changed = append(b.changed, types.ExprString(x))
}

func (b *loopBody) assign(s *ast.AssignStmt) bool {
	switch s.Tok {
	case token.DEFINE:
		for _, l := range s.Lhs {
			if obj := b.v.pkg.TypesInfo.Defs[l.(*ast.Ident)]; obj != nil {
				b.local[obj] = true
			}
		}
		return b.quietAll(s.Rhs)
	case token.ADD_ASSIGN, token.SUB_ASSIGN, token.OR_ASSIGN, token.AND_ASSIGN, token.XOR_ASSIGN:
		return b.quietAll(s.Rhs) && b.sum(s.Lhs[0])
	case token.ASSIGN:
		if len(s.Lhs) == 1 && len(s.Rhs) == 1 {
			return b.assignOne(s.Lhs[0], s.Rhs[0])
		}
	}
	return false
}

func (b *loopBody) quietAll(exprs []ast.Expr) bool {
	return !slices.ContainsFunc(exprs, func(e ast.Expr) bool { return !b.quiet(e) })
}

// assignOne accepts x = append(x, …), x = min(x, …), x = max(x, …), m[key] = …, and any assignment to a variable of the loop's own.
func (b *loopBody) assignOne(lhs, rhs ast.Expr) bool {
	if id, ok := lhs.(*ast.Ident); ok && (id.Name == "_" || b.local[b.v.pkg.TypesInfo.ObjectOf(id)]) {
		return b.quiet(rhs)
	}
	if index, ok := lhs.(*ast.IndexExpr); ok && isMap(b.v.pkg.TypesInfo.TypeOf(index.X)) {
		// Only the outermost loop's key, and only outside inner loops, is met once.
		if len(b.keys) != 1 || !b.isKey(index.Index, b.keys[0]) || !b.quiet(rhs) {
			return false
		}
		b.change(index.X)
		return true
	}
	call, ok := rhs.(*ast.CallExpr)
	if !ok || len(call.Args) == 0 || types.ExprString(call.Args[0]) != types.ExprString(lhs) {
		return false
	}
	builtin, ok := b.v.pkg.TypesInfo.Uses[calledName(call)].(*types.Builtin)
	if !ok || !b.quietAll(call.Args[1:]) {
		return false
	}
	switch builtin.Name() {
	case "append":
		b.collects = append(b.collects, types.ExprString(lhs))
	case "min", "max":
	default:
		return false
	}
	b.change(lhs)
	return true
}

func (b *loopBody) isKey(e ast.Expr, key types.Object) bool {
	id, ok := e.(*ast.Ident)
	return ok && key != nil && b.v.pkg.TypesInfo.Uses[id] == key
}

// deletes accepts delete(m, key): of a map that is being ranged over only the key of this round.
func (b *loopBody) deletes(e ast.Expr) bool {
	call, ok := e.(*ast.CallExpr)
	if !ok {
		return false
	}
	builtin, ok := b.v.pkg.TypesInfo.Uses[calledName(call)].(*types.Builtin)
	if !ok || builtin.Name() != "delete" {
		return false
	}
	from := types.ExprString(call.Args[0])
	if slices.Contains(b.ranged, from) {
		// Deleting what this round was given leaves the other rounds as they are.
		b.change(call.Args[0])
		return slices.ContainsFunc(b.keys, func(k types.Object) bool { return b.isKey(call.Args[1], k) })
	}
	b.change(call.Args[0])
	return b.quiet(call.Args[1])
}

func (b *loopBody) declares(s *ast.DeclStmt) bool {
	decl, ok := s.Decl.(*ast.GenDecl)
	if !ok || decl.Tok != token.VAR {
		return false
	}
	for _, spec := range decl.Specs {
		value := spec.(*ast.ValueSpec)
		for _, name := range value.Names {
			b.local[b.v.pkg.TypesInfo.Defs[name]] = true
		}
		if !b.quietAll(value.Values) {
			return false
		}
	}
	return true
}

// sortedLater says whether each slice that the loop appended to is sorted by
// one of the statements that follow before another one reads more than its length.
func (b *loopBody) sortedLater(rest []ast.Stmt) bool {
	return !slices.ContainsFunc(b.collects, func(slice string) bool { return !b.sortedFirst(slice, rest) })
}

func (b *loopBody) sortedFirst(slice string, rest []ast.Stmt) bool {
	for _, s := range rest {
		if !mentions(s, slice, true) {
			continue
		}
		if loop, ok := s.(*ast.RangeStmt); ok {
			again := newLoopBody(b.v)
			if again.acceptLoop(loop) && slices.Contains(again.collects, slice) {
				continue // a second loop that collects into the same slice
			}
		}
		return b.sorts(s, slice)
	}
	return false
}

// sorts says whether a statement is a call of slices.Sort…, of a function of
// package sort, or of a function of ours whose name begins with Sort, on the slice.
func (b *loopBody) sorts(s ast.Stmt, slice string) bool {
	e, ok := s.(*ast.ExprStmt)
	if !ok {
		return false
	}
	call, ok := e.X.(*ast.CallExpr)
	if !ok || len(call.Args) == 0 || !mentions(call.Args[0], slice, true) {
		return false
	}
	fn := b.v.callee(call)
	if fn == nil || fn.Pkg() == nil {
		return false
	}
	return fn.Pkg().Path() == "sort" && !strings.HasPrefix(fn.Name(), "Search") ||
		strings.HasPrefix(fn.Name(), "Sort") || strings.HasPrefix(fn.Name(), "sort")
}

// mentions says whether an expression, given as text, occurs in a piece of
// code; with exceptLen a mere len(x) does not count.
func mentions(n ast.Node, text string, exceptLen bool) bool {
	found := false
	ast.Inspect(n, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok && exceptLen && len(call.Args) == 1 {
			if id, ok := call.Fun.(*ast.Ident); ok && id.Name == "len" && types.ExprString(call.Args[0]) == text {
				return false
			}
		}
		if e, ok := n.(ast.Expr); ok && types.ExprString(e) == text {
			found = true
		}
		return !found
	})
	return found
}
