package keys

import (
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
)

// FingerprintSize is the length of a fingerprint in bytes, one word each: to find
// another key with the same one takes 2^96 tries.
const FingerprintSize = 12

// Fingerprint is what two people compare to know that they see the same key.
type Fingerprint [FingerprintSize]byte

// ErrFingerprint: a text is not a fingerprint.
var ErrFingerprint = errors.New("not a fingerprint: it has 24 hex digits, as `phyllo user find NAME` shows them")

//go:embed words.txt
var wordText string

// words are 256, in alphabetical order; no two begin with the same three letters,
// so that each can be known by its beginning, and a slip gives no other word.
var words = strings.Fields(wordText)

// FingerprintOf returns the fingerprint of a key.
func FingerprintOf(k peer.Key) Fingerprint {
	h := id.HashOf("fingerprint", k[:])
	return Fingerprint(h[:FingerprintSize])
}

// Words returns the fingerprint as 12 words, to be read aloud.
func (f Fingerprint) Words() string {
	out := make([]string, len(f))
	for i, b := range f {
		out[i] = words[b]
	}
	return strings.Join(out, " ")
}

// Hex returns the fingerprint as 6 groups of 4 hex digits.
func (f Fingerprint) Hex() string {
	text := hex.EncodeToString(f[:])
	var groups []string
	for g := range slices.Chunk([]byte(text), 4) {
		groups = append(groups, string(g))
	}
	return strings.Join(groups, " ")
}

// String returns 24 hex digits: the name of a key's folder.
func (f Fingerprint) String() string { return hex.EncodeToString(f[:]) }

// ParseFingerprint reads what Words, Hex or String returned, in either case and
// with other spaces or hyphens between. Words may be shortened to their first
// three letters or more. Errors wrap ErrFingerprint and say which word is wrong.
func ParseFingerprint(s string) (Fingerprint, error) {
	if len(s) > 512 {
		return Fingerprint{}, fmt.Errorf("%w: too long", ErrFingerprint)
	}
	parts := strings.FieldsFunc(strings.ToLower(s), func(r rune) bool { return strings.ContainsRune(" \t\r\n-:,.", r) })
	var f Fingerprint
	if b, err := hex.DecodeString(strings.Join(parts, "")); err == nil && len(b) == len(f) {
		return Fingerprint(b), nil
	}
	if len(parts) != len(f) {
		return f, fmt.Errorf("%w: want %d words or %d hex digits, got %d words", ErrFingerprint, len(f), 2*len(f), len(parts))
	}
	for i, p := range parts {
		n, _ := slices.BinarySearch(words, p)
		if n == len(words) || len(p) < 3 || !strings.HasPrefix(words[n], p) {
			return Fingerprint{}, fmt.Errorf("%w: word %d, %q, is none of the list", ErrFingerprint, i+1, clip(p))
		}
		f[i] = byte(n)
	}
	return f, nil
}
