package config_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/node/config"
)

// What is typed for a setting, as a flag or in the environment, is taken whole or
// not at all; sizes and lists are shown so that they can be typed again.
func FuzzSetting(f *testing.F) {
	for _, s := range [][2]string{
		{"memory", "512MiB"}, {"memory", "9223372036854775807B"}, {"memory", "8388608TiB"}, {"memory", "-1GiB"}, {"memory", "1e309"},
		{"listen", "0.0.0.0:4280,[::]:0"}, {"listen", ",,"}, {"listen", "[fe80::1%eth0]:1"}, {"connections", "10000"}, {"connections", "0x10"},
		{"lan", "TRUE"}, {"offer", "auto"}, {"offer", "0"}, {"user", "ann"}, {"ui", "127.0.0.1:0"}, {"ring_name", "\u202ehome"}, {"log_level", "debug"}, {"join", "phyllo1x"}, {"none", ""},
	} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, key, typed string) {
		s, err := config.Load(t.TempDir(), nil)
		if err != nil {
			t.Fatal(err)
		}
		before := s.Config
		if err := s.Set(key, typed, "--flag"); err != nil {
			if api.KindOf(err) != api.Usage || !cmp.Equal(before, s.Config) {
				t.Fatalf("%s %q: kind %s, %v; changed: %s", key, typed, api.KindOf(err), err, cmp.Diff(before, s.Config))
			}
			return
		}
		if err := s.Config.Validate(); err != nil {
			t.Fatalf("%s %q was taken and is not valid: %v", key, typed, err)
		}
		for _, x := range s.List() {
			text, ok := x.Value.(string)
			if x.Key != key || key != "memory" || !ok {
				continue
			}
			again := *s
			if err := again.Set(key, text, "--flag"); err != nil || again.Config.Memory != s.Config.Memory {
				t.Fatalf("%s %q is shown as %q, and that is %d, %v", key, typed, text, again.Config.Memory, err)
			}
		}
	})
}
