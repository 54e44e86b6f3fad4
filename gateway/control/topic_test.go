package control_test

import (
	"bufio"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/phyllo-net/phyllo/api"
)

// TestTopics: what is published over the socket is read over it, as it comes, and by a browser as
// server-sent events; what goes wrong after the first event is its last.
func TestTopics(t *testing.T) {
	s := serve(t)
	p, err := s.client.Publish(deadline(t), api.Publication{Topic: "news", Lines: true}, strings.NewReader("one\n\n\xff"))
	if err != nil || *p != (api.Published{Topic: "news", Messages: 3}) {
		t.Fatalf("published %+v, %v", p, err)
	}
	var read []string
	enough := errors.New("enough")
	err = s.client.Subscribe(deadline(t), api.Subscription{Topic: "news", Last: 2}, func(e *api.TopicEvent) error {
		if e.Event == api.TopicBegin {
			_, err := s.client.Publish(deadline(t), api.Publication{Topic: "news"}, strings.NewReader("two\nlines"))
			return err
		}
		if read = append(read, string(e.Body())); len(read) == 3 {
			return enough
		}
		return nil
	})
	if want := []string{"", "\xff", "two\nlines"}; err != enough || !slices.Equal(read, want) {
		t.Errorf("read %q, %v, want %q", read, err, want)
	}
	for topic, kind := range map[string]api.Kind{"two words": api.Usage, "closed": api.Denied} {
		err := s.client.Subscribe(deadline(t), api.Subscription{Topic: topic}, func(*api.TopicEvent) error { return nil })
		if api.KindOf(err) != kind {
			t.Errorf("reading %s: %v", topic, err)
		}
	}
	if m, err := s.client.TopicBench(deadline(t), api.TopicTrial{Topic: "news", Size: 100, Outstanding: 1, For: 1000}); err != nil || m.Messages != 200 || m.All.P99 != 4800 {
		t.Errorf("measured is %+v, %v", m, err)
	}
	if _, err := s.client.Publish(deadline(t), api.Publication{Topic: "bob/x"}, strings.NewReader("x")); api.KindOf(err) != api.Denied {
		t.Errorf("publishing to bob's: %v", err)
	}
}

func TestTopicsOnThePage(t *testing.T) {
	s := serve(t)
	cookie := s.login(t)
	if code, text := s.browse(t, "POST", query(api.StreamPublish, `{"topic":"news"}`), "hello", "Cookie", cookie, "Origin", s.UI(), "Content-Type", api.FileType); code != 200 {
		t.Fatalf("publishing: %d %s", code, text)
	}
	r := get(t, s.UI()+query(api.StreamSubscribe, `{"topic":"news","last":1}`))
	r.Header.Set("Cookie", cookie)
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	r.Header.Set("Accept", "text/event-stream")
	resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if kind := resp.Header.Get("Content-Type"); resp.StatusCode != 200 || kind != "text/event-stream" {
		t.Fatalf("status %d, type %s", resp.StatusCode, kind)
	}
	in := bufio.NewScanner(resp.Body)
	for in.Scan() && !strings.Contains(in.Text(), `"text":"hello"`) {
	}
	if !strings.HasPrefix(in.Text(), `data: {"event":"message"`) {
		t.Errorf("the last line is %q, %v", in.Text(), in.Err())
	}
	for _, c := range []struct {
		what, method, path string
		header             []string
		status             int
	}{
		{"reading without a cookie", "GET", query(api.StreamSubscribe, `{"topic":"news"}`), nil, 401},
		{"publishing from another origin", "POST", query(api.StreamPublish, `{"topic":"news"}`), []string{"Cookie", cookie, "Origin", "http://evil.example", "Content-Type", api.FileType}, 403},
		{"publishing as a form", "POST", query(api.StreamPublish, `{"topic":"news"}`), []string{"Cookie", cookie, "Origin", s.UI(), "Content-Type", "text/plain"}, 400},
		{"reading without a request", "GET", api.StreamSubscribe + "?q=" + url.QueryEscape(`{"topic":`), []string{"Cookie", cookie}, 400},
		{"reading by POST", "POST", query(api.StreamSubscribe, `{"topic":"news"}`), []string{"Cookie", cookie, "Origin", s.UI()}, 405},
	} {
		if code, text := s.browse(t, c.method, c.path, "", c.header...); code != c.status {
			t.Errorf("%s: %d %s", c.what, code, text)
		}
	}
}
