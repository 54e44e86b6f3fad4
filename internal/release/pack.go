package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// pack makes all files for one target, and returns their names.
func (r *release) pack(system, arch, program string) ([]string, error) {
	host, err := r.host()
	if err != nil {
		return nil, err
	}
	s, err := r.ask(host)
	if err != nil {
		return nil, err
	}
	b, err := os.ReadFile(program)
	if err != nil {
		return nil, err
	}
	top := fmt.Sprintf("phyllo_%s_%s_%s", r.version, system, arch)
	tree, err := archiveTree(top, filepath.Base(program), b, s)
	if err != nil {
		return nil, err
	}
	made := map[string][]byte{}
	if system == "windows" {
		made[top+".zip"], err = zipOf(tree, r.when)
	} else {
		made[top+".tar.gz"], err = tarOf(tree, r.when)
	}
	if err != nil {
		return nil, err
	}
	if system == "linux" {
		tree, err := r.debianTree(b, s)
		if err != nil {
			return nil, err
		}
		if made[r.debName(arch)], err = r.deb(arch, tree); err != nil {
			return nil, err
		}
		if made[top+".rootfs.tar.gz"], err = tarOf(containerTree(b), r.when); err != nil {
			return nil, err
		}
		if made["Containerfile"], err = os.ReadFile("packaging/Containerfile"); err != nil {
			return nil, err
		}
	}
	var names []string
	for name, data := range made {
		if err := os.WriteFile(filepath.Join(r.out, name), data, 0o644); err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	return names, nil
}

// sums writes SHA256SUMS, in the form that sha256sum -c reads.
func (r *release) sums(names []string) error {
	slices.Sort(names)
	var text strings.Builder
	for _, name := range slices.Compact(names) {
		b, err := os.ReadFile(filepath.Join(r.out, name))
		if err != nil {
			return err
		}
		fmt.Fprintf(&text, "%x  %s\n", sha256.Sum256(b), name)
	}
	fmt.Print(text.String())
	return os.WriteFile(filepath.Join(r.out, "SHA256SUMS"), []byte(text.String()), 0o644)
}

// withFolders adds the folders that lead to the files of a tree, and sorts it.
func withFolders(tree []file) []file {
	all := map[string]file{}
	for _, f := range tree {
		all[f.path] = f
	}
	for _, f := range tree {
		for dir := path.Dir(strings.TrimSuffix(f.path, "/")); dir != "."; dir = path.Dir(dir) {
			if _, have := all[dir+"/"]; !have {
				all[dir+"/"] = file{path: dir + "/", mode: 0o755}
			}
		}
	}
	var out []file
	for _, f := range all {
		out = append(out, f)
	}
	slices.SortFunc(out, func(a, b file) int { return strings.Compare(a.path, b.path) })
	return out
}

// tarOf is a tree as a squeezed tar archive.
func tarOf(tree []file, when time.Time) ([]byte, error) {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, f := range withFolders(tree) {
		h := &tar.Header{Name: "./" + f.path, Mode: f.mode, Size: int64(len(f.data)), ModTime: when, Uid: f.uid, Gid: f.uid, Format: tar.FormatGNU, Typeflag: tar.TypeReg}
		if strings.HasSuffix(f.path, "/") {
			h.Typeflag = tar.TypeDir
		}
		if f.uid == 0 {
			h.Uname, h.Gname = "root", "root"
		}
		if err := w.WriteHeader(h); err != nil {
			return nil, err
		}
		if _, err := w.Write(f.data); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return squeeze(out.Bytes()), nil
}

// zipOf is a tree as a zip archive, which knows no owners.
func zipOf(tree []file, when time.Time) ([]byte, error) {
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for _, f := range withFolders(tree) {
		h := &zip.FileHeader{Name: f.path, Method: zip.Deflate, Modified: when}
		h.SetMode(fs.FileMode(f.mode))
		part, err := w.CreateHeader(h)
		if err != nil {
			return nil, err
		}
		if strings.HasSuffix(f.path, "/") {
			continue
		}
		if _, err := part.Write(f.data); err != nil {
			return nil, err
		}
	}
	err := w.Close()
	return out.Bytes(), err
}

// debName is the name of the Debian package's file.
func (r *release) debName(arch string) string {
	return fmt.Sprintf("phyllo_%s_%s.deb", r.version, arch)
}

// maintainer stands on packages.
const maintainer = "The phyllo authors <maintainers@phyllo.example>"

// deb is a Debian package, as deb(5) describes it: an ar archive of a version, the
// description and the files.
func (r *release) deb(arch string, tree []file) ([]byte, error) {
	tree = withFolders(tree)
	size := 0
	var sums strings.Builder
	for _, f := range tree {
		if !strings.HasSuffix(f.path, "/") {
			size += (len(f.data) + 1023) / 1024
			fmt.Fprintf(&sums, "%x  %s\n", md5.Sum(f.data), f.path) // dpkg --verify wants this kind; it protects from accidents only
		} else {
			size++
		}
	}
	about := fmt.Sprintf(`Package: phyllo
Version: %s
Architecture: %s
Maintainer: %s
Installed-Size: %d
Section: net
Priority: optional
Recommends: bash-completion
Homepage: https://github.com/phyllo-net/phyllo
Description: network of a group's computers, without a server
 phyllo turns the computers of a group into a network without a server: they
 find each other, every one is an equal, and people reach each other by name.
 Underneath lies Pastry, a self-organising overlay.
 .
 The package installs units for a node of the whole computer and for one of each
 user, and starts none: see phyllo(1).
`, r.version, arch, maintainer, size)
	control := []file{{path: "control", mode: 0o644, data: []byte(about)}, {path: "md5sums", mode: 0o644, data: []byte(sums.String())}}
	for _, script := range []string{"postinst", "prerm", "postrm"} {
		b, err := os.ReadFile("packaging/" + script)
		if err != nil {
			return nil, err
		}
		control = append(control, file{path: script, mode: 0o755, data: b})
	}
	meta, err := tarOf(control, r.when)
	if err != nil {
		return nil, err
	}
	data, err := tarOf(tree, r.when)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	io.WriteString(&out, "!<arch>\n")
	for _, part := range []struct {
		name string
		data []byte
	}{{"debian-binary", []byte("2.0\n")}, {"control.tar.gz", meta}, {"data.tar.gz", data}} {
		fmt.Fprintf(&out, "%-16s%-12d%-6d%-6d%-8s%-10d`\n", part.name, r.when.Unix(), 0, 0, "100644", len(part.data))
		out.Write(part.data)
		if len(part.data)%2 == 1 {
			out.WriteByte('\n')
		}
	}
	return out.Bytes(), nil
}

// debianChangelog is the changelog in Debian's form; what changed stands in ours.
func (r *release) debianChangelog() []byte {
	return fmt.Appendf(nil, "phyllo (%s) unstable; urgency=medium\n\n  * What changed stands in CHANGELOG.md beside this file.\n\n -- %s  %s\n",
		r.version, maintainer, r.when.Format(time.RFC1123Z))
}
