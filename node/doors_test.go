package node_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/gateway/doortest"
	"github.com/phyllo-net/phyllo/node"
)

// s3Door makes a key for a space of a user's, and returns the door's address and the key.
func s3Door(t *testing.T, n *node.Node, user, space string) (url, id, secret string) {
	t.Helper()
	ctx := limited(t)
	if _, err := n.API().SpaceCreate(ctx, api.SpaceCreate{User: user, Name: space}); err != nil {
		t.Fatal(err)
	}
	k, err := n.API().KeyAdd(ctx, api.KeyRequest{User: user, For: api.DoorS3, Space: space})
	if err != nil {
		t.Fatal(err)
	}
	return k.URL, k.ID, k.Secret
}

// TestResticOverRealNodes: a backup through S3 into a ring of three real nodes, looked
// at and brought back.
func TestResticOverRealNodes(t *testing.T) {
	beside(t)
	restic := doortest.Program(t, "restic")
	ns := ring(t, 3, nil)
	if _, err := ns[0].API().UserAdd(context.Background(), api.UserRequest{Name: "ann"}); err != nil {
		t.Fatal(err)
	}
	url, id, secret := s3Door(t, ns[0], "ann", "backup")
	dir := t.TempDir()
	want := map[string][]byte{"a": bytes.Repeat([]byte("0123456789"), 100_000), "b": []byte("text"), "empty": {}}
	if err := os.Mkdir(filepath.Join(dir, "src"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, content := range want {
		if err := os.WriteFile(filepath.Join(dir, "src", name), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	in := doortest.Command{Dir: dir, Env: []string{"AWS_ACCESS_KEY_ID=" + id, "AWS_SECRET_ACCESS_KEY=" + secret, "RESTIC_PASSWORD=x", "RESTIC_REPOSITORY=s3:" + url + "/backup/r"}}
	for _, args := range []string{"init", "backup src", "check --read-data", "restore latest --target out"} {
		in.Run(t, append([]string{restic, "--no-cache"}, strings.Fields(args)...)...)
	}
	for name, content := range want {
		if got, err := os.ReadFile(filepath.Join(dir, "out", "src", name)); err != nil || !bytes.Equal(got, content) {
			t.Errorf("%s came back with %d bytes of %d, %v", name, len(got), len(content), err)
		}
	}
}
