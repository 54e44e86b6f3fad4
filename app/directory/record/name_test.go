package record_test

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/phyllo-net/phyllo/app/directory/record"
	"github.com/phyllo-net/phyllo/internal/budget"
)

func TestParseNameAccepts(t *testing.T) {
	for typed, want := range map[string]string{
		"bob":                    "bob",
		"Bob":                    "bob",
		"ＢＯＢ７":                   "bob7",
		"7seas":                  "7seas",
		"a":                      "a",
		"a.b-c_d":                "a.b-c_d",
		"jose\u0301":             "josé",
		"JOSÉ":                   "josé",
		"Ελένη":                  "ελένη",
		"Мария":                  "мария",
		"דוד":                    "דוד",
		"محمد":                   "محمد",
		"田中":                     "田中",
		"ユーザー":                   "ユーザー",
		"らーめん":                   "らーめん",
		"#Garden":                "#garden",
		"/Weather.north":         "/weather.north",
		"0123456789abcdef":       "0123456789abcdef",
		strings.Repeat("é", 64):  strings.Repeat("é", 64),
		strings.Repeat("a1", 32): strings.Repeat("a1", 32),
	} {
		got, err := record.ParseName(typed)
		if err != nil || string(got) != want {
			t.Errorf("%+q: got %+q, %v; want %+q", typed, got, err, want)
		}
	}
}

func TestParseNameRefusesAndSaysWhy(t *testing.T) {
	for typed, rule := range map[string]string{
		"":                                   "empty",
		"#":                                  "empty",
		"##room":                             "neither a letter",
		"/a/b":                               "neither a letter",
		"bob smith":                          "neither a letter",
		"bob\n":                              "neither a letter",
		"bob\x00":                            "neither a letter",
		"\x1b[31mbob":                        "neither a letter",
		"bob\xff":                            "UTF-8",
		"bob\xed\xa0\x80":                    "UTF-8",
		"-bob":                               "begin with",
		".bob":                               "begin with",
		"_bob":                               "begin with",
		"bob.":                               "end with a dot",
		"bob@home":                           "neither a letter",
		"bo\u200bb":                          "neither a letter", // zero width space
		"bo\u200db":                          "neither a letter", // zero width joiner
		"bo\ufeffb":                          "neither a letter",
		"bob\u202e":                          "neither a letter", // bidi override
		"\u2066bob\u2069":                    "neither a letter",
		"b\u043eb":                           "mixes", // Cyrillic o
		"\u0440aul":                          "mixes", // Cyrillic er
		"\u0391lice":                         "mixes", // Greek Alpha
		"bobדוד":                             "mixes",
		"田なか":                                "mixes",
		"٣ali":                               "neither a letter", // Arabic-Indic digit
		"bob²":                               "neither a letter",
		"ー":                                  "no script",
		"😀":                                  "neither a letter",
		"b\u0336ob":                          "neither a letter", // an overlay that joins with nothing
		"bob" + strings.Repeat("\u0301", 99): "",
		strings.Repeat("a", 65):              "at most 64",
		strings.Repeat("田", 43):              "128 bytes",
		strings.Repeat("a", 10000):           "at most 128",
		"0123456789abcdef0123456789ABCDEF":   "read as an id",
		"#0123456789abcdef0123456789abcdef":  "read as an id",
	} {
		got, err := record.ParseName(typed)
		if err == nil {
			t.Errorf("%+q was accepted as %+q", typed, got)
			continue
		}
		var ne *record.NameError
		if !errors.Is(err, record.ErrName) || !errors.As(err, &ne) || !strings.Contains(ne.Rule, rule) {
			t.Errorf("%+q: %v; want a rule with %q", typed, err, rule)
		}
		for _, r := range err.Error() {
			if r < 0x20 || r > 0x7e {
				t.Errorf("%+q: the message has the raw character %U", typed, r)
				break
			}
		}
	}
}

// checkParsed holds for whatever ParseName accepts.
func checkParsed(t interface{ Fatalf(string, ...any) }, typed string) {
	n, err := record.ParseName(typed)
	if err != nil {
		return
	}
	again, err := record.ParseName(string(n))
	if err != nil || again != n {
		t.Fatalf("%+q gives %+q, which gives %+q, %v", typed, n, again, err)
	}
	bare := strings.TrimLeft(string(n), "#/")
	if len(string(n))-len(bare) > 1 || bare == "" || len(bare) > 128 || utf8.RuneCountInString(bare) > 64 || !utf8.ValidString(bare) {
		t.Fatalf("%+q gives %+q", typed, n)
	}
	for _, r := range bare {
		if r >= 0x200b && r <= 0x206f || r < '-' || r == 0xfeff {
			t.Fatalf("%+q gives %+q with %U", typed, n, r)
		}
	}
}

func TestParseNameIsIdempotent(t *testing.T) {
	letters := rapid.SampledFrom([]rune("aZ09.-_\u00e9\u00c9\u00df\u0131\u0130\u017f\u03a3\u03c2\u03c3\u00b5\u00f8\u0141\u0430\u0431\u0416\u05d3\u0645\u0663\u30fc\u7530\u30ab\uff8a\u0301\u0308\u2460\ufb01\uff2b\u200d\u200e#/"))
	rapid.Check(t, func(rt *rapid.T) {
		checkParsed(rt, string(rapid.SliceOfN(letters, 0, 12).Draw(rt, "name")))
		checkParsed(rt, rapid.String().Draw(rt, "any"))
	})
}

func FuzzParseName(f *testing.F) {
	for _, s := range []string{"bob", "#Room", "/t", "ＢＯＢ", "jose\u0301", "b\u043eb", "\u202e", "ΑΣ"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		budget.Decode(t, len(s), func() { record.ParseName(s) })
		checkParsed(t, s)
	})
}

func TestNameKindsAndKeys(t *testing.T) {
	seen := map[string]bool{}
	for s, kind := range map[string]record.NameKind{"x": record.Person, "#x": record.Room, "/x": record.Topic} {
		n, err := record.ParseName(s)
		if err != nil || n.Kind() != kind || n.Key() != n.Hash().Place() {
			t.Errorf("%s: kind %d, %v", s, n.Kind(), err)
		}
		seen[n.Key().String()] = true
	}
	if len(seen) != 3 {
		t.Error("a person, a room and a topic of one name share a key")
	}
}
