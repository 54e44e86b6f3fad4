package sig

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// query is one parameter of an address.
type query struct{ key, value string }

type queries []query

const maxQueries = 100

// parseQuery splits a query as S3 does: at "&" alone, and a key without "=" has an empty
// value.
func parseQuery(raw string) (queries, error) {
	var out queries
	if raw == "" {
		return nil, nil
	}
	for part := range strings.SplitSeq(raw, "&") {
		if part == "" {
			continue
		}
		k, v, _ := strings.Cut(part, "=")
		key, err := url.QueryUnescape(k)
		value, err2 := url.QueryUnescape(v)
		if err != nil || err2 != nil || len(out) == maxQueries {
			return nil, ErrMalformed
		}
		out = append(out, query{key, value})
	}
	return out, nil
}

func (q queries) get(key string) (string, bool) {
	for _, x := range q {
		if x.key == key {
			return x.value, true
		}
	}
	return "", false
}

func (q queries) without(key string) queries {
	return slices.DeleteFunc(slices.Clone(q), func(x query) bool { return x.key == key })
}

// canonical is the query as it is signed: encoded, and in order.
func (q queries) canonical() string {
	var out []string
	for _, x := range q {
		out = append(out, encode(x.key, false)+"="+encode(x.value, false))
	}
	slices.SortFunc(out, func(a, b string) int {
		ak, av, _ := strings.Cut(a, "=")
		bk, bv, _ := strings.Cut(b, "=")
		if c := strings.Compare(ak, bk); c != 0 {
			return c
		}
		return strings.Compare(av, bv)
	})
	return strings.Join(out, "&")
}

// encode is the percent-encoding of signatures: all but letters, digits and "-._~",
// and the slashes of a path.
func encode(s string, path bool) string {
	const digits = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.IndexByte("-._~", c) >= 0, c == '/' && path:
			b.WriteByte(c)
		default:
			b.Write([]byte{'%', digits[c>>4], digits[c&15]})
		}
	}
	return b.String()
}

// canonicalHeaders are the signed headers as they are signed, a line each.
func canonicalHeaders(r *http.Request, signed []string) string {
	var b strings.Builder
	for _, name := range signed {
		values := r.Header.Values(name)
		switch {
		case name == "host":
			values = []string{r.Host}
		case name == "content-length" && len(values) == 0:
			values = []string{strconv.FormatInt(r.ContentLength, 10)}
		}
		b.WriteString(name + ":")
		for i, v := range values {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(strings.Join(strings.Fields(v), " "))
		}
		b.WriteByte('\n')
	}
	return b.String()
}
