package s3

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"hash"
	"hash/crc32"
	"hash/crc64"
	"net/http"
	"strings"
)

// nvmePoly is the polynomial of CRC-64/NVME, reflected.
const nvmePoly = 0x9a6c9329ac4bc9b5

var nvme = crc64.MakeTable(nvmePoly)

// algorithms are the checksums that S3 knows besides MD5, by the end of their header's
// name. None of them is trusted for more than finding what was damaged on the way.
var algorithms = map[string]func() hash.Hash{
	"crc32":     func() hash.Hash { return crc32.NewIEEE() },
	"crc32c":    func() hash.Hash { return crc32.New(crc32.MakeTable(crc32.Castagnoli)) },
	"crc64nvme": func() hash.Hash { return crc64.New(nvme) },
	"sha1":      sha1.New,
	"sha256":    sha256.New,
}

const checksum = "x-amz-checksum-"

// Headers that say what kind of checksum an upload is to have, and of what it is.
const (
	sumAlgorithm = "X-Amz-Checksum-Algorithm"
	sumTypeName  = "X-Amz-Checksum-Type"
)

// S3's names of what a checksum is of.
const (
	fullObject = "FULL_OBJECT"
	composite  = "COMPOSITE"
)

// sumType is what a checksum that is kept is of.
func sumType(sum string) string {
	if strings.Contains(sum, "-") {
		return composite
	}
	return fullObject
}

// sums computes what a body's sender has said of it, and its MD5, which is its entity
// tag.
type sums struct {
	trailer http.Header // that came with the body
	md5     hash.Hash
	wantMD5 []byte
	kind    string // one of algorithms, or empty
	sum     hash.Hash
	want    string // base64; empty: it stands in the trailer
	unsaid  bool   // the sender has said none, and it is computed for who reads
}

func newSums() *sums { return &sums{trailer: http.Header{}, md5: md5.New()} }

// require has a checksum of this kind computed, whatever the sender says.
func (s *sums) require(kind string) error {
	switch s.kind {
	case kind:
	case "":
		s.add(kind, "")
		s.unsaid = true
	default:
		return refuse("InvalidRequest", 400, "the upload was begun for checksums of the kind "+kind+": send these with its parts, or none")
	}
	return nil
}

// sums reads what the headers say. One checksum is all that a program sends.
func (c *call) sums() (*sums, error) {
	s := newSums()
	if text := c.r.Header.Get("Content-Md5"); text != "" {
		b, err := base64.StdEncoding.DecodeString(text)
		if err != nil || len(b) != md5.Size {
			return nil, refuse("InvalidDigest", 400, "Content-MD5 is no MD5 in base64")
		}
		s.wantMD5 = b
	}
	for name := range c.r.Header {
		kind, ok := strings.CutPrefix(strings.ToLower(name), checksum)
		if ok && algorithms[kind] != nil {
			s.add(kind, c.r.Header.Get(name))
		}
	}
	if kind, ok := strings.CutPrefix(strings.ToLower(c.r.Header.Get("X-Amz-Trailer")), checksum); ok {
		if algorithms[kind] == nil {
			return nil, invalid("X-Amz-Trailer names a checksum that is not known")
		}
		s.add(kind, "")
	}
	return s, nil
}

// add has one checksum computed; of several in one request, which no program sends,
// the first by name.
func (s *sums) add(kind, want string) {
	if s.kind == "" || kind < s.kind {
		s.kind, s.sum, s.want = kind, algorithms[kind](), want
	}
}

// Write implements io.Writer.
func (s *sums) Write(b []byte) (int, error) {
	s.md5.Write(b)
	if s.sum != nil {
		s.sum.Write(b)
	}
	return len(b), nil
}

// check compares, behind the last byte.
func (s *sums) check() error {
	if s.wantMD5 != nil && subtle.ConstantTimeCompare(s.wantMD5, s.md5.Sum(nil)) != 1 {
		return errDigest
	}
	if s.sum == nil {
		return nil
	}
	got := base64.StdEncoding.EncodeToString(s.sum.Sum(nil))
	switch {
	case s.unsaid:
		s.want = got
	case s.want == "":
		s.want = s.trailer.Get(checksum + s.kind)
	}
	if s.want != got {
		return errDigest
	}
	return nil
}

// tag is the entity tag of what was written.
func (s *sums) tag() string { return hex.EncodeToString(s.md5.Sum(nil)) }
