package node_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/gateway/doortest"
)

// TestDoorsWithTLS: with `up --tls` both doors are served with the certificate, to who checks it; without it
// an address that other machines reach is refused, with what helps.
func TestDoorsWithTLS(t *testing.T) {
	curl := doortest.Program(t, "curl")
	p := newProcess(t)
	cert, key, _ := doortest.Certificate(t)
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{"--s3", "0.0.0.0:4282"}, "give a certificate with --tls, or say --insecure-http, or give 127.0.0.1:4282"},
		{[]string{"--webdav", "[::]:4283"}, "can be reached from other machines"},
		{[]string{"--tls", cert}, "two files"},
		{[]string{"--s3", "127.0.0.1:0", "--tls", key + "," + cert}, "give its files, PEM, with --tls"},
		{[]string{"--s3", "127.0.0.1:0", "--tls", "none,none"}, "no such file"},
	} {
		var f *failure
		if _, err := p.run(append([]string{"up", "--listen", "127.0.0.1:0"}, c.args...)...); !errors.As(err, &f) || !strings.Contains(f.stderr, c.says) {
			t.Errorf("up %v: %v, want %q", c.args, err, c.says)
		}
	}

	p.up("--s3", "127.0.0.1:0", "--webdav", "127.0.0.1:0", "--tls", cert+","+key)
	p.must("user", "add", "ann")
	p.must("space", "create", "films")
	var s3, dav api.Key
	p.read(&s3, "key", "add", "--for", "s3", "--space", "films")
	p.read(&dav, "key", "add", "--for", "webdav", "--space", "films")
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "f"), []byte("a film"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, k := range []api.Key{s3, dav} {
		if !strings.HasPrefix(k.URL, "https://127.0.0.1:") {
			t.Errorf("a door is at %s", k.URL)
		}
	}
	in := doortest.Command{Dir: dir}
	signed := []string{"--aws-sigv4", "aws:amz:us-east-1:s3", "--user", s3.ID + ":" + s3.Secret}
	ask := func(args ...string) (string, error) {
		return in.Try(append([]string{curl, "-sS", "--fail-with-body"}, args...)...)
	}
	if out, err := ask(append(signed, "--cacert", cert, "-T", "f", s3.URL+"/films/f")...); err != nil {
		t.Fatalf("storing through S3: %v %s", err, out)
	}
	if out, err := ask("--cacert", cert, "--user", dav.ID+":"+dav.Secret, dav.URL+"/films/f"); err != nil || out != "a film" {
		t.Errorf("reading through WebDAV: %v %q", err, out)
	}
	if out, err := ask(append(signed, s3.URL+"/films/f")...); err == nil || !strings.Contains(out, "certificate") {
		t.Errorf("a client that does not know the certificate: %v %s", err, out)
	}
	if out, err := ask(append(signed, strings.Replace(s3.URL, "https", "http", 1)+"/films/f")...); err == nil {
		t.Errorf("in clear: %s", out)
	}
}
