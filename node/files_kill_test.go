package node_test

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/node"
)

// TestFilesKill: a node dies in the middle of a put of a long file, and another in the middle of
// its reading: all is stored, and all is read. With three copies on four nodes one is left.
func TestFilesKill(t *testing.T) {
	ns := ring(t, 4, nil)
	addUser(t, ns[0], "ann")
	content := make([]byte, 20e6)
	rand.NewChaCha8([32]byte{9}).Read(content)
	half := len(content) / 2

	ctx := context.Background()
	f, err := ns[0].API().FilePut(ctx, api.FilePut{User: "ann", Name: "film", Copies: 3}, io.MultiReader(
		bytes.NewReader(content[:half]), &killing{t: t, victim: ns[3]}, bytes.NewReader(content[half:])))
	if err != nil || f.Copies < 2 {
		t.Fatalf("put: %+v, %v", f, err)
	}
	link, err := ns[0].API().FileShare(ctx, api.FileName{User: "ann", Name: "film"})
	if err != nil {
		t.Fatal(err)
	}
	_, r, err := ns[1].API().FileGet(ctx, api.FileName{Name: link.Link})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	got := make([]byte, half/2)
	if _, err := io.ReadFull(r, got); err != nil {
		t.Fatal(err)
	}
	ns[2].Kill()
	rest, err := io.ReadAll(r)
	if got = append(got, rest...); err != nil || !bytes.Equal(got, content) {
		t.Errorf("%d bytes were read of %d: %v", len(got), len(content), err)
	}
}

// killing is a reader of nothing. When it is read, a node dies.
type killing struct {
	t      *testing.T
	victim *node.Node
}

func (k *killing) Read([]byte) (int, error) {
	k.t.Helper()
	k.victim.Kill()
	return 0, io.EOF
}
