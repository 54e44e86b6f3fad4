package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"syscall"

	"github.com/phyllo-net/phyllo/id"
)

// maxAnswer bounds what is read of one answer, in bytes.
const maxAnswer = 64 << 20

// Client is a Node, and a Demo if that is one, over its control socket. It may be
// used from many goroutines.
type Client struct {
	home string
	http *http.Client
}

var (
	_ Node = (*Client)(nil)
	_ Demo = (*Client)(nil)
)

// Dial returns a client of the node whose home folder this is. Nothing is sent
// before the first call; if no node is running there the calls fail with kind
// NotRunning.
func Dial(home string) (*Client, error) {
	home, err := filepath.Abs(home)
	if err != nil {
		return nil, fmt.Errorf("where is %q: %w", home, err)
	}
	c := &Client{home: home}
	c.http = &http.Client{
		Transport: &http.Transport{
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx, home) },
			// A new connection costs little here, and one that was kept can end at
			// the very moment when it is used again.
			DisableKeepAlives: true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return c, nil
}

// Close frees what no call uses.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Home is the folder that Dial was given, as an absolute path.
func (c *Client) Home() string { return c.home }

// send sends one request and returns a good answer's body, which must be closed.
func (c *Client) send(ctx context.Context, method, path, accept string, body []byte) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://phyllo"+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/json")
	}
	req.Header.Set("Accept", accept)
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, c.wrap(ctx, err)
	}
	if resp.StatusCode == http.StatusOK {
		return resp.Body, nil
	}
	defer resp.Body.Close()
	return nil, c.refusal(ctx, resp, path)
}

// refusal is the error that an answer tells of.
func (c *Client) refusal(ctx context.Context, resp *http.Response, path string) error {
	text, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return c.wrap(ctx, err)
	}
	var failed struct {
		Error *Error `json:"error"`
	}
	if err := json.Unmarshal(text, &failed); err != nil || failed.Error == nil {
		return fmt.Errorf("the node at %s answered %s to %s: is it another version? see `phyllo version` and `phyllo status`", c.home, resp.Status, path)
	}
	return failed.Error
}

// wrap makes a transport error one of ours: a node that ends in the middle of an
// answer is not running any more.
func (c *Client) wrap(ctx context.Context, err error) error {
	var ours *Error
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &ours):
		return ours
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, net.ErrClosed):
		return Errorf(NotRunning, "the node at %s ended before it answered (its log is phyllo.log there): start it again with `phyllo up`", c.home)
	}
	return fmt.Errorf("talking to the node at %s: %w: does it hang? its log is phyllo.log there", c.home, err)
}

func call[A any](ctx context.Context, c *Client, name string, q any) (A, error) {
	var a A
	body, err := json.Marshal(q)
	if err != nil {
		return a, err
	}
	r, err := c.send(ctx, http.MethodPost, "/v1/"+name, "application/json", body)
	if err != nil {
		return a, err
	}
	defer r.Close()
	text, err := io.ReadAll(io.LimitReader(r, maxAnswer))
	if err != nil {
		return a, c.wrap(ctx, err)
	}
	if err := json.Unmarshal(text, &a); err != nil {
		return a, fmt.Errorf("the node at %s gave an answer to %s that cannot be read (%w): is it another version? see `phyllo version`", c.home, name, err)
	}
	return a, nil
}

func tell(ctx context.Context, c *Client, name string, q any) error {
	_, err := call[none](ctx, c, name, q)
	return err
}

// Status implements Node.
func (c *Client) Status(ctx context.Context) (*Status, error) {
	return call[*Status](ctx, c, "status", none{})
}

// Stop implements Node. It returns when the node's process has freed its home: the
// answer ends with the process.
func (c *Client) Stop(ctx context.Context) error {
	r, err := c.send(ctx, http.MethodPost, "/v1/stop", "application/json", []byte("{}"))
	if err != nil {
		return err
	}
	defer r.Close()
	if _, err := io.Copy(io.Discard, r); err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return nil
}

// Doctor implements Node.
func (c *Client) Doctor(ctx context.Context) ([]Finding, error) {
	return call[[]Finding](ctx, c, "doctor", none{})
}

// Metrics implements Node.
func (c *Client) Metrics(ctx context.Context) ([]Metric, error) {
	return call[[]Metric](ctx, c, "metrics", none{})
}

// Picture implements Node.
func (c *Client) Picture(ctx context.Context) (*Picture, error) {
	return call[*Picture](ctx, c, "picture", none{})
}

// Ping implements Node.
func (c *Client) Ping(ctx context.Context, target string) (*Pong, error) {
	return call[*Pong](ctx, c, "ping", forTarget{target})
}

// Trace implements Node.
func (c *Client) Trace(ctx context.Context, target string) (*Trace, error) {
	return call[*Trace](ctx, c, "trace", forTarget{target})
}

// Events implements Node. If the node ends suddenly the error is of kind NotRunning.
func (c *Client) Events(ctx context.Context, f func(*Event) error) error {
	return follow(ctx, c, "/v1/events", f)
}

// follow calls f with each line of a stream, until it ends.
func follow[E any](ctx context.Context, c *Client, path string, f func(*E) error) error {
	r, err := c.send(ctx, http.MethodGet, path, "application/x-ndjson", nil)
	if err != nil {
		return err
	}
	defer r.Close()
	return events(ctx, c, r, f)
}

// events calls f with each event of a stream, until it ends.
func events[E any](ctx context.Context, c *Client, r io.Reader, f func(*E) error) error {
	d := json.NewDecoder(r)
	for {
		e := new(E)
		switch err := d.Decode(e); {
		case err == io.EOF:
			return nil
		case err != nil:
			return c.wrap(ctx, err)
		}
		if err := f(e); err != nil {
			return err
		}
	}
}

// Invite implements Node.
func (c *Client) Invite(ctx context.Context, q InviteRequest) (*Invitation, error) {
	return call[*Invitation](ctx, c, "invite", q)
}

// Join implements Node.
func (c *Client) Join(ctx context.Context, invite string) (*Joined, error) {
	return call[*Joined](ctx, c, "join", forInvite{invite})
}

// LanRings implements Node.
func (c *Client) LanRings(ctx context.Context) ([]LanRing, error) {
	return call[[]LanRing](ctx, c, "lan/rings", none{})
}

// LanAsk implements Node.
func (c *Client) LanAsk(ctx context.Context, ring string) (*LanCode, error) {
	return call[*LanCode](ctx, c, "lan/ask", forRing{ring})
}

// LanConfirm implements Node.
func (c *Client) LanConfirm(ctx context.Context, code string) (*Joined, error) {
	return call[*Joined](ctx, c, "lan/confirm", forCode{code})
}

// Admit implements Node.
func (c *Client) Admit(ctx context.Context, code string) (*Member, error) {
	return call[*Member](ctx, c, "member/admit", forCode{code})
}

// Members implements Node.
func (c *Client) Members(ctx context.Context) ([]Member, error) {
	return call[[]Member](ctx, c, "member/list", none{})
}

// Expel implements Node.
func (c *Client) Expel(ctx context.Context, node id.ID) error {
	return tell(ctx, c, "member/expel", forNode{node})
}

// Pardon implements Node.
func (c *Client) Pardon(ctx context.Context, node id.ID) error {
	return tell(ctx, c, "member/pardon", forNode{node})
}

// Promote implements Node.
func (c *Client) Promote(ctx context.Context, node id.ID) error {
	return tell(ctx, c, "member/promote", forNode{node})
}

// RingBackup implements Node.
func (c *Client) RingBackup(ctx context.Context, passphrase string) (*Sealed, error) {
	return call[*Sealed](ctx, c, "ring/backup", forPassphrase{passphrase})
}

// RingBackedUp implements Node.
func (c *Client) RingBackedUp(ctx context.Context) error {
	return tell(ctx, c, "ring/backed-up", none{})
}

// RingRestore implements Node.
func (c *Client) RingRestore(ctx context.Context, backup Sealed, passphrase string) error {
	return tell(ctx, c, "ring/restore", forSealed{backup.Text, passphrase})
}
