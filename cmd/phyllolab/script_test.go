package main

import (
	"bytes"
	"testing"

	"github.com/phyllo-net/phyllo/internal/transcript"
)

// TestScripts plays the transcripts of testdata; see internal/transcript.
func TestScripts(t *testing.T) {
	transcript.Play(t, func(t *testing.T) transcript.Stage {
		t.Chdir(t.TempDir())
		return transcript.Stage{Program: "phyllolab", Command: func(args []string) (string, string, int) { return called(t, args) }}
	})
}

// called runs one command on a machine of 1 GiB.
func called(t *testing.T, args []string) (stdout, stderr string, code int) {
	var out, say bytes.Buffer
	code = run(t.Context(), &world{out: &out, say: &say, memory: 1 << 30}, args)
	return out.String(), say.String(), code
}

// command runs one command, and returns what it printed as a transcript has it.
func command(t *testing.T, args []string) string { return transcript.Print(called(t, args)) }
