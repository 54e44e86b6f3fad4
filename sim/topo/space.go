package topo

import (
	"math"
	"math/rand/v2"
	"time"
)

// DefaultSpan is the delay across the plane's edge, and to the other side of the
// sphere, where the maker is given none.
const DefaultSpan = 100 * time.Millisecond

// edge is the length of the plane's sides (Pastry, Middleware 2001, section 3.1).
const edge = 1000

type plane struct {
	at   [][2]float32
	unit float64 // nanoseconds for a unit of length
}

// NewPlane spreads hosts evenly over a square of 1000 by 1000 units, in which the
// delay is the Euclidean distance (Pastry, Middleware 2001, section 3.1). span is
// the delay over 1000 units; 0 means DefaultSpan.
func NewPlane(hosts int, seed uint64, span time.Duration) Topology {
	mustHosts(hosts)
	rng := rand.New(rand.NewPCG(seed, 0x706c616e65))
	p := &plane{at: make([][2]float32, hosts), unit: float64(spanOf(span)) / edge}
	for i := range p.at {
		p.at[i] = [2]float32{edge * rng.Float32(), edge * rng.Float32()}
	}
	return p
}

func (p *plane) Hosts() int { return len(p.at) }

// Place implements Placer.
func (p *plane) Place(host int) (x, y float64) {
	return float64(p.at[host][0]) / edge, float64(p.at[host][1]) / edge
}

func (p *plane) Delay(a, b int) time.Duration {
	if a == b {
		_ = p.at[a]
		return 0
	}
	return max(Least, time.Duration(distance(p.at[a], p.at[b])*p.unit))
}

// distance is exact in the same way on every processor: the conversions forbid
// the compiler to fuse the multiplications with the addition.
func distance(a, b [2]float32) float64 {
	dx, dy := float64(a[0])-float64(b[0]), float64(a[1])-float64(b[1])
	return math.Sqrt(float64(dx*dx) + float64(dy*dy))
}

type sphere struct {
	at   [][3]float32 // unit vectors
	span float64      // nanoseconds from pole to pole
}

// NewSphere spreads hosts evenly over a sphere, on whose surface distances are
// measured, as in Microsoft's reports on proximity neighbour selection. span is
// the delay between opposite points; 0 means DefaultSpan. Delays are whole
// microseconds.
func NewSphere(hosts int, seed uint64, span time.Duration) Topology {
	mustHosts(hosts)
	rng := rand.New(rand.NewPCG(seed, 0x737068657265))
	s := &sphere{at: make([][3]float32, hosts), span: float64(spanOf(span))}
	for i := range s.at {
		s.at[i] = direction(rng)
	}
	return s
}

// direction draws points of a cube until one lies in the ball, and moves it to
// the surface.
func direction(rng *rand.Rand) [3]float32 {
	for {
		x, y, z := 2*rng.Float64()-1, 2*rng.Float64()-1, 2*rng.Float64()-1
		if r := math.Sqrt(float64(x*x) + float64(y*y) + float64(z*z)); r > 0.001 && r <= 1 {
			return [3]float32{float32(x / r), float32(y / r), float32(z / r)}
		}
	}
}

func (s *sphere) Hosts() int { return len(s.at) }

func (s *sphere) Delay(a, b int) time.Duration {
	if a == b {
		_ = s.at[a]
		return 0
	}
	p, q := &s.at[a], &s.at[b]
	var sum float64 // the chord's square: exact for near points, where a cosine is not
	for i := range p {
		d := float64(p[i]) - float64(q[i])
		sum += float64(d * d)
	}
	angle := 2 * math.Asin(min(1, math.Sqrt(sum)/2))
	d := time.Duration(angle / math.Pi * s.span)
	return max(Least, d.Truncate(time.Microsecond))
}

func spanOf(d time.Duration) time.Duration {
	if d <= 0 {
		return DefaultSpan
	}
	return d
}
