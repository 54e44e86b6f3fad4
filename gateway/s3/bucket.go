package s3

import (
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"regexp"
	"strings"

	"github.com/phyllo-net/phyllo/gateway/files"
	"github.com/phyllo-net/phyllo/gateway/front"
)

const maxXML = 2 << 20 // bytes: 10,000 parts with their checksums

// bucketName is what S3 lets a bucket be called. Spaces that people make themselves may
// have other names.
var bucketName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)

// listBuckets shows the space that the key is for, if it is there.
func (c *call) listBuckets() error {
	type bucket struct{ Name, CreationDate string }
	var out []bucket
	s, err := c.spaces().Space(c.ctx, c.key.Space)
	if err == nil {
		info, err := s.Info(c.ctx)
		if err != nil {
			return err
		}
		out = append(out, bucket{info.Name, stamp(info.Made)})
	} else if !errors.Is(err, files.ErrNoSpace) {
		return err
	}
	c.answer(http.StatusOK, struct {
		XMLName xml.Name `xml:"ListAllMyBucketsResult"`
		NS      string   `xml:"xmlns,attr"`
		Owner   *owner
		Buckets []bucket `xml:"Buckets>Bucket"`
	}{NS: xmlns, Owner: theOwner(), Buckets: out})
	return nil
}

// createBucket makes the space; where it is there already that is no error, as in
// S3's first region: programs make their bucket each time they start.
func (c *call) createBucket() error {
	if !bucketName.MatchString(c.bucket) {
		return &fault{"InvalidBucketName", 400, "a bucket that is made through S3 has 3 to 63 small letters, digits, dots and hyphens: make others with `phyllo space create`", "request"}
	}
	if err := c.refuseHeaders(); err != nil {
		return err
	}
	if _, err := c.body(); err != nil { // says in which region, and there is none
		return err
	}
	if err := c.spaces().Create(c.ctx, c.bucket); err != nil && !errors.Is(err, files.ErrExists) {
		return err
	}
	c.w.Header().Set("Location", "/"+c.bucket)
	c.w.WriteHeader(http.StatusOK)
	return nil
}

// deleteBucket takes the space away with the uploads in parts that are open in it.
func (c *call) deleteBucket() error {
	s, err := c.space()
	if err != nil {
		return err
	}
	p, err := s.Versions(c.ctx, files.Query{Limit: 1})
	if err != nil {
		return err
	}
	if len(p.Entries) > 0 {
		return files.ErrNotEmpty
	}
	for _, x := range c.uploads.holdAll(func(x *upload) bool { return x.User == c.key.User && x.Space == c.bucket }) {
		if err := c.giveUp(c.ctx, x); err != nil {
			return err
		}
	}
	if err := c.spaces().Remove(c.ctx, c.bucket); err != nil {
		return err
	}
	c.w.WriteHeader(http.StatusNoContent)
	return nil
}

func (c *call) headBucket() error {
	if _, err := c.space(); err != nil {
		return err
	}
	c.w.Header().Set("X-Amz-Bucket-Region", "us-east-1")
	c.w.WriteHeader(http.StatusOK)
	return nil
}

// location names no region, which is how S3 calls its first.
func (c *call) location() error {
	if _, err := c.space(); err != nil {
		return err
	}
	c.answer(http.StatusOK, struct {
		XMLName xml.Name `xml:"LocationConstraint"`
		NS      string   `xml:"xmlns,attr"`
	}{NS: xmlns})
	return nil
}

type versioning struct {
	XMLName xml.Name `xml:"VersioningConfiguration"`
	NS      string   `xml:"xmlns,attr"`
	Status  string   `xml:",omitempty"`
}

func (c *call) versioning() error {
	s, err := c.space()
	if err != nil {
		return err
	}
	on, err := s.History(c.ctx)
	if err != nil {
		return err
	}
	v := versioning{NS: xmlns}
	if on {
		v.Status = "Enabled"
	}
	c.answer(http.StatusOK, v)
	return nil
}

func (c *call) setVersioning() error {
	var v struct {
		Status    string
		MfaDelete string
	}
	if err := c.decode("VersioningConfiguration", &v); err != nil {
		return err
	}
	if v.MfaDelete == "Enabled" {
		return errNotImplemented
	}
	if v.Status != "Enabled" && v.Status != "Suspended" {
		return errXML
	}
	s, err := c.space()
	if err != nil {
		return err
	}
	if err := s.SetHistory(c.ctx, v.Status == "Enabled"); err != nil {
		return err
	}
	c.w.WriteHeader(http.StatusOK)
	return nil
}

// parts are what buckets and files may have, and spaces have not. Reading gets the
// answer of one that was never given any, either this code or an empty element.
var parts = []struct{ name, bucket, object, element string }{
	{name: "acl", element: "AccessControlPolicy"},
	{name: "tagging", bucket: "NoSuchTagSet", element: "Tagging"},
	{name: "policy", bucket: "NoSuchBucketPolicy"},
	{name: "cors", bucket: "NoSuchCORSConfiguration"},
	{name: "lifecycle", bucket: "NoSuchLifecycleConfiguration"},
	{name: "encryption", bucket: "ServerSideEncryptionConfigurationNotFoundError"},
	{name: "object-lock", bucket: "ObjectLockConfigurationNotFoundError"},
	{name: "website", bucket: "NoSuchWebsiteConfiguration"},
	{name: "replication", bucket: "ReplicationConfigurationNotFoundError"},
	{name: "publicAccessBlock", bucket: "NoSuchPublicAccessBlockConfiguration"},
	{name: "ownershipControls", bucket: "OwnershipControlsNotFoundError"},
	{name: "logging", element: "BucketLoggingStatus"},
	{name: "notification", element: "NotificationConfiguration"},
	{name: "requestPayment", element: "RequestPaymentConfiguration"},
	{name: "accelerate", element: "AccelerateConfiguration"},
}

// routePart answers what is asked of such a part, and of versioning where it is
// changed.
func (c *call) routePart() (done bool, err error) {
	if c.name == "" && c.has("versioning") && c.r.Method == http.MethodPut {
		return true, c.setVersioning()
	}
	for _, p := range parts {
		if !c.has(p.name) {
			continue
		}
		if c.r.Method != http.MethodGet {
			return true, errNotImplemented
		}
		return true, c.part(p.name, p.bucket, p.element)
	}
	return false, nil
}

func (c *call) part(name, code, element string) error {
	s, err := c.space()
	if err != nil {
		return err
	}
	if c.name != "" {
		if _, err := s.Stat(c.ctx, c.name, c.query.Get("versionId")); err != nil {
			return err
		}
	}
	switch {
	case name == "acl":
		c.answer(http.StatusOK, fullControl())
	case element != "" && (c.name != "" || code == ""):
		type set struct{}
		c.answer(http.StatusOK, struct {
			XMLName xml.Name
			NS      string `xml:"xmlns,attr"`
			TagSet  *set   `xml:",omitempty"`
		}{XMLName: xml.Name{Local: element}, NS: xmlns, TagSet: map[string]*set{"Tagging": {}}[element]})
	case code != "":
		return &fault{code, http.StatusNotFound, "a space has none", ""}
	default:
		return errNotImplemented
	}
	return nil
}

type grantee struct {
	XSI  string `xml:"xmlns:xsi,attr"`
	Type string `xml:"xsi:type,attr"`
	owner
}

type grant struct {
	Grantee    grantee
	Permission string
}

// fullControl is the one ACL there is: the owner's.
func fullControl() any {
	return struct {
		XMLName xml.Name `xml:"AccessControlPolicy"`
		NS      string   `xml:"xmlns,attr"`
		Owner   *owner
		Grants  []grant `xml:"AccessControlList>Grant"`
	}{NS: xmlns, Owner: theOwner(), Grants: []grant{{grantee{"http://www.w3.org/2001/XMLSchema-instance", "CanonicalUser", *theOwner()}, "FULL_CONTROL"}}}
}

// body reads a short body whole.
func (c *call) body() ([]byte, error) {
	sums, err := c.sums()
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.LimitReader(io.TeeReader(c.claim.Body(c.r.Body, sums.trailer), sums), maxXML+1))
	if err != nil {
		return nil, bodyFault(err)
	}
	if len(b) > maxXML {
		return nil, refuse("MaxMessageLengthExceeded", 400, "the request's body is too long: ask for fewer things at once")
	}
	return b, sums.check()
}

// decode reads a body of XML with this root element.
func (c *call) decode(root string, v any) error {
	b, err := c.body()
	if err != nil {
		return err
	}
	if front.CheckXML(b) != nil {
		return errXML
	}
	var name struct{ XMLName xml.Name }
	if err := xml.Unmarshal(b, &name); err != nil || name.XMLName.Local != root {
		return errXML
	}
	if err := xml.Unmarshal(b, v); err != nil {
		return errXML
	}
	return nil
}

// bodyFault is what an error of reading a body means, if it is the connection's.
func bodyFault(err error) error {
	if _, foreseen := faultOf(err); foreseen {
		return err
	}
	return refuse("IncompleteBody", 400, "the body has not come whole")
}

// refuseHeaders refuses requests that want what is not offered, so that nobody believes
// that he has it.
func (c *call) refuseHeaders() error {
	h := c.r.Header
	if acl := h.Get("X-Amz-Acl"); acl != "" && acl != "private" && acl != "bucket-owner-full-control" {
		return &fault{"AccessControlListNotSupported", 400, "files have no ACLs: share one with `phyllo share`", ""}
	}
	if _, _, err := class(h); err != nil {
		return err
	}
	if kind := h.Get("X-Amz-Server-Side-Encryption"); kind != "" && kind != "AES256" {
		return errNotImplemented
	}
	for name := range h {
		name = strings.ToLower(name)
		for _, want := range []string{"x-amz-server-side-encryption-", "x-amz-copy-source-server-side-encryption-", "x-amz-object-lock-", "x-amz-grant-", "x-amz-tagging",
			"x-amz-website-redirect-", "x-amz-bucket-object-lock-enabled", "x-amz-mfa", "x-amz-write-offset"} {
			if strings.HasPrefix(name, want) && name != "x-amz-tagging-directive" {
				return errNotImplemented
			}
		}
	}
	return nil
}
