// Command figures runs the benchmarks and writes what they measure as a page:
//
//	go run ./internal/figures -o docs/figures.md [packages]
//
// The page says on which machine and with which Go it was measured, so that a
// figure is never read without its circumstances. It is written anew each time;
// nobody edits it.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

func main() {
	out := flag.String("o", "docs/figures.md", "file to write")
	benchtime := flag.Duration("benchtime", time.Second, "time for each benchmark")
	flag.Parse()
	packages := flag.Args()
	if len(packages) == 0 {
		packages = []string{"./..."}
	}
	if err := measure(*out, *benchtime, packages); err != nil {
		fmt.Fprintln(os.Stderr, "figures:", err)
		os.Exit(1)
	}
}

// measure runs the benchmarks, shows their output as it comes, and writes the page.
func measure(out string, benchtime time.Duration, packages []string) error {
	args := append([]string{"test", "-run", "^$", "-bench", ".", "-benchmem", "-benchtime", benchtime.String()}, packages...)
	cmd := exec.Command("go", args...)
	var text bytes.Buffer
	cmd.Stdout, cmd.Stderr = io.MultiWriter(os.Stdout, &text), os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("go %s: %w", strings.Join(args, " "), err)
	}
	results, cpu, err := parse(&text)
	if err != nil {
		return err
	}
	if len(results) == 0 {
		return fmt.Errorf("no benchmark ran in %v", packages)
	}
	machine := fmt.Sprintf("%s, %d cores, %s/%s, %s", cpu, runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version())
	if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
		return err
	}
	return os.WriteFile(out, page(results, machine, time.Now()), 0o644)
}
