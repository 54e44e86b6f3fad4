package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/phyllo-net/phyllo/api"
)

// search answers with people as they are found; see api.StreamUsers. What fails before the
// first of them is an answer as any other; later it is the last line.
func (s *Server) search(w http.ResponseWriter, r *http.Request) {
	body, ok := s.body(w, r, false)
	if !ok {
		return
	}
	var q api.UserQuery
	if err := decode(body, &q); err != nil {
		s.counts.refused("control-json", "a request body")
		s.failed(w, "user/search", err)
		return
	}
	form := lines
	if strings.Contains(r.Header.Get("Accept"), "text/event-stream") {
		form = sse
	}
	out, begun := &stream{w: w, rc: http.NewResponseController(w)}, false
	line := func(l api.SearchLine) error {
		if !begun {
			begun = true
			h := w.Header()
			h.Set("Content-Type", form.kind)
			h.Set("Cache-Control", "no-store")
			h.Set("X-Content-Type-Options", "nosniff")
		}
		b, err := json.Marshal(l)
		if err != nil {
			return err
		}
		return out.write(fmt.Sprintf(form.event, b))
	}
	ctx, end := context.WithCancel(r.Context())
	defer end()
	reached, err := s.cfg.Node.UserSearch(ctx, q, func(us []api.User) error { return line(api.SearchLine{Users: us}) })
	switch {
	case err == nil:
		s.counts.request("user/search", "ok")
		line(api.SearchLine{Reached: reached})
	case !begun:
		s.failed(w, "user/search", err)
	default:
		var e *api.Error
		if !errors.As(err, &e) {
			e = &api.Error{Kind: api.KindOf(err), Text: err.Error()}
		}
		s.counts.request("user/search", string(e.Kind))
		line(api.SearchLine{Error: e})
	}
}
