package s3_test

import "testing"

// TestAsS3fs: what s3fs 1.90 asks, as it was recorded while a folder was made, a file written, read, moved
// and shortened in its mount, and both removed: it tells files and folders by four questions each, and keeps
// owner, mode and times as metadata. (A mount itself needs a kernel that lets tests make one.)
func TestAsS3fs(t *testing.T) {
	w := open(t).start()
	meta := []string{"X-Amz-Meta-Gid: 0", "X-Amz-Meta-Mode: 33188", "X-Amz-Meta-Mtime: 1795821146.000000001", "X-Amz-Meta-Uid: 0"}
	folderMeta := []string{"Content-Type: application/x-directory", "X-Amz-Meta-Gid: 0", "X-Amz-Meta-Mode: 16877", "X-Amz-Meta-Mtime: 1795821146", "X-Amz-Meta-Uid: 0"}
	missing := func(name string) {
		t.Helper()
		for _, end := range []string{"", "/", "_$folder$"} {
			w.do("HEAD", "/bbb/"+name+end, "").Has(t, 404, "")
		}
		if got := keys(w.do("GET", "/bbb?delimiter=/&max-keys=2&prefix="+name+"/", "").Has(t, 200, "").Body); len(got) > 0 {
			t.Errorf("below %s are %q", name, got)
		}
	}
	lists := func(prefix string, want int) {
		t.Helper()
		if got := keys(w.do("GET", "/bbb?delimiter=/&max-keys=1000&prefix="+prefix, "").Has(t, 200, "").Body); len(got) != want {
			t.Errorf("below %q are %q, want %d", prefix, got, want)
		}
	}
	w.do("GET", "/bbb/", "").Has(t, 200, "ListBucketResult") // is the bucket there?
	missing("d")
	w.do("PUT", "/bbb/d/", "", folderMeta...).Has(t, 200, "")
	w.do("HEAD", "/bbb/d", "").Has(t, 404, "")
	if got := w.do("HEAD", "/bbb/d/", "").Has(t, 200, ""); got.Header.Get("X-Amz-Meta-Mode") != "16877" || got.Header.Get("Content-Type") != "application/x-directory" {
		t.Errorf("the folder: %v", got.Header)
	}
	missing("d/f")
	w.do("PUT", "/bbb/d/f", "", meta...).Has(t, 200, "")
	w.do("PUT", "/bbb/d/f", "hello\n", meta...).Has(t, 200, "")
	if got := w.do("HEAD", "/bbb/d/f", "").Has(t, 200, ""); got.Header.Get("Content-Length") != "6" || got.Header.Get("X-Amz-Meta-Mtime") == "" {
		t.Errorf("the file: %v", got.Header)
	}
	w.do("GET", "/bbb/d/f", "", "Range: bytes=0-5").Has(t, 206, "hello\n")
	lists("d/", 2) // itself and the file
	lists("", 1)

	missing("d/g")
	w.do("PUT", "/bbb/d/g", "", append(meta, "X-Amz-Copy-Source: /bbb/d/f", "X-Amz-Metadata-Directive: REPLACE")...).Has(t, 200, "CopyObjectResult")
	w.do("DELETE", "/bbb/d/f", "").Has(t, 204, "")
	w.do("HEAD", "/bbb/d/f", "").Has(t, 404, "")
	w.do("PUT", "/bbb/d/g", "hell", meta...).Has(t, 200, "") // it is shortened
	w.do("GET", "/bbb/d/g", "", "Range: bytes=0-3").Has(t, 206, "hell")
	w.do("DELETE", "/bbb/d/g", "").Has(t, 204, "")
	w.do("HEAD", "/bbb/d/", "").Has(t, 200, "") // an empty folder stays
	lists("d/", 1)
	w.do("DELETE", "/bbb/d/", "").Has(t, 204, "")
	missing("d")
}
