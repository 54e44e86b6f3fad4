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

// TestLodgingProcesses: of four processes one offers little. What it should keep of a film another
// one keeps for it, who was sent it by the writer; it is read by the one without room, and when
// another one has died.
func TestLodgingProcesses(t *testing.T) {
	beside(t)
	a, b, _ := threeProcesses(t)
	small := newProcess(t)
	small.env = []string{"PHYLLO_OFFER=2MiB"}
	a.admit(small)
	a.must("user", "add", "ann")
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	content := make([]byte, 8<<20)
	rand.NewChaCha8([32]byte{12}).Read(content)
	writer, name := a.dial(), ""
	var there api.Account
	for try, before := 0, 0; there.Elsewhere == before; try++ { // it need not be one of the three nearest to any piece
		name, before = fmt.Sprint("film ", try), there.Elsewhere
		f, err := writer.FilePut(ctx, api.FilePut{Name: name, Copies: 3}, bytes.NewReader(content))
		if small.read(&there, "offer"); ctx.Err() != nil {
			t.Fatalf("the last of %d tries: %+v, %v; the small one: %+v", try+1, f, err, there)
		}
	}
	if there.Kept > 2<<20 {
		t.Errorf("more is kept than offered: %+v", there)
	}
	link, err := writer.FileShare(ctx, api.FileName{Name: name})
	if err != nil {
		t.Fatal(err)
	}
	read := func() {
		t.Helper()
		_, r, err := small.dial().FileGet(ctx, api.FileName{Name: link.Link})
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, content) {
			t.Errorf("%d bytes were read of %d: %v", len(got), len(content), err)
		}
	}
	read()
	b.kill()
	read()
}
