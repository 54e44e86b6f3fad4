package s3_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/gateway/files"
	"github.com/phyllo-net/phyllo/gateway/files/memory"
	"github.com/phyllo-net/phyllo/gateway/s3"
)

// begin opens an upload in parts.
func (w *world) begin(name string) (id string) {
	w.Helper()
	return element(w.do("POST", "/bbb/"+name+"?uploads", "", "Content-Type: text/x").Has(w, 200, "").Body, "UploadId")
}

// part uploads a part of the file a.
func (w *world) part(id string, n int, text string) (tag string) {
	w.Helper()
	return w.do("PUT", fmt.Sprintf("/bbb/a?partNumber=%d&uploadId=%s", n, id), text).Has(w, 200, "").Header.Get("ETag")
}

// named names parts by number and tag, as who completes an upload does.
func named(tags ...any) string {
	return fmt.Sprintf("<CompleteMultipartUpload>"+strings.Repeat("<Part><PartNumber>%d</PartNumber><ETag>%s</ETag></Part>", len(tags)/2)+"</CompleteMultipartUpload>", tags...)
}

// room is how large a file can be that is put now, between 0 and 2,000 bytes.
func (w *world) room() (free int) {
	w.Helper()
	for most := 2001; most-free > 1; {
		n := (most + free) / 2
		if got := w.do("PUT", "/bbb/probe", strings.Repeat("x", n)); got.Status == 200 {
			free = n
			w.do("DELETE", "/bbb/probe", "").Has(w, 204, "")
		} else {
			got.Has(w, 507, "")
			most = n
		}
	}
	return free
}

// TestUploadsOutliveRestarts: what was uploaded in parts is there when the node starts again, is completed
// or given up then, and ends by itself when it is a week old; whatever becomes of it, nothing is left over.
func TestUploadsOutliveRestarts(t *testing.T) {
	w := openOn(t, memory.New(1000)).start()
	id, other := w.begin("a"), w.begin("b")
	one := w.part(id, 1, "one ")
	w.part(id, 2, strings.Repeat("x", 100))
	w.part(id, 3, strings.Repeat("x", 200))
	w.restart(time.Now)
	w.do("GET", "/bbb/a?uploadId="+id, "").Has(t, 200, "<PartNumber>3</PartNumber>")
	w.do("GET", "/bbb?uploads", "").Has(t, 200, other)
	two := w.part(id, 2, "two") // in the place of another
	if free := w.room(); free != 1000-4-3-200 {
		t.Errorf("there is room for %d bytes", free)
	}
	w.do("POST", "/bbb/a?uploadId="+id, named(1, one, 2, two)).Has(t, 200, "")
	if got := w.do("GET", "/bbb/a", "").Has(t, 200, "one two"); got.Header.Get("Content-Type") != "text/x" {
		t.Errorf("its type is %s", got.Header.Get("Content-Type"))
	}
	w.restart(time.Now)
	w.do("GET", "/bbb/a?uploadId="+id, "").Has(t, 404, "NoSuchUpload")
	if free := w.room(); free != 1000-7 {
		t.Errorf("with the file there is room for %d bytes", free)
	}

	id = w.begin("a")
	w.part(id, 1, "given up")
	w.restart(time.Now)
	w.do("DELETE", "/bbb/a?uploadId="+id, "").Has(t, 204, "")

	old := w.begin("a")
	w.part(old, 1, "too old")
	w.restart(func() time.Time { return time.Now().Add(8 * 24 * time.Hour) })
	// A signature of today is no longer good there, so the rest is seen by the next one.
	w.s3.Sweep(t.Context())
	w.restart(time.Now)
	w.do("GET", "/bbb/a?uploadId="+old, "").Has(t, 404, "NoSuchUpload")
	w.do("GET", "/bbb/b?uploadId="+other, "").Has(t, 404, "NoSuchUpload")
	if free := w.room(); free != 1000-7 {
		t.Errorf("at the end there is room for %d bytes", free)
	}
	if n := w.records.Len(); n != 0 {
		t.Errorf("%d records are left", n)
	}
}

// TestBucketTakesUploadsAlong: who removes a bucket gives up what is being uploaded into it.
func TestBucketTakesUploadsAlong(t *testing.T) {
	w := openOn(t, memory.New(1000)).start()
	id := w.begin("a")
	w.part(id, 1, strings.Repeat("x", 500))
	w.do("PUT", "/bbb/b", "x").Has(t, 200, "")
	w.do("DELETE", "/bbb", "").Has(t, 409, "BucketNotEmpty")
	w.do("GET", "/bbb/a?uploadId="+id, "").Has(t, 200, "<PartNumber>1<")
	w.do("DELETE", "/bbb/b", "").Has(t, 204, "")
	w.do("DELETE", "/bbb", "").Has(t, 204, "")
	w.start()
	if free := w.room(); free != 1000 {
		t.Errorf("there is room for %d bytes", free)
	}
	w.do("GET", "/bbb?uploads", "").Has(t, 200, "<MaxUploads>1000</MaxUploads><IsTruncated>false</IsTruncated></")
}

// TestListsOfUploads: in pages, by name and then by upload.
func TestListsOfUploads(t *testing.T) {
	w := open(t).start()
	var want []string
	for _, name := range []string{"a", "b", "b", "b", "c/d"} {
		want = append(want, w.begin(name))
	}
	seen := map[string]bool{}
	for target, pages := "/bbb?uploads&max-uploads=2", 0; ; pages++ {
		body := w.do("GET", target, "").Has(t, 200, "").Body
		for _, id := range want {
			if strings.Contains(body, "<UploadId>"+id) {
				if seen[id] {
					t.Errorf("%s is listed twice", id)
				}
				seen[id] = true
			}
		}
		if element(body, "IsTruncated") == "false" || pages > 5 {
			break
		}
		target = "/bbb?uploads&max-uploads=2&key-marker=" + element(body, "NextKeyMarker") + "&upload-id-marker=" + element(body, "NextUploadIdMarker")
	}
	if len(seen) != len(want) {
		t.Errorf("listed %d of %d", len(seen), len(want))
	}
	if body := w.do("GET", "/bbb?uploads&prefix=c/", "").Body; strings.Count(body, "<Upload>") != 1 {
		t.Errorf("below c/: %s", body)
	}
}

// unsure are spaces that make the next change, and say that they do not know it.
type unsure struct {
	*memory.Memory
	fails atomic.Bool
	makes bool
}

type unsureSpace struct {
	files.Space
	of *unsure
}

func (u *unsure) Space(ctx context.Context, name string) (files.Space, error) {
	s, err := u.Memory.Space(ctx, name)
	return unsureSpace{s, u}, err
}

func (s unsureSpace) Put(ctx context.Context, name string, content []files.Draft, a files.Attrs, c files.Cond) (files.Entry, error) {
	if !s.of.fails.Swap(false) {
		return s.Space.Put(ctx, name, content, a, c)
	}
	if s.of.makes {
		if e, err := s.Space.Put(ctx, name, content, a, c); err != nil {
			return e, err
		}
	}
	return files.Entry{}, fmt.Errorf("the root: %w", files.ErrUnavailable)
}

// TestNobodyKnowsWhetherItIsComplete: who has not heard what became of an upload completes it again, and
// has the file once; and who gives it up instead takes nothing from a file that is there.
func TestNobodyKnowsWhetherItIsComplete(t *testing.T) {
	for _, makes := range []bool{false, true} {
		spaces := &unsure{Memory: memory.New(1000), makes: makes}
		w := openOn(t, spaces).start()
		w.do("PUT", "/bbb?versioning", "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>").Has(t, 200, "")
		id := w.begin("a")
		one, two := w.part(id, 1, "one "), w.part(id, 2, "two")
		complete := func(status int) {
			t.Helper()
			w.do("POST", "/bbb/a?uploadId="+id, named(1, one, 2, two)).Has(t, status, "")
		}
		spaces.fails.Store(true)
		complete(503)
		w.restart(time.Now)
		if !makes {
			spaces.fails.Store(true)
			complete(503)
		}
		complete(200)
		w.do("GET", "/bbb/a", "").Has(t, 200, "one two")
		if body := w.do("GET", "/bbb?versions", "").Body; strings.Count(body, "<Version>") != 1 {
			t.Errorf("made %v: %s", makes, body)
		}
		complete(404)

		id = w.begin("a")
		one, two = w.part(id, 1, "one and "), w.part(id, 2, "two")
		spaces.fails.Store(true)
		complete(503)
		w.do("DELETE", "/bbb/a?uploadId="+id, "").Has(t, 204, "")
		w.do("GET", "/bbb/a", "").Has(t, 200, map[bool]string{false: "one two", true: "one and two"}[makes])
	}
}

// TestDiskOfUploadsFails: a part that cannot be kept is refused and takes no room, and what was there stays.
func TestDiskOfUploadsFails(t *testing.T) {
	w := openOn(t, memory.New(1000)).start()
	id := w.begin("a")
	one := w.part(id, 1, "one")
	w.records.Fail(errors.New("the disk is full of secrets"))
	if got := w.do("PUT", "/bbb/a?partNumber=2&uploadId="+id, strings.Repeat("x", 900)).Has(t, 500, ""); strings.Contains(got.Body, "secret") {
		t.Errorf("the answer tells too much: %s", got.Body)
	}
	w.do("PUT", "/bbb/a?partNumber=1&uploadId="+id, strings.Repeat("x", 900)).Has(t, 500, "")
	w.do("POST", "/bbb/a?uploads", "").Has(t, 500, "")
	w.do("POST", "/bbb/a?uploadId="+id, named(1, one)).Has(t, 500, "")
	w.do("DELETE", "/bbb/a?uploadId="+id, "").Has(t, 500, "")
	w.records.Fail(nil)
	w.do("POST", "/bbb/a?uploadId="+id, named(1, one)).Has(t, 200, "")
	w.do("GET", "/bbb/a", "").Has(t, 200, "one")
	if free := w.room(); free != 997 {
		t.Errorf("there is room for %d bytes", free)
	}
}

// TestDamagedRecords: of what is kept of uploads in parts something is damaged. Its client is told to upload
// that again, all else goes on, and what is damaged holds nothing for ever.
func TestDamagedRecords(t *testing.T) {
	fine := func([]byte) error { return nil }
	for _, garbage := range []string{"", "{", "null", `{"N":7}`, "\x00\xff"} {
		w := openOn(t, memory.New(1000)).start()
		id, other := w.begin("a"), w.begin("b")
		one := w.part(id, 1, "one ")
		two := w.part(id, 2, "two")
		w.do("PUT", "/bbb/b?partNumber=1&uploadId="+other, "three").Has(t, 200, "")
		if n := w.records.Damage("part/"+id+"/00002", garbage); n != 1 {
			t.Fatalf("%d records are damaged", n)
		}
		if n := w.records.Damage("upload/"+other, garbage); n != 1 {
			t.Fatalf("%d uploads are damaged", n)
		}
		if garbage == "{" { // it is found while the node runs, too
			if damaged, err := s3.Waiting(w.records, fine); len(damaged) != 1 || err != nil {
				t.Errorf("damaged: %q, %v", damaged, err)
			}
			w.do("POST", "/bbb/a?uploadId="+id, named(1, one, 2, two)).Has(t, 400, "InvalidPart")
		}
		w.restart(time.Now)
		held := 0
		damaged, err := s3.Waiting(w.records, func([]byte) error { held++; return nil })
		if held != 1 || len(damaged) > 0 || err != nil {
			t.Errorf("%q: %d parts are held, damaged: %q, %v", garbage, held, damaged, err)
		}
		w.do("POST", "/bbb/a?uploadId="+id, named(1, one, 2, two)).Has(t, 400, "InvalidPart")
		w.do("GET", "/bbb?uploads", "").Has(t, 200, id)
		two = w.part(id, 2, "two")
		w.do("POST", "/bbb/a?uploadId="+id, named(1, one, 2, two)).Has(t, 200, "")
		w.do("GET", "/bbb/a", "").Has(t, 200, "one two")
		w.do("POST", "/bbb/b?uploadId="+other, named(1, one)).Has(t, 404, "NoSuchUpload")
		if n := w.records.Len(); n != 3 { // what was put aside
			t.Errorf("%q: %d records are left", garbage, n)
		}
	}
	// The record is whole, and what it has of the part is not.
	w := openOn(t, memory.New(1000)).start()
	id := w.begin("a")
	one := w.part(id, 1, "one")
	w.records.Damage("part/"+id, fmt.Sprintf(`{"N":1,"Tag":%s,"Size":3,"Saved":"AAAA"}`, one))
	if damaged, err := s3.Waiting(w.records, func([]byte) error { return errors.New("damaged") }); len(damaged) != 1 || err != nil {
		t.Errorf("damaged: %q, %v", damaged, err)
	}
	w.do("POST", "/bbb/a?uploadId="+id, named(1, one)).Has(t, 400, "InvalidPart")
	// Neither that nor one that cannot be read counts twice when it comes again.
	w.part(id, 1, "one")
	w.records.Damage("part/"+id, "{")
	one = w.part(id, 1, "one")
	if n := w.s3.Parts(); n != 1 {
		t.Errorf("of one part that came again %d are counted", n)
	}
	w.do("POST", "/bbb/a?uploadId="+id, named(1, one)).Has(t, 200, "")
	w.do("GET", "/bbb/a", "").Has(t, 200, "one")
	if n := w.s3.Parts(); n != 0 {
		t.Errorf("%d parts are counted, and nothing is open", n)
	}
}
