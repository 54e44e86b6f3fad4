package front_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/phyllo-net/phyllo/gateway/doortest"
	"github.com/phyllo-net/phyllo/gateway/front"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start opens a door that answers with what it got.
func start(t *testing.T, c front.Config) (*front.Server, *front.Tally) {
	t.Helper()
	c.Log = slog.New(slog.DiscardHandler)
	c.Tally = front.NewTally("x", c.Log)
	if c.Handler == nil {
		c.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			b, err := io.ReadAll(r.Body)
			fmt.Fprintf(w, "%s %d %v", r.Method, len(b), err)
		})
	}
	s, err := front.Start(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return s, c.Tally
}

func TestWhereADoorMayBe(t *testing.T) {
	for _, c := range []struct {
		c    front.Config
		says string
	}{
		{front.Config{Addr: "127.0.0.1:0"}, ""},
		{front.Config{Addr: "[::1]:0"}, ""},
		{front.Config{Addr: "0.0.0.0:0"}, "--insecure-http"},
		{front.Config{Addr: "192.0.2.1:80"}, "--tls"},
		{front.Config{Addr: "0.0.0.0:0", InsecureHTTP: true}, ""},
		{front.Config{Addr: "0.0.0.0:0", Cert: "c", Key: "k"}, ""},
		{front.Config{Addr: "127.0.0.1:0", Cert: "c"}, "both"},
		{front.Config{Addr: "localhost:1"}, "127.0.0.1:4282"},
		{front.Config{Addr: "127.0.0.1"}, "a port"},
		{front.Config{Addr: ""}, "a port"},
	} {
		err := c.c.Check()
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%+v: %v", c.c, err)
		}
	}
	s, _ := start(t, front.Config{Addr: "127.0.0.1:0"})
	_, err := front.Start(front.Config{Addr: strings.TrimPrefix(s.URL(), "http://")})
	if err == nil || !strings.Contains(err.Error(), "another port") {
		t.Errorf("a second door at one port: %v", err)
	}
}

// exchange writes a request as it stands and returns the answer's first line.
func exchange(t *testing.T, url, request string) string {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	io.WriteString(conn, request) // it may be refused before its end
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		t.Fatalf("no answer to %.40q: %v", request, err)
	}
	return strings.TrimSpace(line)
}

// TestBadHTTP: RELIABILITY.md section 5, rows 58, 59 and 61.
func TestBadHTTP(t *testing.T) {
	s, tally := start(t, front.Config{Addr: "127.0.0.1:0"})
	const host = "Host: 127.0.0.1\r\n"
	for _, c := range []struct{ name, request, status, counts string }{
		{"plain", "GET / HTTP/1.1\r\n" + host + "\r\n", "200", ""},
		{"localhost", "GET / HTTP/1.1\r\nHost: LocalHost:1\r\n\r\n", "200", ""},
		{"IPv6", "GET / HTTP/1.1\r\nHost: [::1]:1\r\n\r\n", "200", ""},
		{"a long header", "GET / HTTP/1.1\r\n" + host + "X: " + strings.Repeat("x", 64<<10) + "\r\n\r\n", "431", ""},
		{"many headers", "GET / HTTP/1.1\r\n" + host + strings.Repeat("X: x\r\n", 101) + "\r\n", "431", "x-http-header"},
		{"a long address", "GET /" + strings.Repeat("x", 9<<10) + " HTTP/1.1\r\n" + host + "\r\n", "414", "x-http-uri"},
		{"NUL in the address", "GET /%00 HTTP/1.1\r\n" + host + "\r\n", "400", "x-http-uri"},
		{"another host", "GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", "421", "x-http-host"},
		{"an address elsewhere", "GET / HTTP/1.1\r\nHost: 192.0.2.1\r\n\r\n", "421", "x-http-host"},
		{"no host", "GET / HTTP/1.1\r\n\r\n", "400", ""},
		{"no host, HTTP/1.0", "GET / HTTP/1.0\r\n\r\n", "421", "x-http-host"},
		{"two hosts", "GET / HTTP/1.1\r\n" + host + host + "\r\n", "400", ""},
		{"two lengths", "PUT / HTTP/1.1\r\n" + host + "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", "400", ""},
		{"an unknown encoding", "PUT / HTTP/1.1\r\n" + host + "Transfer-Encoding: xchunked\r\n\r\n", "501", ""},
		{"NUL in a header", "GET / HTTP/1.1\r\n" + host + "X: \x00\r\n\r\n", "400", ""},
		{"a space before the colon", "GET / HTTP/1.1\r\n" + host + "X : x\r\n\r\n", "400", ""},
		{"another site's page", "PUT / HTTP/1.1\r\n" + host + "Origin: http://evil.example\r\nContent-Length: 0\r\n\r\n", "403", "x-http-cross-site"},
		{"another site's form", "POST / HTTP/1.1\r\n" + host + "Sec-Fetch-Site: cross-site\r\nContent-Length: 0\r\n\r\n", "403", "x-http-cross-site"},
		{"another port's page", "POST / HTTP/1.1\r\n" + host + "Sec-Fetch-Site: same-site\r\nContent-Length: 0\r\n\r\n", "403", "x-http-cross-site"},
		{"no origin", "POST / HTTP/1.1\r\n" + host + "Origin: null\r\nContent-Length: 0\r\n\r\n", "403", "x-http-cross-site"},
		{"its own page", "POST / HTTP/1.1\r\n" + host + "Origin: http://127.0.0.1\r\nContent-Length: 0\r\n\r\n", "200", ""},
		{"a link on another site", "GET / HTTP/1.1\r\n" + host + "Sec-Fetch-Site: cross-site\r\n\r\n", "200", ""},
		{"no HTTP", "hello\r\n\r\n", "400", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := tally.Counts()
			if got := exchange(t, s.URL(), c.request); !strings.HasPrefix(got, "HTTP/1.1 "+c.status) && !strings.HasPrefix(got, "HTTP/1.0 "+c.status) {
				t.Errorf("answer %q, want %s", got, c.status)
			}
			after := tally.Counts()
			if c.counts != "" && after[c.counts] != before[c.counts]+1 {
				t.Errorf("counted %v, before %v", after, before)
			}
		})
	}
}

// TestContinueWithoutABody: who waits for leave to send nothing gets it, too.
func TestContinueWithoutABody(t *testing.T) {
	s, _ := start(t, front.Config{Addr: "127.0.0.1:0"})
	for _, length := range []string{"0", "2"} {
		got := exchange(t, s.URL(), "PUT / HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: "+length+"\r\n\r\n")
		if got != "HTTP/1.1 100 Continue" {
			t.Errorf("before %s bytes: %q", length, got)
		}
	}
}

// TestRefusedBeforeTheBody: who waits for leave to send and is refused is told so, and
// not asked for the body first.
func TestRefusedBeforeTheBody(t *testing.T) {
	s, _ := start(t, front.Config{Addr: "127.0.0.1:0", Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, "no", http.StatusUnauthorized)
	})})
	got := exchange(t, s.URL(), "PUT / HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 100\r\n\r\n")
	if got != "HTTP/1.1 401 Unauthorized" {
		t.Errorf("answer %q", got)
	}
}

// TestFaultsStayInside: a fault of a handler ends one connection.
func TestFaultsStayInside(t *testing.T) {
	s, _ := start(t, front.Config{Addr: "127.0.0.1:0", Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/fault":
			panic("a fault")
		case "/half":
			io.WriteString(w, "half of")
			panic(http.ErrAbortHandler)
		}
	})})
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	if _, err := client.Get(s.URL() + "/fault"); err == nil {
		t.Error("a fault has an answer")
	}
	if half, err := client.Get(s.URL() + "/half"); err == nil {
		if b, err := io.ReadAll(half.Body); err == nil {
			t.Errorf("an answer that was broken off is whole: %q", b)
		}
		half.Body.Close()
	}
	r, err := client.Get(s.URL() + "/")
	if err != nil || r.StatusCode != 200 {
		t.Fatalf("after a fault: %v", err)
	}
	r.Body.Close()
	if r.Header.Get("X-Content-Type-Options") != "nosniff" || !strings.HasPrefix(r.Header.Get("Content-Security-Policy"), "sandbox") {
		t.Errorf("headers %v", r.Header)
	}
}

func TestTLS(t *testing.T) {
	cert, key, pool := doortest.Certificate(t)
	s, _ := start(t, front.Config{Addr: "127.0.0.1:0", Cert: cert, Key: key})
	if !strings.HasPrefix(s.URL(), "https://127.0.0.1:") {
		t.Errorf("address %s", s.URL())
	}
	for _, two := range []bool{false, true} {
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: two}}
		r, err := client.Post(s.URL(), "x/y", strings.NewReader(strings.Repeat("x", 200<<10)))
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r.Body)
		r.Body.Close()
		client.CloseIdleConnections()
		if err != nil || string(b) != "POST 204800 <nil>" || r.ProtoMajor == 2 != two {
			t.Errorf("%s %q, %v", r.Proto, b, err)
		}
	}
	if _, err := front.Start(front.Config{Addr: "127.0.0.1:0", Cert: key, Key: cert}); err == nil || !strings.Contains(err.Error(), "--tls") {
		t.Errorf("files the wrong way round: %v", err)
	}
}

func TestXMLFromOutside(t *testing.T) {
	deep := func(n int) string { return strings.Repeat("<a>", n) + strings.Repeat("</a>", n) }
	for text, good := range map[string]bool{
		`<a/>`: true, `<?xml version="1.0" encoding="utf-8"?><a b="c">&amp;&#65;</a>`: true, deep(32): true, "<a><!-- c --><![CDATA[<x>]]></a>\n": true,
		deep(33): false, deep(100_000): false, `<a>`: false, `</a>`: false, ``: false, `text`: false, `<a/><b/>`: false,
		`<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>`: false, `<a>&x;</a>`: false, `<?php x?><a/>`: false, `<a/><?xml version="1.0"?>`: false,
		`<?xml version="1.0" encoding="utf-16"?><a/>`: false, "<a>\xff</a>": false, "<a>\x00</a>": false,
		`<a xmlns:b=""/>`: false, `<a xmlns=""/>`: true,
		"<a" + strings.Repeat(` b="c"`, 65) + "/>": false,
	} {
		if err := front.CheckXML([]byte(text)); (err == nil) != good || err != nil && !errors.Is(err, front.ErrXML) {
			t.Errorf("%.60q: %v", text, err)
		}
	}
}

func FuzzCheckXML(f *testing.F) {
	for _, seed := range []string{`<a/>`, `<?xml version="1.0"?><a b="c">&amp;</a>`, `<!DOCTYPE a>`, `<a><![CDATA[x]]></a>`, `<a`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if front.CheckXML(b) == nil && strings.Contains(string(b), "<!DOCTYPE") && !strings.Contains(string(b), "<![CDATA[") && !strings.Contains(string(b), "<!--") && !strings.Contains(string(b), "<?") {
			t.Errorf("%q has a document type", b)
		}
	})
}
