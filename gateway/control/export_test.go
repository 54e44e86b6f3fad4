package control

import (
	"log/slog"
	"net"
	"net/http"
)

// Decode is decode, for the fuzz target.
var Decode = decode

// ForUser is a listener that lets in programs of one user.
func ForUser(l net.Listener, uid int) net.Listener {
	return &sameUser{Listener: l, uid: uid, counts: newCounts(slog.New(slog.DiscardHandler))}
}

// Handlers are what answers the requests to the page and to the socket.
func (s *Server) Handlers() (page, socket http.Handler) { return s.page.Handler, s.socks.Handler }
