package keys_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/phyllo-net/phyllo/internal/budget"
	"github.com/phyllo-net/phyllo/keys"
	"github.com/phyllo-net/phyllo/wire"
)

// cheap is a cost that lets tests run fast; nobody else may use it.
var cheap = keys.Cost{Time: 1, Memory: 16, Threads: 1}

func TestExportRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		content := rapid.SliceOf(rapid.Byte()).Draw(t, "content")
		pass := rapid.SliceOfN(rapid.Byte(), keys.MinPassphrase, 40).Draw(t, "passphrase")
		text, err := keys.Export(keys.UserExport, content, pass, cheap)
		if err != nil {
			t.Fatal(err)
		}
		if cost, err := keys.Inspect(keys.UserExport, text); err != nil || cost != cheap {
			t.Fatalf("inspected: %v, %v", cost, err)
		}
		back, err := keys.Import(keys.UserExport, text, pass)
		if err != nil || !bytes.Equal(back, content) {
			t.Fatalf("came back as %x, %v", back, err)
		}
		if _, err := keys.Import(keys.UserExport, text, append(pass, 'x')); !errors.Is(err, keys.ErrPassphrase) {
			t.Fatalf("opened with a wrong passphrase: %v", err)
		}
		if _, err := keys.Import(keys.RingBackup, text, pass); !errors.Is(err, keys.ErrKind) {
			t.Fatalf("taken for another kind: %v", err)
		}
		again, err := keys.Export(keys.UserExport, content, pass, cheap)
		if err != nil || bytes.Equal(again, text) {
			t.Fatalf("two exports are equal, %v", err)
		}
	})
}

func TestDefaultCost(t *testing.T) {
	text, err := keys.Export(keys.RingBackup, []byte("secret"), []byte("correct horse battery"), keys.DefaultCost)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := keys.Import(keys.RingBackup, text, []byte("correct horse battery")); err != nil || string(b) != "secret" {
		t.Errorf("%q, %v", b, err)
	}
	if bytes.Contains(text, []byte("secret")) {
		t.Error("the content can be read")
	}
}

// The same passphrase, composed and decomposed, as two systems may send it.
func TestPassphraseInTwoForms(t *testing.T) {
	text, err := keys.Export(keys.UserExport, []byte("x"), []byte("sch\u00f6ne W\u00f6rter"), cheap)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := keys.Import(keys.UserExport, text, []byte("scho\u0308ne Wo\u0308rter")); err != nil {
		t.Error(err)
	}
}

func TestExportsThatAreRefused(t *testing.T) {
	pass := []byte("long enough")
	if _, err := keys.Export(keys.UserExport, nil, []byte("short"), cheap); !errors.Is(err, keys.ErrShortPassphrase) {
		t.Errorf("short passphrase: %v", err)
	}
	if _, err := keys.Export(keys.UserExport, make([]byte, keys.MaxExport+1), pass, cheap); !errors.Is(err, wire.ErrTooLarge) {
		t.Errorf("too large: %v", err)
	}
	if _, err := keys.Export(keys.UserExport, make([]byte, keys.MaxExport), pass, cheap); err != nil {
		t.Errorf("the largest: %v", err)
	}
	fields := func(time, memory, threads, salt, nonce, sealed int, algorithm string) []byte {
		return keys.Armour(keys.UserExport, wire.MustMarshal(map[int]any{1: algorithm,
			2: map[int]any{1: time, 2: memory, 3: threads}, 3: make([]byte, salt), 4: make([]byte, nonce), 5: make([]byte, sealed)}))
	}
	const known = "argon2id+xchacha20poly1305"
	for _, c := range []struct {
		name string
		text []byte
		want error
	}{
		{"nothing", nil, keys.ErrTruncated},
		{"no fields", keys.Armour(keys.UserExport, nil), keys.ErrDamaged},
		{"garbage", keys.Armour(keys.UserExport, []byte("garbage")), keys.ErrDamaged},
		{"4 TiB of memory", fields(1, 1<<32-1, 1, 16, 24, 16, known), keys.ErrDamaged},
		{"an hour of time", fields(1<<20, 64, 1, 16, 24, 16, known), keys.ErrDamaged},
		{"200 threads", fields(1, 1<<14, 200, 16, 24, 16, known), keys.ErrDamaged},
		{"no time", fields(0, 64, 1, 16, 24, 16, known), keys.ErrDamaged},
		{"no threads", fields(1, 64, 0, 16, 24, 16, known), keys.ErrDamaged},
		{"no memory", fields(1, 0, 1, 16, 24, 16, known), keys.ErrDamaged},
		{"no salt", fields(1, 64, 1, 0, 24, 16, known), keys.ErrDamaged},
		{"short nonce", fields(1, 64, 1, 16, 12, 16, known), keys.ErrDamaged},
		{"nothing sealed", fields(1, 64, 1, 16, 24, 0, known), keys.ErrDamaged},
		{"another algorithm", fields(1, 64, 1, 16, 24, 16, "rot13"), keys.ErrNewer},
		{"a forged seal", fields(1, 64, 1, 16, 24, 16, known), keys.ErrPassphrase},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := keys.Import(keys.UserExport, c.text, pass); !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
		})
	}
}

func FuzzInspect(f *testing.F) {
	text, err := keys.Export(keys.UserExport, []byte("content"), []byte("passphrase"), cheap)
	if err != nil {
		f.Fatal(err)
	}
	payload, err := keys.Unarmour(keys.UserExport, text)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(payload)
	f.Add(payload[:20])
	f.Fuzz(func(t *testing.T, payload []byte) {
		text := keys.Armour(keys.UserExport, payload)
		budget.Decode(t, len(text), func() { keys.Inspect(keys.UserExport, text) })
		cost, err := keys.Inspect(keys.UserExport, text)
		if err != nil {
			if !typed(err) {
				t.Fatalf("untyped error %v", err)
			}
			return
		}
		if cost.Memory > 256<<10 || cost.Time > 16 || cost.Time == 0 {
			t.Fatalf("it may cost %+v", cost)
		}
	})
}

func TestWordsOfTheList(t *testing.T) {
	if len(keys.Words) != 256 {
		t.Fatalf("%d words", len(keys.Words))
	}
	for i, w := range keys.Words {
		if len(w) < 3 || len(w) > 7 || strings.Trim(w, "abcdefghijklmnopqrstuvwxyz") != "" {
			t.Errorf("%q is no short word", w)
		}
		if i > 0 && keys.Words[i-1] >= w {
			t.Errorf("%q does not stand in its place", w)
		}
		for _, o := range keys.Words[:i] {
			if o[:3] == w[:3] || distance(o, w) < 3 {
				t.Errorf("%q and %q are too much alike", o, w)
			}
		}
	}
}

// distance is the number of letters by which two words differ (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			d := diagonal
			if a[i] != b[j] {
				d++
			}
			diagonal = row[j+1]
			row[j+1] = min(d, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

func TestFingerprint(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := keys.Fingerprint(rapid.SliceOfN(rapid.Byte(), keys.FingerprintSize, keys.FingerprintSize).Draw(t, "fingerprint"))
		if n := len(strings.Fields(f.Words())); n != keys.FingerprintSize {
			t.Fatalf("%d words", n)
		}
		var short []string
		for _, w := range strings.Fields(f.Words()) {
			short = append(short, w[:3])
		}
		for _, text := range []string{f.Words(), strings.ToUpper(f.Words()), strings.ReplaceAll(f.Words(), " ", " - "),
			strings.Join(short, "\n"), f.Hex(), f.String(), strings.ToUpper(f.Hex())} {
			if back, err := keys.ParseFingerprint(text); err != nil || back != f {
				t.Fatalf("%q read as %v, %v", text, back, err)
			}
		}
	})
	a, b := newSigner(t), newSigner(t)
	if keys.FingerprintOf(a.Public()) == keys.FingerprintOf(b.Public()) {
		t.Error("two keys have one fingerprint")
	}
	good := keys.FingerprintOf(a.Public()).Words()
	for _, c := range []struct{ text, says string }{
		{"", "want 12 words"}, {good + " zebra", "want 12 words"}, {strings.Repeat("x", 600), "too long"},
		{"nonsense " + strings.Join(strings.Fields(good)[1:], " "), `word 1, "nonsense"`},
		{strings.Join(strings.Fields(good)[:11], " ") + " ze", `word 12, "ze"`},
		{strings.Join(strings.Fields(good)[:11], " ") + " zzz", `word 12, "zzz"`},
	} {
		if _, err := keys.ParseFingerprint(c.text); !errors.Is(err, keys.ErrFingerprint) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%q: %v, want %q", c.text, err, c.says)
		}
	}
}

func FuzzParseFingerprint(f *testing.F) {
	f.Add("acorn zebra")
	f.Add("0011 2233 4455 6677 8899 aabb")
	f.Fuzz(func(t *testing.T, s string) {
		budget.Decode(t, len(s), func() { keys.ParseFingerprint(s) })
		if p, err := keys.ParseFingerprint(s); err == nil {
			if back, err := keys.ParseFingerprint(p.Words()); err != nil || back != p {
				t.Fatalf("%v came back as %v, %v", p, back, err)
			}
		} else if !errors.Is(err, keys.ErrFingerprint) {
			t.Fatalf("untyped error %v", err)
		}
	})
}
