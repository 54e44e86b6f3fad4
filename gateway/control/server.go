package control

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/net/netutil"

	"github.com/phyllo-net/phyllo/api"
)

// Limits of what is let in.
const (
	MaxHeader     = 32 << 10 // bytes
	MaxHeaders    = 100      // lines
	MaxURI        = 8 << 10  // bytes
	MaxBody       = 1 << 20  // bytes
	MaxDepth      = 64       // levels of JSON
	headerTime    = 5 * time.Second
	bodyTime      = 10 * time.Second
	writeTime     = 10 * time.Second
	idleTime      = 60 * time.Second
	beatTime      = 15 * time.Second
	maxConns      = 128 // on each listener
	metricTime    = 3 * time.Second
	DefaultUIPort = 4281
)

// Config is what a Server needs.
type Config struct {
	// Home is the folder that gets the socket. It must exist. Required.
	Home string
	// Node is what is served. Required.
	Node api.Node
	// UI is the address of the page: HOST:PORT with an IP of loopback (port 0: any
	// free one), "off", or empty for 127.0.0.1:4281, or another free port if that
	// is taken.
	UI string
	// Files are the page; index.html is what is opened. It may be nil if UI is off.
	Files fs.FS
	// OpenMetrics serves /metrics on the page's address without a cookie, for a
	// Prometheus server on this computer: other users of it can read it then.
	OpenMetrics bool
	// Getenv is os.Getenv, unless a test brings its own.
	Getenv func(string) string
	// Log may be nil. Nothing secret is written to it.
	Log *slog.Logger
}

// Server serves one node. Make one with Start.
type Server struct {
	cfg    Config
	ops    map[string]api.Operation
	door   *door
	counts *counts
	expose http.Handler // metrics

	socket string
	ui     string // http://127.0.0.1:4281, or empty
	socks  *http.Server
	page   *http.Server
	serve  sync.WaitGroup
	end    context.CancelFunc

	mu      sync.Mutex
	parting []net.Conn     // those who asked to stop, and wait for the end
	answers sync.WaitGroup // to those, on their way
	gone    bool
}

// Start begins to serve. Errors name the setting that helps; nothing is left open
// then.
func Start(cfg Config) (*Server, error) {
	if cfg.Home == "" || cfg.Node == nil || cfg.Getenv == nil {
		return nil, errors.New("control: Config needs Home, Node and Getenv")
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	home, err := filepath.Abs(cfg.Home)
	if err != nil {
		return nil, fmt.Errorf("control: %w", err)
	}
	cfg.Home = home
	s := &Server{cfg: cfg, ops: map[string]api.Operation{}, counts: newCounts(cfg.Log)}
	for _, o := range api.Operations() {
		s.ops[o.Name] = o
	}
	ctx, end := context.WithCancel(context.Background())
	s.end = end
	s.expose = s.metricsHandler(ctx)

	sock, path, err := listenSocket(home, cfg.Getenv)
	if err != nil {
		end()
		return nil, err
	}
	s.socket = path
	if cfg.UI != "off" {
		tcp, err := listenPage(cfg.UI)
		if err != nil {
			end()
			sock.Close()
			return nil, err
		}
		s.ui = "http://" + tcp.Addr().String()
		s.door = newDoor(tcp.Addr().(*net.TCPAddr), home, cfg.Log)
		s.page = s.server(ctx, s.guarded(http.HandlerFunc(s.servePage)))
		s.run(s.page, netutil.LimitListener(tcp, maxConns))
	}
	s.socks = s.server(ctx, s.guarded(http.HandlerFunc(s.serveSocket)))
	s.run(s.socks, netutil.LimitListener(&sameUser{Listener: sock, uid: os.Getuid(), counts: s.counts}, maxConns))
	return s, nil
}

func (s *Server) server(ctx context.Context, h http.Handler) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: headerTime,
		IdleTimeout:       idleTime,
		MaxHeaderBytes:    MaxHeader,
		ErrorLog:          slog.NewLogLogger(s.cfg.Log.Handler(), slog.LevelDebug),
		BaseContext:       func(net.Listener) context.Context { return ctx },
	}
}

func (s *Server) run(h *http.Server, l net.Listener) {
	s.serve.Add(1)
	go func() {
		defer s.serve.Done()
		if err := h.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			s.cfg.Log.Error("the control interface has ended", "err", err)
		}
	}()
}

// Socket is the path of the control socket.
func (s *Server) Socket() string { return s.socket }

// UI is the address of the page, http://127.0.0.1:4281; empty if it is off.
func (s *Server) UI() string { return s.ui }

// Close stops serving: what runs is cancelled and answered, as long as the context
// allows. Connections that asked the node to stop stay open until Release.
func (s *Server) Close(ctx context.Context) error {
	s.end()
	var errs []error
	for _, h := range []*http.Server{s.socks, s.page} {
		if h == nil {
			continue
		}
		if err := h.Shutdown(ctx); err != nil {
			errs = append(errs, h.Close())
		}
	}
	s.serve.Wait()
	removeSocket(s.cfg.Home, s.socket)
	if s.door != nil {
		s.door.close()
	}
	return errors.Join(errs...)
}

// Release tells those who asked the node to stop that it is gone, and its home is
// free. Call it last; the end of the process does the same.
func (s *Server) Release() {
	s.mu.Lock()
	s.gone = true
	s.mu.Unlock()
	s.answers.Wait() // the process may end when this returns
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.parting {
		c.Close()
	}
	s.parting = nil
}

// answering notes an answer to somebody who asks the node to stop, which Release waits for.
// It reports false if that is too late.
func (s *Server) answering() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gone {
		return false
	}
	s.answers.Add(1)
	return true
}

// keep holds a connection open until Release.
func (s *Server) keep(c net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.parting = append(s.parting, c)
}
