package node_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/api"
)

// TestFetchProcesses: one of those who keep a long file is killed (kill -9) while it is read, and then another, and
// all of it comes. Of each piece that the reader does not keep itself, a quarter, the three others have it.
func TestFetchProcesses(t *testing.T) {
	a, b, c := threeProcesses(t)
	reader := newProcess(t)
	a.admit(reader)
	a.must("user", "add", "ann")
	content := make([]byte, 24<<20)
	rand.NewChaCha8([32]byte{11}).Read(content)
	ctx, cancel := context.WithTimeout(context.Background(), 4*time.Minute)
	defer cancel()
	writer := a.dial()
	name := ""
	for try := 0; ; try++ { // the writer may hear of the others a moment later
		name = fmt.Sprint("film ", try)
		f, err := writer.FilePut(ctx, api.FilePut{Name: name, Copies: 3}, bytes.NewReader(content))
		if err == nil && f.Copies == 3 {
			break
		}
		if ctx.Err() != nil {
			t.Fatalf("the last of %d tries: %+v, %v", try+1, f, err)
		}
	}
	link, err := writer.FileShare(ctx, api.FileName{Name: name})
	if err != nil {
		t.Fatal(err)
	}
	for _, victim := range []*process{b, c} {
		_, r, err := reader.dial().FileGet(ctx, api.FileName{Name: link.Link})
		if err != nil {
			t.Fatal(err)
		}
		got := make([]byte, 4<<20)
		if _, err := io.ReadFull(r, got); err != nil {
			t.Fatal(err)
		}
		victim.kill()
		rest, err := io.ReadAll(r)
		if got = append(got, rest...); err != nil || !bytes.Equal(got, content) {
			t.Errorf("%d bytes were read of %d: %v", len(got), len(content), err)
		}
		r.Close()
	}
}
