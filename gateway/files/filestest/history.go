package filestest

import "github.com/phyllo-net/phyllo/gateway/files"

func history(k *kit) {
	on, err := k.s.History(k.ctx)
	k.want(err, nil)
	if on {
		k.Error("a new space has history")
	}
	k.setHistory(true)
	if on, err = k.s.History(k.ctx); err != nil || !on {
		k.Errorf("history is %v, %v", on, err)
	}
	first := k.put("a", "first")
	second := k.put("a", "second")
	mark, err := k.s.Remove(k.ctx, "a", "", files.Cond{})
	k.want(err, nil)
	if !mark.Removed || mark.Version == "" || mark.Version == second.Version || !mark.Latest {
		k.Errorf("the mark is %+v", mark)
	}
	k.missing("a")
	k.reads("a", first.Version, "first")
	k.reads("a", second.Version, "second")
	if e, err := k.s.Stat(k.ctx, "a", first.Version); err != nil || e.Latest || e.Size != 5 {
		k.Errorf("the first is %+v, %v", e, err)
	}
	e, err := k.s.Stat(k.ctx, "a", mark.Version)
	k.want(err, files.ErrNotFound)
	if !e.Removed {
		k.Errorf("the mark is shown as %+v", e)
	}
	k.lists(files.Query{}, false)
	k.lists(files.Query{}, true, "a-", "a'", "a'")

	_, err = k.s.Copy(k.ctx, files.Ref{Name: "a", Version: first.Version}, "a", nil, files.Cond{Absent: true})
	k.want(err, nil) // undone
	k.reads("a", "", "first")
	k.lists(files.Query{}, true, "a", "a-'", "a'", "a'")

	_, err = k.s.Remove(k.ctx, "a", second.Version, files.Cond{})
	k.want(err, nil)
	_, err = k.s.Read(k.ctx, "a", second.Version, 0, -1)
	k.want(err, files.ErrNotFound)
	_, err = k.s.Remove(k.ctx, "a", second.Version, files.Cond{})
	k.want(err, files.ErrNotFound)
	now, err := k.s.Stat(k.ctx, "a", "")
	k.want(err, nil)
	_, err = k.s.Remove(k.ctx, "a", now.Version, files.Cond{}) // the mark is the current one again
	k.want(err, nil)
	k.missing("a")
	_, err = k.s.Remove(k.ctx, "a", mark.Version, files.Cond{})
	k.want(err, nil)
	k.reads("a", "", "first")
	k.lists(files.Query{}, true, "a")
}

func historyOff(k *kit) {
	first := k.put("a", "first")
	k.put("a", "second")
	_, err := k.s.Read(k.ctx, "a", first.Version, 0, -1)
	k.want(err, files.ErrNotFound)
	k.setHistory(true)
	third := k.put("a", "third")
	k.setHistory(false)
	k.put("a", "fourth")
	k.reads("a", "", "fourth")
	_, err = k.s.Read(k.ctx, "a", third.Version, 0, -1)
	k.want(err, files.ErrNotFound) // it was the current one when it was replaced
	k.lists(files.Query{}, true, "a", "a'")
	_, err = k.s.Remove(k.ctx, "a", "", files.Cond{})
	k.want(err, nil)
	k.missing("a") // what is older does not come back
	k.lists(files.Query{}, true, "a-", "a'")
	k.want(k.all.Remove(k.ctx, "s"), files.ErrNotEmpty)
}

func versionPages(k *kit) {
	k.setHistory(true)
	k.puts("a", "a", "a", "b", "c/d", "c/d", "c/e", "f")
	_, err := k.s.Remove(k.ctx, "b", "", files.Cond{})
	k.want(err, nil)
	for _, limit := range []int{1, 2, 3, 4, files.MaxPage} {
		k.lists(files.Query{Limit: limit}, true, "a", "a'", "a'", "b-", "b'", "c/d", "c/d'", "c/e", "f")
		k.lists(files.Query{Limit: limit, Fold: true}, true, "a", "a'", "a'", "b-", "b'", "[c/]", "f")
		k.lists(files.Query{Limit: limit, After: "a"}, true, "b-", "b'", "c/d", "c/d'", "c/e", "f")
	}
}
