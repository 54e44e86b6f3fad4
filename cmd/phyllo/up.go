package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/cmd/phyllo/command"
	"github.com/phyllo-net/phyllo/cmd/phyllo/console"
	"github.com/phyllo-net/phyllo/cmd/phyllo/plain"
	"github.com/phyllo-net/phyllo/node/config"
	"github.com/phyllo-net/phyllo/node/home"
)

func newUp(w *console.World) *cobra.Command {
	var foreground bool
	var readyFD int
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Start a node on this computer",
		Long: `Start a node. It runs in the background until "phyllo down" or the computer's end;
with --foreground it stays, for a service manager or a container.

With nothing to join, a new node founds a ring of its own. A node that was in a
ring comes back to it. Settings that do not change belong into phyllo.toml in the
home folder, or into variables (PHYLLO_LAN=false): see "phyllo config". At SIGHUP a
node reads them again, and its log says what is wrong or holds from the next start.`,
		Example: `  phyllo up
  phyllo up --user ann                 and claim the name ann
  phyllo up --join phyllo1…            in the ring of an invitation
  phyllo up --listen 0.0.0.0:4280 --ui off --foreground
  phyllo --home /tmp/second up         a second node on this computer`,
		Args: command.Args(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := settings(w, cmd.Flags())
			if err != nil {
				return err
			}
			if foreground {
				return stay(cmd.Context(), w, s, func() (*config.Settings, error) { return settings(w, cmd.Flags()) }, readyFD)
			}
			return background(cmd.Context(), w, cmd.Flags())
		},
	}
	f := cmd.Flags()
	f.StringArray("listen", nil, "`ADDR` for other nodes, IP:PORT or as status prints them; may be given several times")
	f.String("join", "", "`INVITATION` (phyllo1…) of the ring to enter")
	f.String("user", "", "`NAME` to claim for somebody who lives here")
	f.String("ui", "", "`ADDR` of the page, IP:PORT of this computer, or off")
	f.String("offer", "", "`SIZE` to keep for the ring, 0 for nothing; auto: a tenth of what is free")
	f.String("s3", "", "`ADDR` of the door for S3, IP:PORT, or off")
	f.String("webdav", "", "`ADDR` of the door for WebDAV, IP:PORT, or off")
	f.String("tls", "", "`CERT,KEY`: files of a certificate and its key, with which the doors may be open to other machines")
	f.Bool("insecure-http", false, "let the doors listen in clear where other machines can come")
	f.Bool("lan", true, "find rings on the local network, and be found")
	f.BoolVar(&foreground, "foreground", false, "stay in the foreground")
	f.IntVar(&readyFD, readyFlag, 0, "")
	if err := f.MarkHidden(readyFlag); err != nil {
		panic(err) // it was defined in the line above
	}
	return cmd
}

// settings are those of the home, the environment and the flags, in this order.
func settings(w *console.World, f *pflag.FlagSet) (*config.Settings, error) {
	s, err := config.Load(w.Home, w.Environ)
	if err != nil {
		return nil, err
	}
	for _, name := range []string{"listen", "join", "user", "ui", "s3", "webdav", "tls", "insecure-http", "offer", "lan"} {
		if !f.Changed(name) {
			continue
		}
		typed := f.Lookup(name).Value.String()
		if name == "listen" {
			list, err := f.GetStringArray(name)
			if err != nil {
				return nil, err
			}
			typed = ""
			for _, a := range list {
				typed += a + ","
			}
		}
		if name == "tls" { // as seen from here, and not from the home
			if typed, err = absolute(typed); err != nil {
				return nil, err
			}
		}
		if err := s.Set(strings.ReplaceAll(name, "-", "_"), typed, "--"+name); err != nil {
			return nil, err
		}
	}
	return s, s.Config.Validate()
}

// absolute gives the files of a list their whole paths.
func absolute(list string) (string, error) {
	files := strings.Split(list, ",")
	for i, f := range files {
		path, err := filepath.Abs(f)
		if err != nil {
			return "", err
		}
		files[i] = path
	}
	return strings.Join(files, ","), nil
}

// report is a line from a node that was started in the background.
type report struct {
	Event string     `json:"event"` // "ready" or "error"
	Error *api.Error `json:"error,omitempty"`
}

// stay runs a node until it is asked to stop. reload reads the settings again.
func stay(ctx context.Context, w *console.World, s *config.Settings, reload func() (*config.Settings, error), readyFD int) (err error) {
	hup := catchHangups(w)
	defer hup.close()
	tell := func(any) error { return nil }
	if readyFD > 0 {
		pipe := os.NewFile(uintptr(readyFD), "ready")
		defer pipe.Close()
		tell = json.NewEncoder(pipe).Encode
		// Standard error is the same file; what the node writes now is kept from
		// growing without end.
		log, err := home.OpenLog(filepath.Join(w.Home, logName))
		if err != nil {
			return err
		}
		defer func(before io.Writer) {
			log.Close() // all of it is written
			w.Stderr = before
		}(w.Stderr)
		w.Stderr = log
	}
	log := logger(w, s.Config)
	n, status, err := begin(ctx, w, s.Config, log)
	if err != nil {
		if err := tell(report{Event: "error", Error: &api.Error{Kind: api.KindOf(err), Text: err.Error()}}); err != nil {
			w.Say("phyllo: telling that the start failed: %v", err)
		}
		return err
	}
	switch {
	case readyFD > 0:
		err = tell(status.Ready())
	case w.JSON:
		err = w.Line(status.Ready())
	default:
		welcome(w, status)
	}
	if err == nil {
		err = w.Out.Flush()
	}
	if err == nil {
		err = notify(w, "READY=1\nSTATUS=node "+status.ID.Short()+" is up")
	}
	for over := err != nil; !over; {
		select {
		case <-ctx.Done():
			over = true
		case <-n.Done():
			over = true
		case <-hup.signals:
			if over = hup.terminalGone(); !over {
				reread(s, reload, log)
			}
		}
	}
	if told := notify(w, "STOPPING=1"); err == nil {
		err = told
	}
	stop, end := context.WithTimeout(context.WithoutCancel(ctx), console.StopTime)
	defer end()
	if stopped := n.Stop(stop); err == nil {
		err = stopped
	}
	return err
}

// begin starts a node and waits until it is in its ring.
func begin(ctx context.Context, w *console.World, c config.Config, log *slog.Logger) (console.Runner, *api.Status, error) {
	if w.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(c.Memory)
	}
	n, err := w.Launch(c, log, nil)
	if err != nil {
		return nil, nil, err
	}
	err = n.Start(ctx)
	var status *api.Status
	if err == nil {
		if status, err = n.API().Status(ctx); err == nil {
			return n, status, nil
		}
	}
	stop, end := context.WithTimeout(context.WithoutCancel(ctx), console.StopTime)
	defer end()
	if stopped := n.Stop(stop); stopped != nil {
		w.Say("phyllo: stopping after a failed start: %v", stopped)
	}
	return nil, nil, err
}

func logger(w *console.World, c config.Config) *slog.Logger {
	o := &slog.HandlerOptions{Level: c.Level()}
	if c.LogJSON {
		return slog.New(slog.NewJSONHandler(w.Stderr, o))
	}
	return slog.New(slog.NewTextHandler(w.Stderr, o))
}

// welcome says what stands now, and what to do next.
func welcome(w *console.World, s *api.Status) {
	w.Printf("%s node %s is up\n", w.Mark(api.Good), s.ID.Short())
	ring := fmt.Sprintf("%q", plain.Clean(s.RingName))
	switch {
	case s.State != api.StateReady:
		w.Printf("%s ring %s: nobody of it can be reached yet; it goes on trying\n", w.Mark(api.Warn), ring)
	case s.Size <= 1:
		w.Printf("%s ring %s: this is its only node so far\n", w.Mark(api.Good), ring)
	default:
		w.Printf("%s ring %s, with about %s\n", w.Mark(api.Good), ring, plain.Plural(s.Size, "node"))
	}
	if s.Reach.Sentence != "" {
		w.Printf("  reach   %s\n", plain.Clean(s.Reach.Sentence))
	}
	if s.UI != "" {
		w.Printf("  page    %s   open it with: %s\n", s.UI, w.Command("ui"))
	}
	w.Printf("  folder  %s\n", plain.Clean(s.Home))
	switch {
	case len(s.Users) == 0:
		w.Printf("Next:  %s   a name for you\n", w.Command("user add NAME"))
	case s.Size <= 1:
		w.Printf("Next:  %s   a line for the next computer\n", w.Command("invite"))
	default:
		w.Printf("Next:  %s\n", w.Command("send NAME TEXT"))
	}
	w.Printf("Stop:  %s   Health:  %s\n", w.Command("down"), w.Command("doctor"))
}
