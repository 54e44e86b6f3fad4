package record

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/secure/precis"

	"github.com/phyllo-net/phyllo/id"
)

// Limits of a name, without its sign.
const (
	MaxNameChars = 64
	MaxNameBytes = 128
	// maxRawName bounds what is looked at at all, in bytes: the wide forms of
	// the longest name are no longer.
	maxRawName = 4 * MaxNameBytes
)

// Name is a normalised name: what ParseName returned. Two people cannot tell two
// equal names apart, and two names that differ look different, as far as
// normalisation and the one-script rule can see to it.
type Name string

// NameKind says what a name is the name of.
type NameKind uint8

// Kinds of names.
const (
	Person NameKind = iota + 1 // bob
	Room                       // #garden
	Topic                      // /weather
)

// Kind returns what n is the name of.
func (n Name) Kind() NameKind {
	switch {
	case strings.HasPrefix(string(n), "#"):
		return Room
	case strings.HasPrefix(string(n), "/"):
		return Topic
	}
	return Person
}

// Hash is the name's 256-bit id.
func (n Name) Hash() id.Hash { return id.HashOf("name", string(n)) }

// Key is the name's place on the ring: the nodes nearest to it keep its record.
func (n Name) Key() id.ID { return n.Hash().Place() }

// ErrName: see NameError.
var ErrName = errors.New("not a name")

// NameError says which rule a name breaks. It is an ErrName.
type NameError struct {
	Typed string // as it was typed, cut to 80 bytes; not safe to print as it is
	Rule  string // the broken rule, safe to print
}

// Error implements error; what was typed is quoted.
func (e *NameError) Error() string {
	return fmt.Sprintf("%+q is not a name: %s", e.Typed, e.Rule)
}

// Is makes the error an ErrName.
func (e *NameError) Is(target error) bool { return target == ErrName }

// ParseName normalises what a person typed, by the profile UsernameCaseMapped of
// RFC 8265 (narrow forms, lower case, NFC), and checks it by the rules of names:
// 1 to 64 characters and at most 128 bytes; letters of one script, digits 0-9
// and . - _ only; first a letter or digit; no dot at the end; not 32 hex digits,
// which would read as an id. A room's name has # before it, a topic's /. The
// error wraps ErrName and says which rule is broken.
//
// ParseName of a Name gives that Name.
func ParseName(s string) (Name, error) {
	sign, rest := "", s
	if strings.HasPrefix(s, "#") || strings.HasPrefix(s, "/") {
		sign, rest = s[:1], s[1:]
	}
	switch {
	case len(rest) > maxRawName:
		return "", nameError(s, "it has %d bytes, at most %d are allowed", len(rest), MaxNameBytes)
	case !utf8.ValidString(rest):
		return "", nameError(s, "it is not valid UTF-8")
	case rest == "":
		return "", nameError(s, "it is empty")
	}
	// The first rules are checked on what was typed too, as their messages say
	// more than the profile's.
	if err := checkChars(s, rest, false); err != nil {
		return "", err
	}
	norm, err := normalise(rest)
	if err != nil {
		return "", nameError(s, "it mixes directions or has characters that names may not have (RFC 8265)")
	}
	if err := checkName(s, norm); err != nil {
		return "", err
	}
	return Name(sign + norm), nil
}

// normalise applies the profile until nothing changes any more: once is not
// always enough (RFC 8264, section 7).
func normalise(s string) (string, error) {
	for range 4 {
		next, err := precis.UsernameCaseMapped.String(s)
		if err != nil || next == s {
			return next, err
		}
		s = next
	}
	return "", fmt.Errorf("no stable form")
}

func checkName(typed, s string) error {
	if n := utf8.RuneCountInString(s); n > MaxNameChars || len(s) > MaxNameBytes {
		return nameError(typed, "it has %d characters (%d bytes), at most %d (%d bytes) are allowed", n, len(s), MaxNameChars, MaxNameBytes)
	}
	if err := checkChars(typed, s, true); err != nil {
		return err
	}
	first, _ := utf8.DecodeRuneInString(s)
	switch {
	case first == '.' || first == '-' || first == '_':
		return nameError(typed, "it must begin with a letter or a digit")
	case strings.HasSuffix(s, "."):
		return nameError(typed, "it must not end with a dot")
	case readsAsID(s):
		return nameError(typed, "32 hex digits would read as an id")
	}
	return nil
}

// checkChars looks at the single characters; final tells that s is normalised.
func checkChars(typed, s string, final bool) error {
	var first string // the script of the first letter
	for _, r := range s {
		switch {
		case r == '.' || r == '-' || r == '_' || '0' <= r && r <= '9':
			continue
		case !final && (r >= 0xff01 && r <= 0xff5e || unicode.Is(unicode.M, r)):
			continue // a wide form, or a mark that may yet become part of a letter
		case !unicode.IsLetter(r):
			return nameError(typed, "the character %s is neither a letter, nor a digit 0-9, nor . - _", show(r))
		}
		script := scriptOf(r, first)
		switch {
		case script == "":
			return nameError(typed, "the character %s belongs to no script", show(r))
		case first == "":
			first = script
		case script != first:
			return nameError(typed, "it mixes letters of the scripts %s and %s (%s)", first, script, show(r))
		}
	}
	return nil
}

// longVowel is the Japanese sign that two scripts share.
const longVowel = 'ー'

// scriptOf returns the name of the script of a letter, "" for none. so is the
// script of the letters before it.
func scriptOf(r rune, so string) string {
	if r == longVowel && (so == "Hiragana" || so == "Katakana") {
		return so
	}
	if r < 0x80 {
		return "Latin"
	}
	for _, s := range scripts {
		if unicode.Is(s.table, r) {
			return s.name
		}
	}
	return ""
}

type script struct {
	name  string
	table *unicode.RangeTable
}

// scripts are all of Unicode's but those that belong to every script or to the
// character before, in the order of their names.
var scripts = func() []script {
	var names []string
	for name := range unicode.Scripts {
		names = append(names, name)
	}
	slices.Sort(names)
	var list []script
	for _, name := range names {
		if name != "Common" && name != "Inherited" {
			list = append(list, script{name, unicode.Scripts[name]})
		}
	}
	return list
}()

func readsAsID(s string) bool {
	_, err := id.Parse(s)
	return err == nil
}

// show makes a character visible and harmless.
func show(r rune) string { return fmt.Sprintf("%+q (%U)", string(r), r) }

func nameError(typed, format string, args ...any) error {
	return &NameError{Typed: clip(typed, 80), Rule: fmt.Sprintf(format, args...)}
}

// clip returns at most n bytes of s, cut between characters.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "..."
}
