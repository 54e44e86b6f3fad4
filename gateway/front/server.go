package front

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/net/netutil"
)

// Limits of what is let in.
const (
	MaxHeader  = 32 << 10 // bytes
	MaxHeaders = 100      // lines
	MaxURI     = 8 << 10  // bytes
	MaxConns   = 128      // of one door
	MaxStreams = 100      // of one connection, HTTP/2

	headerTime = 5 * time.Second
	idleTime   = time.Minute
	paceTime   = time.Minute // for each paceBytes
	paceBytes  = 64 << 10
)

// Config says where a door is, and what is behind it.
type Config struct {
	// Addr is an IP of this computer and a port; port 0 is any free one. Required.
	Addr string
	// Cert and Key are the files of a certificate and its key, PEM; both or none.
	Cert, Key string
	// InsecureHTTP lets it listen in clear where other machines can come.
	InsecureHTTP bool
	// Handler is what is behind the door. Required.
	Handler http.Handler
	// Tally counts what is refused. Required.
	Tally *Tally
	// Log gets faults. Required.
	Log *slog.Logger
}

// Check returns what is wrong with the address and what goes with it.
func (c Config) Check() error {
	a, err := netip.ParseAddrPort(c.Addr)
	switch {
	case err != nil:
		return fmt.Errorf("%+q is not an address for a door: give an IP of this computer and a port, as 127.0.0.1:4282, or off", c.Addr)
	case (c.Cert == "") != (c.Key == ""):
		return errors.New("a certificate and its key belong together: give the files of both, or of none")
	case !a.Addr().IsLoopback() && c.Cert == "" && !c.InsecureHTTP:
		return fmt.Errorf("%s can be reached from other machines, and what comes in clear can be read on the way: give a certificate with --tls, or say --insecure-http, or give 127.0.0.1:%d", a.Addr(), a.Port())
	}
	return nil
}

// Server serves one door. Make one with Start.
type Server struct {
	http *http.Server
	url  string
	port int
	done sync.WaitGroup
}

// Start begins to serve. Errors name the setting that helps; nothing is left open
// then.
func Start(c Config) (*Server, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	s := &Server{}
	var conf *tls.Config
	scheme := "http://"
	if c.Cert != "" {
		pair, err := tls.LoadX509KeyPair(c.Cert, c.Key)
		if err != nil {
			return nil, fmt.Errorf("reading the certificate: %w: give its files, PEM, with --tls", err)
		}
		conf = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
		scheme = "https://"
	}
	l, err := net.Listen("tcp", c.Addr)
	if err != nil {
		return nil, fmt.Errorf("listening on %s: %w: choose another port, or off", c.Addr, err)
	}
	s.url, s.port = scheme+l.Addr().String(), l.Addr().(*net.TCPAddr).Port
	s.http = &http.Server{
		Handler:           guard(c, l.Addr().(*net.TCPAddr)),
		TLSConfig:         conf,
		ReadHeaderTimeout: headerTime,
		IdleTimeout:       idleTime,
		MaxHeaderBytes:    MaxHeader,
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: MaxStreams},
		ErrorLog:          slog.NewLogLogger(c.Log.Handler(), slog.LevelDebug),
	}
	s.done.Add(1)
	go func() {
		defer s.done.Done()
		err := s.serve(netutil.LimitListener(l, MaxConns))
		if !errors.Is(err, http.ErrServerClosed) {
			c.Log.Error("a door has ended", "url", s.url, "err", err)
		}
	}()
	return s, nil
}

func (s *Server) serve(l net.Listener) error {
	if s.http.TLSConfig != nil {
		return s.http.ServeTLS(l, "", "")
	}
	return s.http.Serve(l)
}

// URL is the address for programs, as http://127.0.0.1:4282.
func (s *Server) URL() string { return s.url }

// Port is where it listens.
func (s *Server) Port() int { return s.port }

// Close stops serving. What runs goes on to its end as long as the context allows.
func (s *Server) Close(ctx context.Context) error {
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = s.http.Close()
	}
	s.done.Wait()
	return err
}
