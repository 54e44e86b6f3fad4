package layers

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// hashes are the parts of crypto/* that are plain functions of their input, and
// so belong to everyone; crypto/rand is no cryptography but system randomness,
// and the rule of the pure rooms deals with it.
var hashes = []string{"crypto/sha256", "crypto/sha512", "crypto/hmac", "crypto/subtle", "crypto/rand"}

// imports holds the imports of a package against its row.
func (v *visit) imports() {
	for _, file := range v.pkg.Syntax {
		for _, spec := range file.Imports {
			path := importPath(spec)
			v.importOurs(path, spec.Pos())
			v.importOutside(path, spec.Pos())
			v.importCrypto(path, spec.Pos())
			if spec.Name != nil && spec.Name.Name == "_" && path != "embed" {
				v.found("blank import", spec.Pos(), fmt.Sprintf("%s imports %s only for its effects", v.rel, path),
					"what the program does would then depend on what happens to be linked, and cannot be read in the code",
					"import it by name where it is used, and hand it over in the assembly (node or lab)")
			}
		}
	}
}

func (v *visit) importOurs(path string, at token.Pos) {
	to, ours := v.table.Rel(path)
	if !ours || v.room.Has(Tools) || matchAny(v.room.May, to) {
		return
	}
	v.found("import", at, fmt.Sprintf("%s imports %s", v.rel, to),
		fmt.Sprintf("room %s may import %s: %s", v.room.Pattern, list(v.room.May), v.room.Why),
		"declare the interface that you need where it is used and let the assembly (node or lab) hand the thing over, "+
			"or move the code to the room that may know both; the table changes only when the picture becomes clearer")
}

func (v *visit) importOutside(path string, at token.Pos) {
	for _, only := range v.table.Only {
		if strings.HasPrefix(path, only.Prefix) && !matchAny(only.Rooms, v.rel) {
			v.found("outside", at, fmt.Sprintf("%s imports %s", v.rel, path),
				fmt.Sprintf("%s… belongs to %s: %s", only.Prefix, list(only.Rooms), only.Why),
				"use the contract of the room that owns it")
		}
	}
	if v.room.Has(Pure) && strings.Contains(strings.Split(path, "/")[0], ".") {
		if _, ours := v.table.Rel(path); ours {
			return
		}
		if !slices.ContainsFunc(v.table.PureMay, func(o Outside) bool { return strings.HasPrefix(path, o.Prefix) }) {
			v.found("outside", at, fmt.Sprintf("%s is pure and imports %s", v.rel, path),
				"nobody has looked whether that module reads a clock, starts goroutines or does I/O",
				"do without it, or look, and add a line pure-may with the reason to layers.txt")
		}
	}
}

func (v *visit) importCrypto(path string, at token.Pos) {
	beyond := strings.HasPrefix(path, "crypto/") && !slices.Contains(hashes, path) ||
		strings.HasPrefix(path, "golang.org/x/crypto/")
	if !beyond || v.room.Has(Crypto) || v.room.Has(Tools) {
		return
	}
	v.found("crypto", at, fmt.Sprintf("%s imports %s", v.rel, path),
		"keys, signatures and seals stand behind peer's Signer, Verifier and Sealer, so that the simulator can bring stand-ins "+
			"and so that there is one room to review; only hashes belong to everyone",
		"take a peer.Signer, peer.Verifier or peer.Sealer, and let keys do it")
}

// testImports holds the imports of test files against the row, where it speaks of tests.
func (v *visit) testImports() {
	if !v.room.Strict || v.pkg.Dir == "" {
		return
	}
	files, err := filepath.Glob(filepath.Join(v.pkg.Dir, "*_test.go"))
	if err != nil {
		panic(err) // the pattern is fixed, so this is a bug
	}
	may := slices.Concat(v.room.May, v.room.Tests)
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			v.findings = append(v.findings, Finding{Rule: "compile", Pos: v.inside(name), What: err.Error(),
				Why: "its imports cannot be read", Mend: "mend the file"})
			continue
		}
		for _, spec := range file.Imports {
			to, ours := v.table.Rel(importPath(spec))
			if ours && to != v.rel && !matchAny(may, to) {
				v.findings = append(v.findings, Finding{Rule: "import", Pos: v.inside(name),
					What: fmt.Sprintf("the tests of %s import %s", v.rel, to),
					Why:  fmt.Sprintf("they may import %s: %s", list(may), v.room.Why),
					Mend: "use what a builder outside this repository would use"})
			}
		}
	}
}

func importPath(spec *ast.ImportSpec) string {
	path, err := strconv.Unquote(spec.Path.Value)
	if err != nil {
		panic(err) // the parser has let only a quoted string through
	}
	return path
}

// list joins patterns for a message.
func list(patterns []string) string {
	if len(patterns) == 0 {
		return "nothing of ours"
	}
	return strings.Join(patterns, ", ")
}
