package control

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/phyllo-net/phyllo/api"
)

// pauseTime is how long a content that is stored may come to a halt: it may be what another
// program is still making.
const pauseTime = 10 * time.Minute

// slowly reads a body that may take any time, but not for ever between two parts.
type slowly struct {
	r  io.Reader
	rc *http.ResponseController
}

// Read implements io.Reader.
func (s slowly) Read(p []byte) (int, error) {
	s.rc.SetReadDeadline(time.Now().Add(pauseTime))
	return s.r.Read(p)
}

// filePut stores the body; see api.StreamPut.
func (s *Server) filePut(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost || r.Header.Get("Content-Type") != api.FileType {
		s.refuse(w, http.StatusBadRequest, "http-type", "a file that is stored comes as POST, of the type %s", api.FileType)
		return
	}
	var q api.FilePut
	if err := decode([]byte(r.URL.Query().Get("q")), &q); err != nil {
		s.counts.refused("control-json", "a request")
		s.failed(w, "file/put", err)
		return
	}
	rc := http.NewResponseController(w)
	f, err := s.cfg.Node.FilePut(r.Context(), q, slowly{r.Body, rc})
	rc.SetReadDeadline(time.Time{})
	if err != nil {
		s.failed(w, "file/put", err)
		return
	}
	s.counts.request("file/put", "ok")
	s.answer(w, http.StatusOK, f)
}

// fileGet answers with the content of a file; see api.StreamGet.
func (s *Server) fileGet(w http.ResponseWriter, r *http.Request) {
	body, ok := s.body(w, r, false)
	if !ok {
		return
	}
	var q api.FileName
	if err := decode(body, &q); err != nil {
		s.counts.refused("control-json", "a request body")
		s.failed(w, "file/get", err)
		return
	}
	f, content, err := s.cfg.Node.FileGet(r.Context(), q)
	if err != nil {
		s.failed(w, "file/get", err)
		return
	}
	defer content.Close()
	what, err := json.Marshal(f)
	if err != nil {
		s.failed(w, "file/get", err)
		return
	}
	h := w.Header()
	h.Set(api.FileHeader, base64.StdEncoding.EncodeToString(what))
	h.Set("Content-Type", api.FileType)
	h.Set("Content-Length", strconv.FormatInt(f.Size, 10))
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	rc := http.NewResponseController(w)
	part := make([]byte, 128<<10)
	for {
		n, err := content.Read(part)
		rc.SetWriteDeadline(time.Now().Add(pauseTime))
		if _, bad := w.Write(part[:n]); bad != nil {
			return // nobody waits any more
		}
		switch {
		case err == io.EOF:
			s.counts.request("file/get", "ok")
			return
		case err != nil:
			s.cfg.Log.Warn("a file could not be read to its end", "err", err)
			s.counts.request("file/get", string(api.KindOf(err)))
			return // less than was promised: the connection ends, and the other side sees that
		}
	}
}
