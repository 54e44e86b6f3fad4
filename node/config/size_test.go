package config_test

import (
	"testing"

	"github.com/phyllo-net/phyllo/node/config"
)

// TestParseSize: sizes as people write them, in powers of two and of ten, and what is none.
func TestParseSize(t *testing.T) {
	for text, want := range map[string]int64{
		"512MiB": 512 << 20, "1KiB": 1024, "2 GiB": 2 << 30, "3TiB": 3 << 40, "7B": 7, "0B": 0,
		"20GB": 20e9, "1 MB": 1e6, "5kB": 5000, "5KB": 5000, "2TB": 2e12,
		"": -1, "GB": -1, "20": -1, "-1GB": -1, "1.5GB": -1, "20gb": -1, "1PB": -1, "9223372036854775807kB": -1, "1GBB": -1,
	} {
		got, err := config.ParseSize(text)
		if (err != nil) != (want < 0) || err == nil && got != want {
			t.Errorf("%q: %d, %v; want %d", text, got, err, want)
		}
	}
}
