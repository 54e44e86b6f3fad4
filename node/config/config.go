// Package config holds the settings of a node: what each one is, and what may stand
// in it; the settings file (phyllo.toml), variables and flags, in this order; and the
// place of each wrong value. It reads that file and knows nothing of a running node.
package config

import (
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"runtime"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/gateway/control"
	"github.com/phyllo-net/phyllo/gateway/front"
)

// DefaultPort is where a node listens, over TCP and UDP, unless it is told another
// port or this one is taken.
const DefaultPort = 4280

// Where the doors for S3 and WebDAV are on this computer, unless they are told another
// port or this one is taken.
const (
	DefaultS3Port     = 4282
	DefaultWebDAVPort = 4283
)

// Off is the address of a door that is shut.
const Off = "off"

// Config holds the settings of a node. Start from Default. Each field but Home has a
// key in phyllo.toml, and a variable PHYLLO_KEY in the environment: see Settings.
type Config struct {
	// Home is the folder of the node's state.
	Home string
	// Listen are the addresses for other nodes: IP:PORT for TCP and QUIC, or as
	// status prints them (/ip4/IP/tcp/PORT) for one of both; at most 8. Port 0 is
	// any free one. Empty: DefaultPort on all addresses, or another free
	// port, which the node keeps.
	Listen []string
	// Join is an invitation: the ring that is entered at the start. A node that is
	// in that ring already takes no notice of it.
	Join string
	// User is a name that is claimed at the start for somebody who lives here, unless
	// he does already.
	User string
	// UI is the address of the page: IP:PORT of loopback, "off", or empty for
	// 127.0.0.1:4281 (another port if that is taken).
	UI string
	// S3 is the address of the door for programs that speak S3: IP:PORT, "off", or empty for
	// 127.0.0.1:4282 (another port if that is taken, which the node keeps).
	S3 string
	// WebDAV is the same for WebDAV; empty for 127.0.0.1:4283.
	WebDAV string
	// TLS are the files of the doors' certificate and its key, PEM, as seen from Home; or empty.
	TLS []string
	// InsecureHTTP lets the doors listen in clear where other machines can come.
	InsecureHTTP bool
	// LAN finds rings on the local network, and is found there (mDNS).
	LAN bool
	// NAT uses what helps behind routers and firewalls, as far as the following
	// settings say. A node that listens on this computer alone uses none of it.
	NAT bool
	// UPnP asks routers to forward a port (UPnP, NAT-PMP).
	UPnP bool
	// PunchHoles makes direct connections through routers in place of relayed ones.
	PunchHoles bool
	// Relays reaches others through members that relay; and if others cannot reach
	// this node, looks for two of them.
	Relays bool
	// RelayPeers is for how many members this node relays if it can be reached:
	// 0 to 1,000.
	RelayPeers int
	// RelayRate is what it relays for each of them in a second, in bytes: 16 KiB to
	// 1 GiB.
	RelayRate int64
	// RingName is what a ring that is founded here is called, for people: 1 to 32
	// characters.
	RingName string
	// Appoint lets other members admit, too, where this node holds the ring's authority: two
	// of the first, two more in a ring of 12, and two beside each that has been silent for a
	// week. Otherwise only those do that are promoted by hand.
	Appoint bool
	// Connections is how many connections may stand before idle ones are closed:
	// 8 to 10,000.
	Connections int
	// Memory is a soft limit of the process's memory in bytes: 64 MiB to 1 TiB.
	Memory int64
	// Offer is how much this node keeps for its ring, in bytes of content: 0, 1 MiB to
	// 1 TiB, or api.AutoOffer, which lets the node choose (see ChooseOffer).
	Offer int64
	// Absence is how long a node that is gone is waited for before what it keeps is made anew: 1 s to 24 h. For
	// so long at most those that are left wait before they go on where a majority is away, else half a
	// minute. It should be the same on all nodes of a ring.
	Absence time.Duration
	// LostAfter is how long a node has to be out of sight until it is taken for lost, and those that are
	// left count as a majority: 1 h to 3,650 days; 0: never.
	LostAfter time.Duration
	// Counted tells the ring's census what this node runs, offers and keeps; otherwise it is
	// counted as a node, and says nothing of itself.
	Counted bool
	// OpenMetrics lets every user of this computer read /metrics at the page's
	// address, for a Prometheus server.
	OpenMetrics bool
	// LogLevel is "debug", "info", "warn" or "error".
	LogLevel string
	// LogJSON writes the log as JSON lines.
	LogJSON bool
}

// Default returns the settings of a node that was told nothing.
func Default() Config {
	return Config{LAN: true, NAT: true, UPnP: true, PunchHoles: true, Relays: true, RelayPeers: 32, RelayRate: 1 << 20, Offer: api.AutoOffer, Absence: 10 * time.Minute, LostAfter: 30 * 24 * time.Hour, Counted: true, Appoint: true,
		RingName: "home", Connections: 60, Memory: 512 << 20, LogLevel: "info"}
}

// Validate reports the first setting that is wrong, with kind Usage.
func (c *Config) Validate() error {
	if c.Home == "" {
		return api.Errorf(api.Usage, "no home folder is set: use --home DIR or the variable PHYLLO_HOME")
	}
	for _, s := range settings {
		if err := s.check(s.get(c)); err != nil {
			return api.Errorf(api.Usage, "%s: %w", s.key, err)
		}
	}
	for _, d := range []struct{ key, addr string }{{"s3", c.S3}, {"webdav", c.WebDAV}} {
		if err := c.checkDoor(d.addr); err != nil {
			return api.Errorf(api.Usage, "%s: %w", d.key, err)
		}
	}
	return nil
}

// checkDoor says whether a door may be at an address, with the other settings as they are.
func (c *Config) checkDoor(addr string) error {
	if addr == "" || addr == Off {
		return nil
	}
	f := front.Config{Addr: addr, InsecureHTTP: c.InsecureHTTP}
	if len(c.TLS) == 2 {
		f.Cert, f.Key = c.TLS[0], c.TLS[1]
	}
	return f.Check()
}

// Level is LogLevel as the log wants it.
func (c *Config) Level() slog.Level {
	var l slog.Level
	if l.UnmarshalText([]byte(c.LogLevel)) != nil {
		return slog.LevelInfo // Validate has refused it
	}
	return l
}

// DefaultHome is the home if none is named: $PHYLLO_HOME, else the folder phyllo in
// the XDG data folder. getenv is os.Getenv outside tests.
func DefaultHome(getenv func(string) string) (string, error) {
	if h := getenv("PHYLLO_HOME"); h != "" {
		return filepath.Abs(h)
	}
	if d := getenv("XDG_DATA_HOME"); filepath.IsAbs(d) {
		return filepath.Join(d, "phyllo"), nil
	}
	if d := getenv("LOCALAPPDATA"); runtime.GOOS == "windows" && d != "" {
		return filepath.Join(d, "phyllo"), nil
	}
	if h := getenv("HOME"); h != "" {
		return filepath.Join(h, ".local", "share", "phyllo"), nil
	}
	return "", api.Errorf(api.Usage, "neither PHYLLO_HOME nor HOME is set: say where the node's folder is with --home DIR")
}

func checkUI(v any) error { return control.CheckUI(v.(string)) }

// checkDoor looks at the address of a door alone.
func checkDoor(v any) error { return (&Config{InsecureHTTP: true}).checkDoor(v.(string)) }

func checkTLS(v any) error {
	if list := v.([]string); len(list) != 0 && (len(list) != 2 || list[0] == "" || list[1] == "") {
		return errors.New("two files are wanted, of the certificate and of its key, as in [\"cert.pem\", \"key.pem\"]")
	}
	return nil
}

func checkJoin(v any) error {
	if s := v.(string); s != "" && (!strings.HasPrefix(strings.ToLower(s), "phyllo") || len(s) > 8192) {
		return errors.New("not an invitation: it is one word that begins with phyllo1, as `phyllo invite` prints it")
	}
	return nil
}

func checkUser(v any) error {
	if s := v.(string); len(s) > 512 || strings.ContainsFunc(s, unicode.IsSpace) {
		return fmt.Errorf("%+q is no name: a name has 1 to 64 letters, digits and . - _, as in \"ann\"", clip(s))
	}
	return nil
}

func checkRingName(v any) error {
	s := v.(string)
	if n := utf8.RuneCountInString(s); n < 1 || n > 32 || strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return fmt.Errorf("%+q cannot be a ring's name: 1 to 32 printable characters, as in \"home\"", clip(s))
	}
	return nil
}

func between(low, high int64, example string) func(any) error {
	return func(v any) error {
		if n := v.(int64); n < low || n > high {
			return fmt.Errorf("%d is out of range: %d to %d, as in %s", n, low, high, example)
		}
		return nil
	}
}

func checkMemory(v any) error {
	if n := v.(int64); n < 64<<20 || n > 1<<40 {
		return errors.New("out of range: 64MiB to 1TiB, as in \"512MiB\"")
	}
	return nil
}

func checkRelayRate(v any) error {
	if n := v.(int64); n < 16<<10 || n > 1<<30 {
		return errors.New("out of range: 16KiB to 1GiB, as in \"1MiB\"")
	}
	return nil
}

func checkLevel(v any) error {
	switch s := v.(string); s {
	case "debug", "info", "warn", "error":
		return nil
	default:
		return fmt.Errorf("%+q is no level: debug, info, warn or error", clip(s))
	}
}

func fine(any) error { return nil }

// clip shortens outside text for a message.
func clip(s string) string {
	if len(s) > 60 {
		return s[:60] + "…"
	}
	return s
}
