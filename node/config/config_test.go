package config_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/node/config"
)

func write(t *testing.T, text string) (home string) {
	t.Helper()
	home = t.TempDir()
	if err := os.WriteFile(filepath.Join(home, config.ConfigName), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return home
}

func TestDefaultsAreValid(t *testing.T) {
	c := config.Default()
	c.Home = "/x"
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
}

func TestOrderOfSettings(t *testing.T) {
	home := write(t, "lan = false\nlog_level = \"debug\"\nconnections = 100\nmemory = \"1GiB\"\nlisten = [\"0.0.0.0:1\", \"[::]:2\"]\n")
	s, err := config.Load(home, []string{"PHYLLO_LOG_LEVEL=warn", "PHYLLO_CONNECTIONS=200", "PHYLLO_OTHER=1", "PHYLLO_LISTEN=127.0.0.1:0, 127.0.0.1:9"})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Set("connections", "300", "--connections"); err != nil {
		t.Fatal(err)
	}
	want := config.Default()
	want.Home, want.LAN, want.LogLevel, want.Connections, want.Memory = home, false, "warn", 300, 1<<30
	want.Listen = []string{"127.0.0.1:0", "127.0.0.1:9"}
	if diff := cmp.Diff(want, s.Config); diff != "" {
		t.Error(diff)
	}
	from := map[string]string{}
	for _, x := range s.List() {
		from[x.Key] = x.From
	}
	for key, want := range map[string]string{"lan": "phyllo.toml", "log_level": "PHYLLO_LOG_LEVEL", "connections": "--connections", "nat": "default"} {
		if from[key] != want {
			t.Errorf("%s is from %q, want %q", key, from[key], want)
		}
	}
	addrs := []string{"/ip4/127.0.0.1/tcp/0", "/ip4/127.0.0.1/udp/0/quic-v1", "/ip4/127.0.0.1/tcp/9", "/ip4/127.0.0.1/udp/9/quic-v1"}
	if diff := cmp.Diff(addrs, s.Config.TransportAddrs()); diff != "" {
		t.Error(diff)
	}
}

func TestSecretsAreNotShown(t *testing.T) {
	s, err := config.Load(write(t, `join = "phyllo1secret"`), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range s.List() {
		if x.Key == "join" && x.Value != "(set)" {
			t.Errorf("shown as %v", x.Value)
		}
	}
}

// TestConfigFiles: RELIABILITY.md section 5, rows 52 and 53.
func TestConfigFiles(t *testing.T) {
	for name, c := range map[string]struct{ text, says string }{
		"empty":                 {"", ""},
		"comments":              {"# nothing\n\n", ""},
		"byte order mark":       {"\ufefflan = false\n", ""},
		"CRLF":                  {"lan = false\r\nnat = false\r\n", ""},
		"one string as a list":  {`listen = "0.0.0.0:4280"`, ""},
		"dotted slip":           {"\n\n[log]\nlevel = \"info\"\n", `:3:2: there is no setting "log.level": do you mean "log_level"?`},
		"unknown key":           {"lan = true\nlisen = []\n", `:2:1: there is no setting "lisen": do you mean "listen"?`},
		"unknown quoted key":    {"\n  \"usre\" = 1\n", `:2:3: there is no setting "usre": do you mean "user"?`},
		"nothing like it":       {"quota = 1\n", `:1:1: there is no setting "quota": ` + "`phyllo config show` lists all"},
		"duplicate key":         {"lan = true\nnat = true\nlan = false\n", ":3:1:"},
		"wrong type":            {"nat = true\nlan = \"yes\"\n", ":2:1: lan: want true or false"},
		"number as a string":    {"connections = \"60\"\n", "want a whole number"},
		"fraction":              {"connections = 60.5\n", "want a whole number"},
		"size without unit":     {"memory = \"512\"\n", `"512MiB"`},
		"huge size":             {"memory = \"999999999999TiB\"\n", `"512MiB"`},
		"offers nothing":        {"offer = 0\n", ""},
		"chooses its offer":     {"offer = \"auto\"\n", ""},
		"offers too little":     {"offer = \"1KiB\"\n", `1MiB to 1TiB`},
		"offers too much":       {"offer = \"2TiB\"\n", `1MiB to 1TiB`},
		"length of time":        {"absence = \"90s\"\nlost_after = \"7d\"\n", ""},
		"never lost":            {"lost_after = \"0s\"\n", ""},
		"no length of time":     {"absence = \"10\"\n", `"10m"`},
		"number as a length":    {"absence = 10\n", "want a length of time"},
		"too short":             {"absence = \"1ms\"\n", "1s to 24h"},
		"too long":              {"absence = \"2d\"\n", "1s to 24h"},
		"lost in a minute":      {"lost_after = \"1m\"\n", "1h to 3650d"},
		"a huge number of days": {"lost_after = \"99999999999999999999d\"\n", `"30d"`},
		"list of numbers":       {"listen = [1, 2]\n", "want a list of strings"},
		"bad address":           {"\nlisten = [\"999.1.1.1:99999\"]\n", `:2:1: listen: "999.1.1.1:99999" is no address to listen on`},
		"no port":               {"listen = [\"0.0.0.0\"]\n", "as in"},
		"multicast":             {"listen = [\"224.0.0.1:4280\"]\n", "this computer's own"},
		"page for everybody":    {"ui = \"0.0.0.0:4281\"\n", "ssh -L"},
		"number out of range":   {"connections = 3\n", "8 to 10000"},
		"number that is none":   {"connections = 1e309\n", ":1:"},
		"integer too large":     {"connections = 99999999999999999999\n", ":1:"},
		"colon":                 {"quota: 1e309\n", ":1:"},
		"not closed":            {"lan = true\nuser = \"ann\n", ":2:"},
		"control characters":    {"ring_name = \"a\\u001b[31m\"\n", "printable"},
		"level":                 {"log_level = \"loud\"\n", "debug, info, warn or error"},
		"invitation":            {"join = \"hello\"\n", "phyllo invite"},
		"UTF-16":                {"\xff\xfel\x00a\x00n\x00", ":1:1: the file is UTF-16"},
		"UTF-16, other order":   {"\xfe\xff\x00l\x00a\x00n", ":1:1: the file is UTF-16"},
		"UTF-16, unmarked":      {"l\x00a\x00n\x00", ":1:2: the file is not UTF-8 text"},
		"binary":                {"lan = true\n\x7fELF\x02\x01\xff\xfe", ":2:7: the file is not UTF-8 text"},
		"too large":             {strings.Repeat("# filling\n", 200_000), "1 MiB"},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := config.Load(write(t, c.text), nil)
			switch {
			case c.says == "" && err != nil:
				t.Error(err)
			case c.says != "" && err == nil:
				t.Errorf("was taken: %+v", s.Config)
			case c.says != "" && (!strings.Contains(err.Error(), c.says) || api.KindOf(err) != api.Usage || !strings.Contains(err.Error(), config.ConfigName)):
				t.Errorf("says %q (kind %s), want %q", err, api.KindOf(err), c.says)
			}
		})
	}
}

// TestHugeFile: 100 MiB cost no more than the limit.
func TestHugeFile(t *testing.T) {
	home := write(t, "")
	if err := os.Truncate(filepath.Join(home, config.ConfigName), 100<<20); err != nil {
		t.Fatal(err)
	}
	if _, err := config.Load(home, nil); api.KindOf(err) != api.Usage || !strings.Contains(err.Error(), "1 MiB") {
		t.Error(err)
	}
}

func TestEnvironment(t *testing.T) {
	for _, v := range []string{"PHYLLO_LAN=perhaps", "PHYLLO_CONNECTIONS=many", "PHYLLO_MEMORY=lots", "PHYLLO_LISTEN=here", "PHYLLO_UI=everywhere"} {
		name, _, _ := strings.Cut(v, "=")
		if _, err := config.Load(t.TempDir(), []string{v}); api.KindOf(err) != api.Usage || !strings.HasPrefix(err.Error(), name+": ") {
			t.Errorf("%s: %v", v, err)
		}
	}
}

func TestFilesThatAreNamed(t *testing.T) {
	if _, err := config.LoadFile(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if _, err := config.LoadFile(t.TempDir()); api.KindOf(err) != api.Usage {
		t.Errorf("a folder: %v", err)
	}
}

func TestDefaultHome(t *testing.T) {
	for _, c := range []struct {
		env  map[string]string
		want string
	}{
		{map[string]string{"PHYLLO_HOME": "/p", "XDG_DATA_HOME": "/x", "HOME": "/h"}, "/p"},
		{map[string]string{"XDG_DATA_HOME": "/x", "HOME": "/h"}, "/x/phyllo"},
		{map[string]string{"XDG_DATA_HOME": "relative", "HOME": "/h"}, "/h/.local/share/phyllo"},
		{nil, ""},
	} {
		got, err := config.DefaultHome(func(k string) string { return c.env[k] })
		if got != c.want || (err == nil) == (c.want == "") {
			t.Errorf("%v: %q, %v", c.env, got, err)
		}
	}
}

func FuzzConfig(f *testing.F) {
	for _, s := range []string{"lan = true", "[log]\nlevel=1", "listen = [\"[::]:0\"]", "\ufeff", "a.b.c = 1", "x = 1979-05-27", "memory = \"1TiB\""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := config.Load(write(t, text), nil)
		if err != nil {
			if api.KindOf(err) != api.Usage || !strings.Contains(err.Error(), config.ConfigName+":") {
				t.Errorf("%q: kind %s, %v", text, api.KindOf(err), err)
			}
			return
		}
		if err := s.Config.Validate(); err != nil {
			t.Errorf("%q was taken and is not valid: %v", text, err)
		}
	})
}

// TestDoors: where other machines can come a door needs a certificate, or to be told that it does
// without.
func TestDoors(t *testing.T) {
	for _, c := range []struct {
		set  func(*config.Config)
		says string
	}{
		{func(c *config.Config) { c.S3, c.WebDAV = "off", "" }, ""},
		{func(c *config.Config) { c.S3 = "127.0.0.1:1" }, ""},
		{func(c *config.Config) { c.S3 = "0.0.0.0:1" }, "s3: 0.0.0.0 can be reached"},
		{func(c *config.Config) { c.WebDAV = "[::]:1" }, "--insecure-http"},
		{func(c *config.Config) { c.WebDAV, c.InsecureHTTP = "[::]:1", true }, ""},
		{func(c *config.Config) { c.S3, c.TLS = "0.0.0.0:1", []string{"c", "k"} }, ""},
		{func(c *config.Config) { c.TLS = []string{"c"} }, "tls: two files"},
		{func(c *config.Config) { c.TLS = []string{"c", ""} }, "tls: two files"},
		{func(c *config.Config) { c.WebDAV = "localhost" }, "webdav: "},
	} {
		cfg := config.Default()
		cfg.Home = "x"
		c.set(&cfg)
		err := cfg.Validate()
		if (err == nil) != (c.says == "") || err != nil && (api.KindOf(err) != api.Usage || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%+v: %v, want %q", cfg, err, c.says)
		}
	}
}
