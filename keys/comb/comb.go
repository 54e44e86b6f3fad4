package comb

import (
	"bytes"
	"crypto/sha512"
	"errors"
	"sync"

	"filippo.io/edwards25519"
	"filippo.io/edwards25519/field"
)

// shape is how a table is cut: digits of width bits, and multiples for every so many of them. What is
// between these is reached by doubling.
type shape struct{ width, every int }

// Tables of keys are to be many, and take 32 KiB each; there is one of the generator, which
// takes 480 KiB.
var (
	ofKey  = shape{width: 5, every: 3}
	ofBase = shape{width: 8, every: 1}
)

// scalarBits is more than the bits of a scalar, so that the last digit carries nothing.
const scalarBits = 254

func (s shape) digits() int { return (scalarBits + s.width - 1) / s.width }

// half is the greatest digit, and how many multiples of a power are kept: a negative digit takes
// the negative of one.
func (s shape) half() int { return 1 << (s.width - 1) }

// Table is what is kept of a key. It may be used from any goroutine.
type Table struct {
	key  [32]byte
	rows rows // of -A
}

// rows are the multiples of a point: of each power that is kept, from 1 to half.
type rows struct {
	shape
	list []affine
}

// affine is a point as additions take it: y+x, y-x and 2dxy.
type affine struct{ plus, minus, xy2d field.Element }

// extended is a point (X:Y:Z:T), x = X/Z, y = Y/Z, XY = ZT.
type extended struct{ x, y, z, t field.Element }

// base has the multiples of the generator.
var base = sync.OnceValue(func() *rows { return newRows(edwards25519.NewGeneratorPoint(), ofBase) })

// d2 is 2d, d = -121665/121666 (RFC 8032, section 5.1).
var d2 = func() *field.Element {
	one := new(field.Element).One()
	d := new(field.Element).Invert(new(field.Element).Mult32(one, 121666))
	d.Negate(d.Mult32(d, 121665))
	return d.Add(d, d)
}()

// New makes the table of a key, which takes as long as three or four verifications without one.
// The error is that the key is no point of the curve.
func New(key [32]byte) (*Table, error) {
	a, err := new(edwards25519.Point).SetBytes(key[:])
	if err != nil {
		return nil, errors.New("comb: the key is no point of the curve")
	}
	return &Table{key: key, rows: *newRows(a.Negate(a), ofKey)}, nil
}

// Verify reports what crypto/ed25519's Verify does of the table's key.
func (t *Table) Verify(message, sig []byte) bool {
	if len(sig) != 64 {
		return false
	}
	s, err := new(edwards25519.Scalar).SetCanonicalBytes(sig[32:])
	if err != nil {
		return false
	}
	h := sha512.New()
	h.Write(sig[:32])
	h.Write(t.key[:])
	h.Write(message)
	var sum [sha512.Size]byte
	k, err := new(edwards25519.Scalar).SetUniformBytes(h.Sum(sum[:0]))
	if err != nil {
		return false
	}
	var r extended
	r.y.One()
	r.z.One()
	r.addMultiple(&t.rows, k.Bytes())
	r.addMultiple(base(), s.Bytes())
	return bytes.Equal(r.bytes(), sig[:32])
}

// newRows computes the multiples of a point.
func newRows(p *edwards25519.Point, s shape) *rows {
	var points []*edwards25519.Point
	power := new(edwards25519.Point).Set(p)
	for i := 0; i < s.digits(); i += s.every {
		multiple := new(edwards25519.Point).Set(power)
		for range s.half() {
			points = append(points, new(edwards25519.Point).Set(multiple))
			multiple.Add(multiple, power)
		}
		for range s.every * s.width {
			power.Double(power)
		}
	}
	return &rows{shape: s, list: affines(points)}
}

// affines brings points into the form that additions take, with one inversion for all (Montgomery's
// trick).
func affines(points []*edwards25519.Point) []affine {
	list := make([]affine, len(points))
	before := make([]field.Element, len(points)) // the product of all Z up to here
	product := new(field.Element).One()
	for i, p := range points {
		before[i].Set(product)
		_, _, z, _ := p.ExtendedCoordinates()
		product.Multiply(product, z)
	}
	inverse := new(field.Element).Invert(product)
	for i := len(points) - 1; i >= 0; i-- {
		x, y, z, _ := points[i].ExtendedCoordinates()
		zi := new(field.Element).Multiply(inverse, &before[i])
		inverse.Multiply(inverse, z)
		x.Multiply(x, zi)
		y.Multiply(y, zi)
		a := &list[i]
		a.plus.Add(y, x)
		a.minus.Subtract(y, x)
		a.xy2d.Multiply(a.xy2d.Multiply(x, y), d2)
	}
	return list
}

// addMultiple adds the multiple of the rows' point by a scalar; what is in v is doubled on
// the way where rows have gaps, so v is nothing then.
func (v *extended) addMultiple(m *rows, scalar []byte) {
	var room [64]int16
	ds := room[:m.digits()]
	m.split(ds, scalar)
	for first := m.every - 1; first >= 0; first-- {
		for i := first; i < len(ds); i += m.every {
			row := m.list[i/m.every*m.half():]
			switch d := ds[i]; {
			case d > 0:
				v.add(&row[d-1].plus, &row[d-1].minus, &row[d-1].xy2d, false)
			case d < 0:
				v.add(&row[-d-1].minus, &row[-d-1].plus, &row[-d-1].xy2d, true)
			}
		}
		if first > 0 {
			for range m.width {
				v.double()
			}
		}
	}
}

// split cuts a scalar into digits from -half to half, the least first.
func (s shape) split(ds []int16, scalar []byte) {
	carry, bits, have, at := 0, 0, 0, 0
	for i := range ds {
		for have < s.width && at < len(scalar) {
			bits |= int(scalar[at]) << have
			have += 8
			at++
		}
		d := bits&(1<<s.width-1) + carry
		bits >>= s.width
		have -= s.width
		if carry = 0; d > s.half() {
			d, carry = d-1<<s.width, 1
		}
		ds[i] = int16(d)
	}
}

// add adds a point, given as y+x, y-x and 2dxy; of its negative the first two change places, and the
// third its sign, which negative tells (Hisil et al., section 3.1, for Z2 = 1).
func (v *extended) add(plus, minus, xy2d *field.Element, negative bool) {
	var a, b, c, d, e, f, g, h field.Element
	a.Multiply(a.Subtract(&v.y, &v.x), minus)
	b.Multiply(b.Add(&v.y, &v.x), plus)
	c.Multiply(&v.t, xy2d)
	d.Add(&v.z, &v.z)
	e.Subtract(&b, &a)
	h.Add(&b, &a)
	if negative {
		f.Add(&d, &c)
		g.Subtract(&d, &c)
	} else {
		f.Subtract(&d, &c)
		g.Add(&d, &c)
	}
	v.join(&e, &f, &g, &h)
}

// double doubles (Hisil et al., section 3.3, with all signs turned).
func (v *extended) double() {
	var a, b, c, e, f, g, h field.Element
	a.Square(&v.x)
	b.Square(&v.y)
	c.Square(&v.z)
	c.Add(&c, &c)
	h.Add(&a, &b)
	e.Square(e.Add(&v.x, &v.y))
	e.Subtract(&h, &e)
	g.Subtract(&a, &b)
	f.Add(&c, &g)
	v.join(&e, &f, &g, &h)
}

// join ends an addition or a doubling.
func (v *extended) join(e, f, g, h *field.Element) {
	v.x.Multiply(e, f)
	v.y.Multiply(g, h)
	v.t.Multiply(e, h)
	v.z.Multiply(f, g)
}

// bytes is the point's one encoding (RFC 8032, section 5.1.2).
func (v *extended) bytes() []byte {
	zi := new(field.Element).Invert(&v.z)
	x := new(field.Element).Multiply(&v.x, zi)
	y := new(field.Element).Multiply(&v.y, zi)
	b := y.Bytes()
	b[31] |= byte(x.IsNegative() << 7)
	return b
}
