package main

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// checkTime bounds each trial.
const checkTime = time.Minute

// check tries what was made for this system.
func (r *release) check() error {
	if err := r.checkDeb(); err != nil {
		return fmt.Errorf("the Debian package: %w", err)
	}
	if err := r.checkContainer(); err != nil {
		return fmt.Errorf("the container: %w", err)
	}
	return nil
}

// checkDeb unpacks the Debian package with dpkg's own program and runs what is in it;
// lintian reads it, where it is installed.
func (r *release) checkDeb() error {
	deb := filepath.Join(r.out, r.debName(runtime.GOARCH))
	root := filepath.Join(r.work, "deb")
	if out, err := exec.Command("dpkg-deb", "-x", deb, root).CombinedOutput(); err != nil {
		return fmt.Errorf("dpkg-deb -x: %w: %s", err, out)
	}
	out, err := exec.Command(filepath.Join(root, "usr/bin/phyllo"), "version").Output()
	if err != nil || !strings.Contains(string(out), "phyllo "+r.version+",") {
		return fmt.Errorf("its program says %q, want version %s (%v)", out, r.version, err)
	}
	fmt.Printf("checked: %s holds %s", filepath.Base(deb), out)
	if _, err := exec.LookPath("lintian"); err != nil {
		fmt.Println("not checked: lintian is not installed")
		return nil
	}
	out, err = exec.Command("lintian", "--allow-root", "--fail-on", "error,warning", deb).CombinedOutput()
	if err != nil {
		return fmt.Errorf("lintian: %w\n%s", err, out)
	}
	fmt.Println("checked: lintian has nothing to say")
	return nil
}

// checkContainer runs the program as the container does: in its root file system and
// nothing else, as its user, until it is healthy and has stopped in order.
func (r *release) checkContainer() error {
	if os.Getuid() != 0 {
		fmt.Println("not checked: only root may run the container's program in its root file system")
		return nil
	}
	root := filepath.Join(r.work, "root")
	b, err := os.ReadFile(filepath.Join(r.out, fmt.Sprintf("phyllo_%s_linux_%s.rootfs.tar.gz", r.version, runtime.GOARCH)))
	if err != nil {
		return err
	}
	if err := unpack(root, b); err != nil {
		return err
	}
	ctx, end := context.WithTimeout(context.Background(), checkTime)
	defer end()
	inside := func(args ...string) *exec.Cmd {
		cmd := exec.CommandContext(ctx, "/phyllo", args...)
		cmd.Dir, cmd.Env = "/", []string{"PHYLLO_HOME=/data", "PHYLLO_UI=off", "PHYLLO_LAN=false", "PHYLLO_LISTEN=127.0.0.1:0"}
		cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: root, Credential: &syscall.Credential{Uid: userOfContainer, Gid: userOfContainer}}
		return cmd
	}
	node := inside("up", "--foreground", "--json")
	var complaints bytes.Buffer
	node.Stderr = &complaints
	out, err := node.StdoutPipe()
	if err != nil {
		return err
	}
	if err := node.Start(); err != nil {
		return fmt.Errorf("starting it: %w", err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	health, status := inside("status").CombinedOutput()
	stop := node.Process.Signal(syscall.SIGTERM)
	if ended := node.Wait(); err != nil || status != nil || stop != nil || ended != nil {
		return fmt.Errorf("ready line %q (%v), health %q (%v), end %v: %s", line, err, health, status, errors.Join(stop, ended), complaints.String())
	}
	fmt.Println("checked: the container's program runs in its root file system as user", userOfContainer, "and is healthy")
	return nil
}

// unpack is tar -xz for what tarOf makes: folders and files.
func unpack(root string, squeezed []byte) error {
	z, err := gzip.NewReader(bytes.NewReader(squeezed))
	if err != nil {
		return err
	}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		if !filepath.IsLocal(h.Name) {
			return fmt.Errorf("%q leads out of the archive", h.Name)
		}
		path := filepath.Join(root, h.Name)
		if h.Typeflag == tar.TypeDir {
			err = os.MkdirAll(path, 0o755)
		} else if err = os.MkdirAll(filepath.Dir(path), 0o755); err == nil {
			var b []byte
			if b, err = io.ReadAll(r); err == nil {
				err = os.WriteFile(path, b, 0o644)
			}
		}
		if err == nil {
			err = os.Chmod(path, os.FileMode(h.Mode&0o777))
		}
		if err == nil {
			err = os.Chown(path, h.Uid, h.Gid)
		}
		if err != nil {
			return err
		}
	}
}
