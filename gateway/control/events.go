package control

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/phyllo-net/phyllo/api"
)

// events streams what happens until one of the two ends: JSON lines, or
// server-sent events for a browser. A beat every 15 s shows that it is alive.
func (s *Server) events(w http.ResponseWriter, r *http.Request) {
	out, form, ok := s.streams(w, r)
	if !ok || out.write("\n") != nil { // so that the headers go now
		return
	}
	err := s.follow(r.Context(), out, form, func(ctx context.Context, emit func(any) error) error {
		return s.cfg.Node.Events(ctx, func(e *api.Event) error { return emit(e) })
	})
	if err != nil {
		s.cfg.Log.Warn("a stream of events has ended", "err", err)
	}
}

// streams prepares an answer that comes by and by, in the form that is accepted. If the request
// is refused it was answered.
func (s *Server) streams(w http.ResponseWriter, r *http.Request) (*stream, streamForm, bool) {
	if r.Method != http.MethodGet {
		w.Header().Set("Allow", "GET")
		s.refuse(w, http.StatusMethodNotAllowed, "http-method", "the method is not GET")
		return nil, lines, false
	}
	out, form := streamTo(w, r)
	return out, form, true
}

// streamTo is an answer that comes by and by, in the form that is accepted.
func streamTo(w http.ResponseWriter, r *http.Request) (*stream, streamForm) {
	form := lines
	if strings.Contains(r.Header.Get("Accept"), "text/event-stream") {
		form = sse
	}
	w.Header().Set("Content-Type", form.kind)
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	return &stream{w: w, rc: http.NewResponseController(w)}, form
}

// follow writes what a source emits, until it ends, the asker is gone or writing fails. The
// error is the source's, unless it was told to end.
func (s *Server) follow(ctx context.Context, out *stream, form streamForm, source func(ctx context.Context, emit func(any) error) error) error {
	ctx, end := context.WithCancel(ctx)
	events, done := make(chan any), make(chan error, 1)
	go func() {
		err := source(ctx, func(e any) error {
			select {
			case events <- e:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
		if ctx.Err() != nil {
			err = nil
		}
		done <- err
	}()
	err, over := s.pump(out, form, events, done, ctx)
	end()
	if !over {
		err = <-done
	}
	return err
}

// pump writes until the source is done (over, with its error), the asker is gone or writing
// fails.
func (s *Server) pump(out *stream, form streamForm, events <-chan any, done <-chan error, ctx context.Context) (ended error, over bool) {
	beat := time.NewTicker(beatTime)
	defer beat.Stop()
	for {
		var err error
		select {
		case e := <-events:
			var b []byte
			if b, err = json.Marshal(e); err == nil {
				err = out.write(fmt.Sprintf(form.event, b))
			}
		case <-beat.C:
			err = out.write(form.beat)
		case ended = <-done:
			return ended, true
		case <-ctx.Done():
			return nil, false
		}
		if err != nil {
			return nil, false
		}
	}
}

// streamForm is how events look on the wire.
type streamForm struct{ kind, event, beat string }

var (
	lines = streamForm{kind: "application/x-ndjson", event: "%s\n", beat: "\n"}
	sse   = streamForm{kind: "text/event-stream", event: "data: %s\n\n", beat: ": beat\n\n"}
)

// stream writes pieces at once, each within its time.
type stream struct {
	w    http.ResponseWriter
	rc   *http.ResponseController
	slow time.Duration // how long a piece may take; 0: writeTime
	// begun tells that there was one, so that the status is out.
	begun bool
}

func (o *stream) write(text string) error {
	o.begun = true
	if err := o.rc.SetWriteDeadline(time.Now().Add(cmp.Or(o.slow, writeTime))); err != nil {
		return err
	}
	if _, err := o.w.Write([]byte(text)); err != nil {
		return err
	}
	return o.rc.Flush()
}
