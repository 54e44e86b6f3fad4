// Package doors is where programs of others come into a node: S3 and WebDAV, the passwords that open them, and what
// the node keeps of uploads in parts. It sees of the node the spaces of its users.
package doors

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/gateway/files"
	"github.com/phyllo-net/phyllo/gateway/front"
	"github.com/phyllo-net/phyllo/gateway/password"
	"github.com/phyllo-net/phyllo/gateway/s3"
	"github.com/phyllo-net/phyllo/gateway/webdav"
	"github.com/phyllo-net/phyllo/node/config"
	"github.com/phyllo-net/phyllo/node/finding"
	"github.com/phyllo-net/phyllo/node/home"
	"github.com/phyllo-net/phyllo/node/people"
	"github.com/phyllo-net/phyllo/node/records"
	"github.com/phyllo-net/phyllo/store"
)

// closeTime bounds how long what runs in the doors may go on when the node stops.
const closeTime = 2 * time.Second

// Config says whose doors they are.
type Config struct {
	Settings *config.Config
	// OnlyAddressed opens no door that has no address in the settings.
	OnlyAddressed bool
	Home          *home.Home
	Store         store.Store
	People        *people.People
	// Spaces are those of a user, and Found makes one for him.
	Spaces func(user string) files.Spaces
	Found  func(ctx context.Context, user, name string) error
	Log    *slog.Logger
}

// Doors are those of one node. Its methods may be called from any goroutine, Open and Close by one at a time.
type Doors struct {
	cfg     Config
	records records.Records
	uploads *Uploads
	book    *password.Book // nil until Open
	open    []*door
	sweeps  sync.WaitGroup
	endOf   context.CancelFunc // of sweeps
}

// door is a way in for programs of others.
type door struct {
	name    password.Door
	title   string // for people
	inClear bool   // other machines can come, and what they send can be read on the way
	server  *front.Server
	tally   *front.Tally
}

// New returns doors that are shut.
func New(c Config) *Doors {
	return &Doors{cfg: c, records: records.Records{Store: c.Store}, uploads: &Uploads{store: c.Store, log: c.Log}}
}

// Uploads are what is kept of uploads in parts, also while the doors are shut.
func (d *Doors) Uploads() *Uploads { return d.uploads }

// Open reads the passwords and opens S3 and WebDAV, as the settings say. After an error, too, Close is called.
func (d *Doors) Open() (err error) {
	c := &d.cfg
	if d.book, err = password.Open(c.Home.Path(home.PasswordsName), time.Now); err != nil {
		return err
	}
	behindS3 := func(t *front.Tally) (http.Handler, error) {
		h, err := s3.New(s3.Config{Spaces: c.Spaces, Book: d.book, Tally: t, Log: c.Log, Now: time.Now, Records: d.uploads})
		if err == nil {
			ctx, end := context.WithCancel(context.Background())
			d.endOf = end
			d.sweeps.Go(func() { watchUploads(ctx, h) })
		}
		return h, err
	}
	behindDAV := func(t *front.Tally) (http.Handler, error) {
		return webdav.New(webdav.Config{Spaces: c.Spaces, Book: d.book, Tally: t, Log: c.Log}), nil
	}
	if err := d.openOne(password.S3, "S3", c.Settings.S3, config.DefaultS3Port, behindS3); err != nil {
		return err
	}
	return d.openOne(password.WebDAV, "WebDAV", c.Settings.WebDAV, config.DefaultWebDAVPort, behindDAV)
}

// openOne opens one door. Without an address it has the port of the last time, the usual one, or
// any free one on this computer, and keeps it: programs have it in their settings.
func (d *Doors) openOne(name password.Door, title, addr string, usual int, behind func(*front.Tally) (http.Handler, error)) error {
	c := &d.cfg
	if addr == config.Off || addr == "" && c.OnlyAddressed {
		return nil
	}
	tally := front.NewTally(string(name), c.Log)
	h, err := behind(tally)
	if err != nil {
		return err
	}
	fc := front.Config{Addr: addr, Handler: h, Tally: tally, Log: c.Log, InsecureHTTP: c.Settings.InsecureHTTP}
	if tls := c.Settings.TLS; len(tls) == 2 {
		fc.Cert, fc.Key = c.Home.Beside(tls[0]), c.Home.Beside(tls[1])
	}
	s, err := d.start(fc, []byte("door "+string(name)), usual)
	if err != nil {
		return api.Errorf(api.Failed, "the door for %s: %w; its address is set with --%s", title, err, name)
	}
	one := &door{name: name, title: title, server: s, tally: tally}
	if at, err := netip.ParseAddrPort(addr); err == nil {
		one.inClear = !at.Addr().IsLoopback() && fc.Cert == ""
	}
	d.open = append(d.open, one)
	return nil
}

// start begins to serve a door, and remembers the port that it chose.
func (d *Doors) start(fc front.Config, key []byte, usual int) (*front.Server, error) {
	if fc.Addr != "" {
		return front.Start(fc)
	}
	kept, err := d.records.Get(key)
	if err != nil {
		return nil, err
	}
	last, _ := strconv.ParseUint(string(kept), 10, 16) // 0 if there is none
	var s *front.Server
	for _, port := range []int{cmp.Or(int(last), usual), usual, 0} {
		fc.Addr = "127.0.0.1:" + strconv.Itoa(port)
		if s, err = front.Start(fc); err == nil {
			break
		}
	}
	if err != nil {
		return nil, err
	}
	if port := strconv.Itoa(s.Port()); port != string(kept) {
		err = d.records.Put(key, []byte(port))
	}
	return s, err
}

// Close shuts the doors. It lets what runs in them go on for a moment, unless the end is a hard one, and hands what
// goes wrong to note.
func (d *Doors) Close(ctx context.Context, hard bool, note func(error)) {
	ctx, cancel := context.WithTimeout(ctx, closeTime)
	defer cancel()
	if hard {
		cancel()
	}
	for _, o := range d.open {
		note(o.server.Close(ctx))
	}
	if d.endOf != nil {
		d.endOf()
		d.sweeps.Wait()
	}
}

// URL is where a door is, or empty if it is shut.
func (d *Doors) URL(name password.Door) string {
	for _, o := range d.open {
		if o.name == name {
			return o.server.URL()
		}
	}
	return ""
}

// Passwords is how many there are.
func (d *Doors) Passwords() int { return len(d.book.List()) }

// AddBadInput adds to counts by kinds how often each came through the doors.
func (d *Doors) AddBadInput(counts map[string]uint64) {
	for _, o := range d.open {
		for kind, v := range o.tally.Counts() {
			counts[kind] += v
		}
	}
}

// LookAt says where programs of others come in, and what opens the door for them.
func (d *Doors) LookAt(say finding.Say) {
	now := time.Now()
	for _, o := range d.open {
		good := 0
		for _, k := range d.book.List() {
			if k.Door == o.name && (k.Expires.IsZero() || now.Before(k.Expires)) {
				good++
			}
		}
		opens := finding.Many(good, "key") + " for it"
		if good == 0 {
			opens = fmt.Sprintf("no key for it yet: `phyllo key add --for %s` makes one", o.name)
		}
		if o.inClear {
			say("doors", api.Warn, "%s is served at %s in clear, and what passes can be read on the way: give a certificate with --tls.", o.title, o.server.URL())
		} else {
			say("doors", api.Good, "%s is served at %s, with %s.", o.title, o.server.URL(), opens)
		}
	}
}
