package control

import (
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
	if r.Method != http.MethodGet {
		w.Header().Set("Allow", "GET")
		s.refuse(w, http.StatusMethodNotAllowed, "http-method", "the method is not GET")
		return
	}
	form := lines
	if strings.Contains(r.Header.Get("Accept"), "text/event-stream") {
		form = sse
	}
	w.Header().Set("Content-Type", form.kind)
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	out := &stream{w: w, rc: http.NewResponseController(w)}
	if out.write("\n") != nil { // so that the headers go now
		return
	}

	ctx, end := context.WithCancel(r.Context())
	events, done := make(chan *api.Event), make(chan struct{})
	go func() {
		defer close(done)
		err := s.cfg.Node.Events(ctx, func(e *api.Event) error {
			select {
			case events <- e:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
		if err != nil && ctx.Err() == nil {
			s.cfg.Log.Warn("a stream of events has ended", "err", err)
		}
	}()
	s.pump(out, form, events, done, ctx)
	end()
	<-done
}

// pump writes until the source is done, the asker is gone or writing fails.
func (s *Server) pump(out *stream, form streamForm, events <-chan *api.Event, done <-chan struct{}, ctx context.Context) {
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
		case <-done:
			return
		case <-ctx.Done():
			return
		}
		if err != nil {
			return
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
	w  http.ResponseWriter
	rc *http.ResponseController
}

func (o *stream) write(text string) error {
	if err := o.rc.SetWriteDeadline(time.Now().Add(writeTime)); err != nil {
		return err
	}
	if _, err := o.w.Write([]byte(text)); err != nil {
		return err
	}
	return o.rc.Flush()
}
