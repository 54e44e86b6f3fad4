package main

import (
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"reflect"
	"strings"
	"syscall"

	"golang.org/x/term"

	"github.com/phyllo-net/phyllo/cmd/phyllo/console"
	"github.com/phyllo-net/phyllo/node/config"
)

// hangups gets what SIGHUP means for a node that stays: to read its settings again,
// as of all daemons, or, where it stays at a terminal, that this one is gone.
type hangups struct {
	signals chan os.Signal
	stdin   *os.File // if it was a terminal
}

// catchHangups begins to catch SIGHUP, which would end the program at once.
func catchHangups(w *console.World) *hangups {
	h := &hangups{signals: make(chan os.Signal, 1)}
	if f, ok := w.Stdin.(*os.File); ok && term.IsTerminal(int(f.Fd())) && !signal.Ignored(syscall.SIGHUP) {
		h.stdin = f
	}
	signal.Notify(h.signals, syscall.SIGHUP)
	return h
}

// close gives SIGHUP its usual meaning back.
func (h *hangups) close() { signal.Stop(h.signals) }

// terminalGone reports whether there was a terminal that is no more.
func (h *hangups) terminalGone() bool {
	return h.stdin != nil && !term.IsTerminal(int(h.stdin.Fd()))
}

// reread reads the settings again and says in the log what of them is new. They hold
// from the next start: a half of them cannot change while a node runs, and which half
// nobody would remember.
func reread(old *config.Settings, load func() (*config.Settings, error), log *slog.Logger) {
	s, err := load()
	if err != nil {
		log.Error("SIGHUP: the settings are wrong and would not let the node start; it goes on with those that it has", "err", err)
		return
	}
	var changed []string
	before := old.List()
	for i, x := range s.List() {
		if !reflect.DeepEqual(x.Value, before[i].Value) {
			changed = append(changed, fmt.Sprintf("%s = %s", x.Key, tomlText(x.Value)))
		}
	}
	if len(changed) == 0 {
		log.Info("SIGHUP: the settings are good, and those that the node has")
	} else {
		log.Warn("SIGHUP: the settings are good, and hold from the next start", "changed", strings.Join(changed, ", "))
	}
}
