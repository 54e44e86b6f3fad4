package doors

import (
	"bytes"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/phyllo-net/phyllo/store"
)

// damagedParts is a store in which all parts of uploads are damaged.
type damagedParts struct {
	store.Store
	keys []string
}

func (d *damagedParts) Scan(_ store.Table, _ store.Range, f func(key, value []byte) bool) error {
	for _, k := range d.keys {
		f([]byte(k), []byte("{"))
	}
	return nil
}

// TestDamagedPartIsToldOnce: each sweep finds what is damaged as long as the door S3, which puts it aside, stays
// shut. The log has it once, and again if it was mended meanwhile.
func TestDamagedPartIsToldOnce(t *testing.T) {
	var b bytes.Buffer
	d := new(damagedParts)
	u := &Uploads{store: d, log: slog.New(slog.NewTextHandler(&b, nil))}
	for i, s := range []struct{ damaged, told []string }{
		{[]string{"part/x/00001"}, []string{"part/x/00001"}},
		{[]string{"part/x/00001", "part/x/00002"}, []string{"part/x/00002"}},
		{[]string{"part/x/00001", "part/x/00002"}, nil},
		{[]string{"part/x/00002"}, nil},
		{[]string{"part/x/00001", "part/x/00002"}, []string{"part/x/00001"}},
	} {
		d.keys = s.damaged
		b.Reset()
		if cs, err := u.Waiting(); err != nil || len(cs) > 0 {
			t.Fatalf("sweep %d: %v, %v", i, cs, err)
		}
		told := slices.DeleteFunc(strings.Split(b.String(), "\n"), func(line string) bool { return line == "" })
		if !slices.EqualFunc(told, s.told, func(line, key string) bool { return strings.Contains(line, key) }) {
			t.Errorf("sweep %d: the log has %q, want %q", i, told, s.told)
		}
	}
}
