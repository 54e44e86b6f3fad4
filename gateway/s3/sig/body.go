package sig

import (
	"bufio"
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// Limits of a body in chunks.
const (
	maxLine     = 1024 // bytes of a chunk's header, or of a trailer
	maxTrailers = 8
)

// Body returns the content of a body that was signed so. Good must have said yes. In the
// place of io.EOF it returns ErrPayload, ErrChunk or ErrShort if the content is not
// what was signed. trailer, which may be nil, gets the trailers before io.EOF.
func (c *Claim) Body(body io.Reader, trailer http.Header) io.Reader {
	switch c.payload {
	case unsigned:
		return body
	case emptyHash:
		if c.bare {
			return body
		}
	case chunks, chunksTrailer, unsignedTrailer:
		return &chunked{c: c, r: bufio.NewReaderSize(body, 32<<10), left: c.length, trailer: trailer, last: c.signature, sum: sha256.New(),
			signed: c.payload != unsignedTrailer, trailers: c.payload != chunks}
	}
	return &hashed{r: body, want: strings.ToLower(c.payload), sum: sha256.New()}
}

// hashed is a body whose hash was signed.
type hashed struct {
	r    io.Reader
	want string
	sum  hash.Hash
}

// Read implements io.Reader.
func (h *hashed) Read(b []byte) (int, error) {
	n, err := h.r.Read(b)
	h.sum.Write(b[:n])
	if err == io.EOF && hex.EncodeToString(h.sum.Sum(nil)) != h.want {
		err = ErrPayload
	}
	return n, err
}

// chunked is a body in chunks: SIZE;chunk-signature=HEX, the chunk, ..., one of size 0,
// trailers.
type chunked struct {
	c                *Claim
	r                *bufio.Reader
	left             int64  // bytes of content that are still to come
	chunk            int64  // bytes of this chunk that are still to come
	open             bool   // within a chunk
	last             string // signature of the chunk before
	want             string // signature of this one
	sum              hash.Hash
	signed, trailers bool
	trailer          http.Header
	err              error // what it has ended with
}

// Read implements io.Reader.
func (k *chunked) Read(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	for k.err == nil {
		if k.chunk > 0 {
			n, err := k.r.Read(b[:min(int64(len(b)), k.chunk)])
			k.chunk -= int64(n)
			k.sum.Write(b[:n])
			if err != nil {
				k.err = broken(err)
			}
			return n, k.err
		}
		k.err = k.next()
	}
	return 0, k.err
}

// broken is what an error of reading means within a body.
func broken(err error) error {
	if err == io.EOF {
		return ErrShort
	}
	return err
}

// next ends one chunk and begins another. io.EOF: all is over, and good.
func (k *chunked) next() error {
	if k.open {
		if err := k.endChunk(); err != nil {
			return err
		}
	}
	line, err := k.line()
	if err != nil {
		return err
	}
	text, ext, _ := strings.Cut(line, ";")
	size, err := strconv.ParseUint(text, 16, 62)
	if err != nil {
		return ErrChunk
	}
	if k.signed {
		want, ok := strings.CutPrefix(ext, "chunk-signature=")
		if !ok {
			return ErrChunk
		}
		k.want = want
	}
	if int64(size) > k.left {
		return ErrShort
	}
	k.left -= int64(size)
	k.chunk = int64(size)
	k.open = true
	k.sum.Reset()
	if size > 0 {
		return nil
	}
	if k.left > 0 {
		return ErrShort
	}
	return k.end()
}

func (k *chunked) endChunk() error {
	var crlf [2]byte
	if _, err := io.ReadFull(k.r, crlf[:]); err != nil || string(crlf[:]) != "\r\n" {
		return ErrChunk
	}
	return k.verify()
}

// verify compares the chunk's signature, which goes over the one before.
func (k *chunked) verify() error {
	if !k.signed {
		return nil
	}
	return k.same(k.want, "AWS4-HMAC-SHA256-PAYLOAD", emptyHash, hex.EncodeToString(k.sum.Sum(nil)))
}

func (k *chunked) same(want, kind string, rest ...string) error {
	got := hex.EncodeToString(sum(k.c.key, k.c.stringToSign(kind, append([]string{k.last}, rest...)...)))
	if !hmac.Equal([]byte(got), []byte(want)) {
		return ErrPayload
	}
	k.last = got
	return nil
}

// end reads what follows the last chunk, and says that all is over.
func (k *chunked) end() error {
	if err := k.verify(); err != nil {
		return err
	}
	var text bytes.Buffer
	signature := ""
	for n := 0; ; n++ {
		line, err := k.line()
		if err == ErrShort && n == 0 && !k.trailers {
			break // some end without the last empty line
		}
		if err != nil {
			return err
		}
		if line == "" && n > 0 && k.signed && k.trailers && signature == "" && n < maxTrailers {
			continue // some set the signature apart
		}
		if line == "" {
			break
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok || !k.trailers || n >= maxTrailers {
			return ErrChunk
		}
		name, value = strings.ToLower(strings.TrimSpace(name)), strings.TrimSpace(value)
		if name == "x-amz-trailer-signature" {
			signature = value
			continue
		}
		text.WriteString(name + ":" + value + "\n")
		if k.trailer != nil {
			k.trailer.Set(name, value)
		}
	}
	if k.signed && k.trailers {
		hash := sha256.Sum256(text.Bytes())
		if err := k.same(signature, "AWS4-HMAC-SHA256-TRAILER", hex.EncodeToString(hash[:])); err != nil {
			return err
		}
	}
	if _, err := k.r.ReadByte(); err == nil {
		return ErrChunk
	}
	return io.EOF
}

// line reads a line without its end.
func (k *chunked) line() (string, error) {
	b, err := k.r.ReadSlice('\n')
	switch {
	case len(b) > maxLine || err == bufio.ErrBufferFull:
		return "", ErrChunk
	case err != nil:
		return "", broken(err)
	}
	return strings.TrimSuffix(string(b[:len(b)-1]), "\r"), nil
}
