package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
)

// Everybody is what all nodes of the ring are asked. One question makes all of them work, so
// a node asks only some in a minute; more fail.
type Everybody interface {
	// Census asks all nodes what they are, and adds up what they say.
	Census(ctx context.Context) (*Census, error)
	// UserSearch calls f with the records of people in the ring whose names fit, a few at a
	// time, as nodes answer: each name once, in no order, and nobody who hides from lists. It
	// returns how many nodes have answered, f's error, or Usage for a wrong query.
	UserSearch(ctx context.Context, q UserQuery, f func([]User) error) (*Reached, error)
}

// MaxUserSearch is the most people that one search returns.
const MaxUserSearch = 100_000

// UserQuery says which people are looked for.
type UserQuery struct {
	// Pattern: * stands for any characters, also none, and ? for one. Empty: everybody.
	Pattern string `json:"pattern,omitempty"`
	// Limit is the most people that are wanted: 1 to MaxUserSearch; 0: MaxUserSearch.
	Limit int `json:"limit,omitempty"`
}

// Reached says of how many nodes' word an answer is.
type Reached struct {
	Nodes int `json:"nodes"` // that answered
	About int `json:"about"` // that are in the ring, as well as can be told
	// More: there are more people than were asked for.
	More bool `json:"more,omitempty"`
}

// Census is what the nodes of the ring say of themselves, added up.
type Census struct {
	Nodes int `json:"nodes"` // that answered
	About int `json:"about"` // that are in the ring, as well as can be told
	// Silent ones answered, and do not say what they have.
	Silent   int            `json:"silent,omitempty"`
	Offered  int64          `json:"offered"` // bytes of content
	Kept     int64          `json:"kept"`    // bytes of content, all copies counted
	Objects  int64          `json:"objects"` // all copies counted
	Names    int64          `json:"names"`   // whose records are kept, all copies counted
	Versions []VersionCount `json:"versions"`
	// TookMicros is how long it took.
	TookMicros int64 `json:"took_us"`
}

// VersionCount is how many nodes run one version of the program.
type VersionCount struct {
	Version string `json:"version"`
	Nodes   int    `json:"nodes"`
}

// StreamUsers is where a search is answered: POST with a UserQuery, and the answer is Lines,
// of JSON or, if that is accepted, server-sent events, as it comes.
const StreamUsers = "/v1/user/search"

// SearchLine is a part of the answer to a search: people, or its end.
type SearchLine struct {
	Users   []User   `json:"users,omitempty"`
	Reached *Reached `json:"reached,omitempty"` // the end
	Error   *Error   `json:"error,omitempty"`   // the end of a search that failed on its way
}

// Census implements Node.
func (c *Client) Census(ctx context.Context) (*Census, error) {
	return call[*Census](ctx, c, "ring/census", none{})
}

// UserSearch implements Node.
func (c *Client) UserSearch(ctx context.Context, q UserQuery, f func([]User) error) (*Reached, error) {
	body, err := json.Marshal(q)
	if err != nil {
		return nil, err
	}
	resp, err := c.request(ctx, StreamUsers, "application/json", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	d := json.NewDecoder(io.LimitReader(resp.Body, maxStream))
	for {
		var l SearchLine
		switch err := d.Decode(&l); {
		case err == io.EOF:
			return nil, fmt.Errorf("the node at %s did not end its answer: ask again; its log is phyllo.log there", c.home)
		case err != nil:
			return nil, c.wrap(ctx, err)
		case l.Error != nil:
			return nil, l.Error
		}
		if len(l.Users) > 0 {
			if err := f(l.Users); err != nil {
				return nil, err
			}
		}
		if l.Reached != nil {
			return l.Reached, nil
		}
	}
}

// maxStream bounds what is read of an answer that comes by and by, in bytes: the most people
// with the longest records.
const maxStream = 1 << 30
