package layers

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"strings"
)

// ban is something that pure rooms may not touch.
type ban struct {
	what, why, mend string
}

var (
	clock = ban{"reads or waits for the clock",
		"the code that is simulated is the code that runs: under the simulator's virtual time a real clock gives another answer in every run",
		"take the time that comes in with the input (task's Now), and set timers with task's After or Sleep"}
	world = ban{"touches the operating system or the network",
		"a pure room gets inputs and gives effects; that is why a hundred thousand nodes fit into one test and a seed replays",
		"ask for it as an effect (send, Work, Bulk, Save of task), and let the driver do it"}
	threads = ban{"uses locks or threads",
		"a node's state belongs to one event at a time: there is nobody to lock out, and a lock would hide that somebody is",
		"drop the lock; if another goroutine really calls this, that call belongs into an edge and comes in as an input"}
	chance = ban{"uses randomness that no seed controls",
		"two runs with one seed must give the same trace, byte for byte",
		"draw from task's Rand, or build a rand.New(rand.NewPCG(seed, …)) from a seed that is handed in"}
	channels = ban{"uses a channel",
		"which of two ready channels goes first is decided by the scheduler, not by the seed",
		"use a plain call, a slice as queue, or task's Await"}
	logging = ban{"writes to a log or to standard output",
		"that is output, and it reads the clock for its time stamp",
		"return an error, or give an event to the observer that the assembly handed in"}
)

// bannedImports are packages that a pure room may not import at all. A name
// that ends in "/" stands for everything below it.
var bannedImports = map[string]ban{
	"sync": threads, "sync/": threads, "runtime": threads, "runtime/": threads,
	"os": world, "os/": world, "net": world, "net/": world, "syscall": world, "syscall/": world,
	"io/ioutil": world, "plugin": world, "path/filepath": world,
	"crypto/rand": chance, "hash/maphash": chance,
	"log": logging, "log/": logging, "expvar": logging, "testing": logging, "testing/": logging, "flag": world,
}

// allowedImports are values without I/O that live below a banned name.
var allowedImports = map[string]bool{"net/netip": true, "net/url": true}

// bannedNames are functions that a pure room may not use, by the name that
// their own package gives them.
var bannedNames = map[string]ban{
	"time.Now": clock, "time.Since": clock, "time.Until": clock, "time.Sleep": clock, "time.After": clock,
	"time.Tick": clock, "time.NewTimer": clock, "time.NewTicker": clock, "time.AfterFunc": clock,
	"context.WithTimeout": clock, "context.WithTimeoutCause": clock, "context.WithDeadline": clock,
	"context.WithDeadlineCause": clock, "context.AfterFunc": clock,
	"fmt.Print": logging, "fmt.Println": logging, "fmt.Printf": logging,
	"fmt.Scan": world, "fmt.Scanln": world, "fmt.Scanf": world,
}

// seeded are the package-level functions of math/rand and math/rand/v2 that do
// not touch the global source.
var seeded = map[string]bool{"New": true, "NewPCG": true, "NewChaCha8": true, "NewSource": true, "NewZipf": true}

// pure finds what a pure room may not do. The order of maps has a file of its own.
func (v *visit) pure() {
	for _, file := range v.pkg.Syntax {
		for _, spec := range file.Imports {
			path := importPath(spec)
			if b, ok := bannedImport(path); ok {
				v.banned(spec, b, "imports "+path)
			}
		}
		ast.Inspect(file, func(n ast.Node) bool {
			v.pureNode(n)
			return true
		})
	}
}

func bannedImport(path string) (ban, bool) {
	if allowedImports[path] {
		return ban{}, false
	}
	if b, ok := bannedImports[path]; ok {
		return b, true
	}
	top, _, below := strings.Cut(path, "/")
	if !below {
		return ban{}, false
	}
	b, ok := bannedImports[top+"/"]
	return b, ok
}

func (v *visit) pureNode(n ast.Node) {
	switch n := n.(type) {
	case *ast.ChanType:
		v.banned(n, channels, "names a channel type")
	case *ast.SendStmt:
		v.banned(n, channels, "sends on a channel")
	case *ast.SelectStmt:
		v.banned(n, channels, "has a select statement")
	case *ast.UnaryExpr:
		if n.Op == token.ARROW {
			v.banned(n, channels, "receives from a channel")
		}
	case *ast.RangeStmt:
		if t := v.pkg.TypesInfo.TypeOf(n.X); t != nil {
			if _, ok := t.Underlying().(*types.Chan); ok {
				v.banned(n, channels, "ranges over a channel")
			}
		}
	case *ast.Ident:
		v.pureUse(n)
	}
}

// pureUse looks at what a name stands for, whatever it is called here: so a
// renamed or dotted import and a function taken as a value are seen too.
func (v *visit) pureUse(id *ast.Ident) {
	obj := v.use(id)
	if obj == nil {
		return
	}
	name := fullName(obj)
	if b, ok := bannedNames[name]; ok {
		v.banned(id, b, "uses "+name)
		return
	}
	path := obj.Pkg().Path()
	fn, ok := obj.(*types.Func)
	if ok && (path == "math/rand" || path == "math/rand/v2") && fn.Signature().Recv() == nil && !seeded[obj.Name()] {
		v.banned(id, chance, "uses "+name+", which draws from the global source")
	}
}

func (v *visit) banned(n ast.Node, b ban, what string) {
	v.found("pure", n.Pos(), fmt.Sprintf("%s is pure and %s: it %s", v.rel, b.what, what), b.why, b.mend)
}
