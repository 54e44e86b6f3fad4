package node_test

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/gateway/doortest"
)

// TestUploadOutlivesAKill: a file that comes in parts through S3 is completed although its node was killed
// (kill -9) between them, and what was not named is given up.
func TestUploadOutlivesAKill(t *testing.T) {
	curl := doortest.Program(t, "curl")
	s := threeWithKey(t, api.DoorS3)
	parts := [][]byte{make([]byte, 600_000), make([]byte, 100_000)}
	for i, b := range parts {
		rand.NewChaCha8([32]byte{byte(i)}).Read(b)
		if err := os.WriteFile(filepath.Join(s.dir, fmt.Sprint("part", i+1)), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	ask := func(query string, args ...string) []byte {
		t.Helper()
		args = append([]string{curl, "-sS", "--fail-with-body", "--aws-sigv4", "aws:amz:us-east-1:s3", "--user", s.key.ID + ":" + s.key.Secret, s.key.URL + "/backup/film" + query}, args...)
		return []byte(s.program(nil, args...))
	}
	var begun struct {
		UploadID string `xml:"UploadId"`
	}
	if err := xml.Unmarshal(ask("?uploads=", "-X", "POST"), &begun); err != nil {
		t.Fatal(err)
	}
	ask("?partNumber=1&uploadId="+begun.UploadID, "-T", "part1")
	s.a.kill()
	s.a.up()
	ask("?partNumber=2&uploadId="+begun.UploadID, "-T", "part2")
	ask("?partNumber=3&uploadId="+begun.UploadID, "-T", "part2")
	var listed struct {
		Part []struct {
			PartNumber int
			ETag       string
		}
	}
	if err := xml.Unmarshal(ask("?uploadId="+begun.UploadID), &listed); err != nil || len(listed.Part) != 3 {
		t.Fatalf("parts %+v, %v", listed, err)
	}
	body := "<CompleteMultipartUpload>"
	for _, p := range listed.Part[:2] {
		body += fmt.Sprintf("<Part><PartNumber>%d</PartNumber><ETag>%s</ETag></Part>", p.PartNumber, p.ETag)
	}
	if err := os.WriteFile(filepath.Join(s.dir, "names"), []byte(body+"</CompleteMultipartUpload>"), 0o644); err != nil {
		t.Fatal(err)
	}
	ask("?uploadId="+begun.UploadID, "-X", "POST", "-T", "names") // curl 7.88 signs what stands behind -d wrongly
	if got := ask(""); !bytes.Equal(got, bytes.Join(parts, nil)) {
		t.Errorf("%d bytes came back", len(got))
	}
}
