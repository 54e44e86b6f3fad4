package api

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
)

// How the two operations that carry a file's content cross the wire: FilePut is
// POST /v1/file/put?q=JSON with the content as the body; FileGet is POST /v1/file/get, and its
// answer the content, with what is told of it in a header, as JSON in base64. The page, where a
// browser's own download is wanted, reads with GET /v1/file/get?q=JSON.
const (
	StreamPut  = "/v1/file/put"
	StreamGet  = "/v1/file/get"
	FileHeader = "Phyllo-File"
	FileType   = "application/octet-stream"
)

// FilePut implements Node.
func (c *Client) FilePut(ctx context.Context, q FilePut, content io.Reader) (*File, error) {
	return upload(ctx, c, StreamPut, q, content, new(File))
}

// upload sends a body with a question, and reads the answer into out, which it returns. An error of
// the body's goes before what the node says, which is only that there was no more.
func upload[T any](ctx context.Context, c *Client, path string, q any, body io.Reader, out *T) (*T, error) {
	what, err := json.Marshal(q)
	if err != nil {
		return nil, err
	}
	src := &source{r: body}
	resp, err := c.request(ctx, path+"?q="+url.QueryEscape(string(what)), FileType, src)
	if err = cmp.Or(src.err, err); err != nil {
		if resp != nil {
			resp.Body.Close()
		}
		return nil, err
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(out); err != nil {
		return nil, c.wrap(ctx, err)
	}
	return out, nil
}

// source remembers why there is no more of a content.
type source struct {
	r   io.Reader
	err error
}

// Read implements io.Reader.
func (s *source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

// FileGet implements Node.
func (c *Client) FileGet(ctx context.Context, q FileName) (*File, io.ReadCloser, error) {
	what, err := json.Marshal(q)
	if err != nil {
		return nil, nil, err
	}
	resp, err := c.request(ctx, StreamGet, "application/json", bytes.NewReader(what))
	if err != nil {
		return nil, nil, err
	}
	f := new(File)
	text, err := base64.StdEncoding.DecodeString(resp.Header.Get(FileHeader))
	if err == nil {
		err = json.Unmarshal(text, f)
	}
	if err != nil {
		resp.Body.Close()
		return nil, nil, fmt.Errorf("the node at %s does not say which file it gives (%w): is it another version? see `phyllo version`", c.home, err)
	}
	return f, &content{c: c, ctx: ctx, body: resp.Body, left: f.Size}, nil
}

// content is what a file contains, on its way from the node.
type content struct {
	c    *Client
	ctx  context.Context
	body io.ReadCloser
	left int64
}

// Read implements io.Reader. It returns io.EOF only when all is read.
func (b *content) Read(p []byte) (int, error) {
	n, err := b.body.Read(p)
	b.left -= int64(n)
	switch {
	case err == nil || err == io.EOF && b.left == 0:
		return n, err
	case b.ctx.Err() != nil:
		return n, b.ctx.Err()
	case err == io.EOF, errors.Is(err, io.ErrUnexpectedEOF):
		return n, Errorf(Unreachable, "the file cannot be read to its end now: too few of the nodes that keep it are reachable; try again in a moment")
	}
	return n, b.c.wrap(b.ctx, err)
}

// Close implements io.Closer.
func (b *content) Close() error { return b.body.Close() }

// request sends a POST with a body of any length, and returns a good answer, whose body must be
// closed.
func (c *Client) request(ctx context.Context, path, kind string, body io.Reader) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://phyllo"+path, body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", kind)
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, c.wrap(ctx, err)
	}
	if resp.StatusCode != http.StatusOK {
		defer resp.Body.Close()
		return nil, c.refusal(ctx, resp, path)
	}
	return resp, nil
}
