package layers

import (
	"fmt"
	"go/ast"
	"slices"
)

// starters are functions that start a goroutine for their caller.
var starters = []string{
	"(sync.WaitGroup).Go",
	"(golang.org/x/sync/errgroup.Group).Go",
	"(golang.org/x/sync/errgroup.Group).TryGo",
	"time.AfterFunc",
	"context.AfterFunc",
}

// starts finds goroutines outside the rooms that may start them, and init functions.
func (v *visit) starts() {
	mayStart := v.room.Has(Starts) || v.room.Has(Tools)
	for _, file := range v.pkg.Syntax {
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.GoStmt:
				if !mayStart {
					v.goroutine(n, "starts a goroutine")
				}
			case *ast.Ident:
				if obj := v.use(n); obj != nil && !mayStart && slices.Contains(starters, fullName(obj)) {
					v.goroutine(n, "uses "+fullName(obj)+", which starts a goroutine")
				}
			case *ast.FuncDecl:
				if n.Recv == nil && n.Name.Name == "init" && !v.room.Has(Tools) {
					v.found("init", n.Pos(), v.rel+" has an init function",
						"things that register themselves make the program's behaviour hang on what is linked",
						"return a value from a function and let the assembly (node or lab) hand it over")
				}
			}
			return true
		})
	}
}

func (v *visit) goroutine(n ast.Node, what string) {
	v.found("go", n.Pos(), fmt.Sprintf("%s %s", v.rel, what),
		"goroutines live only at the edges (host, transport, gateway, node, cmd, member): "+
			"one goroutine owns each node, so everything else needs no lock and runs alike in the simulator",
		"write straight-line code as a task, give slow work to task's Work, use a timer of task's for what repeats, "+
			"or move the code to the edge")
}
