package s3

import (
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"hash/crc32"
	"net/http"
	"strings"
)

// A CRC of a whole is a matter of those of its parts and their lengths: with the bits of a CRC as a
// polynomial over GF(2), n bytes more behind a text multiply its CRC by x^8n modulo the CRC's polynomial,
// and the CRCs of the two texts are added. So the checksum of a file that came in parts is known without
// reading it again.

// ring is the arithmetic of a CRC, whose polynomials are reflected: the highest bit is that of x^0.
type ring struct {
	width uint // bits
	poly  uint64
}

var rings = map[string]ring{"crc32": {32, crc32.IEEE}, "crc32c": {32, crc32.Castagnoli}, "crc64nvme": {64, nvmePoly}}

// times multiplies two polynomials.
func (r ring) times(a, b uint64) (product uint64) {
	for bit := uint64(1) << (r.width - 1); bit != 0; bit >>= 1 {
		if a&bit != 0 {
			product ^= b
		}
		carry := b & 1
		if b >>= 1; carry != 0 {
			b ^= r.poly
		}
	}
	return product
}

// behind is the CRC of a text with this CRC that has n zero bytes more.
func (r ring) behind(crc uint64, n int64) uint64 {
	power := uint64(1) << (r.width - 2) // x
	for range 3 {
		power = r.times(power, power) // at last x^8
	}
	for ; n > 0; n >>= 1 {
		if n&1 != 0 {
			crc = r.times(crc, power)
		}
		power = r.times(power, power)
	}
	return crc
}

// number reads a CRC as it stands in headers.
func (r ring) number(b []byte) (crc uint64) {
	for _, x := range b {
		crc = crc<<8 | uint64(x)
	}
	return crc
}

// wholeSum is the checksum of a file that has these parts: of the whole if the upload is to have that,
// else S3's COMPOSITE, the checksum of the parts' checksums with their number.
func wholeSum(x *upload, parts []part) (string, error) {
	h := algorithms[x.Sum]()
	r, crc := rings[x.Sum], uint64(0)
	for _, p := range parts {
		b, err := base64.StdEncoding.DecodeString(p.Sum)
		if err != nil || len(b) != h.Size() {
			return "", fmt.Errorf("the checksum of a part is %q", p.Sum) // ours: it stands in our records
		}
		h.Write(b)
		if x.Whole {
			crc = r.behind(crc, p.Size) ^ r.number(b)
		}
	}
	if !x.Whole {
		return fmt.Sprintf("%s-%d", base64.StdEncoding.EncodeToString(h.Sum(nil)), len(parts)), nil
	}
	b := make([]byte, h.Size())
	for i := range b {
		b[i] = byte(crc >> (8 * (len(b) - 1 - i)))
	}
	return base64.StdEncoding.EncodeToString(b), nil
}

// declared is the checksum that an upload is to have, as S3 allows it.
func declared(h http.Header) (kind string, whole bool, err error) {
	kind = strings.ToLower(h.Get(sumAlgorithm))
	if kind == "" {
		return "", false, nil
	}
	if algorithms[kind] == nil {
		return "", false, invalid(sumAlgorithm + " names a checksum that is not known")
	}
	_, whole = rings[kind]
	switch of := h.Get(sumTypeName); {
	case of == "":
		return kind, kind == "crc64nvme", nil
	case of == fullObject && whole:
		return kind, true, nil
	case of == composite && kind != "crc64nvme":
		return kind, false, nil
	}
	return "", false, refuse("InvalidRequest", 400, "a checksum of this kind is not of that type: SHA-1 and SHA-256 are COMPOSITE alone, CRC64NVME is FULL_OBJECT alone")
}

// sumType is S3's name of what the upload's checksum is of.
func (x *upload) sumType() string {
	if x.Whole {
		return fullObject
	}
	return composite
}

// shownSum is a checksum in XML.
type shownSum struct {
	XMLName xml.Name
	Sum     string `xml:",chardata"`
}

// showSum is a checksum as XML has it; nil if there is none.
func showSum(kind, sum string) *shownSum {
	if sum == "" {
		return nil
	}
	return &shownSum{xml.Name{Local: "Checksum" + strings.ToUpper(kind)}, sum}
}
