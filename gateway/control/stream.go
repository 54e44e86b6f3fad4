package control

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"
	"unicode"

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
	if !s.asked(w, r, "file/put", &q) {
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
	s.give(w, r, body, "file/get", func(f *api.File) error {
		what, err := json.Marshal(f)
		w.Header().Set(api.FileHeader, base64.StdEncoding.EncodeToString(what))
		return err
	})
}

// download gives the page a file to be saved; the request stands in the address, as in
// api.StreamPut. Nothing of it is ever shown as a part of the page, whatever the file is.
func (s *Server) download(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet {
		w.Header().Set("Allow", "GET")
		s.refuse(w, http.StatusMethodNotAllowed, "http-method", "the method is not GET")
		return
	}
	s.give(w, r, []byte(r.URL.Query().Get("q")), "file/get", func(f *api.File) error {
		w.Header().Set("Content-Security-Policy", "default-src 'none'; sandbox; frame-ancestors 'none'")
		w.Header().Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": savedName(f.Name)}))
		return nil
	})
}

// give answers with the content of the file that a request names. head sets headers, once it is
// known that the file can be read.
func (s *Server) give(w http.ResponseWriter, r *http.Request, request []byte, op string, head func(*api.File) error) {
	var q api.FileName
	if err := decode(request, &q); err != nil {
		s.counts.refused("control-json", "a request")
		s.failed(w, op, err)
		return
	}
	f, content, err := s.cfg.Node.FileGet(r.Context(), q)
	if err != nil {
		s.failed(w, op, err)
		return
	}
	defer content.Close()
	part := make([]byte, 128<<10)
	n, end := content.Read(part)
	if end == nil || end == io.EOF {
		err = head(f)
	} else {
		err = end
	}
	if err != nil {
		s.failed(w, op, err)
		return
	}
	h := w.Header()
	h.Set("Content-Type", api.FileType)
	h.Set("Content-Length", strconv.FormatInt(f.Size, 10))
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	rc := http.NewResponseController(w)
	for {
		rc.SetWriteDeadline(time.Now().Add(pauseTime))
		if _, bad := w.Write(part[:n]); bad != nil {
			return // nobody waits any more
		}
		switch {
		case end == io.EOF:
			s.counts.request(op, "ok")
			return
		case end != nil:
			s.cfg.Log.Warn("a file could not be read to its end", "err", end)
			s.counts.request(op, string(api.KindOf(end)))
			return // less than was promised: the connection ends, and the other side sees that
		}
		n, end = content.Read(part)
	}
}

// savedName is the name under which a browser saves a file: the last part of its own, without
// what means something to a file system, or makes a name look like another.
func savedName(name string) string {
	name = path.Base(strings.ToValidUTF8(name, "_"))
	name = strings.Map(func(r rune) rune {
		if strings.ContainsRune(`/\:*?"<>|`, r) || !unicode.IsGraphic(r) {
			return '_' // the latter are control characters and those that turn the direction of writing
		}
		return r
	}, name)
	if name = strings.Trim(name, ". "); name == "" {
		return "file"
	}
	return name
}
