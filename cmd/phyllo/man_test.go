package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/cmd/phyllo/console"
)

// TestManPages: each command has a page, and mandoc and groff read it without complaint.
func TestManPages(t *testing.T) {
	dir := t.TempDir()
	var out bytes.Buffer
	if code := run(&console.World{Args: []string{"man", dir}, Stdout: &out, Stderr: &out, Environ: []string{"HOME=" + dir}, Now: time.Now}); code != 0 {
		t.Fatal(out.String())
	}
	pages, err := filepath.Glob(filepath.Join(dir, "*.1"))
	if err != nil || len(pages) < 30 {
		t.Fatalf("%d pages, %v", len(pages), err)
	}
	mandoc, err := exec.LookPath("mandoc")
	if err != nil {
		t.Skip("client missing: mandoc")
	}
	if out, err := exec.Command(mandoc, append([]string{"-T", "lint", "-W", "warning"}, pages...)...).CombinedOutput(); err != nil {
		t.Errorf("mandoc: %v\n%s", err, out)
	}
	groff, _ := exec.LookPath("groff")
	for _, p := range pages {
		b, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{".TH \"PHYLLO", ".SH NAME\nphyllo", ".SH SYNOPSIS", ".SH DESCRIPTION", "\\-\\-home"} {
			if !strings.Contains(string(b), want) {
				t.Errorf("%s has no %q", filepath.Base(p), want)
			}
		}
		if groff == "" {
			continue
		}
		cmd := exec.Command(groff, "-man", "-Tutf8", "-ww", p)
		var complaints bytes.Buffer
		cmd.Stderr = &complaints
		if err := cmd.Run(); err != nil || complaints.Len() > 0 {
			t.Errorf("%s: %v %s", filepath.Base(p), err, complaints.String())
		}
	}
}
