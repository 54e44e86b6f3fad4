package space

import (
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/space/piece"
	"github.com/phyllo-net/phyllo/app/space/roots"
	"github.com/phyllo-net/phyllo/app/space/tree"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/sim/standin"
	"github.com/phyllo-net/phyllo/task"
)

// gone is a store in which no node is any more.
type gone struct{ tree.Store }

// Load implements tree.Store.
func (gone) Load(refs []piece.Ref) ([]*tree.Node, error) {
	if len(refs) == 0 {
		return nil, nil
	}
	return nil, missingError{apart: true}
}

// TestLeftForLater: a rival that cannot be brought in while a majority is away, as nodes of its directory are gone, is not
// read again with every look at the space, but after a minute, or when the majority is back.
func TestLeftForLater(t *testing.T) {
	signer := standin.NewSigner(2, 0)
	sp := &Space{signer: signer}
	lost := func(name string) *roots.Root {
		return &roots.Root{Certificate: id.HashOf(name), Tree: tree.Tree{Root: piece.Ref{Object: id.HashOf("gone", name)}, Levels: 1, Count: 1}}
	}
	const begun = task.Instant(time.Hour)
	for _, whole := range []bool{true, false} {
		now, rival := lost("current"), lost("rival")
		now.Apart, now.Rivals = 3, []id.Hash{rival.Certificate}
		if whole {
			now.Tree = tree.Tree{}
		} else {
			rival.Tree = tree.Tree{}
		}
		v, err := roots.View{Store: gone{}, Apart: true}.Together([]*roots.Root{now, rival})
		if (err == nil) != whole || whole && len(v.Roots) != 1 {
			t.Fatalf("the current root is whole: %t; the view is %+v", whole, v)
		}
		sp.leaveLater(now, []*roots.Root{rival}, v, begun)
		merges := func(what string, r roots.Root, after time.Duration, want bool) {
			if got := sp.merges(&r, begun.Add(after)); got != want {
				t.Errorf("the current root is whole: %t; %s: it is brought together: %t", whole, what, got)
			}
		}
		merges("at once", *now, 0, false)
		merges("soon", *now, laterAgain-1, false)
		merges("later", *now, laterAgain, true)
		another := *now
		another.Rivals = append([]id.Hash{id.HashOf("another")}, now.Rivals...)
		merges("another one", another, 0, true)
		back := *now
		back.Apart = 0
		merges("the majority is back", back, 0, true)
	}
}
