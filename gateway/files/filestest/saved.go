package filestest

import (
	"io"

	"github.com/phyllo-net/phyllo/gateway/files"
)

// saved: what was saved is found by what Save returned, and put or given up as any draft.
func saved(k *kit) {
	var all [][]byte
	for _, text := range []string{"one ", "", "two"} {
		b, err := k.draft(text).Save()
		k.want(err, nil)
		if len(b) > files.MaxSaved {
			k.Errorf("%d bytes to find a draft again", len(b))
		}
		all = append(all, b)
	}
	var drafts []files.Draft
	size := int64(0)
	for _, b := range all {
		d, err := k.s.Saved(k.ctx, b)
		k.want(err, nil)
		if _, err := io.WriteString(d, "more"); err == nil {
			k.Error("a draft that is saved takes more")
		}
		drafts, size = append(drafts, d), size+d.Size()
	}
	if size != 7 {
		k.Errorf("they are %d bytes long", size)
	}
	_, err := k.s.Put(k.ctx, "x", drafts, files.Attrs{}, files.Cond{})
	k.want(err, nil)
	k.reads("x", "", "one two")
	drafts[0].Discard() // too late
	k.reads("x", "", "one two")

	b, err := k.draft("given up").Save()
	k.want(err, nil)
	d, err := k.s.Saved(k.ctx, b)
	k.want(err, nil)
	d.Discard()
	_, err = k.s.Saved(k.ctx, []byte("something else"))
	k.want(err, files.ErrNotFound)
}

// once: what was put is not put again, whatever became of the name.
func once(k *kit) {
	c := files.Cond{Absent: true, Once: "the first"}
	first, err := k.tryPut("x", "first", c)
	k.want(err, nil)
	again, err := k.tryPut("x", "first", c)
	k.want(err, nil)
	if again.Version != first.Version {
		k.Errorf("put again it is the version %s, not %s", again.Version, first.Version)
	}
	second, err := k.tryPut("x", "second", files.Cond{Once: "the second"})
	k.want(err, nil)
	if second.Version == first.Version {
		k.Error("another change has done nothing")
	}
	k.reads("x", "", "second")
	if _, err := k.tryPut("y", "third", files.Cond{Once: "the second"}); err != nil {
		k.Errorf("the same under another name: %v", err)
	}
	k.setHistory(true)
	third, err := k.tryPut("x", "third", files.Cond{Once: "the third"})
	k.want(err, nil)
	k.put("x", "fourth")
	again, err = k.tryPut("x", "third", files.Cond{Once: "the third"})
	k.want(err, nil)
	if again.Version != third.Version || again.Latest {
		k.Errorf("put again behind another one: %+v, want the version %s", again, third.Version)
	}
	k.reads("x", "", "fourth")
}
