package node_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/app/past/dht"
)

// TestValuesOfParts: that another part of the ring has put a value, too, is told to those who
// follow the node, once, and to those who ask for it until it is settled.
func TestValuesOfParts(t *testing.T) {
	n := start(t, settings(t.TempDir()))
	told := func() bool {
		fs, err := n.API().Doctor(limited(t))
		if err != nil {
			t.Fatal(err)
		}
		return slices.ContainsFunc(fs, func(f api.Finding) bool {
			return f.About == "values" && f.Verdict == api.Warn && strings.Contains(f.Sentence, "\"colour\"") && strings.Contains(f.Sentence, "--copies 3")
		})
	}
	var names []string
	err := n.API().Events(limited(t), func(e *api.Event) error {
		switch e.Kind {
		case api.EventBegin:
			x := dht.Watched{Key: "colour", Copies: 3, Rivals: 1, New: true}
			n.TellValues([]dht.Watched{x})
			x.New = false
			n.TellValues([]dht.Watched{x})
			n.TellValues([]dht.Watched{x, {Key: "shape", Copies: 5, Rivals: 2, New: true}})
		case api.EventRivals:
			if names = append(names, e.Name); e.Name == "shape" {
				return errSeen
			}
		}
		return nil
	})
	if !errors.Is(err, errSeen) || !slices.Equal(names, []string{"colour", "shape"}) {
		t.Errorf("followers heard of %q, %v", names, err)
	}
	if !told() {
		t.Error("`phyllo doctor` says nothing of it")
	}
	if n.TellValues(nil); told() {
		t.Error("`phyllo doctor` goes on about what is settled")
	}
}
