package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// allTargets are the systems that a release is for.
const allTargets = "linux/amd64,linux/arm64,darwin/amd64,darwin/arm64,windows/amd64,windows/arm64"

func main() {
	out := flag.String("o", "dist", "folder for what is made")
	version := flag.String("version", "", "version of the release (default: from git)")
	targets := flag.String("targets", allTargets, "systems to build for, OS/ARCH with commas between")
	binaries := flag.Bool("binaries", false, "only build the programs, to see that they can be built")
	check := flag.Bool("check", false, "try what was made for this system")
	flag.Parse()
	if err := run(*out, *version, strings.Split(*targets, ","), *binaries, *check); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

// release is what all files of a release have in common.
type release struct {
	out     string    // the folder for what is made
	work    string    // and one for what is not kept
	version string    // also good as the version of a Debian package
	when    time.Time // that stands on all files
}

func run(out, version string, targets []string, binaries, check bool) (err error) {
	r := &release{out: out, version: version}
	if r.when, err = sourceDate(); err != nil {
		return err
	}
	if r.version == "" {
		r.version = versionOf(r.when)
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	if r.work, err = os.MkdirTemp("", "phyllo-release-"); err != nil {
		return err
	}
	defer os.RemoveAll(r.work)
	var made []string
	for _, target := range targets {
		system, arch, found := strings.Cut(target, "/")
		if !found {
			return fmt.Errorf("%q is no target: give OS/ARCH, as in -targets linux/amd64", target)
		}
		program, err := r.build(system, arch)
		if err != nil {
			return err
		}
		if binaries {
			continue
		}
		files, err := r.pack(system, arch, program)
		if err != nil {
			return fmt.Errorf("packing for %s: %w", target, err)
		}
		made = append(made, files...)
	}
	if binaries {
		return nil
	}
	if err := r.sums(made); err != nil {
		return err
	}
	if check {
		return r.check()
	}
	return nil
}

// build makes the program for a system, and says what it cost.
func (r *release) build(system, arch string) (string, error) {
	program := filepath.Join(r.work, system+"-"+arch, "phyllo")
	if system == "windows" {
		program += ".exe"
	}
	began := time.Now()
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false",
		"-ldflags=-s -w -buildid= -X github.com/phyllo-net/phyllo/node.release="+r.version, "-o", program, "./cmd/phyllo")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+system, "GOARCH="+arch, "GOAMD64=v1", "GOARM64=v8.0", "GOFLAGS=")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("building for %s/%s: %w", system, arch, err)
	}
	st, err := os.Stat(program)
	if err != nil {
		return "", err
	}
	cpu := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	fmt.Printf("built %s/%s: %d MB, after %s (%s of a processor)\n", system, arch, st.Size()>>20, time.Since(began).Round(time.Second), cpu.Round(time.Second))
	return program, nil
}

// hostFolder is where the program for this system lies, below release.work.
const hostFolder = runtime.GOOS + "-" + runtime.GOARCH

// host is a program of the release that runs here: it writes manual pages and
// completions.
func (r *release) host() (string, error) {
	program := filepath.Join(r.work, hostFolder, "phyllo")
	if _, err := os.Stat(program); err == nil {
		return program, nil
	}
	return r.build(runtime.GOOS, runtime.GOARCH)
}

// sourceDate is SOURCE_DATE_EPOCH, or the time of the last commit.
func sourceDate() (time.Time, error) {
	text := os.Getenv("SOURCE_DATE_EPOCH")
	if text == "" {
		out, err := exec.Command("git", "log", "-1", "--format=%ct").Output()
		if err != nil {
			return time.Time{}, errors.New("the time of the last commit is not known: outside of git, set SOURCE_DATE_EPOCH to it, in seconds since 1970")
		}
		text = strings.TrimSpace(string(out))
	}
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("SOURCE_DATE_EPOCH is %q: give seconds since 1970", text)
	}
	return time.Unix(seconds, 0).UTC(), nil
}

// versionOf is the version by git: the tag of this commit without its v, or a version
// before the first one, with date and commit. A changed tree says so.
func versionOf(when time.Time) string {
	git := func(args ...string) string {
		out, err := exec.Command("git", args...).Output()
		if err != nil {
			return ""
		}
		return strings.TrimSpace(string(out))
	}
	version := strings.TrimPrefix(git("describe", "--exact-match", "--match", "v[0-9]*"), "v")
	if version == "" {
		version = "0.0~git" + when.Format("20060102")
		if commit := git("rev-parse", "--short=8", "HEAD"); commit != "" {
			version += "." + commit
		}
	}
	if git("status", "--porcelain", "--untracked-files=no") != "" {
		version += "+changed"
	}
	return version
}
