package browser

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strings"
)

// read hands on what the browser sends until it goes: JSON texts, each ended by a
// zero byte.
func (c *process) read(from *os.File) {
	defer close(c.ended)
	for in := bufio.NewReaderSize(from, 1<<20); ; {
		text, err := in.ReadBytes(0)
		if err != nil {
			c.mu.Lock()
			c.gone = errGone
			c.mu.Unlock()
			return
		}
		var a answer
		if err := json.Unmarshal(text[:len(text)-1], &a); err != nil {
			continue // not ours: the calls that wait for it run into their time-outs
		}
		c.mu.Lock()
		back, asked := c.calls[a.ID]
		delete(c.calls, a.ID)
		page := c.sessions[a.Session]
		c.mu.Unlock()
		switch {
		case asked:
			back <- a
		case page != nil:
			page.event(a)
		}
	}
}

// event notes what a page complains of.
func (p *Page) event(a answer) {
	var e struct {
		Type string `json:"type"`
		Args []struct {
			Value       any    `json:"value"`
			Description string `json:"description"`
		} `json:"args"`
		Entry struct {
			Level, Text, URL string
		} `json:"entry"`
		ExceptionDetails struct {
			Text      string `json:"text"`
			Exception struct {
				Description string `json:"description"`
			} `json:"exception"`
		} `json:"exceptionDetails"`
	}
	if json.Unmarshal(a.Params, &e) != nil {
		return
	}
	var said string
	switch {
	case a.Method == "Runtime.exceptionThrown":
		said = e.ExceptionDetails.Text + " " + e.ExceptionDetails.Exception.Description
	case a.Method == "Log.entryAdded" && e.Entry.Level == "error":
		said = e.Entry.Text + " " + e.Entry.URL
	case a.Method == "Runtime.consoleAPICalled" && (e.Type == "error" || e.Type == "assert"):
		var words []string
		for _, arg := range e.Args {
			if arg.Value != nil {
				words = append(words, fmt.Sprint(arg.Value))
			} else {
				words = append(words, arg.Description)
			}
		}
		said = strings.Join(words, " ")
	default:
		return
	}
	p.b.mu.Lock()
	p.complaints = append(p.complaints, strings.TrimSpace(said))
	p.b.mu.Unlock()
}
