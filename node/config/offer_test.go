package config_test

import (
	"testing"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/node/config"
)

// TestChooseOffer: a tenth of what is free, at most 20 GB, and a tenth of the disk stays
// free; what was chosen stays, also as it fills up.
func TestChooseOffer(t *testing.T) {
	const mib, gib = 1 << 20, 1 << 30
	for name, c := range map[string]struct {
		disk   config.Disk
		before int64
		want   int64
	}{
		"a tenth of what is free":          {config.Disk{Size: 100 * gib, Free: 50 * gib}, 0, 5 * gib},
		"whole MiB":                        {config.Disk{Size: 100 * gib, Free: 50*gib + 15*mib}, 0, 5*gib + mib},
		"at most 20 GB":                    {config.Disk{Size: 4 << 40, Free: 3 << 40}, 0, 20_000_000_000 / mib * mib},
		"a tenth of the disk stays free":   {config.Disk{Size: 100 * gib, Free: 11 * gib}, 0, gib},
		"nearly full":                      {config.Disk{Size: 100 * gib, Free: 9 * gib}, 0, 0},
		"full":                             {config.Disk{Size: 100 * gib}, 0, 0},
		"less than can be offered":         {config.Disk{Size: 10 * mib, Free: 9 * mib}, 0, 0},
		"as before":                        {config.Disk{Size: 100 * gib, Free: 20 * gib}, 5 * gib, 5 * gib},
		"as before, and it is used":        {config.Disk{Size: 100 * gib, Free: 10 * gib, Kept: 5 * gib}, 5 * gib, 5 * gib},
		"others have filled the disk":      {config.Disk{Size: 100 * gib, Free: 7 * gib, Kept: 5 * gib}, 5 * gib, 2 * gib},
		"others have filled it wholly":     {config.Disk{Size: 100 * gib, Free: gib, Kept: 5 * gib}, 5 * gib, 0},
		"there was no room, and is now":    {config.Disk{Size: 100 * gib, Free: 50 * gib}, 0, 5 * gib},
		"nobody knows the disk's size":     {config.Disk{}, 0, 0},
		"a record that cannot be, clipped": {config.Disk{Size: 1 << 60, Free: 1 << 59}, 1 << 50, api.MaxOffer},
	} {
		if got := config.ChooseOffer(c.disk, c.before); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}

// TestOffersAreShownAsTyped: what is typed for an offer is understood, in the settings as
// in the command, and shown so that it can be typed again.
func TestOffersAreShownAsTyped(t *testing.T) {
	for typed, want := range map[string]struct {
		bytes int64
		shown string
	}{
		"auto": {api.AutoOffer, "auto"}, "0": {0, "0"}, "0B": {0, "0"}, "1MiB": {1 << 20, "1MiB"}, "20GiB": {20 << 30, "20GiB"}, "1024GiB": {1 << 40, "1TiB"},
	} {
		s, err := config.Load(t.TempDir(), nil)
		if err == nil {
			err = s.Set("offer", typed, "--offer")
		}
		if err != nil {
			t.Errorf("%s: %v", typed, err)
			continue
		}
		if s.Config.Offer != want.bytes {
			t.Errorf("%s: %d bytes", typed, s.Config.Offer)
		}
		for _, x := range s.List() {
			if x.Key == "offer" && x.Value != want.shown {
				t.Errorf("%s is shown as %v", typed, x.Value)
			}
		}
	}
	for _, typed := range []string{"", "1", "-1", "automatic", "1023KiB", "2TiB", "20 %", "00", "-1B"} {
		if n, err := config.ParseOffer(typed); err == nil {
			t.Errorf("%q is taken as %d", typed, n)
		}
	}
}
