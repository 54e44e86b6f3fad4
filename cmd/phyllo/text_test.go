package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/phyllo-net/phyllo/api"
)

// TestCleanIsHarmless: whatever comes in, nothing goes out that a terminal obeys.
func TestCleanIsHarmless(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := string(rapid.SliceOf(rapid.Byte()).Draw(t, "bytes")) + rapid.String().Draw(t, "text")
		check := func(out string) {
			if !utf8.ValidString(out) {
				t.Fatalf("%q became invalid UTF-8", in)
			}
			for _, r := range out {
				if unicode.Is(unicode.C, r) && r != '\u200c' && r != '\u200d' || r == '\u2028' || r == '\u2029' {
					t.Fatalf("%q lets %U through", in, r)
				}
			}
		}
		check(clean(in))
		check(strings.ReplaceAll(body(in, "    "), "\n    ", ""))
	})
}

func TestCleanLeavesWordsAlone(t *testing.T) {
	for _, s := range []string{"hello bob", "Ünïcødé", "日本語", "مرحبا", "👩‍👩‍👧 🇩🇪 ❤️", "a\u00a0b", "हिन्दी"} {
		if got := clean(s); got != s {
			t.Errorf("%q became %q", s, got)
		}
	}
}

func TestTablesAlign(t *testing.T) {
	var out bytes.Buffer
	w := &world{stdout: &out}
	w.open()
	w.table([][]string{{"NAME", "X"}, {"日本", "1"}, {"e\u0301a", "2"}, {"\x1b[1m", "3"}})
	if err := w.out.flush(); err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(strings.TrimSpace(out.String()), "\n") {
		if cells(line) != len("\\x1b[1m  X") {
			t.Errorf("%q has %d columns", line, cells(line))
		}
	}
}

// TestProgress: nothing is drawn for what is fast, and nothing is left of what is
// slow.
func TestProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		s := &spinner{out: &out, text: func() string { return "thinking" }, signs: []string{"|", "/"}}
		stop := s.start()
		time.Sleep(patience - time.Millisecond)
		stop()
		if out.Len() > 0 {
			t.Errorf("after less than %v it has drawn %q", patience, out.String())
		}
		stop = s.start()
		time.Sleep(patience + 150*time.Millisecond)
		stop()
		if want := "\r| thinking\x1b[K\r/ thinking\x1b[K\r\x1b[K"; out.String() != want {
			t.Errorf("%q, want %q", out.String(), want)
		}
	})
}

func TestHalfBlocks(t *testing.T) {
	dots := [][]bool{{true, true, false, false}, {true, false, true, false}, {false, true, true, false}}
	if got := strings.Join(halfBlocks(dots, false), "/"); got != " ▄▀█/█▄▄█" {
		t.Errorf("%q", got)
	}
	if got := halfBlocks(dots, true)[0]; got != "\x1b[97;40m ▄▀█\x1b[0m" {
		t.Errorf("%q", got)
	}
}

// TestPictureOnTerminalsOnly: an invitation is drawn where there is room for it.
func TestPictureOnTerminalsOnly(t *testing.T) {
	invite := "phyllo1" + strings.Repeat("abcdefgh", 40)
	for _, c := range []struct {
		columns int
		lang    string
		drawn   bool
	}{{100, "de_DE.UTF-8", true}, {100, "C", false}, {40, "C.UTF-8", false}, {0, "C.UTF-8", false}} {
		var out bytes.Buffer
		w := &world{stdout: &out, environ: []string{"LANG=" + c.lang}}
		w.open()
		w.columns = c.columns
		w.qr(invite)
		if err := w.out.flush(); err != nil {
			t.Fatal(err)
		}
		if drawn := out.Len() > 0; drawn != c.drawn {
			t.Errorf("%+v: drawn %v", c, drawn)
		}
	}
}

// TestSaveWholeOrNothing: RELIABILITY.md section 5, rows 46 and 47.
func TestSaveWholeOrNothing(t *testing.T) {
	dir := t.TempDir()
	w := &world{}
	path := filepath.Join(dir, "secret")
	if err := w.save(path, "first", false); err != nil {
		t.Fatal(err)
	}
	if err := w.save(path, "second", false); err == nil || !strings.Contains(err.Error(), "--force") {
		t.Errorf("an existing file: %v", err)
	}
	if b, _ := os.ReadFile(path); string(b) != "first" {
		t.Errorf("it holds %q", b)
	}
	if err := w.save(path, "third", true); err != nil {
		t.Error(err)
	}
	if b, _ := os.ReadFile(path); string(b) != "third" {
		t.Errorf("it holds %q", b)
	}
	if err := w.save("/dev/full/x", "fourth", false); err == nil {
		t.Error("a folder that is none was written to")
	}
	st, err := os.Stat(path)
	if err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", st.Mode(), err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
}

// TestManPages: each command has a page, and mandoc and groff read it without complaint.
func TestManPages(t *testing.T) {
	dir := t.TempDir()
	var out bytes.Buffer
	if code := run(&world{args: []string{"man", dir}, stdout: &out, stderr: &out, environ: []string{"HOME=" + dir}, now: time.Now}); code != 0 {
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

// What is damaged on the disk is said, with what follows from it.
func TestKeeping(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	w := &world{now: func() time.Time { return now }}
	read := now.Add(-72 * time.Hour)
	for want, k := range map[string]api.Keeping{
		"nothing for its ring yet":                                      {Read: read},
		"1 object for its ring, 5 B":                                    {Objects: 1, Bytes: 5},
		"2 objects for its ring, 7 B; all read again 3 days ago":        {Objects: 2, Bytes: 7, Read: read, Reading: now},
		"0 objects for its ring, 0 B; 1 is damaged on this disk and ":   {Lost: 1, Damaged: 1},
		"2 objects for its ring, 7 B; 3 were damaged on this disk and ": {Objects: 2, Bytes: 7, Damaged: 3, Repaired: 3},
	} {
		got := w.keeping(k)
		if !strings.HasPrefix(got, want) || !strings.HasSuffix(want, " ") && got != want {
			t.Errorf("%+v: %q, want %q", k, got, want)
		}
	}
}
