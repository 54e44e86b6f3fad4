package node_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/gateway/files"
	"github.com/phyllo-net/phyllo/gateway/files/filestest"
)

// TestFilesSuite: a user's spaces are all that doors want, in a ring of two nodes.
func TestFilesSuite(t *testing.T) {
	ns := ring(t, 2, nil)
	var users atomic.Uint64
	filestest.Run(t, func(t *testing.T) files.Spaces {
		name := fmt.Sprint("user-", users.Add(1))
		if _, err := ns[0].API().UserAdd(context.Background(), api.UserRequest{Name: name}); err != nil {
			t.Fatal(err)
		}
		return ns[0].Files(name)
	})
}

// What is put under a folder's name is refused: before, it was read to its end, and nothing was stored.
func TestFilePutNames(t *testing.T) {
	n := start(t, settings(t.TempDir()))
	addUser(t, n, "ann")
	ctx, c := limited(t), n.API()
	for _, name := range []string{"a/", "a//b", ""} {
		if f, err := c.FilePut(ctx, api.FilePut{Name: name}, strings.NewReader("text")); api.KindOf(err) != api.Usage {
			t.Errorf("%q is put: %+v, %v", name, f, err)
		}
	}
	for _, name := range []string{"a//b", "..", "/a", "a\nb"} { // another program may have stored it
		if err := c.FileRemove(ctx, api.FileName{Name: name}); api.KindOf(err) != api.NotFound {
			t.Errorf("%q is removed: %v", name, err)
		}
	}
}
