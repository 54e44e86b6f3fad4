package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/phyllo-net/phyllo/api"
)

// publish publishes the body; see api.StreamPublish. It may come as slowly as its program
// likes: it ends with the program's connection.
func (s *Server) publish(w http.ResponseWriter, r *http.Request) {
	const op = "topic/pub"
	if r.Method != http.MethodPost || r.Header.Get("Content-Type") != api.FileType {
		s.refuse(w, http.StatusBadRequest, "http-type", "what is published comes as POST, of the type %s", api.FileType)
		return
	}
	var q api.Publication
	if !s.asked(w, r, op, &q) {
		return
	}
	p, err := s.cfg.Node.Publish(r.Context(), q, r.Body)
	if err != nil {
		s.failed(w, op, err)
		return
	}
	s.counts.request(op, "ok")
	s.answer(w, http.StatusOK, p)
}

// subscribe streams what is published; see api.StreamSubscribe. What fails before the first
// event is an answer as any other; later it is the last event.
func (s *Server) subscribe(w http.ResponseWriter, r *http.Request) {
	const op = "topic/sub"
	var q api.Subscription
	if r.Method == http.MethodGet && !s.asked(w, r, op, &q) {
		return
	}
	out, form, ok := s.streams(w, r)
	if !ok {
		return
	}
	out.slow = pauseTime // what comes meanwhile is counted, not kept for ever
	err := s.follow(r.Context(), out, form, func(ctx context.Context, emit func(any) error) error {
		return s.cfg.Node.Subscribe(ctx, q, func(e *api.TopicEvent) error { return emit(e) })
	})
	s.ended(w, out, form, op, err, func(e *api.Error) any {
		return &api.TopicEvent{Event: api.TopicEnded, Topic: q.Topic, Time: time.Now().UTC(), Error: e}
	})
}

// ended ends a stream: with an answer as any other if nothing was written yet, otherwise with a
// last event that says what went wrong.
func (s *Server) ended(w http.ResponseWriter, out *stream, form streamForm, op string, err error, last func(*api.Error) any) {
	switch {
	case err == nil:
		s.counts.request(op, "ok")
	case !out.begun:
		s.failed(w, op, err)
	default:
		var e *api.Error
		if !errors.As(err, &e) {
			e = &api.Error{Kind: api.KindOf(err), Text: err.Error()}
		}
		s.counts.request(op, string(e.Kind))
		b, _ := json.Marshal(last(e)) // strings only: it cannot fail
		out.write(fmt.Sprintf(form.event, b))
	}
}

// asked reads the request that stands in the address. If it is wrong it was answered.
func (s *Server) asked(w http.ResponseWriter, r *http.Request, op string, q any) bool {
	err := decode([]byte(r.URL.Query().Get("q")), q)
	if err != nil {
		s.counts.refused("control-json", "a request")
		s.failed(w, op, err)
	}
	return err == nil
}
