package control

import (
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"html"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/phyllo-net/phyllo/api"
)

// Limits of who may use the page.
const (
	// TicketTime is how long a ticket is good.
	TicketTime = time.Minute
	// SessionTime is how long a browser that was let in is, at the most.
	SessionTime = 30 * 24 * time.Hour

	maxTickets  = 8
	maxSessions = 32
	ticketFile  = "open-page.html"
)

// door knows who may use the page. It keeps hashes of tickets and cookies only.
type door struct {
	hosts  []string // what a request may name as its host
	url    string
	cookie string // its name: browsers do not tell ports apart
	file   string
	log    *slog.Logger

	mu       sync.Mutex
	tickets  []pass // oldest first
	sessions []pass
	tidy     *time.Timer // removes the file
}

// pass is the hash of a secret, and when it ends.
type pass struct {
	hash [sha256.Size]byte
	end  time.Time
}

func newDoor(addr *net.TCPAddr, home string, log *slog.Logger) *door {
	port := strconv.Itoa(addr.Port)
	d := &door{url: "http://" + addr.String(), cookie: "phyllo-" + port, file: filepath.Join(home, ticketFile), log: log}
	for _, name := range []string{addr.IP.String(), "localhost"} {
		d.hosts = append(d.hosts, net.JoinHostPort(name, port))
		if addr.Port == 80 {
			d.hosts = append(d.hosts, name)
		}
	}
	return d
}

// ticket makes a way in. The file that leads there is removed when it has ended.
func (d *door) ticket() (*api.Ticket, error) {
	secret := rand.Text()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.tickets = add(d.tickets, secret, TicketTime, maxTickets)
	t := &api.Ticket{URL: d.url + "/enter?ticket=" + secret, File: d.file}
	if err := writeLeader(d.file, t.URL); err != nil {
		return nil, err
	}
	if d.tidy != nil {
		d.tidy.Stop()
	}
	d.tidy = time.AfterFunc(TicketTime, d.removeFile)
	return t, nil
}

// writeLeader writes the page that leads to the ticket, for this user only.
func writeLeader(path, url string) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".open-*") // with mode 0600
	if err != nil {
		return fmt.Errorf("writing the file that opens the page: %w: is the disk full? `phyllo doctor` looks", err)
	}
	_, err = fmt.Fprintf(f, `<!doctype html><meta charset="utf-8"><meta name="referrer" content="no-referrer"><title>phyllo</title>
<meta http-equiv="refresh" content="0; url=%s"><p>Opening <a href="%[1]s">phyllo</a> …
`, html.EscapeString(url))
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
		return fmt.Errorf("writing the file that opens the page: %w: is the disk full? `phyllo doctor` looks", err)
	}
	return nil
}

func (d *door) removeFile() {
	if err := os.Remove(d.file); err != nil && !errors.Is(err, fs.ErrNotExist) {
		d.log.Warn("the file that opens the page cannot be removed", "err", err)
	}
}

// enter takes a ticket, once, and returns a cookie for it.
func (d *door) enter(ticket string) (*http.Cookie, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	at := find(d.tickets, ticket)
	if at < 0 {
		return nil, false
	}
	d.tickets = slices.Delete(d.tickets, at, at+1)
	d.removeFile()
	secret := rand.Text()
	d.sessions = add(d.sessions, secret, SessionTime, maxSessions)
	return &http.Cookie{Name: d.cookie, Value: secret, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode}, true
}

// knows reports whether the request has a good cookie.
func (d *door) knows(r *http.Request) bool {
	c, err := r.Cookie(d.cookie)
	if err != nil {
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return find(d.sessions, c.Value) >= 0
}

func (d *door) close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.tidy != nil {
		d.tidy.Stop()
	}
	d.tickets, d.sessions = nil, nil
	d.removeFile()
}

// find returns where a secret's pass is, or -1. Comparing hashes tells nothing about
// the secret by the time it takes.
func find(list []pass, secret string) int {
	hash, now := sha256.Sum256([]byte(secret)), time.Now()
	return slices.IndexFunc(list, func(p pass) bool { return p.hash == hash && now.Before(p.end) })
}

// add puts a pass in; of more than most the oldest goes.
func add(list []pass, secret string, life time.Duration, most int) []pass {
	now := time.Now()
	list = slices.DeleteFunc(list, func(p pass) bool { return !now.Before(p.end) })
	if len(list) >= most {
		list = list[len(list)-most+1:]
	}
	return append(slices.Clone(list), pass{hash: sha256.Sum256([]byte(secret)), end: now.Add(life)})
}
