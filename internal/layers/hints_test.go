package layers_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// spoken are the rooms whose errors people meet: what the command and the node make
// with a kind, and the exported errors of the rooms below, whose text goes through.
var spoken = []string{"cmd/phyllo", "cmd/phyllo/command", "cmd/phyllo/console", "cmd/phyllo/demo", "cmd/phyllo/people", "cmd/phyllo/ring", "cmd/phyllo/storage", "cmd/phyllo/topics",
	"node", "node/config", "gateway/control", "gateway/files", "gateway/front", "gateway/password", "gateway/s3", "gateway/s3/sig", "gateway/webdav", "api", "member", "app/im", "app/im/books", "app/im/letter", "app/directory", "keys"}

// unspoken are errors that no person meets as they stand, with the reason.
var unspoken = map[string]string{
	"ErrQuiet":        "of the command: everything was said",
	"ErrTooEarly":     "the node asks itself, and waits",
	"ErrConversation": "is wrapped in what was wanted of the other node",
	"ErrStale":        "the node reads the newer record and tries again",
	"ErrKind":         "is wrapped with the kind that is wanted",
	"ErrSealKey":      "of records of others, which are refused",
	"ErrOpen":         "of messages of others, which are refused",
	"ErrNotFound":     "of the directory: the node says it with the name",
	"ErrDisputed":     "of the directory: its error with the keys says what helps",
	"ErrTaken":        "of the directory: its error with the key says what helps",
	"ErrKeyChanged":   "of messages: its error with the keys says what helps",
	"ErrName":         "of the directory: is wrapped with what a name is",
	"ErrRecord":       "of the directory: is wrapped with what is wrong in the record",
	"ErrMode":         "of keys: is wrapped with the file and the command that helps",
	"ErrOwner":        "of keys: is wrapped with the file and the command that helps",
	"ErrFile":         "of app passwords: is wrapped with the file and what helps",
	"ErrNotFile":      "of keys: is wrapped with the file",
}

// elsewhere are texts whose advice comes with what they hold.
var elsewhere = map[string]string{
	"--%s wants a value: %s":                              "the values that the flag takes",
	"--%s cannot be %+q: %s":                              "the values that the flag takes",
	"there is no file %s: name %s":                        "which file is wanted",
	"%s:%d:%d: %w":                                        "which values the setting takes",
	"refused: %s":                                         "the reason of the control interface",
	"the request is wrong: %w":                            "for authors of programs: what is wrong in the JSON",
	"the request is not valid UTF-8":                      "for authors of programs, and complete",
	"the request has half of a surrogate pair at byte %d": "for authors of programs, and complete",
}

// hint fits the end of a text that says what helps, or what is wanted: after a mark
// two words or more, or a command, a flag or a variable. A %w alone says what
// happened.
var hint = regexp.MustCompile("[:;(,]\\s+([^%\\s:;]\\S*\\s+)+\\S|`[^`]+`|--[a-z]|\\?$|as in|want ")

// TestErrorsSayWhatHelps: an error that people meet ends with what helps. Whether it is
// good advice is for reviewers; that there is some is looked at here.
func TestErrorsSayWhatHelps(t *testing.T) {
	looked := 0
	for _, room := range spoken {
		dir := filepath.Join("../..", room)
		paths, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			if strings.HasSuffix(path, "_test.go") {
				continue
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			for _, text := range errorTexts(file) {
				looked++
				if elsewhere[text] == "" && !hint.MatchString(text) {
					t.Errorf("%s: %q does not say what helps", strings.TrimPrefix(path, "../../"), text)
				}
			}
		}
	}
	if looked < 120 {
		t.Errorf("only %d errors were found", looked)
	}
}

func TestHint(t *testing.T) {
	for text, good := range map[string]bool{
		"the disk is full: sorry": false, "the disk is full: make room": true, "it broke": false, "it broke: %w": false,
		"it broke: %w: try again later": true, "no such thing: `phyllo status` lists them": true, "give --home": true, "is the network on?": true,
	} {
		if hint.MatchString(text) != good {
			t.Errorf("%q: %v", text, !good)
		}
	}
}

// errorTexts are the texts of errors with a kind in a file, and of its exported errors.
func errorTexts(file *ast.File) []string {
	var out []string
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ValueSpec:
			for i, name := range n.Names {
				if !strings.HasPrefix(name.Name, "Err") || i >= len(n.Values) || unspoken[name.Name] != "" {
					continue
				}
				if call, ok := n.Values[i].(*ast.CallExpr); ok {
					out = append(out, literal(call, 0)...)
				}
			}
		case *ast.CallExpr:
			switch f := n.Fun.(type) {
			case *ast.Ident:
				if f.Name == "Usage" { // in the command's console
					out = append(out, literal(n, 0)...)
				}
				if f.Name == "Errorf" { // in api itself
					out = append(out, literal(n, 1)...)
				}
			case *ast.SelectorExpr:
				switch x, _ := f.X.(*ast.Ident); {
				case x == nil:
				case x.Name == "api" && f.Sel.Name == "Errorf":
					out = append(out, literal(n, 1)...)
				case x.Name == "console" && f.Sel.Name == "Usage":
					out = append(out, literal(n, 0)...)
				}
			}
		}
		return true
	})
	return out
}

// literal is an argument of a call, if it is a text as it stands. A text that is only
// verbs has its words elsewhere.
func literal(call *ast.CallExpr, at int) []string {
	if len(call.Args) <= at {
		return nil
	}
	lit, ok := call.Args[at].(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return nil
	}
	text, err := strconv.Unquote(lit.Value)
	if err != nil || !strings.ContainsFunc(strings.NewReplacer("%w", "", "%s", "", "%v", "").Replace(text), func(r rune) bool { return r >= 'a' && r <= 'z' }) {
		return nil
	}
	return []string{text}
}
