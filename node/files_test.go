package node_test

import (
	"context"
	"fmt"
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
