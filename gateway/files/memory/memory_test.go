package memory_test

import (
	"errors"
	"testing"

	"go.uber.org/goleak"

	"github.com/phyllo-net/phyllo/gateway/files"
	"github.com/phyllo-net/phyllo/gateway/files/filestest"
	"github.com/phyllo-net/phyllo/gateway/files/memory"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestSuite(t *testing.T) {
	filestest.Run(t, func(*testing.T) files.Spaces { return memory.New(8 << 20) })
}

// TestRoom: room is taken by drafts and versions, and comes back.
func TestRoom(t *testing.T) {
	m, ctx := memory.New(10), t.Context()
	if err := m.Create(ctx, "s"); err != nil {
		t.Fatal(err)
	}
	s, _ := m.Space(ctx, "s")
	draft := func(n int) (files.Draft, error) {
		d, err := s.Draft(ctx, -1, files.InCopies)
		if err == nil {
			_, err = d.Write(make([]byte, n))
		}
		return d, err
	}
	if _, err := s.Draft(ctx, 11, files.InCopies); !errors.Is(err, files.ErrFull) {
		t.Errorf("a draft that will be too large: %v", err)
	}
	d, err := draft(10)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := draft(1); !errors.Is(err, files.ErrFull) {
		t.Errorf("an eleventh byte: %v", err)
	}
	if _, err := s.Put(ctx, "a", []files.Draft{d}, files.Attrs{}, files.Cond{}); err != nil {
		t.Fatal(err)
	}
	for range 3 { // changes that move no content need no room
		if err := s.Rename(ctx, "a", "b", files.Cond{}); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Copy(ctx, files.Ref{Name: "b"}, "a", nil, files.Cond{}); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"a", "b"} {
		if _, err := s.Remove(ctx, name, "", files.Cond{}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := draft(10); err != nil {
		t.Errorf("the room did not come back: %v", err)
	}
}
