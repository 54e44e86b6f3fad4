package s3_test

import (
	"encoding/base64"
	"fmt"
	"hash"
	"hash/crc32"
	"hash/crc64"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/gateway/doortest"
	"github.com/phyllo-net/phyllo/gateway/files/memory"
)

// TestStorageClasses: what is put as an archive, by any of S3's names for it, is told to be one, and read
// like any other file.
func TestStorageClasses(t *testing.T) {
	w := open(t).start()
	for name, class := range map[string]string{"a": "GLACIER", "b": "DEEP_ARCHIVE", "c": "GLACIER_IR"} {
		w.do("PUT", "/bbb/"+name, "archived", "X-Amz-Storage-Class: "+class).Has(t, 200, "")
		got := w.do("GET", "/bbb/"+name, "").Has(t, 200, "archived").Header
		if got.Get("X-Amz-Storage-Class") != "GLACIER_IR" || got.Get("X-Phyllo-Kept") != "24 parts, any 6 are enough" {
			t.Errorf("%s is told to be %q, %q", class, got.Get("X-Amz-Storage-Class"), got.Get("X-Phyllo-Kept"))
		}
	}
	w.do("PUT", "/bbb/d", "copies", "X-Amz-Storage-Class: STANDARD").Has(t, 200, "")
	w.do("PUT", "/bbb/e", "", "X-Amz-Storage-Class: GLACIER").Has(t, 200, "") // there is nothing to keep
	for name, kept := range map[string]string{"d": "5 copies", "e": ""} {
		got := w.do("HEAD", "/bbb/"+name, "").Has(t, 200, "").Header
		if _, there := got["X-Amz-Storage-Class"]; there || got.Get("X-Phyllo-Kept") != kept {
			t.Errorf("%s: %v", name, got)
		}
	}
	for _, target := range []string{"/bbb", "/bbb?list-type=2", "/bbb?versions"} {
		body := w.do("GET", target, "").Has(t, 200, "").Body
		if strings.Count(body, ">GLACIER_IR<") != 3 || strings.Count(body, ">STANDARD<") != 2 {
			t.Errorf("%s: %s", target, body)
		}
	}
	for _, class := range []string{"STANDARD_IA", "REDUCED_REDUNDANCY", "glacier"} {
		w.do("PUT", "/bbb/f", "x", "X-Amz-Storage-Class: "+class).Has(t, 400, "InvalidStorageClass")
		w.do("POST", "/bbb/f?uploads", "", "X-Amz-Storage-Class: "+class).Has(t, 400, "InvalidStorageClass")
	}
	w.do("POST", "/bbb/a?restore", "<RestoreRequest><Days>1</Days></RestoreRequest>").Has(t, 200, "")
	w.do("POST", "/bbb/d?restore", "").Has(t, 403, "InvalidObjectState")
	w.do("POST", "/bbb/f?restore", "").Has(t, 404, "NoSuchKey")
}

// TestClassOfCopies: a copy is kept as what it was made from, unless another class is asked for; then it is
// stored again, with what is known of it, and a file may get another class so.
func TestClassOfCopies(t *testing.T) {
	w := openOn(t, memory.New(1000)).start()
	class := func(name, want string) {
		t.Helper()
		got := w.do("GET", "/bbb/"+name, "").Has(t, 200, "content").Header
		if got.Get("X-Amz-Storage-Class") != want || got.Get("ETag") != tag("content") || got.Get("X-Amz-Meta-N") != "1" {
			t.Errorf("%s: %v, want %q", name, got, want)
		}
	}
	w.do("PUT", "/bbb/a", "content", "X-Amz-Meta-N: 1").Has(t, 200, "")
	w.do("PUT", "/bbb/b", "", "X-Amz-Copy-Source: /bbb/a", "X-Amz-Storage-Class: GLACIER").Has(t, 200, "CopyObjectResult")
	w.do("PUT", "/bbb/c", "", "X-Amz-Copy-Source: /bbb/b").Has(t, 200, "")
	w.do("PUT", "/bbb/d", "", "X-Amz-Copy-Source: /bbb/b", "X-Amz-Storage-Class: STANDARD", "X-Amz-Metadata-Directive: REPLACE", "X-Amz-Meta-N: 1").Has(t, 200, "")
	class("a", "")
	class("b", "GLACIER_IR")
	class("c", "GLACIER_IR")
	class("d", "")
	w.do("PUT", "/bbb/a", "", "X-Amz-Copy-Source: /bbb/a", "X-Amz-Storage-Class: STANDARD").Has(t, 400, "onto itself")
	w.do("PUT", "/bbb/a", "", "X-Amz-Copy-Source: /bbb/a", "X-Amz-Storage-Class: DEEP_ARCHIVE").Has(t, 200, "")
	class("a", "GLACIER_IR")
	if free := w.room(); free != 1000-7-7-7 { // a, b with c, d
		t.Errorf("there is room for %d bytes", free)
	}
}

// TestClassOfUploads: all parts of an archive are of one, also after a restart, and also those that are copied.
func TestClassOfUploads(t *testing.T) {
	w := open(t).start()
	w.do("PUT", "/bbb/source", "two").Has(t, 200, "")
	id := element(w.do("POST", "/bbb/a?uploads", "", "X-Amz-Storage-Class: GLACIER").Has(t, 200, "").Body, "UploadId")
	one := w.part(id, 1, "one ")
	w.restart(time.Now)
	two := element(w.do("PUT", "/bbb/a?partNumber=2&uploadId="+id, "", "X-Amz-Copy-Source: /bbb/source").Has(t, 200, "").Body, "ETag")
	w.do("GET", "/bbb/a?uploadId="+id, "").Has(t, 200, "<StorageClass>GLACIER_IR</StorageClass>")
	w.do("GET", "/bbb?uploads", "").Has(t, 200, "<StorageClass>GLACIER_IR</StorageClass>")
	w.do("POST", "/bbb/a?uploadId="+id, named(1, one, 2, strings.ReplaceAll(two, "&#34;", `"`))).Has(t, 200, "")
	if got := w.do("GET", "/bbb/a", "").Has(t, 200, "one two").Header.Get("X-Phyllo-Kept"); got != "24 parts, any 6 are enough" {
		t.Errorf("it is kept in %q", got)
	}
}

// TestWholeSums: the checksum of a file that came in parts is computed from those of its parts, compared with
// what its sender says, and given to who asks for it.
func TestWholeSums(t *testing.T) {
	w := open(t).start()
	chance := rand.New(rand.NewPCG(1, 2))
	for kind, h := range map[string]hash.Hash{"CRC32": crc32.NewIEEE(), "CRC32C": crc32.New(crc32.MakeTable(crc32.Castagnoli)), "CRC64NVME": crc64.New(crc64.MakeTable(0x9a6c9329ac4bc9b5))} {
		id := element(w.do("POST", "/bbb/a?uploads", "", "X-Amz-Checksum-Algorithm: "+kind, "X-Amz-Checksum-Type: FULL_OBJECT").Has(t, 200, "").Body, "UploadId")
		var parts []any
		for n := range 5 {
			text := strings.Repeat(string(rune('a'+n)), chance.IntN(5000)+n%2)
			parts = append(parts, n+1, w.part(id, n+1, text))
			h.Write([]byte(text))
			w.restart(time.Now)
		}
		whole := base64.StdEncoding.EncodeToString(h.Sum(nil))
		w.do("GET", "/bbb/a?uploadId="+id, "").Has(t, 200, "<ChecksumAlgorithm>"+kind+"</ChecksumAlgorithm><ChecksumType>FULL_OBJECT</ChecksumType>")
		wrong := base64.StdEncoding.EncodeToString(make([]byte, h.Size()))
		w.do("POST", "/bbb/a?uploadId="+id, named(parts...), "X-Amz-Checksum-"+kind+": "+wrong).Has(t, 400, "BadDigest")
		w.do("POST", "/bbb/a?uploadId="+id, named(parts...), "X-Amz-Checksum-"+kind+": "+whole).Has(t, 200, "<Checksum"+kind+">"+whole+"<")
		got := w.do("HEAD", "/bbb/a", "", "X-Amz-Checksum-Mode: ENABLED").Header
		if got.Get("X-Amz-Checksum-"+kind) != whole || got.Get("X-Amz-Checksum-Type") != "FULL_OBJECT" {
			t.Errorf("%s: %v, want %s", kind, got, whole)
		}
	}
}

// TestSumsOfParts: S3's older checksum of a file is one of the checksums of its parts. A part with another
// checksum than the upload was begun for is refused.
func TestSumsOfParts(t *testing.T) {
	w := open(t).start()
	begin := func(status int, headers ...string) string {
		t.Helper()
		return element(w.do("POST", "/bbb/a?uploads", "", headers...).Has(t, status, "").Body, "UploadId")
	}
	begin(400, "X-Amz-Checksum-Algorithm: MD4")
	begin(400, "X-Amz-Checksum-Algorithm: SHA256", "X-Amz-Checksum-Type: FULL_OBJECT")
	begin(400, "X-Amz-Checksum-Algorithm: CRC64NVME", "X-Amz-Checksum-Type: COMPOSITE")
	begin(400, "X-Amz-Checksum-Algorithm: CRC32", "X-Amz-Checksum-Type: SOME")
	id := begin(200, "X-Amz-Checksum-Algorithm: CRC32")
	of := func(text string) string {
		return base64.StdEncoding.EncodeToString(sum32(text))
	}
	w.do("PUT", "/bbb/a?partNumber=1&uploadId="+id, "one", "X-Amz-Checksum-Sha1: xxx").Has(t, 400, "crc32")
	w.do("PUT", "/bbb/a?partNumber=1&uploadId="+id, "one", "X-Amz-Checksum-Crc32: "+of("two")).Has(t, 400, "BadDigest")
	one := w.do("PUT", "/bbb/a?partNumber=1&uploadId="+id, "one", "X-Amz-Checksum-Crc32: "+of("one")).Has(t, 200, "").Header.Get("ETag")
	two := w.do("PUT", "/bbb/a?partNumber=2&uploadId="+id, "two").Has(t, 200, "").Header
	if two.Get("X-Amz-Checksum-Crc32") != of("two") {
		t.Errorf("the second part: %v", two)
	}
	want := base64.StdEncoding.EncodeToString(sum32(string(sum32("one"))+string(sum32("two")))) + "-2"
	w.do("POST", "/bbb/a?uploadId="+id, named(1, one, 2, two.Get("ETag"))).Has(t, 200, "<ChecksumCRC32>"+want+"</ChecksumCRC32><ChecksumType>COMPOSITE</ChecksumType>")
	if got := w.do("GET", "/bbb/a", "", "X-Amz-Checksum-Mode: ENABLED").Header; got.Get("X-Amz-Checksum-Crc32") != want || got.Get("X-Amz-Checksum-Type") != "COMPOSITE" {
		t.Errorf("%v, want %s", got, want)
	}
}

func sum32(text string) []byte {
	h := crc32.NewIEEE()
	fmt.Fprint(h, text)
	return h.Sum(nil)
}

// TestArchivesOfPrograms: aws and rclone put files into an archive, see that they are in one, and read them back
// without asking for it first.
func TestArchivesOfPrograms(t *testing.T) {
	t.Run("aws", func(t *testing.T) {
		aws := doortest.Program(t, "aws", "/usr/bin/aws")
		w, dir := open(t).start(), doortest.Tree(t, 9<<20)
		do := func(args ...string) string {
			t.Helper()
			return w.client(dir).Run(t, append([]string{aws, "--endpoint-url", w.URL}, args...)...)
		}
		do("s3", "cp", "--recursive", "--storage-class", "DEEP_ARCHIVE", "src", "s3://bbb/src")
		if got := do("s3api", "head-object", "--bucket", "bbb", "--key", "src/large"); !strings.Contains(got, "GLACIER_IR") {
			t.Errorf("of what came in parts it says %s", got)
		}
		do("s3", "sync", "s3://bbb/src", "out")
		w.client(dir).Same(t, "src", "out")
		do("s3", "cp", "--storage-class", "STANDARD", "s3://bbb/src/a.txt", "s3://bbb/src/a.txt")
		if got := do("s3api", "list-objects-v2", "--bucket", "bbb", "--query", "Contents[?StorageClass=='STANDARD'].Key", "--output", "text"); got != "src/a.txt\tsrc/empty\n" {
			t.Errorf("not archived are %q", got)
		}
	})
	t.Run("rclone", func(t *testing.T) {
		rclone := doortest.Program(t, "rclone")
		w, dir := open(t).start(), doortest.Tree(t, 6<<20)
		do := func(args ...string) string {
			t.Helper()
			return w.client(dir).Run(t, append(w.rclone(rclone, dir), args...)...)
		}
		do("copy", "--s3-storage-class", "GLACIER", "src", ":s3:bbb/src")
		if got := do("lsf", "-R", "--files-only", "--format", "pT", ":s3:bbb/src"); strings.Count(got, ";GLACIER_IR\n") != 5 || !strings.Contains(got, "empty;STANDARD\n") {
			t.Errorf("it lists %s", got)
		}
		do("check", "--download", "src", ":s3:bbb/src")
	})
}
