package clients_test

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"go.uber.org/goleak"

	"github.com/phyllo-net/phyllo/gateway/doortest"
	"github.com/phyllo-net/phyllo/gateway/files/memory"
	"github.com/phyllo-net/phyllo/gateway/password"
	"github.com/phyllo-net/phyllo/gateway/s3"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// open opens the door S3, with a client that has a key for the bucket bbb.
func open(t *testing.T) (*minio.Client, *doortest.World) {
	t.Helper()
	w := doortest.New(t, password.S3, memory.New(256<<20), "bbb")
	door, err := s3.New(s3.Config{Spaces: w.Of, Book: w.Book, Tally: w.Tally, Log: w.Logger, Now: time.Now, Records: doortest.NewRecords()})
	if err != nil {
		t.Fatal(err)
	}
	w.Open(door)
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	c, err := minio.New(strings.TrimPrefix(w.URL, "http://"), &minio.Options{Creds: credentials.NewStaticV4(w.Key.ID, w.Secret, ""), Transport: transport,
		BucketLookup: minio.BucketLookupPath, TrailingHeaders: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.MakeBucket(t.Context(), "bbb", minio.MakeBucketOptions{}); err != nil {
		t.Fatal(err)
	}
	return c, w
}

// TestMinio: files of all sizes, whole, in parts and in ranges, with metadata and checksums; lists, copies,
// versions, conditions and presigned addresses.
func TestMinio(t *testing.T) {
	c, w := open(t)
	ctx := t.Context()
	if there, err := c.BucketExists(ctx, "bbb"); err != nil || !there {
		t.Fatalf("the bucket is there: %v, %v", there, err)
	}
	for name, size := range map[string]int{"empty": 0, "d/one ü+": 1, "d/e/long": 1 << 20, "parts": 12 << 20} {
		content := make([]byte, size)
		rand.NewChaCha8([32]byte{1}).Read(content)
		info, err := c.PutObject(ctx, "bbb", name, bytes.NewReader(content), int64(size),
			minio.PutObjectOptions{ContentType: "text/x", UserMetadata: map[string]string{"Colour": "blue"}, PartSize: 5 << 20, Checksum: minio.ChecksumCRC32C})
		if err != nil || info.Size != int64(size) {
			t.Fatalf("put %s: %+v, %v", name, info, err)
		}
		o, err := c.GetObject(ctx, "bbb", name, minio.GetObjectOptions{})
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(o)
		if err != nil || !bytes.Equal(got, content) {
			t.Errorf("%s came back with %d bytes of %d, %v", name, len(got), size, err)
		}
		st, err := o.Stat()
		if err != nil || st.ContentType != "text/x" || st.UserMetadata["Colour"] != "blue" || st.ETag != info.ETag {
			t.Errorf("%s: %+v, %v", name, st, err)
		}
		o.Close()
	}
	part := minio.GetObjectOptions{}
	if err := part.SetRange(1000, 1009); err != nil {
		t.Fatal(err)
	}
	o, err := c.GetObject(ctx, "bbb", "parts", part)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(o); err != nil || len(b) != 10 {
		t.Errorf("10 bytes are %d, %v", len(b), err)
	}
	o.Close()
	if _, err := c.StatObject(ctx, "bbb", "none", minio.StatObjectOptions{}); minio.ToErrorResponse(err).Code != "NoSuchKey" {
		t.Errorf("what is not there: %v", err)
	}

	for _, old := range []bool{false, true} {
		want := []string{"d/e/long", "d/one ü+", "empty", "parts"}
		if got := list(ctx, t, c, minio.ListObjectsOptions{Recursive: true, UseV1: old, MaxKeys: 2}); !slices.Equal(got, want) {
			t.Errorf("version 1 %v: %q", old, got)
		}
		if got := list(ctx, t, c, minio.ListObjectsOptions{UseV1: old}); !slices.Equal(got, []string{"empty", "parts", "d/"}) && !slices.Equal(got, []string{"d/", "empty", "parts"}) {
			t.Errorf("folders, version 1 %v: %q", old, got)
		}
	}
	if _, err := c.CopyObject(ctx, minio.CopyDestOptions{Bucket: "bbb", Object: "copy"}, minio.CopySrcOptions{Bucket: "bbb", Object: "d/one ü+"}); err != nil {
		t.Error(err)
	}
	only := minio.PutObjectOptions{}
	only.SetMatchETagExcept("*")
	if _, err := c.PutObject(ctx, "bbb", "copy", strings.NewReader("x"), 1, only); minio.ToErrorResponse(err).StatusCode != http.StatusPreconditionFailed {
		t.Errorf("a condition that does not hold: %v", err)
	}
	link, err := c.PresignedGetObject(ctx, "bbb", "d/one ü+", time.Minute, url.Values{"response-content-type": {"a/b"}})
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequest(http.MethodGet, link.String(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := w.Send(r); got.Status != http.StatusOK || len(got.Body) != 1 || got.Header.Get("Content-Type") != "a/b" {
		t.Errorf("presigned: %+v", got)
	}
	removeAll(ctx, t, c)
}

// removeAll removes all files, many at once, and the bucket.
func removeAll(ctx context.Context, t *testing.T, c *minio.Client) {
	t.Helper()
	for e := range c.RemoveObjects(ctx, "bbb", c.ListObjects(ctx, "bbb", minio.ListObjectsOptions{Recursive: true, WithVersions: true}), minio.RemoveObjectsOptions{}) {
		t.Errorf("removing %s: %v", e.ObjectName, e.Err)
	}
	if err := c.RemoveBucket(ctx, "bbb"); err != nil {
		t.Error(err)
	}
}

func list(ctx context.Context, t *testing.T, c *minio.Client, q minio.ListObjectsOptions) (names []string) {
	t.Helper()
	for o := range c.ListObjects(ctx, "bbb", q) {
		if o.Err != nil {
			t.Fatal(o.Err)
		}
		names = append(names, o.Key)
	}
	return names
}

// TestMinioVersions: older versions are listed and read, and an upload that stays incomplete is listed and
// given up.
func TestMinioVersions(t *testing.T) {
	c, _ := open(t)
	ctx := t.Context()
	if err := c.EnableVersioning(ctx, "bbb"); err != nil {
		t.Fatal(err)
	}
	var first string
	for _, text := range []string{"first", "second"} {
		info, err := c.PutObject(ctx, "bbb", "f", strings.NewReader(text), int64(len(text)), minio.PutObjectOptions{})
		if err != nil || info.VersionID == "" {
			t.Fatalf("%+v, %v", info, err)
		}
		if first == "" {
			first = info.VersionID
		}
	}
	if err := c.RemoveObject(ctx, "bbb", "f", minio.RemoveObjectOptions{}); err != nil {
		t.Fatal(err)
	}
	if got := list(ctx, t, c, minio.ListObjectsOptions{WithVersions: true}); len(got) != 3 {
		t.Errorf("versions and marks: %q", got)
	}
	o, err := c.GetObject(ctx, "bbb", "f", minio.GetObjectOptions{VersionID: first})
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	if b, err := io.ReadAll(o); err != nil || string(b) != "first" {
		t.Errorf("%q, %v", b, err)
	}

	core := minio.Core{Client: c}
	id, err := core.NewMultipartUpload(ctx, "bbb", "half", minio.PutObjectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := core.PutObjectPart(ctx, "bbb", "half", id, 1, strings.NewReader("half"), 4, minio.PutObjectPartOptions{}); err != nil {
		t.Fatal(err)
	}
	if parts, err := core.ListObjectParts(ctx, "bbb", "half", id, 0, 10); err != nil || len(parts.ObjectParts) != 1 {
		t.Errorf("parts %+v, %v", parts, err)
	}
	if err := c.RemoveIncompleteUpload(ctx, "bbb", "half"); err != nil {
		t.Error(err)
	}
	for u := range c.ListIncompleteUploads(ctx, "bbb", "", true) {
		t.Errorf("left: %+v", u)
	}
	removeAll(ctx, t, c)
}
