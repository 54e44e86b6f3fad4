package webdav_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/phyllo-net/phyllo/gateway/doortest"
)

// TestLitmus: litmus tries the protocol, case by case, and all pass.
func TestLitmus(t *testing.T) {
	litmus := doortest.Program(t, "litmus")
	w := open(t).start()
	out, err := (doortest.Command{Dir: t.TempDir()}).Try(litmus, "-k", w.URL+"/s/", w.Key.ID, w.Secret)
	if err != nil || strings.Contains(out, "FAIL") || strings.Contains(out, "SKIPPED") {
		t.Errorf("%v\n%s", err, out)
	}
	for _, summary := range []string{"`basic': of 16 tests run: 16 passed", "`copymove': of 13 tests run: 13 passed", "`props': of 30 tests run: 30 passed",
		"`locks': of 41 tests run: 41 passed", "`http': of 4 tests run: 4 passed"} {
		if !strings.Contains(out, summary) {
			t.Errorf("not in the summary: %s\n%s", summary, out)
		}
	}
}

func TestCadaver(t *testing.T) {
	cadaver := doortest.Program(t, "cadaver")
	w, dir := open(t).start(), t.TempDir()
	host := strings.TrimPrefix(w.URL, "http://")
	name, _, _ := strings.Cut(host, ":")
	if err := os.WriteFile(filepath.Join(dir, ".netrc"), []byte(fmt.Sprintf("machine %s login %s password %s\n", name, w.Key.ID, w.Secret)), 0o600); err != nil {
		t.Fatal(err)
	}
	text := strings.Repeat("text ", 1000)
	if err := os.WriteFile(filepath.Join(dir, "f"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := (doortest.Command{Dir: dir, Typed: "mkcol d\ncd d\nput f\nls\nget f g\nlock f\nunlock f\nmove f h\ncopy h i\npropset h color blue\nquit\n"}).Try(cadaver, w.URL+"/s/")
	if err != nil || strings.Contains(out, "failed") || strings.Count(out, "succeeded") < 9 {
		t.Errorf("%v\n%s", err, out)
	}
	if b, err := os.ReadFile(filepath.Join(dir, "g")); err != nil || string(b) != text {
		t.Errorf("%d bytes came back, %v", len(b), err)
	}
	w.do("GET", "/s/d/i", "").Has(t, 200, text)
	w.do("GET", "/s/d/f", "").Has(t, 404, "")
}

func TestRclone(t *testing.T) {
	rclone := doortest.Program(t, "rclone")
	w, dir := open(t).start(), t.TempDir()
	for name, size := range map[string]int{"a.txt": 10, "empty": 0, "folder/b c.bin": 3 << 20, "folder/deep/ü.txt": 1000, "folder/+&=%41.txt": 77} {
		path := filepath.Join(dir, "src", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(strings.Repeat("x", size)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	obscured, err := (doortest.Command{Dir: dir}).Try(rclone, "obscure", w.Secret)
	if err != nil {
		t.Fatal(err, obscured)
	}
	remote := fmt.Sprintf(":webdav,url='%s/s',vendor=other,user=%s,pass=%s:", w.URL, w.Key.ID, strings.TrimSpace(obscured))
	for _, argv := range [][]string{{"copy", "src", remote + "rc"}, {"check", "--download", "src", remote + "rc"}, {"copy", remote + "rc", "out"},
		{"moveto", remote + "rc/folder", remote + "moved"}, {"purge", remote + "rc"}} {
		if out, err := (doortest.Command{Dir: dir}).Try(append([]string{rclone, "--config", filepath.Join(dir, "none")}, argv...)...); err != nil {
			t.Fatalf("%v: %v\n%s", argv, err, out)
		}
	}
	if out, err := (doortest.Command{Dir: dir}).Try("diff", "-r", "src", "out"); err != nil {
		t.Error(out)
	}
	w.do("GET", "/s/moved/b%20c.bin", "").Has(t, 200, "xxx")
	w.do("PROPFIND", "/s/rc", "", "Depth: 0").Has(t, 404, "")
}

func TestCurl(t *testing.T) {
	curl := doortest.Program(t, "curl")
	w, dir := open(t).start(), t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "f"), []byte("0123456789"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		says string
	}{{[]string{"-T", "f", w.URL + "/s/f"}, ""}, {[]string{"-r", "3-5", w.URL + "/s/f"}, "^345$"}, {[]string{"-X", "DELETE", w.URL + "/s/f"}, ""}} {
		out, err := (doortest.Command{Dir: dir}).Try(append([]string{curl, "-sS", "--fail-with-body", "--user", w.Key.ID + ":" + w.Secret}, c.args...)...)
		if err != nil || !regexp.MustCompile(c.says).MatchString(out) {
			t.Errorf("%v: %v %s", c.args, err, out)
		}
	}
}
