package main

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
)

// TestServe: the address that is printed shows the page, and an interrupt ends it in
// order.
func TestServe(t *testing.T) {
	ctx, end := context.WithCancel(t.Context())
	defer end()
	out, in := io.Pipe()
	ended := make(chan int, 1)
	var said strings.Builder
	go func() {
		ended <- run(ctx, &world{out: in, say: &said}, []string{"serve", "--listen", "127.0.0.1:0", "--seed", "7", "--without", "drop,crash"})
		in.Close()
	}()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("it printed %q: %v, %s", line, err, said.String())
	}
	found := regexp.MustCompile(`^open (http://127\.0\.0\.1:\d+/)#seeds=7&nodes=16&rage=2m0s&leaf=8&without=drop,crash\n$`).FindStringSubmatch(line)
	if found == nil {
		t.Fatalf("it printed %q", line)
	}
	r, err := http.NewRequestWithContext(ctx, "GET", found[1], nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	page, err := io.ReadAll(answer.Body)
	answer.Body.Close()
	if err != nil || !strings.Contains(string(page), "<title>phyllolab") {
		t.Errorf("the page is %q, %v", page, err)
	}
	end()
	if code := <-ended; code != 0 {
		t.Errorf("exit code %d: %s", code, said.String())
	}
}
