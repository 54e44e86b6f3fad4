package keys_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/phyllo-net/phyllo/internal/budget"
	"github.com/phyllo-net/phyllo/keys"
)

// keyFile writes a node key into a new folder and returns its path.
func keyFile(t *testing.T) (string, *keys.Signer) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "state", "node.key")
	s := newSigner(t)
	if err := keys.SaveSigner(path, keys.NodeKey, s); err != nil {
		t.Fatal(err)
	}
	return path, s
}

func TestKeyFile(t *testing.T) {
	path, s := keyFile(t)
	for p, mode := range map[string]fs.FileMode{path: 0o600, filepath.Dir(path): 0o700} {
		if st, err := os.Stat(p); err != nil || st.Mode().Perm() != mode {
			t.Errorf("%s: mode %v, %v; want %v", p, st.Mode().Perm(), err, mode)
		}
	}
	back, err := keys.LoadSigner(path, keys.NodeKey)
	if err != nil || back.Public() != s.Public() {
		t.Fatalf("loaded %v, %v", back.Public(), err)
	}
	if err := keys.SaveSigner(path, keys.NodeKey, newSigner(t)); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a key was overwritten: %v", err)
	}
	again, err := keys.LoadOrMakeSigner(path, keys.NodeKey, keys.Random())
	if err != nil || again.Public() != s.Public() {
		t.Errorf("another key was made: %v", err)
	}
	made, err := keys.LoadOrMakeSigner(path+"2", keys.NodeKey, keys.Random())
	if err != nil {
		t.Fatal(err)
	}
	if back, err := keys.LoadSigner(path+"2", keys.NodeKey); err != nil || back.Public() != made.Public() {
		t.Errorf("the key that was made is not in its file: %v", err)
	}
	pair := newPair(t)
	if err := keys.SaveSealPair(path+"3", pair); err != nil {
		t.Fatal(err)
	}
	if p, err := keys.LoadSealPair(path + "3"); err != nil || !bytes.Equal(p.SealKey(), pair.SealKey()) {
		t.Errorf("loaded another pair: %v", err)
	}
	left, err := filepath.Glob(filepath.Join(filepath.Dir(path), "*.new"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func rewrite(t *testing.T, path string, f func(string) string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(f(string(b))), 0o600); err != nil {
		t.Fatal(err)
	}
}

// RELIABILITY.md section 5, row 54.
func TestKeyFilesThatAreRefused(t *testing.T) {
	edit := func(f func(string) string) func(*testing.T, string) {
		return func(t *testing.T, path string) { rewrite(t, path, f) }
	}
	for _, c := range []struct {
		name string
		do   func(t *testing.T, path string)
		want error
		says string
	}{
		{"mode 0644", func(t *testing.T, p string) { chmod(t, p, 0o644) }, keys.ErrMode, "chmod 600 "},
		{"mode 0640", func(t *testing.T, p string) { chmod(t, p, 0o640) }, keys.ErrMode, "chmod 600 "},
		{"mode 0602", func(t *testing.T, p string) { chmod(t, p, 0o602) }, keys.ErrMode, "chmod 600 "},
		{"folder open to all", func(t *testing.T, p string) { chmod(t, filepath.Dir(p), 0o777) }, keys.ErrMode, "chmod 700 "},
		{"missing", func(t *testing.T, p string) { os.Remove(p) }, fs.ErrNotExist, "node.key"},
		{"a folder", func(t *testing.T, p string) { os.Remove(p); os.Mkdir(p, 0o700) }, keys.ErrNotFile, "node.key"},
		{"a link", func(t *testing.T, p string) { os.Rename(p, p+"x"); os.Symlink(p+"x", p) }, keys.ErrNotFile, "link"},
		{"empty", edit(func(string) string { return "" }), keys.ErrTruncated, "backup"},
		{"without its last line", edit(func(s string) string { return s[:strings.LastIndex(s, "end")] }), keys.ErrTruncated, "backup"},
		{"cut in its last line", edit(func(s string) string { return s[:len(s)-5] }), keys.ErrTruncated, "backup"},
		{"cut in its middle", edit(func(s string) string { return s[:40] }), keys.ErrTruncated, "backup"},
		{"longer", edit(func(s string) string { return s + "x\n" }), keys.ErrDamaged, "backup"},
		{"one character changed", edit(func(s string) string {
			i := strings.Index(s, "\n") + 5
			return s[:i] + string(rune('A'+(s[i]-'A'+1)%26)) + s[i+1:]
		}), keys.ErrDamaged, "backup"},
		{"very long", edit(func(s string) string { return s + strings.Repeat("A", 20<<10) }), keys.ErrDamaged, "longer than"},
		{"binary", edit(func(string) string { return "\x00\xff\x7fELF" }), keys.ErrKind, "node key"},
		{"a key of the ring", edit(func(string) string { return string(keys.Armour(keys.RingKey, make([]byte, 32))) }), keys.ErrKind, `"ring key"`},
		{"a key of another length", edit(func(string) string { return string(keys.Armour(keys.NodeKey, make([]byte, 64))) }), keys.ErrDamaged, "64 bytes"},
		{"of a newer version", edit(func(s string) string { return strings.Replace(s, "version 1", "version 2", 1) }), keys.ErrNewer, "update"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path, _ := keyFile(t)
			c.do(t, path)
			_, err := keys.LoadSigner(path, keys.NodeKey)
			if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
				t.Fatalf("%v\nwant %v, saying %q", err, c.want, c.says)
			}
			// Whatever is wrong with a key, another is never put in its place.
			if _, err := keys.LoadOrMakeSigner(path, keys.NodeKey, keys.Random()); err == nil && !errors.Is(c.want, fs.ErrNotExist) {
				t.Error("another key was made")
			}
		})
	}
}

func TestFilesOfOtherUsers(t *testing.T) {
	path := "/etc/passwd" // root's
	if os.Geteuid() == 0 {
		path, _ = keyFile(t)
		if err := os.Chown(path, 12345, 12345); err != nil {
			t.Fatal(err)
		}
	}
	_, err := keys.LoadSigner(path, keys.NodeKey)
	if !errors.Is(err, keys.ErrOwner) || !strings.Contains(err.Error(), "chown") {
		t.Errorf("%v, want ErrOwner", err)
	}
}

func chmod(t *testing.T, path string, mode fs.FileMode) {
	t.Helper()
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

// What a crash left behind does no harm, and a link there leads nowhere.
func TestWriteAfterACrash(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	victim := filepath.Join(t.TempDir(), "victim")
	if err := os.WriteFile(victim, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(victim, path+".new"); err != nil {
		t.Fatal(err)
	}
	if err := keys.WritePrivate(path, []byte("one")); err != nil {
		t.Fatal(err)
	}
	if err := keys.ReplacePrivate(path, []byte("two")); err != nil {
		t.Fatal(err)
	}
	if b, err := keys.ReadPrivate(path, 10); err != nil || string(b) != "two" {
		t.Errorf("read %q, %v", b, err)
	}
	if b, err := os.ReadFile(victim); err != nil || string(b) != "precious" {
		t.Errorf("the file behind the link is %q, %v", b, err)
	}
	folder := filepath.Join(t.TempDir(), "folder")
	if err := os.MkdirAll(filepath.Join(folder, "inside"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := keys.ReplacePrivate(folder, []byte("x")); err == nil {
		t.Error("a file took the place of a folder")
	}
	if _, err := os.Lstat(folder + ".new"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a failed write left its file behind: %v", err)
	}
	open := t.TempDir()
	chmod(t, open, 0o777)
	if err := keys.WritePrivate(filepath.Join(open, "file"), nil); !errors.Is(err, keys.ErrMode) {
		t.Errorf("a key was written where others can exchange it: %v", err)
	}
}

func TestArmourRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		payload := rapid.SliceOf(rapid.Byte()).Draw(t, "payload")
		text := keys.Armour(keys.UserKey, payload)
		mailed := bytes.ReplaceAll(text, []byte("\n"), []byte(" \r\n"))
		for _, in := range [][]byte{text, mailed, append([]byte(nil), text[:len(text)-1]...)} {
			back, err := keys.Unarmour(keys.UserKey, in)
			if err != nil || !bytes.Equal(back, payload) {
				t.Fatalf("%x came back as %x, %v", payload, back, err)
			}
		}
		if _, err := keys.Unarmour(keys.NodeKey, text); !errors.Is(err, keys.ErrKind) {
			t.Fatalf("taken for another kind: %v", err)
		}
	})
	if _, err := keys.Unarmour(keys.UserKey, make([]byte, keys.MaxFile+1)); !errors.Is(err, keys.ErrDamaged) {
		t.Errorf("a file over the limit: %v", err)
	}
}

func typed(err error) bool {
	for _, want := range []error{keys.ErrDamaged, keys.ErrTruncated, keys.ErrKind, keys.ErrNewer} {
		if errors.Is(err, want) {
			return true
		}
	}
	return false
}

func FuzzUnarmour(f *testing.F) {
	f.Add(keys.Armour(keys.NodeKey, make([]byte, 32)))
	f.Add(keys.Armour(keys.RingKey, nil))
	f.Add([]byte("phyllo node key, version 99999999999999999999\n"))
	f.Add([]byte("end 0011223344556677"))
	f.Fuzz(func(t *testing.T, text []byte) {
		budget.Decode(t, len(text), func() { keys.Unarmour(keys.NodeKey, text) })
		payload, err := keys.Unarmour(keys.NodeKey, text)
		if err != nil {
			if !typed(err) || len(err.Error()) > 300 {
				t.Fatalf("error %v", err)
			}
			return
		}
		again, err := keys.Unarmour(keys.NodeKey, keys.Armour(keys.NodeKey, payload))
		if err != nil || !bytes.Equal(again, payload) {
			t.Fatalf("%x came back as %x, %v", payload, again, err)
		}
	})
}
