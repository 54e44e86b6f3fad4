package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// runDeps runs scripts/deps with a PATH of its own, which holds the given
// programs (as shell scripts) and the few that every system has.
func runDeps(t *testing.T, programs map[string]string) (string, error) {
	t.Helper()
	bin := t.TempDir()
	for _, name := range []string{"sh", "id", "env", "cat"} {
		path, err := exec.LookPath(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(path, filepath.Join(bin, name)); err != nil {
			t.Fatal(err)
		}
	}
	// What these tests are not about is there.
	for _, name := range []string{
		"zsh", "fish", "mandoc", "systemd-analyze", "aws", "python3", "rclone", "restic", "s3cmd", "curl", "litmus", "cadaver", "ip", "nft", "sysctl",
	} {
		if _, given := programs[name]; !given {
			programs[name] = "true"
		}
	}
	for name, text := range programs {
		if text == missing {
			continue
		}
		if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\n"+text+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	script, err := filepath.Abs("../../scripts/deps")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/bin/sh", script)
	cmd.Env = []string{"PATH=" + bin, "BIN=" + bin, "BASH_COMPLETION=" + bin, "AWS=" + bin + "/aws", "PYTHON=" + bin + "/python3"}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

const (
	compiler = "cat >/dev/null"
	// missing is a program that is not there.
	missing = ""
	// aptGet does what the real one does as far as scripts/deps can see.
	aptGet = `echo "apt-get $*"
case "$*" in
*install*gcc*chromium*) printf '#!/bin/sh\ncat >/dev/null\n' >$BIN/gcc ;;
esac
case "$*" in
*install*chromium*) printf '#!/bin/sh\n' >$BIN/chromium ;;
*install*zsh*) printf '#!/bin/sh\n' >$BIN/zsh ;;
*install*rclone*) printf '#!/bin/sh\n' >$BIN/rclone ;;
esac
PATH=/usr/bin:/bin chmod 700 $BIN/gcc $BIN/chromium $BIN/zsh $BIN/rclone 2>/dev/null || true`
)

func TestDepsNothingMissing(t *testing.T) {
	out, err := runDeps(t, map[string]string{"gcc": compiler, "google-chrome": "true", "apt-get": "echo must not run; exit 1"})
	if err != nil || out != "deps: everything is there, nothing to install\n" {
		t.Errorf("error %v, output:\n%s", err, out)
	}
}

// TestDepsInstallsWhatIsMissing: it says what it will install before it does, updates first, and takes only what is missing.
func TestDepsInstallsWhatIsMissing(t *testing.T) {
	for _, c := range []struct {
		name     string
		programs map[string]string
		install  string
		not      string
	}{
		{"browser", map[string]string{"gcc": compiler}, "apt-get install -y --no-install-recommends chromium", "gcc"},
		{"shell", map[string]string{"gcc": compiler, "chromium": "true", "zsh": missing}, "apt-get install -y --no-install-recommends zsh", "gcc"},
		{"client", map[string]string{"gcc": compiler, "chromium": "true", "rclone": missing}, "apt-get install -y --no-install-recommends rclone", "restic"},
		{"both", nil, "apt-get install -y --no-install-recommends gcc libc6-dev chromium", "must not run"},
	} {
		t.Run(c.name, func(t *testing.T) {
			programs := map[string]string{"apt-get": aptGet, "sudo": `"$@"`}
			for name, text := range c.programs {
				programs[name] = text
			}
			out, err := runDeps(t, programs)
			if err != nil {
				t.Fatalf("%v:\n%s", err, out)
			}
			says := strings.Index(out, "about to install")
			update := strings.Index(out, "apt-get update")
			install := strings.Index(out, c.install)
			if says < 0 || update < says || install < update || !strings.HasSuffix(out, "deps: done\n") {
				t.Errorf("want: what will be installed, update, %q, done; got:\n%s", c.install, out)
			}
			if strings.Contains(out, c.not) {
				t.Errorf("%q in:\n%s", c.not, out)
			}
		})
	}
}

// TestDepsWithoutAptGet: on another system it says what to install by hand, and fails.
func TestDepsWithoutAptGet(t *testing.T) {
	out, err := runDeps(t, map[string]string{"gcc": compiler})
	if err == nil || !strings.Contains(out, "Install by hand") || !strings.Contains(out, "chromium: the tests that drive") {
		t.Errorf("error %v, output:\n%s", err, out)
	}
}

// TestDepsStillMissing: an installation that brought nothing is an error.
func TestDepsStillMissing(t *testing.T) {
	out, err := runDeps(t, map[string]string{"gcc": compiler, "apt-get": "true", "sudo": `"$@"`})
	if err == nil || !strings.Contains(out, "still no browser") {
		t.Errorf("error %v, output:\n%s", err, out)
	}
}
