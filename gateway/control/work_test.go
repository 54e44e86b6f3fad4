package control_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/id"
)

// TestWork: what becomes of an item is told while others are still sent; who takes items
// confirms them; what is offered and left is listed and withdrawn.
func TestWork(t *testing.T) {
	s := serve(t)
	r, w := io.Pipe()
	var told []string
	go io.WriteString(w, "one\n")
	err := s.client.WorkOffer(deadline(t), api.WorkOffering{Topic: "thumbnails", Lines: true}, r, func(e *api.WorkEvent) error {
		told = append(told, e.Text+" "+e.Event)
		if e.Over() && e.Text == "one" {
			go func() { // only now
				io.WriteString(w, "bad\n")
				w.Close()
			}()
		}
		return nil
	})
	if got := strings.Join(told, ", "); err != nil || got != "one queued, one taken, one done, bad queued, bad taken, bad failed" {
		t.Errorf("told is %s, %v", got, err)
	}
	enough, jobs := errors.New("enough"), 0
	err = s.client.WorkTake(deadline(t), api.WorkTaking{Topic: "thumbnails"}, func(e *api.WorkEvent) error {
		if e.Event != api.WorkJob {
			return nil
		}
		if jobs++; jobs == 2 {
			return enough
		}
		return s.client.WorkConfirm(context.Background(), api.WorkReport{Item: e.Item})
	})
	if err != enough {
		t.Errorf("taking: %v", err)
	}
	if err := s.client.WorkConfirm(deadline(t), api.WorkReport{Item: id.HashOf("other")}); api.KindOf(err) != api.Conflict {
		t.Errorf("what nobody has is confirmed: %v", err)
	}
	if err := s.client.WorkOffer(deadline(t), api.WorkOffering{Topic: "later", Leave: true}, strings.NewReader("x"), func(*api.WorkEvent) error { return nil }); err != nil {
		t.Error(err)
	}
	if list, err := s.client.WorkList(deadline(t)); err != nil || len(list) != 1 || list[0].Text != "x" {
		t.Errorf("listed is %+v, %v", list, err)
	}
	if n, err := s.client.WorkWithdraw(deadline(t), api.WorkWithdrawal{Topic: "later"}); err != nil || n.Items != 1 {
		t.Errorf("withdrawn is %+v, %v", n, err)
	}
	for topic, kind := range map[string]api.Kind{"two words": api.Usage, "bob/x": api.Denied} {
		err := s.client.WorkOffer(deadline(t), api.WorkOffering{Topic: topic}, strings.NewReader("x"), func(*api.WorkEvent) error { return nil })
		if api.KindOf(err) != kind {
			t.Errorf("offering to %s: %v", topic, err)
		}
	}
}

// TestWorkOnThePage: a browser offers and takes, with server-sent events, and no other page does.
func TestWorkOnThePage(t *testing.T) {
	s := serve(t)
	cookie := s.login(t)
	code, text := s.browse(t, "POST", query(api.StreamWorkOffer, `{"topic":"thumbnails","lines":true}`), "one", "Cookie", cookie, "Origin", s.UI(), "Content-Type", api.FileType, "Accept", "text/event-stream")
	if code != 200 || !strings.Contains(text, `data: {"event":"done"`) {
		t.Errorf("offering: %d %s", code, text)
	}
	r := get(t, s.UI()+query(api.StreamWorkTake, `{"topic":"thumbnails"}`))
	r.Header.Set("Cookie", cookie)
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	r.Header.Set("Accept", "text/event-stream")
	resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	in := bufio.NewScanner(resp.Body)
	for in.Scan() && !strings.Contains(in.Text(), `"event":"job"`) {
	}
	if !strings.HasPrefix(in.Text(), `data: {"event":"job"`) {
		t.Errorf("the last line is %q, %v", in.Text(), in.Err())
	}
	for _, c := range []struct {
		what, method, path string
		header             []string
		status             int
	}{
		{"taking without a cookie", "GET", query(api.StreamWorkTake, `{"topic":"x"}`), nil, 401},
		{"offering from another origin", "POST", query(api.StreamWorkOffer, `{"topic":"x"}`), []string{"Cookie", cookie, "Origin", "http://evil.example", "Content-Type", api.FileType}, 403},
		{"offering as a form", "POST", query(api.StreamWorkOffer, `{"topic":"x"}`), []string{"Cookie", cookie, "Origin", s.UI(), "Content-Type", "text/plain"}, 400},
		{"offering without a request", "POST", query(api.StreamWorkOffer, `{"topic":`), []string{"Cookie", cookie, "Origin", s.UI(), "Content-Type", api.FileType}, 400},
		{"taking by POST", "POST", query(api.StreamWorkTake, `{"topic":"x"}`), []string{"Cookie", cookie, "Origin", s.UI()}, 405},
	} {
		if code, text := s.browse(t, c.method, c.path, "", c.header...); code != c.status {
			t.Errorf("%s: %d %s", c.what, code, text)
		}
	}
}
