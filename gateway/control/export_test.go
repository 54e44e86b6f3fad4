package control

import (
	"log/slog"
	"net"
)

// Decode is decode, for the fuzz target.
var Decode = decode

// ForUser is a listener that lets in programs of one user.
func ForUser(l net.Listener, uid int) net.Listener {
	return &sameUser{Listener: l, uid: uid, counts: newCounts(slog.New(slog.DiscardHandler))}
}
