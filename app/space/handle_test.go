package space_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/phyllo-net/phyllo/app/space"
	"github.com/phyllo-net/phyllo/app/space/piece"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
)

var (
	aHandle = space.Handle{Owner: peer.Key{1}, Door: peer.Secret{2}, Copies: 5}
	aFile   = space.Shared{Name: "a.jpg", Content: piece.Content{Ref: piece.Ref{Object: id.HashOf("x"), Key: peer.Secret{3}, Size: 7}, Height: 1}}
)

func TestLinks(t *testing.T) {
	if got, err := space.ParseHandle(" " + aHandle.String() + "\n"); err != nil || got != aHandle {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := space.ParseShared(aFile.String()); err != nil || got != aFile {
		t.Errorf("%+v, %v", got, err)
	}
	for what, text := range map[string]string{
		"nothing": "", "another scheme": "http://x", "a file's": aFile.String(), "cut": aHandle.String()[:60], "too long": aHandle.String() + strings.Repeat("A", 5000),
		"no owner":  space.Handle{Door: peer.Secret{2}, Copies: 5}.String(),
		"no copies": space.Handle{Owner: peer.Key{1}, Door: peer.Secret{2}}.String(),
		"17 copies": space.Handle{Owner: peer.Key{1}, Door: peer.Secret{2}, Copies: 17}.String(),
	} {
		if _, err := space.ParseHandle(text); !errors.Is(err, space.ErrHandle) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for what, change := range map[string]func(*space.Shared){
		"no name": func(s *space.Shared) { s.Name = "" }, "a path": func(s *space.Shared) { s.Name = "../x" }, "the folder above": func(s *space.Shared) { s.Name = ".." },
		"a NUL": func(s *space.Shared) { s.Name = "a\x00" }, "no object": func(s *space.Shared) { s.Content.Ref.Object = id.Hash{} },
		"a negative size": func(s *space.Shared) { s.Content.Ref.Size = -1 },
	} {
		s := aFile
		change(&s)
		if _, err := space.ParseShared(s.String()); !errors.Is(err, space.ErrHandle) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func FuzzLinks(f *testing.F) {
	f.Add(aHandle.String())
	f.Add(aFile.String())
	f.Fuzz(func(t *testing.T, text string) {
		if h, err := space.ParseHandle(text); err == nil && h.String() != strings.TrimSpace(text) {
			t.Error("a handle is read, and written otherwise")
		}
		if s, err := space.ParseShared(text); err == nil && s.String() != strings.TrimSpace(text) {
			t.Error("a file's link is read, and written otherwise")
		}
	})
}
