package layers_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/phyllo-net/phyllo/internal/layers"
)

// root is the repository, seen from this package.
const root = "../.."

// TestDocumentLinks: every link in the documents to a file or a test leads to one.
func TestDocumentLinks(t *testing.T) {
	documents, err := filepath.Glob(filepath.Join(root, "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	if len(documents) < 5 {
		t.Errorf("only %d documents found: %v", len(documents), documents)
	}
	for _, path := range documents {
		name := filepath.Base(path)
		broken, tests, err := layers.Links(root, name)
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range broken {
			t.Error(b)
		}
		if name == "README.md" && tests < 10 {
			t.Errorf("README.md links %d tests only: each row of its table names one", tests)
		}
	}
}

// TestReadmeTable: each row of README's table of what works names a test.
func TestReadmeTable(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, table, ok := strings.Cut(string(text), "\n## What works\n")
	if !ok {
		t.Fatal("README.md has no section What works")
	}
	table, _, _ = strings.Cut(table, "\n## ")
	rows := 0
	for line := range strings.SplitSeq(table, "\n") {
		if !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "| what ") {
			continue
		}
		rows++
		if !strings.Contains(line, "_test.go#") {
			t.Errorf("no test proves: %s", line)
		}
	}
	if rows < 5 {
		t.Errorf("the table has %d rows only", rows)
	}
}

// TestArchitectureNamesEachRoom: ARCHITECTURE.md knows each room of the table,
// by its own name or by the folder it stands in.
func TestArchitectureNamesEachRoom(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "ARCHITECTURE.md"))
	if err != nil {
		t.Fatal(err)
	}
	table, err := layers.House()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range table.Rooms {
		folder, _, below := strings.Cut(r.Pattern, "/")
		if strings.Contains(string(text), "`"+r.Pattern+"`") || below && strings.Contains(string(text), "`"+folder+"/*`") {
			continue
		}
		t.Errorf("ARCHITECTURE.md says nothing of the room %s", r.Pattern)
	}
	if lines := strings.Count(string(text), "\n"); lines > 200 {
		t.Errorf("ARCHITECTURE.md has %d lines; it is meant to be read at one sitting, so 200 at most", lines)
	}
}
