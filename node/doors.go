package node

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/gateway/files"
	"github.com/phyllo-net/phyllo/gateway/front"
	"github.com/phyllo-net/phyllo/gateway/password"
	"github.com/phyllo-net/phyllo/gateway/s3"
	"github.com/phyllo-net/phyllo/gateway/webdav"
	"github.com/phyllo-net/phyllo/node/config"
	"github.com/phyllo-net/phyllo/node/home"
)

// doorTime bounds how long what runs in the doors may go on when the node stops.
const doorTime = 2 * time.Second

// door is a way in for programs of others.
type door struct {
	name    password.Door
	title   string // for people
	inClear bool   // other machines can come, and what they send can be read on the way
	server  *front.Server
	tally   *front.Tally
}

// openDoors reads the passwords and opens S3 and WebDAV, as the settings say.
func (n *Node) openDoors(context.Context) (err error) {
	if n.book, err = password.Open(n.home.Path(home.PasswordsName), time.Now); err != nil {
		return err
	}
	spaces := func(user string) files.Spaces { return n.Files(user) }
	behindS3 := func(t *front.Tally) (http.Handler, error) {
		h, err := s3.New(s3.Config{Spaces: spaces, Book: n.book, Tally: t, Log: n.log, Now: time.Now, Records: uploadRecords{n.store}})
		if err == nil {
			n.wg.Go(func() { n.watchUploads(h) })
		}
		return h, err
	}
	behindDAV := func(t *front.Tally) (http.Handler, error) {
		return webdav.New(webdav.Config{Spaces: spaces, Book: n.book, Tally: t, Log: n.log}), nil
	}
	if err := n.openDoor(password.S3, "S3", n.cfg.S3, config.DefaultS3Port, behindS3); err != nil {
		return err
	}
	return n.openDoor(password.WebDAV, "WebDAV", n.cfg.WebDAV, config.DefaultWebDAVPort, behindDAV)
}

// openDoor opens one door. Without an address it has the port of the last time, the usual one, or
// any free one on this computer, and keeps it: programs have it in their settings.
func (n *Node) openDoor(name password.Door, title, addr string, usual int, behind func(*front.Tally) (http.Handler, error)) error {
	if addr == config.Off || addr == "" && n.opt.noControl {
		return nil
	}
	tally := front.NewTally(string(name), n.log)
	h, err := behind(tally)
	if err != nil {
		return err
	}
	fc := front.Config{Addr: addr, Handler: h, Tally: tally, Log: n.log, InsecureHTTP: n.cfg.InsecureHTTP}
	if len(n.cfg.TLS) == 2 {
		fc.Cert, fc.Key = n.home.Beside(n.cfg.TLS[0]), n.home.Beside(n.cfg.TLS[1])
	}
	s, err := n.startDoor(fc, []byte("door "+string(name)), usual)
	if err != nil {
		return api.Errorf(api.Failed, "the door for %s: %w; its address is set with --%s", title, err, name)
	}
	d := &door{name: name, title: title, server: s, tally: tally}
	if at, err := netip.ParseAddrPort(addr); err == nil {
		d.inClear = !at.Addr().IsLoopback() && fc.Cert == ""
	}
	n.doors = append(n.doors, d)
	return nil
}

// startDoor begins to serve a door, and remembers the port that it chose.
func (n *Node) startDoor(fc front.Config, key []byte, usual int) (*front.Server, error) {
	if fc.Addr != "" {
		return front.Start(fc)
	}
	kept, err := n.record(key)
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
		err = n.store.Put(nodeTable, key, []byte(port))
	}
	return s, err
}

// closeDoors lets what runs in them go on for a moment, unless the end is a hard one.
func (n *Node) closeDoors(ctx context.Context, hard bool, note func(error)) {
	ctx, cancel := context.WithTimeout(ctx, doorTime)
	defer cancel()
	if hard {
		cancel()
	}
	for _, d := range n.doors {
		note(d.server.Close(ctx))
	}
}

// doorURL is where a door is, or empty if it is shut.
func (n *Node) doorURL(name password.Door) string {
	for _, d := range n.doors {
		if d.name == name {
			return d.server.URL()
		}
	}
	return ""
}

// lookAtDoors says where programs of others come in, and what opens the door for them.
func (n *Node) lookAtDoors(say sayer) {
	now := time.Now()
	for _, d := range n.doors {
		good := 0
		for _, k := range n.book.List() {
			if k.Door == d.name && (k.Expires.IsZero() || now.Before(k.Expires)) {
				good++
			}
		}
		opens := many(good, "key") + " for it"
		if good == 0 {
			opens = fmt.Sprintf("no key for it yet: `phyllo key add --for %s` makes one", d.name)
		}
		if d.inClear {
			say("doors", api.Warn, "%s is served at %s in clear, and what passes can be read on the way: give a certificate with --tls.", d.title, d.server.URL())
		} else {
			say("doors", api.Good, "%s is served at %s, with %s.", d.title, d.server.URL(), opens)
		}
	}
}
