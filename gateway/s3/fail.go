package s3

import (
	"encoding/xml"
	"errors"
	"net/http"

	"github.com/phyllo-net/phyllo/gateway/files"
	"github.com/phyllo-net/phyllo/gateway/front"
	"github.com/phyllo-net/phyllo/gateway/password"
	"github.com/phyllo-net/phyllo/gateway/s3/sig"
)

// fault is an answer that says what is wrong: S3's code, the status, and words.
type fault struct {
	code   string
	status int
	text   string
	bad    string // kind of bad input that is counted, or empty
}

// Error implements error.
func (f *fault) Error() string { return f.code + ": " + f.text }

// refuse makes a fault of input that nobody sends by accident.
func refuse(code string, status int, text string) *fault {
	return &fault{code, status, text, "request"}
}

var (
	errNoBucket       = &fault{"NoSuchBucket", 404, "there is no such space: make it with `phyllo space create`, or the program's own command", ""}
	errNoKey          = &fault{"NoSuchKey", 404, "there is no such file", ""}
	errNoVersion      = &fault{"NoSuchVersion", 404, "the file has no such version", ""}
	errNoUpload       = &fault{"NoSuchUpload", 404, "there is no such upload: it was completed, or given up, or is being so now. Begin it anew", ""}
	errMark           = &fault{"MethodNotAllowed", 405, "this version is the mark of a removal", ""}
	errMethod         = &fault{"MethodNotAllowed", 405, "this method has no meaning here", ""}
	errNotImplemented = &fault{"NotImplemented", 501, "this part of S3 is not offered: see `go doc ./gateway/s3` for what is", ""}
	errCondition      = &fault{"PreconditionFailed", 412, "the file is another than the condition says", ""}
	errNotModified    = &fault{"NotModified", 304, "", ""}
	errRange          = &fault{"InvalidRange", 416, "the file has no bytes in this range", ""}
	errDigest         = &fault{"BadDigest", 400, "the content is another than its checksum says: it was damaged on the way, send it again", ""}
	errDenied         = &fault{"AccessDenied", 403, "the key is good for another space: make one for the other with `phyllo key add --for s3 --space NAME` (and a new space with `phyllo space create NAME`)", ""}
	errReadOnly       = &fault{"AccessDenied", 403, "the key is for reading alone: make another with `phyllo key add --for s3`", ""}
	errXML            = refuse("MalformedXML", 400, front.ErrXML.Error())
	errPart           = &fault{"InvalidPart", 400, "a part that is named was not uploaded, or has another ETag", ""}
	errPartOrder      = &fault{"InvalidPartOrder", 400, "the parts must stand in the order of their numbers", ""}
	errTooLarge       = &fault{"EntityTooLarge", 400, "more than 5 GiB at once: upload it in parts", ""}
	errNoLength       = &fault{"MissingContentLength", 411, "the length must be said: send Content-Length", ""}
)

func invalid(text string) *fault { return refuse("InvalidArgument", 400, text) }

// faults are the answers to errors of other packages.
var faults = []struct {
	err   error
	fault fault
}{
	{files.ErrNoSpace, *errNoBucket},
	{files.ErrExists, fault{"BucketAlreadyOwnedByYou", 409, "", ""}},
	{files.ErrNotEmpty, fault{"BucketNotEmpty", 409, "", ""}},
	{files.ErrNotFound, *errNoKey},
	{files.ErrChanged, *errCondition},
	{files.ErrClash, fault{"KeyIsFolder", 409, "", ""}},
	{files.ErrName, fault{"InvalidArgument", 400, "", "key"}},
	{files.ErrMeta, fault{"MetadataTooLarge", 400, "", "request"}},
	{files.ErrFull, fault{"QuotaExceeded", 507, "", ""}},
	{files.ErrDenied, fault{"AccessDenied", 403, "", ""}},
	{files.ErrUnavailable, fault{"ServiceUnavailable", 503, "", ""}},
	{sig.ErrMissing, fault{"AccessDenied", 403, "", "unsigned"}},
	{sig.ErrVersion2, fault{"InvalidRequest", 400, "", "signature"}},
	{sig.ErrMalformed, fault{"AuthorizationHeaderMalformed", 400, "", "signature"}},
	{sig.ErrUnsigned, fault{"AccessDenied", 403, "", "signature"}},
	{sig.ErrSkew, fault{"RequestTimeTooSkewed", 403, "", "clock"}},
	{sig.ErrEnded, fault{"AccessDenied", 403, "", "expired"}},
	{sig.ErrPayload, fault{"XAmzContentSHA256Mismatch", 400, "", "payload"}},
	{sig.ErrKind, fault{"InvalidArgument", 400, "", "payload"}},
	{sig.ErrChunk, fault{"InvalidRequest", 400, "", "payload"}},
	{sig.ErrShort, fault{"IncompleteBody", 400, "", "payload"}},
	{password.ErrWrong, fault{"SignatureDoesNotMatch", 403, "", "signature"}},
	{password.ErrExpired, fault{"AccessDenied", 403, "", "expired"}},
	{password.ErrSlow, fault{"SlowDown", 503, "", "slowed"}},
}

// faultOf finds the answer to an error. What nobody foresaw is told to the log alone.
func faultOf(err error) (f *fault, foreseen bool) {
	if errors.As(err, &f) {
		return f, true
	}
	for _, x := range faults {
		if errors.Is(err, x.err) {
			f := x.fault
			if f.text == "" {
				f.text = err.Error()
			}
			return &f, true
		}
	}
	return &fault{"InternalError", 500, "the node could not do it: its log says why", ""}, false
}

// fail answers with an error.
func (c *call) fail(err error) {
	f, foreseen := faultOf(err)
	if !foreseen {
		c.Log.Warn("S3: a request has failed", "err", err)
	}
	if f.bad != "" {
		c.Tally.Refused(f.bad)
	}
	if f.status == http.StatusNotModified {
		c.w.WriteHeader(f.status)
		return
	}
	if f.status == http.StatusServiceUnavailable {
		c.w.Header().Set("Retry-After", "5")
	}
	c.answer(f.status, struct {
		XMLName   xml.Name `xml:"Error"`
		Code      string
		Message   string
		Resource  string
		RequestID string `xml:"RequestId"`
	}{Code: f.code, Message: f.text, Resource: c.r.URL.Path, RequestID: c.id})
}
