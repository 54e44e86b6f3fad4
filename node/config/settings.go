package config

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/api/typo"
)

// setting is one key of phyllo.toml. Values are string, bool, int64 or []string.
type setting struct {
	key    string
	help   string
	secret bool                        // its value is not shown
	size   bool                        // an int64 that is written with a unit
	span   bool                        // of such: a time.Duration
	read   func(string) (int64, error) // of a size, where it is not ParseSize
	shown  func(int64) string          // of a size, where it is not sizeText
	get    func(*Config) any
	put    func(*Config, any)
	check  func(any) error
}

// settings are all of them, in the order in which they are shown.
var settings = []setting{
	{key: "listen", help: "addresses for other nodes, as [\"0.0.0.0:4280\"] or as status prints them; empty: port 4280, or a free one", check: checkListen,
		get: func(c *Config) any { return c.Listen }, put: func(c *Config, v any) { c.Listen = v.([]string) }},
	{key: "join", help: "invitation of a ring to enter at the start", secret: true, check: checkJoin,
		get: func(c *Config) any { return c.Join }, put: func(c *Config, v any) { c.Join = v.(string) }},
	{key: "user", help: "name to claim at the start", check: checkUser,
		get: func(c *Config) any { return c.User }, put: func(c *Config, v any) { c.User = v.(string) }},
	{key: "ui", help: "address of the page, as \"127.0.0.1:4281\", or \"off\"", check: checkUI,
		get: func(c *Config) any { return c.UI }, put: func(c *Config, v any) { c.UI = v.(string) }},
	{key: "s3", help: "address of the door for S3, as \"127.0.0.1:4282\", or \"off\"", check: checkDoor,
		get: func(c *Config) any { return c.S3 }, put: func(c *Config, v any) { c.S3 = v.(string) }},
	{key: "webdav", help: "address of the door for WebDAV, as \"127.0.0.1:4283\", or \"off\"", check: checkDoor,
		get: func(c *Config) any { return c.WebDAV }, put: func(c *Config, v any) { c.WebDAV = v.(string) }},
	{key: "tls", help: "files of the doors' certificate and key, as [\"cert.pem\", \"key.pem\"]", check: checkTLS,
		get: func(c *Config) any { return c.TLS }, put: func(c *Config, v any) { c.TLS = v.([]string) }},
	{key: "insecure_http", help: "let the doors listen in clear where other machines can come", check: fine,
		get: func(c *Config) any { return c.InsecureHTTP }, put: func(c *Config, v any) { c.InsecureHTTP = v.(bool) }},
	{key: "lan", help: "find rings on the local network, and be found", check: fine,
		get: func(c *Config) any { return c.LAN }, put: func(c *Config, v any) { c.LAN = v.(bool) }},
	{key: "nat", help: "all that helps behind routers: upnp, punch_holes, relays, relay_peers; false: none", check: fine,
		get: func(c *Config) any { return c.NAT }, put: func(c *Config, v any) { c.NAT = v.(bool) }},
	{key: "upnp", help: "ask routers to forward a port (UPnP, NAT-PMP)", check: fine,
		get: func(c *Config) any { return c.UPnP }, put: func(c *Config, v any) { c.UPnP = v.(bool) }},
	{key: "punch_holes", help: "make direct connections through routers in place of relayed ones", check: fine,
		get: func(c *Config) any { return c.PunchHoles }, put: func(c *Config, v any) { c.PunchHoles = v.(bool) }},
	{key: "relays", help: "reach others through members that relay, and be reached so", check: fine,
		get: func(c *Config) any { return c.Relays }, put: func(c *Config, v any) { c.Relays = v.(bool) }},
	{key: "relay_peers", help: "for how many members this node relays if it can be reached, 0 to 1000", check: between(0, 1000, "32"),
		get: func(c *Config) any { return int64(c.RelayPeers) }, put: func(c *Config, v any) { c.RelayPeers = int(v.(int64)) }},
	{key: "relay_rate", help: "what it relays for each of them in a second, as \"1MiB\"", size: true, check: checkRelayRate,
		get: func(c *Config) any { return c.RelayRate }, put: func(c *Config, v any) { c.RelayRate = v.(int64) }},
	{key: "ring_name", help: "what a ring that is founded here is called", check: checkRingName,
		get: func(c *Config) any { return c.RingName }, put: func(c *Config, v any) { c.RingName = v.(string) }},
	{key: "appoint", help: "let other members admit, too, where this node holds the ring's authority, and more beside those that are silent for a week", check: fine,
		get: func(c *Config) any { return c.Appoint }, put: func(c *Config, v any) { c.Appoint = v.(bool) }},
	{key: "connections", help: "connections before idle ones are closed, 8 to 10000", check: between(8, 10_000, "60"),
		get: func(c *Config) any { return int64(c.Connections) }, put: func(c *Config, v any) { c.Connections = int(v.(int64)) }},
	{key: "memory", help: "soft limit of memory, as \"512MiB\"", size: true, check: checkMemory,
		get: func(c *Config) any { return c.Memory }, put: func(c *Config, v any) { c.Memory = v.(int64) }},
	{key: "offer", help: "how much is kept here for the ring, as \"20GiB\"; 0: nothing; auto: a tenth of what is free", size: true, check: checkOffer, read: ParseOffer, shown: offerText,
		get: func(c *Config) any { return c.Offer }, put: func(c *Config, v any) { c.Offer = v.(int64) }},
	{key: "absence", help: "for how long a node that is gone is waited for before the others copy what it keeps, as \"10m\"", size: true, span: true, check: checkAbsence, read: readSpan, shown: spanText,
		get: func(c *Config) any { return int64(c.Absence) }, put: func(c *Config, v any) { c.Absence = time.Duration(v.(int64)) }},
	{key: "lost_after", help: "after how long out of sight a node is taken for lost, so that the others are a majority again, as \"30d\"; 0s: never", size: true, span: true, check: checkLostAfter, read: readSpan, shown: spanText,
		get: func(c *Config) any { return int64(c.LostAfter) }, put: func(c *Config, v any) { c.LostAfter = time.Duration(v.(int64)) }},
	{key: "counted", help: "tell the ring's census what this node runs, offers and keeps", check: fine,
		get: func(c *Config) any { return c.Counted }, put: func(c *Config, v any) { c.Counted = v.(bool) }},
	{key: "open_metrics", help: "let every user of this computer read /metrics", check: fine,
		get: func(c *Config) any { return c.OpenMetrics }, put: func(c *Config, v any) { c.OpenMetrics = v.(bool) }},
	{key: "log_level", help: "debug, info, warn or error", check: checkLevel,
		get: func(c *Config) any { return c.LogLevel }, put: func(c *Config, v any) { c.LogLevel = v.(string) }},
	{key: "log_json", help: "write the log as JSON lines", check: fine,
		get: func(c *Config) any { return c.LogJSON }, put: func(c *Config, v any) { c.LogJSON = v.(bool) }},
}

// Settings is a Config under construction, which knows where each value is from.
type Settings struct {
	Config  Config
	origins map[string]string
}

// Setting is one line of what "phyllo config show" prints.
type Setting struct {
	Key   string `json:"key"`
	Value any    `json:"value"` // string, bool, number or list of strings; of secrets whether they are set
	From  string `json:"from"`  // "default", "phyllo.toml", "PHYLLO_LAN", "--lan"
	Help  string `json:"-"`
}

// Set changes one setting to what was typed: lists have commas, sizes units. from is
// where it was typed; an error names it and has kind Usage.
func (s *Settings) Set(key, typed, from string) error {
	x := find(key)
	if x == nil {
		return api.Errorf(api.Usage, "%s: there is no setting %q", from, key)
	}
	v, err := x.parse(typed)
	if err == nil {
		err = x.check(v)
	}
	if err != nil {
		return api.Errorf(api.Usage, "%s: %w", from, err)
	}
	x.put(&s.Config, v)
	s.origins[key] = from
	return nil
}

// List returns all settings, for people.
func (s *Settings) List() []Setting {
	var out []Setting
	for _, x := range settings {
		v := x.get(&s.Config)
		switch {
		case x.secret && v != "":
			v = "(set)"
		case x.size:
			v = x.text(v.(int64))
		}
		from := s.origins[x.key]
		if from == "" {
			from = "default"
		}
		out = append(out, Setting{Key: x.key, Value: v, From: from, Help: x.help})
	}
	return out
}

func find(key string) *setting {
	at := slices.IndexFunc(settings, func(x setting) bool { return x.key == key })
	if at < 0 {
		return nil
	}
	return &settings[at]
}

// unknown says that there is no such key, and which one is near.
func unknown(key string) error {
	var keys []string
	for _, x := range settings {
		keys = append(keys, x.key)
	}
	if near := typo.Nearest(strings.ReplaceAll(key, ".", "_"), keys); near != "" {
		return fmt.Errorf("there is no setting %+q: do you mean %q?", clip(key), near)
	}
	return fmt.Errorf("there is no setting %+q: `phyllo config show` lists all", clip(key))
}

// parse reads a value from the environment or a flag.
func (x *setting) parse(typed string) (any, error) {
	switch x.get(&Config{}).(type) {
	case bool:
		b, err := strconv.ParseBool(typed)
		if err != nil {
			return nil, fmt.Errorf("%+q is neither true nor false: give one of the two", clip(typed))
		}
		return b, nil
	case int64:
		if x.size {
			return x.parseSize(typed)
		}
		n, err := strconv.ParseInt(typed, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("%+q is not a whole number, as 60 is one", clip(typed))
		}
		return n, nil
	case []string:
		var list []string
		for _, part := range strings.Split(typed, ",") {
			if part = strings.TrimSpace(part); part != "" {
				list = append(list, part)
			}
		}
		return list, nil
	}
	return typed, nil
}

// convert makes a value of a TOML file one of ours.
func (x *setting) convert(v any) (any, error) {
	want := x.get(&Config{})
	switch v := v.(type) {
	case string:
		switch want.(type) {
		case string:
			return v, nil
		case []string:
			return []string{v}, nil
		case int64:
			if x.size {
				return x.parseSize(v)
			}
		}
	case bool:
		if _, ok := want.(bool); ok {
			return v, nil
		}
	case int64:
		if _, ok := want.(int64); ok && !x.span {
			return v, nil
		}
	case []any:
		if _, ok := want.([]string); ok {
			return texts(v)
		}
	}
	return nil, fmt.Errorf("want %s", x.kindName())
}

func (x *setting) parseSize(s string) (int64, error) {
	if x.read != nil {
		return x.read(s)
	}
	return ParseSize(s)
}

func (x *setting) text(n int64) string {
	if x.shown != nil {
		return x.shown(n)
	}
	return sizeText(n)
}

func texts(list []any) ([]string, error) {
	out := make([]string, len(list))
	for i, e := range list {
		s, ok := e.(string)
		if !ok {
			return nil, errors.New("want a list of strings, as [\"a\", \"b\"]")
		}
		out[i] = s
	}
	return out, nil
}

func (x *setting) kindName() string {
	switch x.get(&Config{}).(type) {
	case bool:
		return "true or false"
	case int64:
		switch {
		case x.span:
			return "a length of time, as \"10m\""
		case x.size:
			return "a size, as \"512MiB\""
		}
		return "a whole number"
	case []string:
		return "a list of strings, as [\"a\", \"b\"]"
	}
	return "a string, in quotes"
}

var units = []struct {
	name string
	size int64
}{{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10},
	{"TB", 1e12}, {"GB", 1e9}, {"MB", 1e6}, {"kB", 1e3}, {"KB", 1e3}, {"B", 1}}

// ParseSize reads a size as people write it: a number and KiB, MiB, GiB or TiB, or kB, MB, GB
// or TB, which are powers of ten, or B.
func ParseSize(s string) (int64, error) {
	for _, u := range units {
		number, ok := strings.CutSuffix(s, u.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(number), 10, 64)
		if err != nil || n < 0 || n > math.MaxInt64/u.size {
			break
		}
		return n * u.size, nil
	}
	return 0, fmt.Errorf("%+q is not a size: a number and KiB, MiB, GiB or TiB, as \"512MiB\"", clip(s))
}

func sizeText(n int64) string {
	for _, u := range units {
		if n%u.size == 0 && n >= u.size {
			return strconv.FormatInt(n/u.size, 10) + u.name
		}
	}
	return strconv.FormatInt(n, 10) + "B"
}
