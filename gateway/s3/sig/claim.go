package sig

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Limits.
const (
	MaxSkew    = 15 * time.Minute   // between a request's clock and ours
	MaxExpires = 7 * 24 * time.Hour // of a presigned address

	algorithm  = "AWS4-HMAC-SHA256"
	timeFormat = "20060102T150405Z"
	maxSigned  = 100 // headers
)

// Kinds of errors, for errors.Is.
var (
	ErrMissing   = errors.New("the request is not signed: give an access key and its secret")
	ErrVersion2  = errors.New("signature version 2 is not taken: use s3v4 (signature version 4)")
	ErrMalformed = errors.New("the signature is malformed: it must be AWS4-HMAC-SHA256 with Credential, SignedHeaders and Signature")
	ErrUnsigned  = errors.New("the host, or a header that begins with x-amz-, is not signed: sign all of these")
	ErrSkew      = errors.New("the request's time is more than 15 minutes from this computer's: set the clocks")
	ErrEnded     = errors.New("the presigned address has ended, or does not begin yet: make another")
	ErrPayload   = errors.New("the body is another than what was signed: it was changed on the way, send it again")
	ErrKind      = errors.New("bodies signed in this way are not taken: use STREAMING-AWS4-HMAC-SHA256-PAYLOAD, UNSIGNED-PAYLOAD or the body's SHA-256")
	ErrChunk     = errors.New("the body's chunks are broken: send SIZE;chunk-signature=HEX, the chunk, and one of size 0 at the end")
	ErrShort     = errors.New("the body is shorter or longer than it was said to be: send it again, with its length")
)

// Payloads, the header X-Amz-Content-Sha256, besides a hash in hex.
const (
	unsigned        = "UNSIGNED-PAYLOAD"
	chunks          = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
	chunksTrailer   = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
	unsignedTrailer = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
	emptyHash       = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
)

// Claim is what a request says of its signature.
type Claim struct {
	ID        string // the access key
	Presigned bool

	date      string // as timeFormat
	scope     []string
	signature string
	payload   string
	toSign    []string // canonical requests of which one must be signed
	key       []byte   // with which the body's chunks are signed; set by Good
	bare      bool     // nothing was signed of the body
	length    int64    // of the content in the body; negative: not known
}

// Parse reads a request's signature. now is the time. Errors are those of this
// package.
func Parse(r *http.Request, now time.Time) (*Claim, error) {
	query, err := parseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, err
	}
	auth := r.Header.Values("Authorization")
	_, presigned := query.get("X-Amz-Algorithm")
	_, old := query.get("AWSAccessKeyId")
	switch {
	case len(auth) == 1 && !presigned:
		return fromHeader(r, query, auth[0], now)
	case len(auth) == 0 && presigned:
		return fromAddress(r, query, now)
	case len(auth) == 0 && old:
		return nil, ErrVersion2
	case len(auth) == 0:
		return nil, ErrMissing
	}
	return nil, ErrMalformed // two signatures: which one would it be?
}

func fromHeader(r *http.Request, query queries, auth string, now time.Time) (*Claim, error) {
	if strings.HasPrefix(auth, "AWS ") {
		return nil, ErrVersion2
	}
	rest, ok := strings.CutPrefix(auth, algorithm)
	if !ok || rest == "" || rest[0] != ' ' {
		return nil, ErrMalformed
	}
	fields := map[string]string{}
	for part := range strings.SplitSeq(rest, ",") {
		k, v, _ := strings.Cut(strings.TrimSpace(part), "=")
		if _, twice := fields[k]; twice {
			return nil, ErrMalformed
		}
		fields[k] = v
	}
	c := &Claim{signature: fields["Signature"], date: r.Header.Get("X-Amz-Date"), payload: r.Header.Get("X-Amz-Content-Sha256")}
	if c.date == "" {
		t, err := http.ParseTime(r.Header.Get("Date"))
		if err != nil {
			return nil, ErrMalformed
		}
		c.date = t.UTC().Format(timeFormat)
	}
	if c.payload == "" {
		// Curl before 8 says nothing of the body, and signs as if it were empty.
		c.payload, c.bare = emptyHash, r.ContentLength != 0
	}
	at, err := c.scoped(fields["Credential"])
	if err != nil {
		return nil, err
	}
	if d := now.Sub(at); d > MaxSkew || d < -MaxSkew {
		return nil, ErrSkew
	}
	return c, c.complete(r, query, fields["SignedHeaders"])
}

func fromAddress(r *http.Request, query queries, now time.Time) (*Claim, error) {
	get := func(k string) string { v, _ := query.get(k); return v }
	c := &Claim{Presigned: true, signature: get("X-Amz-Signature"), date: get("X-Amz-Date"), payload: unsigned}
	if hash := get("X-Amz-Content-Sha256"); hash != "" {
		c.payload = hash
	} else if hash := r.Header.Get("X-Amz-Content-Sha256"); hash != "" {
		c.payload = hash
	}
	at, err := c.scoped(get("X-Amz-Credential"))
	if err != nil {
		return nil, err
	}
	seconds, err := strconv.ParseUint(get("X-Amz-Expires"), 10, 32)
	life := time.Duration(seconds) * time.Second
	switch {
	case err != nil || life > MaxExpires || get("X-Amz-Algorithm") != algorithm:
		return nil, ErrMalformed
	case at.Sub(now) > MaxSkew || now.Sub(at) > life:
		return nil, ErrEnded
	}
	return c, c.complete(r, query.without("X-Amz-Signature"), get("X-Amz-SignedHeaders"))
}

// scoped reads KEY/20260102/REGION/s3/aws4_request, and the date.
func (c *Claim) scoped(credential string) (time.Time, error) {
	at, err := time.Parse(timeFormat, c.date)
	part := strings.Split(credential, "/")
	if err != nil || len(part) != 5 || part[0] == "" || len(credential) > 256 || part[1] != c.date[:8] || part[3] != "s3" || part[4] != "aws4_request" {
		return time.Time{}, ErrMalformed
	}
	c.ID, c.scope = part[0], part[1:]
	return at, nil
}

// complete checks what is signed, and prepares what Good computes.
func (c *Claim) complete(r *http.Request, query queries, names string) error {
	if raw, err := hex.DecodeString(c.signature); err != nil || len(raw) != sha256.Size || c.signature != strings.ToLower(c.signature) {
		return ErrMalformed
	}
	if err := c.checkPayload(r); err != nil {
		return err
	}
	signed := strings.Split(names, ";")
	if len(signed) > maxSigned || !slices.IsSorted(signed) || len(slices.Compact(slices.Clone(signed))) != len(signed) {
		return ErrMalformed
	}
	if !slices.Contains(signed, "host") {
		return ErrUnsigned
	}
	for name := range r.Header {
		if name = strings.ToLower(name); strings.HasPrefix(name, "x-amz-") && !slices.Contains(signed, name) {
			return ErrUnsigned
		}
	}
	headers := canonicalHeaders(r, signed)
	paths := []string{encode(r.URL.Path, true)}
	if raw := r.URL.EscapedPath(); raw != paths[0] {
		paths = append(paths, raw) // curl signs the path as it sends it
	}
	for _, path := range paths {
		c.toSign = append(c.toSign, strings.Join([]string{r.Method, path, query.canonical(), headers, names, c.payload}, "\n"))
	}
	return nil
}

func (c *Claim) checkPayload(r *http.Request) error {
	c.length = r.ContentLength
	switch c.payload {
	case unsigned:
		return nil
	case chunks, chunksTrailer, unsignedTrailer:
		n, err := strconv.ParseUint(r.Header.Get("X-Amz-Decoded-Content-Length"), 10, 63)
		if err != nil || c.Presigned {
			return ErrChunk
		}
		c.length = int64(n)
		return nil
	}
	if raw, err := hex.DecodeString(c.payload); err != nil || len(raw) != sha256.Size {
		return ErrKind
	}
	return nil
}

// Length is how many bytes of content the body has, or negative if that is not known.
func (c *Claim) Length() int64 { return c.length }

// Good reports whether the request was signed with the secret.
func (c *Claim) Good(secret string) bool {
	key := []byte("AWS4" + secret)
	for _, part := range c.scope {
		key = sum(key, part)
	}
	c.key = key
	good := false
	for _, canonical := range c.toSign {
		hash := sha256.Sum256([]byte(canonical))
		got := sum(key, c.stringToSign(algorithm, hex.EncodeToString(hash[:])))
		good = hmac.Equal([]byte(hex.EncodeToString(got)), []byte(c.signature)) || good
	}
	return good
}

func (c *Claim) stringToSign(kind string, rest ...string) string {
	return strings.Join(append([]string{kind, c.date, strings.Join(c.scope, "/")}, rest...), "\n")
}

func sum(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}
