package node_test

import (
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/node"
)

// dav asks the door for WebDAV, and returns the status and what came.
func dav(t *testing.T, method string, k *api.Key, path, body string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(limited(t), method, k.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth(k.ID, k.Secret)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	a, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	b, err := io.ReadAll(a.Body)
	if err != nil {
		t.Fatal(err)
	}
	return a.StatusCode, string(b)
}

// TestKeys: a key opens one space of one user, through one door, until it is removed; and after a
// restart too.
func TestKeys(t *testing.T) {
	c := settings(t.TempDir())
	n := start(t, c)
	addUser(t, n, "ann")
	addUser(t, n, "bob")
	ctx := limited(t)
	add := func(n *node.Node, user string, q api.KeyRequest) *api.Key {
		t.Helper()
		q.User, q.For = user, api.DoorWebDAV
		k, err := n.API().KeyAdd(ctx, q)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	ann, bob, reader := add(n, "ann", api.KeyRequest{}), add(n, "bob", api.KeyRequest{}), add(n, "ann", api.KeyRequest{ReadOnly: true})
	want := func(method string, k *api.Key, path, body string, status int, text string) {
		t.Helper()
		if got, b := dav(t, method, k, path, body); got != status || text != "" && b != text {
			t.Errorf("%s %s: %d %q, want %d %q", method, path, got, b, status, text)
		}
	}
	want("PUT", ann, "/home/x", "ann's", 201, "")
	want("PUT", bob, "/home/x", "bob's", 201, "")
	want("GET", ann, "/home/x", "", 200, "ann's")
	want("GET", bob, "/home/x", "", 200, "bob's")
	want("GET", reader, "/home/x", "", 200, "ann's")
	want("PUT", reader, "/home/x", "other", 403, "")
	if _, err := n.API().KeyAdd(ctx, api.KeyRequest{User: "ann", For: api.DoorS3, Space: "none"}); api.KindOf(err) != api.NotFound {
		t.Errorf("a key for no space: %v", err)
	}
	if _, err := n.API().KeyAdd(ctx, api.KeyRequest{User: "ann", For: "ftp"}); api.KindOf(err) != api.Usage {
		t.Errorf("a key for no door: %v", err)
	}
	list, err := n.API().KeyList(ctx, "ann")
	if err != nil || len(list) != 2 || list[0].Secret != "" || list[0].User != "ann" || list[0].ID != ann.ID || !list[1].ReadOnly {
		t.Errorf("ann's keys: %+v, %v", list, err)
	}
	st, err := os.Stat(filepath.Join(c.Home, "passwords"))
	if err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("the file of keys: %v, %v", st, err)
	}
	if err := n.API().KeyRemove(ctx, reader.ID); err != nil {
		t.Fatal(err)
	}
	if err := n.API().KeyRemove(ctx, reader.ID); api.KindOf(err) != api.NotFound {
		t.Errorf("removed twice: %v", err)
	}
	want("GET", reader, "/home/x", "", 401, "")

	if err := n.Stop(context.Background()); err != nil {
		t.Fatal(err)
	}
	// Meanwhile another program may have taken the port.
	list, err = start(t, c).API().KeyList(ctx, "ann")
	if err != nil || len(list) != 1 || list[0].ID != ann.ID {
		t.Fatalf("ann's keys after a restart: %+v, %v", list, err)
	}
	ann.URL = list[0].URL
	want("GET", ann, "/home/x", "", 200, "ann's")
}

// TestWhereDoorsAre: two nodes of one computer have doors of their own, which status and doctor
// name; a port that was asked for and is taken is an error; off is off.
func TestWhereDoorsAre(t *testing.T) {
	a := start(t, settings(t.TempDir()))
	s, err := a.API().Status(limited(t))
	if err != nil || s.S3 == "" || s.WebDAV == "" || s.S3 == s.WebDAV {
		t.Fatalf("doors at %q and %q, %v", s.S3, s.WebDAV, err)
	}
	found, err := a.API().Doctor(limited(t))
	if err != nil {
		t.Fatal(err)
	}
	named := 0
	for _, f := range found {
		if f.About == "doors" && f.Verdict == api.Good && (strings.Contains(f.Sentence, s.S3) || strings.Contains(f.Sentence, s.WebDAV)) {
			named++
		}
	}
	if named != 2 {
		t.Errorf("doctor names %d doors of 2: %+v", named, found)
	}
	c := settings(t.TempDir())
	c.S3, c.WebDAV = "off", "127.0.0.1:0"
	b, err := start(t, c).API().Status(limited(t))
	if err != nil || b.S3 != "" || b.WebDAV == "" || b.WebDAV == s.WebDAV {
		t.Errorf("the second node's doors: %q and %q, %v", b.S3, b.WebDAV, err)
	}
	c = settings(t.TempDir())
	c.S3 = strings.TrimPrefix(s.S3, "http://")
	n, err := node.New(c)
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Start(limited(t)); err == nil || !strings.Contains(err.Error(), "--s3") || !strings.Contains(err.Error(), "another port") {
		t.Errorf("a port that is taken: %v", err)
	}
	if err := n.Stop(context.Background()); err != nil {
		t.Error(err)
	}
}
