package ring_test

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/bench/ring"
	"github.com/phyllo-net/phyllo/sim/simtest"
)

// TestArchive archives a file in a ring of real nodes, of which a third then goes at once: who has
// the file's link reads it. Fewer nodes keep no archives, and under the race detector so many in one
// process ask five times as much of the processors: on a busy machine they find no end of forming a ring.
func TestArchive(t *testing.T) {
	simtest.WithoutRace(t)
	ctx, end := context.WithTimeout(context.Background(), 6*time.Minute)
	defer end()
	r, err := ring.Start(ctx, 27, ring.Options{Transport: ring.TCP})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := r.Stop(ctx); err != nil {
			t.Error(err)
		}
	}()
	if err := r.Mesh(ctx); err != nil {
		t.Fatal(err)
	}
	writer, reader := r.Nodes()[0].API(), r.Nodes()[1].API()
	if _, err := writer.UserAdd(ctx, api.UserRequest{Name: "ann"}); err != nil {
		t.Fatal(err)
	}
	content := make([]byte, 100_000)
	rand.NewChaCha8([32]byte{1}).Read(content)
	f, err := writer.FilePut(ctx, api.FilePut{Name: "old.tar", Archive: true}, bytes.NewReader(content))
	if err != nil || f.Need != 6 || f.Wanted != 24 || f.Copies < 20 {
		t.Fatalf("stored as %+v, %v", f, err)
	}
	list, err := writer.FileList(ctx, api.FileQuery{})
	if err != nil || len(list.Files) != 1 || list.Files[0].Need != 6 || list.Files[0].Wanted != 24 {
		t.Fatalf("listed as %+v, %v", list, err)
	}
	link, err := writer.FileShare(ctx, api.FileName{Name: "old.tar"})
	if err != nil {
		t.Fatal(err)
	}
	var leaving sync.WaitGroup
	for _, n := range r.Nodes()[18:] {
		leaving.Go(func() {
			if err := r.Leave(ctx, n); err != nil {
				t.Error(err)
			}
		})
	}
	leaving.Wait()
	again := time.NewTicker(time.Second)
	defer again.Stop()
	_, from, err := reader.FileGet(ctx, api.FileName{Name: link.Link})
	for api.KindOf(err) == api.Unreachable && ctx.Err() == nil { // a third of the ring is gone at once, and two processors bear the rest
		t.Logf("once more: %v", err)
		<-again.C
		_, from, err = reader.FileGet(ctx, api.FileName{Name: link.Link})
	}
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	if got, err := io.ReadAll(from); err != nil || !bytes.Equal(got, content) {
		t.Errorf("%d bytes came of %d, %v", len(got), len(content), err)
	}
}
