package main

import (
	"archive/zip"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// fake is a release whose program is a script, so that nothing needs to be built.
func fake(t *testing.T, version string) (*release, string) {
	t.Helper()
	r := &release{out: t.TempDir(), work: t.TempDir(), version: version, when: time.Unix(1_780_000_000, 0).UTC()}
	program := filepath.Join(r.work, "phyllo")
	script := `#!/bin/sh
case "$1" in
man) printf '.TH PHYLLO 1\n' >"$2/phyllo.1"; printf '.TH PHYLLO-UP 1\n' >"$2/phyllo-up.1" ;;
completion) echo "# for $2" ;;
version) echo "phyllo ` + version + `, a script" ;;
esac
`
	if err := os.WriteFile(program, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Chdir("../..")
	return r, program
}

func (r *release) mustDeb(t *testing.T, program, arch string) string {
	t.Helper()
	s, err := r.ask(program)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	tree, err := r.debianTree(b, s)
	if err != nil {
		t.Fatal(err)
	}
	deb, err := r.deb(arch, tree)
	if err != nil {
		t.Fatal(err)
	}
	again, err := r.deb(arch, tree)
	if err != nil || !bytes.Equal(deb, again) {
		t.Errorf("twice the same is not the same (%v)", err)
	}
	path := filepath.Join(r.out, r.debName(arch))
	if err := os.WriteFile(path, deb, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func command(t *testing.T, name string, args ...string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skip("client missing: " + name)
	}
	cmd := exec.Command(path, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v: %s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// TestDebianPackage: dpkg installs the package into a root of its own, upgrades it and
// takes it away again, and what it must have is there.
func TestDebianPackage(t *testing.T) {
	r, program := fake(t, "0.0~git20260101.abcdef12")
	first := r.mustDeb(t, program, "amd64")
	about := command(t, "dpkg-deb", "--info", first)
	for _, want := range []string{"Package: phyllo\n", "Version: 0.0~git20260101.abcdef12\n", "Architecture: amd64\n"} {
		if !strings.Contains(about, want) {
			t.Errorf("no %q in %s", want, about)
		}
	}
	for _, line := range strings.Split(strings.TrimSpace(command(t, "dpkg-deb", "--contents", first)), "\n") {
		if !strings.Contains(line, " root/root ") || strings.HasPrefix(line, "-rwx") != strings.HasSuffix(line, "./usr/bin/phyllo") {
			t.Error(line)
		}
	}

	root := t.TempDir()
	for _, dir := range []string{"var/lib/dpkg/info", "var/lib/dpkg/updates", "etc"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"var/lib/dpkg/status", "var/lib/dpkg/available"} {
		if err := os.WriteFile(filepath.Join(root, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	dpkg := func(args ...string) string {
		t.Helper()
		return command(t, "dpkg", append([]string{"--root=" + root, "--force-script-chrootless,architecture,not-root", "--log=" + filepath.Join(root, "log")}, args...)...)
	}
	dpkg("-i", first)
	for _, path := range []string{
		"usr/bin/phyllo", "usr/share/man/man1/phyllo.1.gz", "usr/share/man/man1/phyllo-up.1.gz", "usr/share/bash-completion/completions/phyllo",
		"usr/share/zsh/vendor-completions/_phyllo", "usr/share/fish/vendor_completions.d/phyllo.fish", "usr/share/doc/phyllo/examples/phyllo.ps1",
		"usr/lib/systemd/system/phyllo.service", "usr/lib/systemd/user/phyllo.service", "usr/lib/sysusers.d/phyllo.conf",
		"usr/share/doc/phyllo/copyright", "usr/share/doc/phyllo/changelog.gz", "usr/share/doc/phyllo/docs/json.md",
	} {
		if _, err := os.Stat(filepath.Join(root, path)); err != nil {
			t.Error(err)
		}
	}
	if out := command(t, filepath.Join(root, "usr/bin/phyllo"), "version"); out != "phyllo 0.0~git20260101.abcdef12, a script\n" {
		t.Errorf("it says %q", out)
	}
	if out := dpkg("--verify", "phyllo"); out != "" {
		t.Errorf("dpkg --verify: %s", out)
	}
	if b, err := os.ReadFile(filepath.Join(root, "etc/passwd")); err == nil && !strings.Contains(string(b), "phyllo:") {
		t.Errorf("the service has no user: %s", b)
	}

	r.version = "1.0.0"
	dpkg("-i", r.mustDeb(t, program, "amd64"))
	keys := filepath.Join(root, "var/lib/phyllo/users")
	if err := os.MkdirAll(keys, 0o700); err != nil {
		t.Fatal(err)
	}
	dpkg("-r", "phyllo")
	if out := dpkg("-P", "phyllo"); !strings.Contains(out, "var/lib/phyllo") {
		t.Errorf("no word of the keys: %s", out)
	}
	if _, err := os.Stat(keys); err != nil {
		t.Error("the keys are gone:", err)
	}
	if left, _ := filepath.Glob(filepath.Join(root, "usr/*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestUnits: systemd has nothing to say against the units, and finds little that the
// service of the whole computer could do.
func TestUnits(t *testing.T) {
	dir := t.TempDir()
	unit := func(from, kind string) string {
		b, err := os.ReadFile("../../packaging/" + from)
		if err != nil {
			t.Fatal(err)
		}
		program, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, kind, "phyllo.service")
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		text := strings.ReplaceAll(string(b), "/usr/bin/phyllo", program) // nothing is installed here
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	t.Setenv("XDG_RUNTIME_DIR", dir)
	system := unit("phyllo.service", "system")
	for _, args := range [][]string{
		{"verify", "--man=no", system},
		{"verify", "--man=no", "--user", unit("phyllo.user.service", "user")},
	} {
		if out := command(t, "systemd-analyze", args...); out != "" {
			t.Errorf("systemd-analyze %v: %s", args, out)
		}
	}
	// Exposure runs from 0 to 10, written here in tenths.
	command(t, "systemd-analyze", "security", "--no-pager", "--offline=true", "--threshold=25", system)
}

// TestArchives: what a release has for a system without packages.
func TestArchives(t *testing.T) {
	r, program := fake(t, "1.0.0")
	for name, target := range map[string][2]string{
		"phyllo_1.0.0_windows_arm64.zip": {"windows", "arm64"}, "phyllo_1.0.0_darwin_amd64.tar.gz": {"darwin", "amd64"}, "phyllo_1.0.0_linux_arm64.rootfs.tar.gz": {"linux", "arm64"},
	} {
		if err := os.MkdirAll(filepath.Join(r.work, hostFolder), 0o755); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(program)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(r.work, hostFolder, "phyllo"), b, 0o755); err != nil {
			t.Fatal(err)
		}
		made, err := r.pack(target[0], target[1], program)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.sums(made); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(filepath.Join(r.out, name)); err != nil {
			t.Errorf("%v made %v, want %s", target, made, name)
		}
	}
	z, err := zip.OpenReader(filepath.Join(r.out, "phyllo_1.0.0_windows_arm64.zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	var names []string
	for _, f := range z.File {
		names = append(names, f.Name)
	}
	got := strings.Join(names, " ")
	for _, want := range []string{"/phyllo ", "/LICENSE", "/README.md", "/man/phyllo-up.1", "/completions/phyllo.ps1", "/docs/json.md"} {
		if !strings.Contains(got+" ", want) {
			t.Errorf("no %q among %s", want, got)
		}
	}
	list := command(t, "tar", "-tvzf", filepath.Join(r.out, "phyllo_1.0.0_linux_arm64.rootfs.tar.gz"))
	for _, want := range []string{"drwx------ 65532/65532", "./phyllo", "./etc/passwd"} {
		if !strings.Contains(list, want) {
			t.Errorf("no %q in %s", want, list)
		}
	}
}
