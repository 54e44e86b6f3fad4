package main

import (
	"strings"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/cmd/phyllo/console"
)

// What is damaged on the disk is said, with what follows from it.
func TestKeeping(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	w := &console.World{Now: func() time.Time { return now }}
	read := now.Add(-72 * time.Hour)
	for want, k := range map[string]api.Keeping{
		"nothing for its ring yet":                                      {Read: read},
		"1 object for its ring, 5 B":                                    {Objects: 1, Bytes: 5},
		"2 objects for its ring, 7 B; all read again 3 days ago":        {Objects: 2, Bytes: 7, Read: read, Reading: now},
		"0 objects for its ring, 0 B; 1 is damaged on this disk and ":   {Lost: 1, Damaged: 1},
		"2 objects for its ring, 7 B; 3 were damaged on this disk and ": {Objects: 2, Bytes: 7, Damaged: 3, Repaired: 3},
	} {
		got := keeping(w, k)
		if !strings.HasPrefix(got, want) || !strings.HasSuffix(want, " ") && got != want {
			t.Errorf("%+v: %q, want %q", k, got, want)
		}
	}
}
