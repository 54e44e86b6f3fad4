package s3

import (
	"net/http"

	"github.com/phyllo-net/phyllo/gateway/files"
)

const storageClass = "X-Amz-Storage-Class"

// S3's names of the classes. An archive is read at once, without asking for it to be restored, which
// is what S3 calls instant retrieval: programs would not even try to read one that is called GLACIER.
const (
	standard = "STANDARD"
	instant  = "GLACIER_IR"
)

var errClass = &fault{"InvalidStorageClass", 400, "there are two storage classes: STANDARD, for copies, and GLACIER_IR, " +
	"for an archive in parts any few of which are enough, which GLACIER and DEEP_ARCHIVE mean, too", ""}

// class is how a request wants a file to be kept, and whether it says so.
func class(h http.Header) (how files.Class, said bool, err error) {
	switch h.Get(storageClass) {
	case "":
		return files.InCopies, false, nil
	case standard:
		return files.InCopies, true, nil
	case instant, "GLACIER", "DEEP_ARCHIVE":
		return files.InParts, true, nil
	}
	return 0, false, errClass
}

// className is S3's name of a class.
func className(c files.Class) string {
	if c == files.InParts {
		return instant
	}
	return standard
}

// showClass tells how a file is kept: S3 names what is not STANDARD, and our own header says it in words.
func showClass(h http.Header, k files.Kept) {
	if k.Class() != files.InCopies {
		h.Set(storageClass, className(k.Class()))
	}
	if words := k.String(); words != "" {
		h.Set("X-Phyllo-Kept", words)
	}
}

// restore answers who wants an archive back before he reads it: he can do so now.
func (c *call) restore() error {
	if _, err := c.body(); err != nil { // for how many days
		return err
	}
	s, err := c.space()
	if err != nil {
		return err
	}
	e, err := c.entry(s, c.name, versionOf(c.query.Get("versionId")))
	if err != nil {
		return err
	}
	if e.Kept.Class() != files.InParts {
		return &fault{"InvalidObjectState", 403, "the file is no archive: it can be read as it is", ""}
	}
	c.w.WriteHeader(http.StatusOK)
	return nil
}
