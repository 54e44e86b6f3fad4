package filestest

import (
	"github.com/phyllo-net/phyllo/gateway/files"
)

// classes: an entry says how its content is kept, whoever tells of it; a ring that is too small for
// archives says so, too.
func classes(k *kit) {
	put := func(name string, how files.Class, texts ...string) files.Entry {
		k.Helper()
		var drafts []files.Draft
		for _, text := range texts {
			drafts = append(drafts, k.draftAs(text, how))
		}
		e, err := k.s.Put(k.ctx, name, drafts, files.Attrs{}, files.Cond{})
		k.want(err, nil)
		return e
	}
	copies := put("copies", files.InCopies, "in copies").Kept
	if copies.Class() != files.InCopies || copies.Total < 1 {
		k.Errorf("it is kept in %+v", copies)
	}
	archived := put("archive", files.InParts, "in parts").Kept
	if archived.Class() == files.InParts && (archived.Need < 1 || archived.Total <= archived.Need) {
		k.Errorf("an archive is kept in %+v", archived)
	}
	if joined := put("joined", files.InParts, "in ", "parts").Kept; joined != archived {
		k.Errorf("of two drafts it is kept in %+v, of one in %+v", joined, archived)
	}
	if none := put("empty", files.InParts, "").Kept; none != (files.Kept{}) {
		k.Errorf("no content is kept in %+v", none)
	}
	b, err := k.draftAs("saved", files.InParts).Save()
	k.want(err, nil)
	d, err := k.s.Saved(k.ctx, b)
	k.want(err, nil)
	e, err := k.s.Put(k.ctx, "saved", []files.Draft{d}, files.Attrs{}, files.Cond{})
	k.want(err, nil)
	if e.Kept != archived {
		k.Errorf("what was saved is kept in %+v", e.Kept)
	}
	e, err = k.s.Copy(k.ctx, files.Ref{Name: "archive"}, "copy", nil, files.Cond{})
	k.want(err, nil)
	if e.Kept != archived {
		k.Errorf("a copy is kept in %+v", e.Kept)
	}
	want := map[string]files.Kept{"archive": archived, "copies": copies, "copy": archived, "empty": {}, "joined": archived, "saved": archived}
	p, err := k.s.List(k.ctx, files.Query{Limit: 10})
	k.want(err, nil)
	for _, e := range p.Entries {
		got, err := k.s.Stat(k.ctx, e.Name, "")
		k.want(err, nil)
		if e.Kept != want[e.Name] || got.Kept != want[e.Name] {
			k.Errorf("%s is listed as kept in %+v, and told in %+v, want %+v", e.Name, e.Kept, got.Kept, want[e.Name])
		}
	}
	if len(p.Entries) != len(want) {
		k.Errorf("%d are listed", len(p.Entries))
	}
}
