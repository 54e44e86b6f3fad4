package sig_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"go.uber.org/goleak"

	"github.com/phyllo-net/phyllo/gateway/s3/sig"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The examples of Amazon's documentation of S3's signatures.
const (
	key    = "AKIAIOSFODNN7EXAMPLE"
	secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
	empty  = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
)

var then = time.Date(2013, 5, 24, 0, 0, 0, 0, time.UTC)

// example makes a request; headers are "name: value", a line each.
func example(method, target, host, headers, signed, signature string) *http.Request {
	r := httptest.NewRequest(method, target, nil)
	r.Host = host
	for line := range strings.Lines(headers) {
		k, v, _ := strings.Cut(strings.TrimSpace(line), ": ")
		r.Header.Add(k, v)
	}
	if signed != "" {
		r.Header.Set("Authorization", fmt.Sprintf("AWS4-HMAC-SHA256 Credential=%s/20130524/us-east-1/s3/aws4_request,SignedHeaders=%s,Signature=%s", key, signed, signature))
	}
	return r
}

const (
	bucket    = "examplebucket.s3.amazonaws.com"
	dated     = "x-amz-content-sha256: " + empty + "\nx-amz-date: 20130524T000000Z\n"
	three     = "host;x-amz-content-sha256;x-amz-date"
	presigned = "/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request" +
		"&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
)

func getObject() *http.Request {
	return example("GET", "/test.txt", bucket, dated+"range: bytes=0-9\n", "host;range;x-amz-content-sha256;x-amz-date",
		"f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41")
}

func TestVectors(t *testing.T) {
	for name, r := range map[string]*http.Request{
		"GET object": getObject(),
		"PUT object": example("PUT", "/test$file.text", bucket, "Date: Fri, 24 May 2013 00:00:00 GMT\nx-amz-date: 20130524T000000Z\nx-amz-storage-class: REDUCED_REDUNDANCY\n"+
			"x-amz-content-sha256: 44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072\n", "date;"+three+";x-amz-storage-class",
			"98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"),
		"GET lifecycle": example("GET", "/?lifecycle", bucket, dated, three, "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"),
		"GET a list":    example("GET", "/?max-keys=2&prefix=J", bucket, dated, three, "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"),
		"presigned":     example("GET", presigned, bucket, "", "", ""),
	} {
		c, err := sig.Parse(r, then)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if c.ID != key || !c.Good(secret) || c.Good(secret+"x") {
			t.Errorf("%s: key %s, or the signature is not judged right", name, c.ID)
		}
	}
}

// TestRefused: what is no signature, or one of something else.
func TestRefused(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(r *http.Request)
		now    time.Time
		want   error
	}{
		{"none", func(r *http.Request) { r.Header.Del("Authorization") }, then, sig.ErrMissing},
		{"version 2", func(r *http.Request) { r.Header.Set("Authorization", "AWS AKID:c2ln") }, then, sig.ErrVersion2},
		{"version 2, presigned", func(r *http.Request) {
			r.Header.Del("Authorization")
			r.URL.RawQuery = "AWSAccessKeyId=A&Signature=x&Expires=9"
		}, then, sig.ErrVersion2},
		{"Basic", func(r *http.Request) { r.Header.Set("Authorization", "Basic eDp5") }, then, sig.ErrMalformed},
		{"two", func(r *http.Request) { r.Header.Add("Authorization", r.Header.Get("Authorization")) }, then, sig.ErrMalformed},
		{"in header and address", func(r *http.Request) { r.URL.RawQuery = "X-Amz-Algorithm=AWS4-HMAC-SHA256" }, then, sig.ErrMalformed},
		{"16 minutes late", func(*http.Request) {}, then.Add(16 * time.Minute), sig.ErrSkew},
		{"16 minutes early", func(*http.Request) {}, then.Add(-16 * time.Minute), sig.ErrSkew},
		{"no date", func(r *http.Request) { r.Header.Del("X-Amz-Date") }, then, sig.ErrMalformed},
		{"another day than the key's", edit("20130524/us", "20130523/us"), then, sig.ErrMalformed},
		{"another service", edit("/s3/", "/ec2/"), then, sig.ErrMalformed},
		{"a short signature", edit("Signature=f0", "Signature="), then, sig.ErrMalformed},
		{"a signature in capitals", edit("Signature=f0", "Signature=F0"), then, sig.ErrMalformed},
		{"a field twice", edit("SignedHeaders", "Signature=00,SignedHeaders"), then, sig.ErrMalformed},
		{"the host is not signed", edit("host;", ""), then, sig.ErrUnsigned},
		{"unsorted headers", edit("host;range", "range;host"), then, sig.ErrMalformed},
		{"a header that was added", func(r *http.Request) { r.Header.Set("X-Amz-Meta-Extra", "x") }, then, sig.ErrUnsigned},
		{"a payload that is no hash", func(r *http.Request) { r.Header.Set("X-Amz-Content-Sha256", empty[1:]) }, then, sig.ErrKind},
		{"another kind of payload", func(r *http.Request) {
			r.Header.Set("X-Amz-Content-Sha256", "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD")
		}, then, sig.ErrKind},
		{"chunks without a length", func(r *http.Request) { r.Header.Set("X-Amz-Content-Sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD") }, then, sig.ErrChunk},
		{"a broken query", func(r *http.Request) { r.URL.RawQuery = "a=%zz" }, then, sig.ErrMalformed},
		{"a long query", func(r *http.Request) { r.URL.RawQuery = strings.Repeat("a&", 101) }, then, sig.ErrMalformed},
	} {
		r := getObject()
		c.change(r)
		if _, err := sig.Parse(r, c.now); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	for name, change := range map[string]func(r *http.Request){
		"another method": func(r *http.Request) { r.Method = "PUT" },
		"another path":   func(r *http.Request) { r.URL.Path = "/test.txs" },
		"another query":  func(r *http.Request) { r.URL.RawQuery = "x" },
		"another host":   func(r *http.Request) { r.Host = "x" },
		"another range":  func(r *http.Request) { r.Header.Set("Range", "bytes=0-8") },
		"another date":   func(r *http.Request) { r.Header.Set("X-Amz-Date", "20130524T000001Z") },
		"another body":   func(r *http.Request) { r.Header.Set("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD") },
		"another region": edit("us-east-1", "us-east-2"),
	} {
		r := getObject()
		change(r)
		if c, err := sig.Parse(r, then); err != nil || c.Good(secret) {
			t.Errorf("%s: the signature is good, or %v", name, err)
		}
	}
}

func edit(from, to string) func(r *http.Request) {
	return func(r *http.Request) {
		r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), from, to, 1))
	}
}

func TestPresignedTimes(t *testing.T) {
	for _, c := range []struct {
		after time.Duration
		edit  string
		want  error
	}{
		{24 * time.Hour, "", nil}, {24*time.Hour + time.Second, "", sig.ErrEnded}, {-15 * time.Minute, "", nil}, {-16 * time.Minute, "", sig.ErrEnded},
		{0, "604801", sig.ErrMalformed}, {0, "-1", sig.ErrMalformed}, {0, "x", sig.ErrMalformed}, {0, "1e309", sig.ErrMalformed},
	} {
		target := presigned
		if c.edit != "" {
			target = strings.Replace(target, "Expires=86400", "Expires="+c.edit, 1)
		}
		if _, err := sig.Parse(example("GET", target, bucket, "", "", ""), then.Add(c.after)); !errors.Is(err, c.want) {
			t.Errorf("%v later, %q: %v, want %v", c.after, c.edit, err, c.want)
		}
	}
}

// putChunks is the documentation's upload in chunks, with trailers or without.
func putChunks(trailers bool) (*http.Request, string) {
	const seed, seedTrailer = "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9", "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e"
	headers := "content-encoding: aws-chunked\nx-amz-date: 20130524T000000Z\nx-amz-decoded-content-length: 66560\nx-amz-storage-class: REDUCED_REDUNDANCY\n"
	chunk := func(n int, signature string) string {
		return fmt.Sprintf("%x;chunk-signature=%s\r\n%s\r\n", n, signature, strings.Repeat("a", n))
	}
	if trailers {
		r := example("PUT", "/examplebucket/chunkObject.txt", "s3.amazonaws.com", headers+"x-amz-content-sha256: STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER\nx-amz-trailer: x-amz-checksum-crc32c\n",
			"content-encoding;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class;x-amz-trailer", seedTrailer)
		return r, chunk(65536, "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2") + chunk(1024, "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7") +
			"0;chunk-signature=2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992\r\n" +
			"x-amz-checksum-crc32c:sOO8/Q==\n\r\nx-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n\r\n"
	}
	r := example("PUT", "/examplebucket/chunkObject.txt", "s3.amazonaws.com", headers+"x-amz-content-sha256: STREAMING-AWS4-HMAC-SHA256-PAYLOAD\n",
		"content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class", seed)
	r.ContentLength = 66824
	return r, chunk(65536, "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648") + chunk(1024, "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497") +
		chunk(0, "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9")
}

// readChunks reads such an upload after its body was changed.
func readChunks(t *testing.T, trailers bool, change func(string) string, slow bool) (string, http.Header, error) {
	t.Helper()
	r, body := putChunks(trailers)
	c, err := sig.Parse(r, then)
	if err != nil {
		t.Fatal(err)
	}
	if !c.Good(secret) || c.Length() != 66560 {
		t.Fatalf("the signature of the headers is wrong, or the length is %d", c.Length())
	}
	var in io.Reader = strings.NewReader(change(body))
	if slow {
		in = iotest.OneByteReader(in)
	}
	trailer := http.Header{}
	b, err := io.ReadAll(c.Body(in, trailer))
	return string(b), trailer, err
}

func same(s string) string { return s }

func TestChunks(t *testing.T) {
	for _, slow := range []bool{false, true} {
		if b, _, err := readChunks(t, false, same, slow); err != nil || b != strings.Repeat("a", 66560) {
			t.Errorf("%d bytes, %v", len(b), err)
		}
	}
	replace := func(from, to string) func(string) string {
		return func(s string) string { return strings.Replace(s, from, to, 1) }
	}
	for name, c := range map[string]struct {
		change func(string) string
		want   error
	}{
		"a changed byte":                 {replace("aaa", "aba"), sig.ErrPayload},
		"a changed signature":            {replace("0055", "0056"), sig.ErrPayload},
		"a chunk that is missing":        {func(s string) string { return s[strings.Index(s, "400;"):] }, sig.ErrPayload},
		"no last chunk":                  {func(s string) string { return s[:strings.Index(s, "\r\n0;")+2] }, sig.ErrShort},
		"an end within a chunk":          {func(s string) string { return s[:1000] }, sig.ErrShort},
		"an unsigned chunk":              {replace(";chunk-signature=0055", ";x=0055"), sig.ErrChunk},
		"a size that is no number":       {replace("10000;", "1_000;"), sig.ErrChunk},
		"a negative size":                {replace("10000;", "-1;"), sig.ErrChunk},
		"a huge size":                    {replace("10000;", "7fffffffffffffff;"), sig.ErrChunk},
		"more than was said":             {replace("400;", "401;"), sig.ErrShort},
		"no end of a chunk":              {replace("a\r\n400", "a__400"), sig.ErrChunk},
		"a line without end":             {func(string) string { return strings.Repeat("0", 1<<20) }, sig.ErrChunk},
		"something behind":               {func(s string) string { return s + "x" }, sig.ErrChunk},
		"trailers that were not told of": {func(s string) string { return s[:len(s)-2] + "x:y\r\n\r\n" }, sig.ErrChunk},
	} {
		if _, _, err := readChunks(t, false, c.change, false); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func TestTrailers(t *testing.T) {
	b, trailer, err := readChunks(t, true, same, true)
	if err != nil || len(b) != 66560 || trailer.Get("X-Amz-Checksum-Crc32c") != "sOO8/Q==" {
		t.Errorf("%d bytes, trailers %v, %v", len(b), trailer, err)
	}
	_, _, err = readChunks(t, true, func(s string) string { return strings.Replace(s, "sOO8", "sOO9", 1) }, false)
	if !errors.Is(err, sig.ErrPayload) {
		t.Errorf("a changed trailer: %v", err)
	}
	_, _, err = readChunks(t, true, func(s string) string {
		return strings.Replace(s, "x-amz-trailer-signature", strings.Repeat("x:y\r\n", 9)+"x-amz-trailer-signature", 1)
	}, false)
	if !errors.Is(err, sig.ErrChunk) {
		t.Errorf("many trailers: %v", err)
	}
}

func TestHashedBody(t *testing.T) {
	for body, want := range map[string]error{"": nil, "x": sig.ErrPayload} {
		c, err := sig.Parse(getObject(), then)
		if err != nil || !c.Good(secret) {
			t.Fatal("not good", err)
		}
		if _, err := io.ReadAll(c.Body(strings.NewReader(body), nil)); !errors.Is(err, want) {
			t.Errorf("body %q: %v, want %v", body, err, want)
		}
	}
}

// FuzzParse: no header or query brings it down, and none is good that was not signed.
func FuzzParse(f *testing.F) {
	f.Add("AWS4-HMAC-SHA256 Credential="+key+"/20130524/us-east-1/s3/aws4_request,SignedHeaders=host,Signature="+empty, "20130524T000000Z", empty, "a=b")
	f.Add("AWS4-HMAC-SHA256 ,,=,Credential=////", "2013", "UNSIGNED-PAYLOAD", "%&&=;")
	f.Add("", "", "", presigned[10:])
	f.Fuzz(func(t *testing.T, auth, date, payload, query string) {
		r := example("GET", "/x", bucket, "", "", "")
		r.URL.RawQuery = query
		if auth != "" {
			r.Header["Authorization"] = []string{auth}
		}
		r.Header["X-Amz-Date"] = []string{date}
		r.Header["X-Amz-Content-Sha256"] = []string{payload}
		if c, err := sig.Parse(r, then); err == nil && c.Good(secret) {
			t.Errorf("%q with %q is good", auth, query)
		}
	})
}

// FuzzChunks: no body brings the reader down, gives more than was said, or passes
// unless it is the one that was signed.
func FuzzChunks(f *testing.F) {
	_, good := putChunks(false)
	f.Add([]byte(good), false)
	_, good = putChunks(true)
	f.Add([]byte(good), true)
	f.Add([]byte("0;chunk-signature=\r\n\r\n"), false)
	f.Fuzz(func(t *testing.T, b []byte, trailers bool) {
		r, _ := putChunks(trailers)
		c, err := sig.Parse(r, then)
		if err != nil || !c.Good(secret) {
			t.Fatal("not good", err)
		}
		var out bytes.Buffer
		n, err := io.Copy(&out, c.Body(bytes.NewReader(b), http.Header{}))
		if n > 66560 || err == nil && out.String() != strings.Repeat("a", 66560) {
			t.Errorf("%d bytes, %v", n, err)
		}
	})
}
