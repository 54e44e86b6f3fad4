package s3_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/phyllo-net/phyllo/gateway/doortest"
)

// client is a program in a folder, which knows the door from its environment.
func (w *world) client(dir string) doortest.Command {
	return doortest.Command{Dir: dir, Env: []string{"AWS_EC2_METADATA_DISABLED=true", "AWS_DEFAULT_REGION=us-east-1", "AWS_ACCESS_KEY_ID=" + w.Key.ID,
		"AWS_SECRET_ACCESS_KEY=" + w.Secret, "RESTIC_PASSWORD=x", "RESTIC_REPOSITORY=s3:" + w.URL + "/bbb/repository", "URL=" + w.URL}}
}

func TestAWS(t *testing.T) {
	aws := doortest.Program(t, "aws", "/usr/bin/aws") // others of this name may come first in the PATH
	w, dir := open(t), doortest.Tree(t, 9<<20)
	do := func(args ...string) string {
		t.Helper()
		return w.client(dir).Run(t, append([]string{aws, "--endpoint-url", w.URL}, args...)...)
	}
	do("s3", "mb", "s3://bbb")
	do("s3", "sync", "src", "s3://bbb/src")
	do("s3", "sync", "s3://bbb/src", "out")
	w.client(dir).Same(t, "src", "out")
	if out := do("s3", "ls", "--recursive", "s3://bbb"); strings.Count(out, "\n") != 6 || !strings.Contains(out, "src/folder/deep/ü.txt") {
		t.Errorf("the list is %s", out)
	}
	link := strings.TrimSpace(do("s3", "presign", "s3://bbb/src/a.txt"))
	if got := w.Send(w.Request("GET", strings.TrimPrefix(link, w.URL), "")); got.Status != 200 || len(got.Body) != 10 {
		t.Errorf("presigned: %+v", got)
	}
	do("s3", "mv", "s3://bbb/src/large", "s3://bbb/moved") // copied in parts
	do("s3", "rm", "--recursive", "s3://bbb")
	do("s3", "rb", "s3://bbb")
}

// rclone is how the program is called, which takes large files in parts.
func (w *world) rclone(path, dir string) []string {
	return []string{path, "--config", filepath.Join(dir, "none"), "--s3-provider=Other", "--s3-endpoint=" + w.URL, "--s3-access-key-id=" + w.Key.ID,
		"--s3-secret-access-key=" + w.Secret, "--s3-upload-cutoff=5M", "--s3-chunk-size=5M"}
}

func TestRclone(t *testing.T) {
	rclone := doortest.Program(t, "rclone")
	w, dir := open(t), doortest.Tree(t, 6<<20)
	do := func(args ...string) string {
		t.Helper()
		return w.client(dir).Run(t, append(w.rclone(rclone, dir), args...)...)
	}
	do("copy", "src", ":s3:bbb/src")
	do("check", "src", ":s3:bbb/src")
	do("copy", ":s3:bbb/src", "out")
	w.client(dir).Same(t, "src", "out")
	if out := do("sync", "-v", "src", ":s3:bbb/src"); !strings.Contains(out, "nothing to transfer") {
		t.Errorf("a second sync: %s", out)
	}
	do("moveto", ":s3:bbb/src/folder", ":s3:bbb/other")
	do("purge", ":s3:bbb")
}

func TestRestic(t *testing.T) {
	restic := doortest.Program(t, "restic")
	w, dir := open(t), doortest.Tree(t, 2<<20)
	do := func(args ...string) string {
		t.Helper()
		return w.client(dir).Run(t, append([]string{restic, "--no-cache"}, args...)...)
	}
	do("init")
	do("backup", "src")
	if err := os.WriteFile(filepath.Join(dir, "src", "new"), []byte("new"), 0o644); err != nil {
		t.Fatal(err)
	}
	do("backup", "src")
	do("check", "--read-data")
	do("forget", "--keep-last", "1", "--prune")
	do("restore", "latest", "--target", "out")
	w.client(dir).Same(t, "src", "out/src")
}

func TestS3cmd(t *testing.T) {
	s3cmd := doortest.Program(t, "s3cmd")
	w, dir := open(t), doortest.Tree(t, 6<<20)
	host := strings.TrimPrefix(w.URL, "http://")
	do := func(args ...string) string {
		t.Helper()
		return w.client(dir).Run(t, append([]string{s3cmd, "--config=/dev/null", "--no-ssl", "--host=" + host, "--host-bucket=" + host, "--access_key=" + w.Key.ID,
			"--secret_key=" + w.Secret, "--multipart-chunk-size-mb=5"}, args...)...)
	}
	do("mb", "s3://bbb")
	do("put", "-r", "src", "s3://bbb/")
	if err := os.Mkdir(filepath.Join(dir, "out"), 0o755); err != nil {
		t.Fatal(err)
	}
	do("get", "-r", "s3://bbb/src", "out")
	w.client(dir).Same(t, "src", "out/src")
	if out := do("info", "s3://bbb"); !strings.Contains(out, "us-east-1") && !strings.Contains(out, "Location") {
		t.Errorf("info: %s", out)
	}
	do("rm", "-r", "s3://bbb/src/")
	if out := do("ls", "s3://bbb"); out != "" {
		t.Errorf("left: %s", out)
	}
}

func TestCurl(t *testing.T) {
	curl := doortest.Program(t, "curl")
	w, dir := open(t).start(), doortest.Tree(t, 1<<20)
	do := func(args ...string) string {
		t.Helper()
		return w.client(dir).Run(t, append([]string{curl, "-sS", "--fail-with-body", "--aws-sigv4", "aws:amz:us-east-1:s3", "--user", w.Key.ID + ":" + w.Secret}, args...)...)
	}
	do("-T", "src/large", w.URL+"/bbb/large")
	do("-o", "out", w.URL+"/bbb/large")
	w.client(dir).Same(t, "src/large", "out")
	if out := do("-r", "3-7", w.URL+"/bbb/large"); len(out) != 5 {
		t.Errorf("5 bytes are %d", len(out))
	}
	do("-X", "DELETE", w.URL+"/bbb/large")
}

// TestBoto: the library, with a script; presigned in version 4, and in version 2, which
// is refused with what helps.
func TestBoto(t *testing.T) {
	python := doortest.Program(t, "boto3", "/usr/bin/python3")
	w, dir := open(t), t.TempDir()
	if _, err := w.client(dir).Try(python, "-c", "import boto3"); err != nil {
		t.Skip("client missing: boto3")
	}
	out := w.client(dir).Run(t, python, "-c", `
import boto3, os, urllib.request, urllib.error
from botocore.config import Config
def client(v): return boto3.client('s3', endpoint_url=os.environ['URL'], config=Config(signature_version=v, s3={'addressing_style': 'path'}))
c = client('s3v4')
c.create_bucket(Bucket='bbb')
for i in range(25): c.put_object(Bucket='bbb', Key='d%d/k y/%d' % (i % 5, i), Body=b'x' * i, Metadata={'n': str(i)}, ContentType='text/x')
pages = c.get_paginator('list_objects_v2').paginate(Bucket='bbb', PaginationConfig={'PageSize': 7})
assert sum(len(p['Contents']) for p in pages) == 25
pages = c.get_paginator('list_objects').paginate(Bucket='bbb', Delimiter='/', PaginationConfig={'PageSize': 2})
assert [p['Prefix'] for page in pages for p in page['CommonPrefixes']] == ['d%d/' % i for i in range(5)]
h = c.head_object(Bucket='bbb', Key='d4/k y/24')
assert h['ContentLength'] == 24 and h['Metadata'] == {'n': '24'} and h['ContentType'] == 'text/x', h
c.copy_object(Bucket='bbb', Key='copy', CopySource={'Bucket': 'bbb', 'Key': 'd4/k y/24'})
assert c.get_object(Bucket='bbb', Key='copy', Range='bytes=20-')['Body'].read() == b'xxxx'
c.put_bucket_versioning(Bucket='bbb', VersioningConfiguration={'Status': 'Enabled'})
first = c.put_object(Bucket='bbb', Key='copy', Body=b'second')['VersionId']
c.delete_object(Bucket='bbb', Key='copy')
v = c.list_object_versions(Bucket='bbb', Prefix='copy')
assert len(v['Versions']) == 2 and len(v['DeleteMarkers']) == 1, v
assert c.get_object(Bucket='bbb', Key='copy', VersionId=first)['Body'].read() == b'second'
r = c.delete_objects(Bucket='bbb', Delete={'Objects': [{'Key': 'd%d/k y/%d' % (i % 5, i)} for i in range(25)]})
assert len(r['Deleted']) == 25 and 'Errors' not in r, r
c.put_object(Bucket='bbb', Key='p', Body=b'presigned')
assert urllib.request.urlopen(c.generate_presigned_url('get_object', Params={'Bucket': 'bbb', 'Key': 'p'})).read() == b'presigned'
try: urllib.request.urlopen(client('s3').generate_presigned_url('get_object', Params={'Bucket': 'bbb', 'Key': 'p'})); print('version 2 was taken')
except urllib.error.HTTPError as e: print(e.code, e.read().decode())
`)
	if !strings.Contains(out, "400") || !strings.Contains(out, "use s3v4") {
		t.Errorf("version 2: %s", out)
	}
}
