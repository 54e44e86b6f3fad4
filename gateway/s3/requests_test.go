package s3_test

import (
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

func tag(text string) string {
	h := md5.Sum([]byte(text))
	return `"` + hex.EncodeToString(h[:]) + `"`
}

func TestBuckets(t *testing.T) {
	w := open(t)
	w.do("HEAD", "/bbb", "").Has(t, 404, "")
	w.do("GET", "/", "").Has(t, 200, "<Buckets></Buckets>")
	w.do("GET", "/bbb?list-type=2", "").Has(t, 404, "NoSuchBucket")
	w.start().start() // twice is no error
	w.do("HEAD", "/bbb", "").Has(t, 200, "")
	w.do("GET", "/", "").Has(t, 200, "<Name>bbb</Name>")
	w.do("GET", "/bbb?location", "").Has(t, 200, "LocationConstraint")
	w.do("GET", "/bbb?acl", "").Has(t, 200, "FULL_CONTROL")
	w.do("GET", "/bbb?policy", "").Has(t, 404, "NoSuchBucketPolicy")
	w.do("GET", "/bbb?tagging", "").Has(t, 404, "NoSuchTagSet")
	w.do("GET", "/bbb?logging", "").Has(t, 200, "BucketLoggingStatus")
	w.do("PUT", "/bbb?policy", "{}").Has(t, 501, "NotImplemented")
	w.do("GET", "/bbb?analytics", "").Has(t, 501, "NotImplemented")
	w.do("POST", "/bbb", "").Has(t, 501, "NotImplemented")
	w.do("PATCH", "/bbb", "").Has(t, 405, "MethodNotAllowed")
	w.do("PUT", "/bbb/a", "x").Has(t, 200, "")
	w.do("GET", "/bbb/a?tagging", "").Has(t, 200, "<TagSet></TagSet>")
	w.do("DELETE", "/bbb", "").Has(t, 409, "BucketNotEmpty")
	w.do("DELETE", "/bbb/a", "").Has(t, 204, "")
	w.do("DELETE", "/bbb/a", "").Has(t, 204, "")
	w.do("DELETE", "/bbb", "").Has(t, 204, "")
}

func TestKeysAreForOneSpace(t *testing.T) {
	w := open(t).start()
	w.do("PUT", "/bbb/a", "x").Has(t, 200, "")
	for _, c := range []struct{ method, target string }{{"GET", "/other"}, {"PUT", "/other"}, {"GET", "/other/a"}, {"PUT", "/other/a"}, {"DELETE", "/other"}} {
		w.do(c.method, c.target, "").Has(t, 403, "phyllo key add")
	}
	w.do("PUT", "/bbb/b", "", "X-Amz-Copy-Source: /other/a").Has(t, 403, "AccessDenied")
	w.NewKey("bbb", true)
	w.do("GET", "/bbb/a", "").Has(t, 200, "x")
	for _, c := range []struct{ method, target string }{{"PUT", "/bbb"}, {"PUT", "/bbb/a"}, {"DELETE", "/bbb/a"}, {"POST", "/bbb?delete"}, {"POST", "/bbb/a?uploads"}, {"PUT", "/bbb?versioning"}} {
		w.do(c.method, c.target, "").Has(t, 403, "reading alone")
	}
}

func TestObjects(t *testing.T) {
	w := open(t).start()
	put := w.do("PUT", "/bbb/d/%C3%BC%20%2B", "0123456789", "Content-Type: text/x", "X-Amz-Meta-Mtime: 1.5", "Cache-Control: no-cache", "Content-Encoding: aws-chunked,gzip").Has(t, 200, "")
	if put.Header.Get("ETag") != tag("0123456789") || put.Header.Get("X-Amz-Version-Id") != "" {
		t.Errorf("put: %v", put.Header)
	}
	for _, method := range []string{"GET", "HEAD"} {
		got := w.do(method, "/bbb/d/%C3%BC%20%2B", "")
		for k, v := range map[string]string{"Etag": tag("0123456789"), "Content-Type": "text/x", "X-Amz-Meta-Mtime": "1.5", "Cache-Control": "no-cache",
			"Content-Encoding": "gzip", "Content-Length": "10", "Accept-Ranges": "bytes"} {
			if got.Header.Get(k) != v {
				t.Errorf("%s: %s is %q, want %q", method, k, got.Header.Get(k), v)
			}
		}
		if want := map[string]string{"GET": "0123456789"}[method]; got.Body != want {
			t.Errorf("%s: %q", method, got.Body)
		}
	}
	got := w.do("GET", "/bbb/d/%C3%BC%20%2B?response-content-type=a%2Fb&response-content-disposition=attachment", "")
	if got.Header.Get("Content-Type") != "a/b" || got.Header.Get("Content-Disposition") != "attachment" {
		t.Errorf("changed headers: %v", got.Header)
	}
	w.do("GET", "/bbb/d/", "").Has(t, 404, "NoSuchKey") // no folder that somebody put
	w.do("PUT", "/bbb/d/", "").Has(t, 200, "")
	w.do("HEAD", "/bbb/d/", "").Has(t, 200, "")
	w.do("PUT", "/bbb/d/", "x").Has(t, 400, "folder")
	w.do("PUT", "/bbb/d", "x").Has(t, 409, "KeyIsFolder")
	w.do("GET", "/bbb/none", "").Has(t, 404, "NoSuchKey")
}

// TestRanges: RELIABILITY.md section 5, row 63, and what clients send.
func TestRanges(t *testing.T) {
	w := open(t).start()
	w.do("PUT", "/bbb/a", "0123456789").Has(t, 200, "")
	w.do("PUT", "/bbb/empty", "").Has(t, 200, "")
	many := "bytes=" + strings.Repeat("0-1,", 999) + "0-1"
	for _, c := range []struct {
		spec   string
		status int
		body   string
	}{
		{"bytes=0-", 206, "0123456789"}, {"bytes=2-4", 206, "234"}, {"bytes=8-100", 206, "89"}, {"bytes=-3", 206, "789"}, {"bytes=-100", 206, "0123456789"},
		{"bytes=9-9", 206, "9"}, {"bytes=-0", 416, ""}, {"bytes=10-", 416, ""}, {"bytes=4-2", 200, "0123456789"}, {many, 200, "0123456789"},
		{"bytes=a-b", 200, "0123456789"}, {"lines=0-1", 200, "0123456789"}, {"bytes=18446744073709551615-", 200, "0123456789"}, {"bytes=9223372036854775807-", 416, ""},
	} {
		got := w.do("GET", "/bbb/a", "", "Range: "+c.spec)
		if got.Status != c.status || c.body != "" && got.Body != c.body {
			t.Errorf("%.40s: %d %q", c.spec, got.Status, got.Body)
		}
	}
	w.do("GET", "/bbb/empty", "", "Range: bytes=0-").Has(t, 416, "InvalidRange")
	w.do("GET", "/bbb/empty", "").Has(t, 200, "")
}

func TestConditions(t *testing.T) {
	w := open(t).start()
	w.do("PUT", "/bbb/a", "one", "If-None-Match: *").Has(t, 200, "")
	w.do("PUT", "/bbb/a", "two", "If-None-Match: *").Has(t, 412, "PreconditionFailed")
	w.do("PUT", "/bbb/a", "two", "If-Match: "+tag("none")).Has(t, 412, "")
	w.do("PUT", "/bbb/a", "two", "If-Match: "+tag("one")).Has(t, 200, "")
	w.do("PUT", "/bbb/none", "x", "If-Match: "+tag("one")).Has(t, 404, "")
	w.do("PUT", "/bbb/a", "x", "If-None-Match: "+tag("x")).Has(t, 501, "")
	w.do("DELETE", "/bbb/a", "", "If-Match: "+tag("one")).Has(t, 412, "")
	past, future := time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat), time.Now().Add(time.Hour).UTC().Format(http.TimeFormat)
	for header, status := range map[string]int{
		"If-Match: " + tag("two"): 200, "If-Match: " + tag("one"): 412, "If-Match: *": 200, "If-Match: " + tag("x") + ", " + tag("two"): 200,
		"If-None-Match: " + tag("two"): 304, "If-None-Match: W/" + tag("two"): 304, "If-None-Match: " + tag("one"): 200,
		"If-Modified-Since: " + past: 200, "If-Modified-Since: " + future: 304, "If-Unmodified-Since: " + past: 412, "If-Unmodified-Since: " + future: 200,
		"If-Modified-Since: yesterday": 200,
	} {
		if got := w.do("GET", "/bbb/a", "", header); got.Status != status {
			t.Errorf("%s: %d, want %d", header, got.Status, status)
		}
	}
	w.do("GET", "/bbb/a", "", "If-Match: "+tag("two"), "If-Unmodified-Since: "+past).Has(t, 200, "two")
	w.do("PUT", "/bbb/b", "", "X-Amz-Copy-Source: /bbb/a", "X-Amz-Copy-Source-If-None-Match: "+tag("two")).Has(t, 412, "")
	w.do("PUT", "/bbb/b", "", "X-Amz-Copy-Source: /bbb/a", "X-Amz-Copy-Source-If-Match: "+tag("two")).Has(t, 200, "CopyObjectResult")
}

func TestCopies(t *testing.T) {
	w := open(t).start()
	w.do("PUT", "/bbb/a%20b", "text", "Content-Type: text/x", "X-Amz-Meta-K: v").Has(t, 200, "")
	w.do("PUT", "/bbb/c", "", "X-Amz-Copy-Source: bbb/a%20b").Has(t, 200, tag("text")[1:33])
	if got := w.do("GET", "/bbb/c", ""); got.Body != "text" || got.Header.Get("X-Amz-Meta-K") != "v" || got.Header.Get("Content-Type") != "text/x" {
		t.Errorf("copy %+v", got)
	}
	w.do("PUT", "/bbb/c", "", "X-Amz-Copy-Source: /bbb/c").Has(t, 400, "REPLACE")
	w.do("PUT", "/bbb/c", "", "X-Amz-Copy-Source: /bbb/c", "X-Amz-Metadata-Directive: REPLACE", "X-Amz-Meta-N: m").Has(t, 200, "")
	if got := w.do("GET", "/bbb/c", ""); got.Body != "text" || got.Header.Get("X-Amz-Meta-N") != "m" || got.Header.Get("X-Amz-Meta-K") != "" || got.Header.Get("ETag") != tag("text") {
		t.Errorf("changed %+v", got)
	}
	w.do("PUT", "/bbb/c", "", "X-Amz-Copy-Source: /bbb/none").Has(t, 404, "NoSuchKey")
	w.do("PUT", "/bbb/c", "", "X-Amz-Copy-Source: /bbb/a%zz").Has(t, 400, "")
	w.do("PUT", "/bbb/c", "", "X-Amz-Copy-Source: /bbb/../a").Has(t, 400, "")
	w.do("PUT", "/bbb/c", "", "X-Amz-Copy-Source: /bbb/c?versionId=none").Has(t, 404, "NoSuchVersion")
}

// keys are the keys and folders of a list.
func keys(body string) []string {
	var l struct {
		Contents       []struct{ Key string }
		Version        []struct{ Key string }
		CommonPrefixes []struct{ Prefix string }
	}
	if err := xml.Unmarshal([]byte(body), &l); err != nil {
		return []string{err.Error()}
	}
	var out []string
	for _, c := range slices.Concat(l.Contents, l.Version) {
		out = append(out, c.Key)
	}
	for _, p := range l.CommonPrefixes {
		out = append(out, "["+p.Prefix+"]")
	}
	return out
}

func element(body, name string) string {
	_, rest, _ := strings.Cut(body, "<"+name+">")
	text, _, _ := strings.Cut(rest, "</"+name+">")
	return text
}

func TestLists(t *testing.T) {
	w := open(t).start()
	for _, k := range []string{"a", "a-1", "a-2", "b/c", "b/d/e", "ü%20+", "z"} {
		w.do("PUT", "/bbb/"+k, "").Has(t, 200, "")
	}
	for _, c := range []struct {
		query string
		want  []string
	}{
		{"", []string{"a", "a-1", "a-2", "b/c", "b/d/e", "z", "ü +"}},
		{"delimiter=%2F", []string{"a", "a-1", "a-2", "z", "ü +", "[b/]"}},
		{"delimiter=-", []string{"a", "b/c", "b/d/e", "z", "ü +", "[a-]"}},
		{"prefix=b%2F&delimiter=%2F", []string{"b/c", "[b/d/]"}},
		{"prefix=a-", []string{"a-1", "a-2"}},
		{"encoding-type=url&prefix=%C3%BC", []string{"%C3%BC+%2B"}},
		{"prefix=b&encoding-type=url", []string{"b/c", "b/d/e"}},
		{"max-keys=0", nil},
	} {
		for _, kind := range []string{"", "list-type=2&", "versions&"} {
			if got := keys(w.do("GET", "/bbb?"+kind+c.query, "").Has(t, 200, "").Body); !slices.Equal(got, c.want) {
				t.Errorf("%s%s: %q, want %q", kind, c.query, got, c.want)
			}
		}
		if c.query == "max-keys=0" || strings.Contains(c.query, "encoding") {
			continue
		}
		for _, kind := range [][3]string{{"", "marker", "NextMarker"}, {"list-type=2&", "continuation-token", "NextContinuationToken"}, {"versions&", "key-marker", "NextKeyMarker"}} {
			var all, folders []string
			next := ""
			for pages := 0; pages < 20; pages++ {
				target := "/bbb?" + kind[0] + c.query + "&max-keys=2"
				if next != "" {
					target += "&" + kind[1] + "=" + url.QueryEscape(next)
				}
				body := w.do("GET", target, "").Has(t, 200, "").Body
				for _, k := range keys(body) {
					if k[0] == '[' {
						folders = append(folders, k)
					} else {
						all = append(all, k)
					}
				}
				if next = element(body, kind[2]); element(body, "IsTruncated") == "false" {
					break
				}
			}
			if got := slices.Concat(all, folders); !slices.Equal(got, c.want) {
				t.Errorf("pages of %s%s: %q, want %q", kind[0], c.query, got, c.want)
			}
		}
	}
	if got := keys(w.do("GET", "/bbb?list-type=2&start-after=a-2&delimiter=/", "").Body); !slices.Equal(got, []string{"z", "ü +", "[b/]"}) {
		t.Errorf("start-after: %q", got)
	}
	for _, bad := range []string{"max-keys=x", "max-keys=-1", "encoding-type=x", "list-type=2&continuation-token=!"} {
		w.do("GET", "/bbb?"+bad, "").Has(t, 400, "InvalidArgument")
	}
	w.do("GET", "/bbb?prefix="+strings.Repeat("x", 1025), "").Has(t, 400, "KeyTooLong")
}

func TestVersions(t *testing.T) {
	w := open(t).start()
	w.do("GET", "/bbb?versioning", "").Has(t, 200, "<VersioningConfiguration")
	w.do("PUT", "/bbb?versioning", "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>").Has(t, 200, "")
	w.do("GET", "/bbb?versioning", "").Has(t, 200, "Enabled")
	first := w.do("PUT", "/bbb/a", "first").Has(t, 200, "").Header.Get("X-Amz-Version-Id")
	w.do("PUT", "/bbb/a", "second").Has(t, 200, "")
	gone := w.do("DELETE", "/bbb/a", "").Has(t, 204, "")
	mark := gone.Header.Get("X-Amz-Version-Id")
	if first == "" || mark == "" || gone.Header.Get("X-Amz-Delete-Marker") != "true" {
		t.Fatalf("the first is %q, removed: %v", first, gone.Header)
	}
	if got := w.do("GET", "/bbb/a", "").Has(t, 404, "NoSuchKey"); got.Header.Get("X-Amz-Delete-Marker") != "true" {
		t.Errorf("a removed file: %v", got.Header)
	}
	w.do("GET", "/bbb/a?versionId="+first, "").Has(t, 200, "first")
	w.do("GET", "/bbb/a?versionId="+mark, "").Has(t, 405, "")
	w.do("GET", "/bbb/a?versionId=none", "").Has(t, 404, "NoSuchVersion")
	if body := w.do("GET", "/bbb?versions", "").Body; strings.Count(body, "<Version>") != 2 || strings.Count(body, "<DeleteMarker>") != 1 {
		t.Errorf("versions %s", body)
	}
	w.do("DELETE", "/bbb/a?versionId="+mark, "").Has(t, 204, "")
	w.do("GET", "/bbb/a", "").Has(t, 200, "second")
	w.do("POST", "/bbb?delete", fmt.Sprintf(`<Delete><Object><Key>a</Key><VersionId>%s</VersionId></Object><Object><Key>a</Key></Object></Delete>`, first)).Has(t, 200, "<DeleteMarkerVersionId>")
	w.do("GET", "/bbb/a?versionId="+first, "").Has(t, 404, "")
	w.do("PUT", "/bbb?versioning", "<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>").Has(t, 200, "")
	w.do("PUT", "/bbb?versioning", "<VersioningConfiguration><Status>On</Status></VersioningConfiguration>").Has(t, 400, "MalformedXML")
}

func TestUploadsInParts(t *testing.T) {
	w := open(t).start()
	id := w.begin("a")
	w.part(id, 3, "three")
	one, three := w.part(id, 1, "one "), w.part(id, 3, "three!")
	w.do("GET", "/bbb/a?uploadId="+id, "").Has(t, 200, "<PartNumber>3</PartNumber>")
	w.do("GET", "/bbb?uploads", "").Has(t, 200, id)
	w.do("GET", "/bbb/a", "").Has(t, 404, "")
	for body, code := range map[string]string{named(3, three, 1, one): "InvalidPartOrder", named(1, one, 1, one): "InvalidPartOrder", named(1, three): "InvalidPart", named(2, one): "InvalidPart",
		named(): "MalformedXML", "<CompleteMultipartUpload>": "MalformedXML", "<Delete/>": "MalformedXML"} {
		w.do("POST", "/bbb/a?uploadId="+id, body).Has(t, 400, code)
	}
	w.do("PUT", "/bbb/a", "before").Has(t, 200, "")
	w.do("POST", "/bbb/a?uploadId="+id, named(1, one, 3, three), "If-None-Match: *").Has(t, 412, "") // and can be tried again
	// The file's checksum, as some libraries send it, is not the body's.
	done := w.do("POST", "/bbb/a?uploadId="+id, named(1, one, 3, three), "X-Amz-Checksum-Crc32c: AAAAAA==", "X-Amz-Checksum-Type: FULL_OBJECT").Has(t, 200, "-2&#34;")
	if got := w.do("GET", "/bbb/a", ""); got.Body != "one three!" || got.Header.Get("Content-Type") != "text/x" || !strings.Contains(done.Body, strings.Trim(got.Header.Get("ETag"), `"`)) {
		t.Errorf("joined %+v", got)
	}
	w.do("POST", "/bbb/a?uploadId="+id, named(1, one)).Has(t, 404, "NoSuchUpload")

	id = w.begin("a")
	w.do("PUT", "/bbb/a?partNumber=1&uploadId="+id, "", "X-Amz-Copy-Source: /bbb/a", "X-Amz-Copy-Source-Range: bytes=4-8").Has(t, 200, tag("three")[1:33])
	w.do("PUT", "/bbb/a?partNumber=2&uploadId="+id, "", "X-Amz-Copy-Source: /bbb/a", "X-Amz-Copy-Source-Range: bytes=99-").Has(t, 416, "")
	w.do("POST", "/bbb/a?uploadId="+id, named(1, tag("three"))).Has(t, 200, "")
	w.do("GET", "/bbb/a", "").Has(t, 200, "three")

	id = w.begin("a")
	w.part(id, 1, "x")
	w.do("DELETE", "/bbb/b?uploadId="+id, "").Has(t, 404, "NoSuchUpload") // another file's
	w.do("DELETE", "/bbb/a?uploadId="+id, "").Has(t, 204, "")
	w.do("PUT", "/bbb/a?partNumber=1&uploadId="+id, "x").Has(t, 404, "NoSuchUpload")
	for _, n := range []string{"0", "10001", "x", ""} {
		w.do("PUT", "/bbb/a?partNumber="+n+"&uploadId="+id, "x").Has(t, 400, "partNumber")
	}
}

// TestChecksums: what was said of a body is looked at, and kept.
func TestChecksums(t *testing.T) {
	w := open(t).start()
	const text = "123456789"
	sums := map[string]string{"Crc32": "y/Q5Jg==", "Crc32c": "4waSgw==", "Crc64nvme": "rosUhgp5mIg=", "Sha1": "98O8HYCOBHMq32eZZczDTKeuNEE=", "Sha256": "FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU="}
	for kind, sum := range sums {
		name := "X-Amz-Checksum-" + kind
		w.do("PUT", "/bbb/a", text, name+": "+sum).Has(t, 200, "")
		if got := w.do("HEAD", "/bbb/a", "", "X-Amz-Checksum-Mode: ENABLED"); got.Header.Get(name) != sum {
			t.Errorf("%s is %q", name, got.Header.Get(name))
		}
		w.do("PUT", "/bbb/a", text+"0", name+": "+sum).Has(t, 400, "BadDigest")
	}
	w.do("GET", "/bbb/a", "").Has(t, 200, text)
	h := md5.Sum([]byte(text))
	w.do("PUT", "/bbb/a", text, "Content-Md5: "+base64.StdEncoding.EncodeToString(h[:])).Has(t, 200, "")
	w.do("PUT", "/bbb/a", "other", "Content-Md5: "+base64.StdEncoding.EncodeToString(h[:])).Has(t, 400, "BadDigest")
	w.do("PUT", "/bbb/a", "other", "Content-Md5: x").Has(t, 400, "InvalidDigest")
	body := fmt.Sprintf("%x\r\n%s\r\n0\r\nx-amz-checksum-crc64nvme:%s\r\n\r\n", len(text), text, sums["Crc64nvme"])
	headers := []string{"X-Amz-Content-Sha256: STREAMING-UNSIGNED-PAYLOAD-TRAILER", "X-Amz-Decoded-Content-Length: 9", "X-Amz-Trailer: x-amz-checksum-crc64nvme"}
	w.do("PUT", "/bbb/t", body, headers...).Has(t, 200, "")
	w.do("GET", "/bbb/t", "").Has(t, 200, text)
	w.do("PUT", "/bbb/t", strings.Replace(body, "9\r\n123", "9\r\n124", 1), headers...).Has(t, 400, "BadDigest")
	w.do("PUT", "/bbb/t", strings.Replace(body, "0\r\nx", "1\r\nx\r\n0\r\nx", 1), headers...).Has(t, 400, "IncompleteBody")
	w.do("GET", "/bbb/t", "").Has(t, 200, text)
}
