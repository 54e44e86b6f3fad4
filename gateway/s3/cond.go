package s3

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/phyllo-net/phyllo/gateway/files"
)

// matches reports whether a list of entity tags has this one.
func matches(list, tag string) bool {
	for t := range strings.SplitSeq(list, ",") {
		t = strings.TrimPrefix(strings.TrimSpace(t), "W/")
		if t == "*" || strings.Trim(t, `"`) == tag {
			return true
		}
	}
	return false
}

// since reports whether the header has a time, and whether the file was changed after
// it. Headers have whole seconds.
func since(value string, e files.Entry) (given, changed bool) {
	t, err := http.ParseTime(value)
	return err == nil, e.Modified.Truncate(time.Second).After(t)
}

// holds checks the conditions of reading (RFC 9110, 13.2.2); prefix is that of their
// headers' names. unchanged is what is returned where the reader has the file already.
func holds(h http.Header, prefix string, e files.Entry, unchanged *fault) error {
	if match := h.Get(prefix + "If-Match"); match != "" {
		if !matches(match, e.Tag()) {
			return errCondition
		}
	} else if given, changed := since(h.Get(prefix+"If-Unmodified-Since"), e); given && changed {
		return errCondition
	}
	if none := h.Get(prefix + "If-None-Match"); none != "" {
		if matches(none, e.Tag()) {
			return unchanged
		}
	} else if given, changed := since(h.Get(prefix+"If-Modified-Since"), e); given && !changed {
		return unchanged
	}
	return nil
}

// cond turns the conditions of writing into one that the space decides. Where a tag is
// asked for, it is compared with the current version's, and the change is then bound
// to that version.
func (c *call) cond(s files.Space) (files.Cond, error) {
	match, none := c.r.Header.Get("If-Match"), c.r.Header.Get("If-None-Match")
	switch {
	case match != "" && none != "":
		return files.Cond{}, errNotImplemented
	case none == "*":
		return files.Cond{Absent: true}, nil
	case none != "":
		return files.Cond{}, errNotImplemented // as S3 itself
	case match == "":
		return files.Cond{}, nil
	}
	e, err := s.Stat(c.ctx, c.name, "")
	if err != nil {
		return files.Cond{}, err
	}
	if !matches(match, e.Tag()) {
		return files.Cond{}, errCondition
	}
	return files.Cond{Version: e.Version}, nil
}

// span is the part of a file that is asked for.
type span struct {
	offset, length int64
	part           bool // of the whole
}

// spanOf reads a Range header. What is no range of bytes, or more than one, gets the
// whole, as in S3.
func spanOf(header string, size int64) (span, error) {
	whole := span{0, size, false}
	spec, ok := strings.CutPrefix(header, "bytes=")
	if !ok || strings.Contains(spec, ",") {
		return whole, nil
	}
	from, to, ok := strings.Cut(strings.TrimSpace(spec), "-")
	if !ok {
		return whole, nil
	}
	if from == "" { // the last bytes
		n, err := strconv.ParseUint(to, 10, 63)
		switch {
		case err != nil:
			return whole, nil
		case n == 0 || size == 0:
			return span{}, errRange
		}
		n = min(n, uint64(size))
		return span{size - int64(n), int64(n), true}, nil
	}
	start, err := strconv.ParseUint(from, 10, 63)
	if err != nil {
		return whole, nil
	}
	end := uint64(max(size-1, 0))
	if to != "" {
		last, err := strconv.ParseUint(to, 10, 63)
		if err != nil || last < start {
			return whole, nil
		}
		end = min(end, last)
	}
	if start >= uint64(size) {
		return span{}, errRange
	}
	return span{int64(start), int64(end-start) + 1, true}, nil
}
