package control

import (
	"context"
	"net/http"
	"time"

	"github.com/phyllo-net/phyllo/api"
)

// workOffer offers the body, and streams what becomes of its items; see api.StreamWorkOffer. The
// body may come as slowly as its program likes.
func (s *Server) workOffer(w http.ResponseWriter, r *http.Request) {
	const op = "work/offer"
	if r.Method != http.MethodPost || r.Header.Get("Content-Type") != api.FileType {
		s.refuse(w, http.StatusBadRequest, "http-type", "what is offered comes as POST, of the type %s", api.FileType)
		return
	}
	var q api.WorkOffering
	if !s.asked(w, r, op, &q) {
		return
	}
	rc := http.NewResponseController(w)
	if err := rc.EnableFullDuplex(); err != nil {
		s.failed(w, op, err)
		return
	}
	out, form := streamTo(w, r)
	err := s.follow(r.Context(), out, form, func(ctx context.Context, emit func(any) error) error {
		stop := context.AfterFunc(ctx, func() { rc.SetReadDeadline(time.Now()) }) // nobody reads what became of more
		defer stop()
		return s.cfg.Node.WorkOffer(ctx, q, r.Body, func(e *api.WorkEvent) error { return emit(e) })
	})
	s.ended(w, out, form, op, err, lastOfWork(q.Topic))
}

// workTake streams items to a taker; see api.StreamWorkTake. When it ends, what he has not
// confirmed is given back.
func (s *Server) workTake(w http.ResponseWriter, r *http.Request) {
	const op = "work/take"
	var q api.WorkTaking
	if r.Method == http.MethodGet && !s.asked(w, r, op, &q) {
		return
	}
	out, form, ok := s.streams(w, r)
	if !ok {
		return
	}
	err := s.follow(r.Context(), out, form, func(ctx context.Context, emit func(any) error) error {
		return s.cfg.Node.WorkTake(ctx, q, func(e *api.WorkEvent) error { return emit(e) })
	})
	s.ended(w, out, form, op, err, lastOfWork(q.Topic))
}

// lastOfWork is the last event of a stream that went wrong.
func lastOfWork(topic string) func(*api.Error) any {
	return func(e *api.Error) any {
		return &api.WorkEvent{Event: api.WorkEnded, Topic: topic, Time: time.Now().UTC(), Error: e}
	}
}
