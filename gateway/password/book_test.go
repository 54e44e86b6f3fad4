package password_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/phyllo-net/phyllo/gateway/password"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// clock is a time that tests move.
type clock struct{ t time.Time }

func (c *clock) now() time.Time { return c.t }

func open(t *testing.T, path string) (*password.Book, *clock) {
	t.Helper()
	c := &clock{time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	b, err := password.Open(path, c.now)
	if err != nil {
		t.Fatal(err)
	}
	return b, c
}

func add(t *testing.T, b *password.Book, door password.Door, space string, readOnly bool, end time.Time) (password.Key, string) {
	t.Helper()
	k, secret, err := b.Add(password.Key{Door: door, Space: space, ReadOnly: readOnly, Expires: end})
	if err != nil {
		t.Fatal(err)
	}
	return k, secret
}

func is(secret string) func(string) bool { return func(s string) bool { return s == secret } }

func TestPasswords(t *testing.T) {
	path := filepath.Join(t.TempDir(), "passwords.json")
	b, c := open(t, path)
	dav, davSecret := add(t, b, password.WebDAV, "photos", true, time.Time{})
	s3, s3Secret := add(t, b, password.S3, "backup", false, c.t.Add(time.Hour))
	if len(davSecret) != 40 || davSecret == s3Secret || len(s3.ID) != 20 {
		t.Errorf("secrets %d and %d bytes long, key %q", len(davSecret), len(s3Secret), s3.ID)
	}
	st, err := os.Stat(path)
	if err != nil || st.Mode().Perm() != 0o600 {
		t.Fatalf("mode %v, %v", st.Mode(), err)
	}
	if text, _ := os.ReadFile(path); strings.Contains(string(text), davSecret) {
		t.Error("the file has a password that a hash would do for")
	}
	for _, b := range []*password.Book{b, reopen(t, path, c)} {
		if got := b.List(); len(got) != 2 || got[0] != dav || got[1] != s3 {
			t.Errorf("list %+v", got)
		}
		if k, err := b.Check("127.0.0.1:1", dav.ID, davSecret); err != nil || k != dav {
			t.Errorf("%+v, %v", k, err)
		}
		if k, err := b.Signed("127.0.0.1:1", s3.ID, is(s3Secret)); err != nil || k != s3 {
			t.Errorf("%+v, %v", k, err)
		}
		for what, err := range map[string]error{
			"another secret":      second(b.Check("127.0.0.1:1", dav.ID, davSecret+"x")),
			"no secret":           second(b.Check("127.0.0.1:1", dav.ID, "")),
			"another key":         second(b.Check("127.0.0.1:1", "x", davSecret)),
			"the other door":      second(b.Check("127.0.0.1:1", s3.ID, s3Secret)),
			"another signature":   second(b.Signed("127.0.0.1:1", s3.ID, is("x"))),
			"an unknown key":      second(b.Signed("127.0.0.1:1", "", func(string) bool { return true })),
			"WebDAV's key for S3": second(b.Signed("127.0.0.1:1", dav.ID, is(davSecret))),
		} {
			if !errors.Is(err, password.ErrWrong) {
				t.Errorf("%s: %v", what, err)
			}
		}
	}
	if !dav.May("photos", false) || dav.May("photos", true) || dav.May("backup", false) || !s3.May("backup", true) {
		t.Error("what a key is good for is wrong")
	}
	c.t = c.t.Add(time.Hour)
	if _, err := b.Signed("127.0.0.1:1", s3.ID, is(s3Secret)); !errors.Is(err, password.ErrExpired) {
		t.Errorf("after its end: %v", err)
	}
	if err := b.Remove(dav.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := reopen(t, path, c).Check("127.0.0.1:1", dav.ID, davSecret); !errors.Is(err, password.ErrWrong) {
		t.Errorf("after it was removed: %v", err)
	}
	if err := b.Remove(dav.ID); !errors.Is(err, password.ErrUnknown) {
		t.Errorf("removed twice: %v", err)
	}
}

func second(_ password.Key, err error) error { return err }

func reopen(t *testing.T, path string, c *clock) *password.Book {
	t.Helper()
	b, err := password.Open(path, c.now)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestWrongOnesAreSlowed: ten at once, then one in six seconds, for that address and
// that key alone; a right one among too many wrong ones is refused too.
func TestWrongOnesAreSlowed(t *testing.T) {
	b, c := open(t, filepath.Join(t.TempDir(), "p"))
	key, secret := add(t, b, password.WebDAV, "s", false, time.Time{})
	other, otherSecret := add(t, b, password.WebDAV, "s", false, time.Time{})
	wrong := func(from, id string) error { return second(b.Check(from, id, "wrong")) }
	for i := range 10 {
		if err := wrong(fmt.Sprintf("127.0.0.1:%d", i), key.ID); !errors.Is(err, password.ErrWrong) {
			t.Fatalf("wrong password %d: %v", i, err)
		}
	}
	if err := second(b.Check("127.0.0.1:99", key.ID, secret)); !errors.Is(err, password.ErrSlow) {
		t.Errorf("a right one behind ten wrong ones: %v", err)
	}
	for what, err := range map[string]error{
		"another key":     second(b.Check("127.0.0.1:1", other.ID, otherSecret)),
		"another address": second(b.Check("[::1]:1", key.ID, secret)),
	} {
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	c.t = c.t.Add(6 * time.Second)
	if err := wrong("127.0.0.1:1", key.ID); !errors.Is(err, password.ErrWrong) {
		t.Errorf("after six seconds: %v", err)
	}
	if err := wrong("127.0.0.1:1", key.ID); !errors.Is(err, password.ErrSlow) {
		t.Errorf("a second one after six seconds: %v", err)
	}
	for i := range 10 {
		wrong("127.0.0.1:1", fmt.Sprint("made-up-", i))
	}
	if err := wrong("127.0.0.1:1", "made-up"); !errors.Is(err, password.ErrSlow) {
		t.Errorf("an eleventh key that was made up: %v", err)
	}
	c.t = c.t.Add(10 * time.Minute)
	if err := second(b.Check("127.0.0.1:1", key.ID, secret)); err != nil {
		t.Errorf("after ten minutes: %v", err)
	}
	for i := range 1500 { // more addresses than are remembered
		wrong(fmt.Sprintf("10.0.%d.%d:1", i/256, i%256), key.ID)
	}
	if err := second(b.Check("127.0.0.1:1", key.ID, secret)); err != nil {
		t.Errorf("after 1500 other addresses: %v", err)
	}
}

func TestFilesThatAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		mode os.FileMode
		says string
	}{
		"open":        {"[]", 0o644, "chmod 600"},
		"broken":      {"[{", 0o600, "move it away"},
		"other keys":  {`[{"id":"a","for":"s3","space":"s","secret":"x","admin":true}]`, 0o600, "admin"},
		"no secret":   {`[{"id":"a","for":"s3","space":"s"}]`, 0o600, "entry 1"},
		"other door":  {`[{"id":"a","for":"ftp","space":"s","secret":"x"}]`, 0o600, "entry 1"},
		"short hash":  {`[{"id":"a","for":"webdav","space":"s","hash":"00"}]`, 0o600, "entry 1"},
		"no space":    {`[{"id":"a","for":"s3","secret":"x"}]`, 0o600, "entry 1"},
		"very long":   {strings.Repeat(" ", 2<<20), 0o600, "bytes"},
		"many":        {"[" + strings.Repeat(`{"id":"a","for":"s3","space":"s","secret":"x"},`, 1000) + `{"id":"a","for":"s3","space":"s","secret":"x"}]`, 0o600, "entry"},
		"not a list":  {`{"id":"a"}`, 0o600, "move it away"},
		"binary":      {"\x00\xff", 0o600, "move it away"},
		"empty":       {"", 0o600, "move it away"},
		"nested deep": {strings.Repeat("[", 20000), 0o600, "move it away"},
	} {
		path := filepath.Join(t.TempDir(), "p")
		if err := os.WriteFile(path, []byte(c.text), c.mode); err != nil {
			t.Fatal(err)
		}
		_, err := password.Open(path, time.Now)
		if !errors.Is(err, password.ErrFile) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
		if text, _ := os.ReadFile(path); string(text) != c.text {
			t.Errorf("%s: the file was changed", name)
		}
	}
	if _, err := password.Open(t.TempDir(), time.Now); !errors.Is(err, password.ErrFile) {
		t.Errorf("a folder: %v", err)
	}
}

func TestAddRefuses(t *testing.T) {
	b, c := open(t, filepath.Join(t.TempDir(), "none", "p"))
	for what, err := range map[string]error{
		"another door":          third(b.Add(password.Key{Door: "ftp", Space: "s"})),
		"an end that is past":   third(b.Add(password.Key{Door: password.S3, Space: "s", Expires: c.t})),
		"a folder that is gone": third(b.Add(password.Key{Door: password.S3, Space: "s"})),
	} {
		if err == nil || len(b.List()) != 0 {
			t.Errorf("%s: %v, and there are %d keys", what, err, len(b.List()))
		}
	}
}

func third(_ password.Key, _ string, err error) error { return err }
