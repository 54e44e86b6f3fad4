package keys

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/phyllo-net/phyllo/id"
)

// Kind says what a file holds; it is the file's first words, so that a person who
// looks into one, or takes the wrong one, sees what it is.
type Kind string

// The kinds of files.
const (
	NodeKey    Kind = "node key"
	RingKey    Kind = "ring key" // of a ring's authority
	UserKey    Kind = "user key"
	SealingKey Kind = "sealing key"
	UserExport Kind = "user export"
	RingBackup Kind = "ring backup"
)

// MaxFile is the largest file that is read, in bytes.
const MaxFile = 1 << 20

const (
	maker   = "phyllo "
	version = 1
	columns = 64
	sumSize = 8 // bytes of the checksum, which guards against accidents only
)

// Reasons why a file is refused.
var (
	// ErrDamaged: the content is not what was written.
	ErrDamaged = errors.New("damaged: restore it from a backup")
	// ErrTruncated: the end is missing.
	ErrTruncated = errors.New("truncated: its last line is missing, restore it from a backup")
	// ErrKind: the file holds something else.
	ErrKind = errors.New("not the right kind of file")
	// ErrNewer: a newer phyllo wrote the file.
	ErrNewer = errors.New("written by a newer version: update phyllo")
)

// armour returns payload as lines of text that say what they are.
func armour(k Kind, payload []byte) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s%s, version %d\n", maker, k, version)
	text := base64.StdEncoding.EncodeToString(payload)
	for len(text) > 0 {
		n := min(columns, len(text))
		b.WriteString(text[:n] + "\n")
		text = text[n:]
	}
	fmt.Fprintf(&b, "end %s\n", checksum(k, payload))
	return b.Bytes()
}

func checksum(k Kind, payload []byte) string {
	h := id.HashOf("file", string(k), payload)
	return hex.EncodeToString(h[:sumSize])
}

// unarmour reads what armour wrote; it forgives other line ends and blanks at
// the ends of lines, which come from mail and editors.
func unarmour(k Kind, text []byte) ([]byte, error) {
	if len(text) > MaxFile {
		return nil, fmt.Errorf("%w: %d bytes, at most %d", ErrDamaged, len(text), MaxFile)
	}
	head, rest, _ := strings.Cut(strings.TrimRight(string(text), " \t\r\n"), "\n")
	if err := checkHead(k, strings.TrimSpace(head)); err != nil {
		return nil, err
	}
	var body strings.Builder
	sum, ended := "", false
	for line := range strings.Lines(rest) {
		line = strings.TrimSpace(line)
		if ended {
			return nil, fmt.Errorf("%w: something follows the last line", ErrDamaged)
		}
		if sum, ended = strings.CutPrefix(line, "end "); !ended {
			body.WriteString(line)
		}
	}
	if !ended || len(sum) < 2*sumSize {
		return nil, ErrTruncated
	}
	payload, err := base64.StdEncoding.Strict().DecodeString(body.String())
	if err != nil || sum != checksum(k, payload) {
		return nil, ErrDamaged
	}
	return payload, nil
}

func checkHead(k Kind, head string) error {
	name, number, ok := strings.Cut(head, ", version ")
	kind, ours := strings.CutPrefix(name, maker)
	v, err := strconv.ParseUint(number, 10, 32)
	switch {
	case head == "":
		return fmt.Errorf("%w: it is empty", ErrTruncated)
	case !ours || !ok || err != nil || v == 0:
		return fmt.Errorf("%w: want a %s of phyllo", ErrKind, k)
	case kind != string(k):
		return fmt.Errorf("%w: this is a %q, want a %s", ErrKind, clip(kind), k)
	case v > version:
		return fmt.Errorf("%w (it has version %d, this program knows %d)", ErrNewer, v, version)
	}
	return nil
}

// clip shortens a foreign text for an error.
func clip(s string) string {
	if len(s) > 32 {
		return s[:32]
	}
	return s
}
