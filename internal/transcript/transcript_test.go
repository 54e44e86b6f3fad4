package transcript

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestPlay: what is printed now takes the place of what was printed; all else stays.
func TestPlay(t *testing.T) {
	var ran [][]string
	s := &Stage{Dir: t.TempDir(), Program: "say", Command: func(words []string) (string, string, int) {
		ran = append(ran, words)
		return "one\n\nin " + "$HOME\n", "bad\n", 3
	}, Prepare: func(words []string) bool { return words[0] == "rain" }}
	got := s.play(t, "# a comment\n% file a/b \"x\\ny\"\n% rain\n\n$ say \"two words\" $DIR/a\nold\n[1]\n")
	const want = "# a comment\n% file a/b \"x\\ny\"\n% rain\n\n$ say \"two words\" $DIR/a\none\n~\nin $HOME\n2> bad\n[3]\n"
	if got != want {
		t.Errorf("played:\n%s\nwant:\n%s", got, want)
	}
	if len(ran) != 1 || !slices.Equal(ran[0], []string{"two words", s.Dir + "/a"}) {
		t.Errorf("it ran %q", ran)
	}
	if b, err := os.ReadFile(filepath.Join(s.Dir, "a/b")); err != nil || string(b) != "x\ny" {
		t.Errorf("the file holds %q, %v", b, err)
	}
}
