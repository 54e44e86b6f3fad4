package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// file is one file of a tree.
type file struct {
	path string // with slashes, without one in front
	mode int64
	data []byte
	// uid owns it; folders, too: then data is nil and path ends with a slash.
	uid int
}

// document is a file of the repository that users get.
type document struct{ from, to string }

var documents = []document{
	{"README.md", "README.md"}, {"SECURITY.md", "SECURITY.md"}, {"CHANGELOG.md", "CHANGELOG.md"}, {"docs/json.md", "docs/json.md"},
}

// completions are the scripts for shells, and where a Debian package has them.
// PowerShell has no folder for that, so its script lies with the documents.
var completions = []struct{ shell, name, debian string }{
	{"bash", "phyllo.bash", "usr/share/bash-completion/completions/phyllo"},
	{"zsh", "_phyllo", "usr/share/zsh/vendor-completions/_phyllo"},
	{"fish", "phyllo.fish", "usr/share/fish/vendor_completions.d/phyllo.fish"},
	{"powershell", "phyllo.ps1", "usr/share/doc/phyllo/examples/phyllo.ps1"},
}

// said is what the program itself writes for packages.
type said struct {
	pages       []file // named as "phyllo-up.1"
	completions map[string][]byte
}

// ask runs a program of the release that runs here.
func (r *release) ask(program string) (*said, error) {
	phyllo := func(args ...string) ([]byte, error) {
		cmd := exec.Command(program, args...)
		cmd.Env = append(os.Environ(), "HOME="+r.work, fmt.Sprint("SOURCE_DATE_EPOCH=", r.when.Unix()))
		out, err := cmd.Output()
		if err != nil {
			return nil, fmt.Errorf("phyllo %s: %w", strings.Join(args, " "), err)
		}
		return out, nil
	}
	s := &said{completions: map[string][]byte{}}
	folder, err := os.MkdirTemp(r.work, "man")
	if err != nil {
		return nil, err
	}
	if _, err := phyllo("man", folder); err != nil {
		return nil, err
	}
	list, err := filepath.Glob(filepath.Join(folder, "*.1"))
	if err != nil || len(list) == 0 {
		return nil, fmt.Errorf("phyllo man wrote no pages (%v)", err)
	}
	slices.Sort(list)
	for _, p := range list {
		b, err := os.ReadFile(p)
		if err != nil {
			return nil, err
		}
		s.pages = append(s.pages, file{path: filepath.Base(p), mode: 0o644, data: b})
	}
	for _, c := range completions {
		if s.completions[c.shell], err = phyllo("completion", c.shell); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// archiveTree is what an archive for a system holds, below one folder.
func archiveTree(top, programName string, program []byte, s *said) ([]file, error) {
	tree := []file{{path: top + "/" + programName, mode: 0o755, data: program}}
	for _, d := range slices.Concat(documents, []document{{"LICENSE", "LICENSE"}}) {
		b, err := os.ReadFile(d.from)
		if err != nil {
			return nil, err
		}
		tree = append(tree, file{path: top + "/" + d.to, mode: 0o644, data: b})
	}
	for _, p := range s.pages {
		tree = append(tree, file{path: top + "/man/" + p.path, mode: p.mode, data: p.data})
	}
	for _, c := range completions {
		tree = append(tree, file{path: top + "/completions/" + c.name, mode: 0o644, data: s.completions[c.shell]})
	}
	return tree, nil
}

// debianTree is what a Debian package installs.
func (r *release) debianTree(program []byte, s *said) ([]file, error) {
	tree := []file{{path: "usr/bin/phyllo", mode: 0o755, data: program}}
	for _, p := range s.pages {
		tree = append(tree, file{path: "usr/share/man/man1/" + p.path + ".gz", mode: 0o644, data: squeeze(p.data)})
	}
	for _, c := range completions {
		tree = append(tree, file{path: c.debian, mode: 0o644, data: s.completions[c.shell]})
	}
	const doc = "usr/share/doc/phyllo/"
	for _, d := range slices.Concat(documents, []document{
		{"packaging/copyright", "copyright"}, {"packaging/phyllo.service", "../../../lib/systemd/system/phyllo.service"},
		{"packaging/phyllo.user.service", "../../../lib/systemd/user/phyllo.service"}, {"packaging/sysusers.conf", "../../../lib/sysusers.d/phyllo.conf"},
		{"packaging/lintian-overrides", "../../lintian/overrides/phyllo"},
	}) {
		b, err := os.ReadFile(d.from)
		if err != nil {
			return nil, err
		}
		tree = append(tree, file{path: path.Clean(doc + d.to), mode: 0o644, data: b})
	}
	return append(tree, file{path: doc + "changelog.gz", mode: 0o644, data: squeeze(r.debianChangelog())}), nil
}

// userOfContainer runs the program in a container; /data belongs to him.
const userOfContainer = 65532

// containerTree is the root file system of a container.
func containerTree(program []byte) []file {
	return []file{
		{path: "data/", mode: 0o700, uid: userOfContainer},
		{path: "etc/passwd", mode: 0o644, data: fmt.Appendf(nil, "phyllo:x:%d:%d:phyllo:/data:/phyllo\n", userOfContainer, userOfContainer)},
		{path: "phyllo", mode: 0o755, data: program},
		{path: "tmp/", mode: 0o1777},
	}
}

// squeeze is gzip -9n.
func squeeze(b []byte) []byte {
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err == nil {
		_, err = w.Write(b)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		panic(err) // the level is a good one, and a buffer takes all
	}
	return out.Bytes()
}
