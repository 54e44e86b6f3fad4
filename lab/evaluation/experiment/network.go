package experiment

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/phyllo-net/phyllo/sim/topo"
)

// Names of topologies. A measured matrix is named "matrix=FILE".
const (
	Plane       = "plane"
	Sphere      = "sphere"
	TransitStub = "transit-stub"
	Measured    = "matrix="
)

// JoinGap is the time between two joins of a ring that is built: the issue's, and so
// that of all rings that are compared.
const JoinGap = 200 * time.Millisecond

// Network makes the topology of a name with room for so many hosts. A measured one has
// as many as its file.
func Network(name string, hosts int, seed uint64) (topo.Topology, error) {
	switch {
	case name == Plane:
		return topo.NewPlane(hosts, seed, 0), nil
	case name == Sphere:
		return topo.NewSphere(hosts, seed, 0), nil
	case name == TransitStub:
		return topo.NewTransitStub(hosts, seed, topo.Size{}), nil
	case strings.HasPrefix(name, Measured):
		return readMatrix(strings.TrimPrefix(name, Measured))
	}
	return nil, fmt.Errorf("no topology is called %q: there are %s, %s, %s and %sFILE", name, Plane, Sphere, TransitStub, Measured)
}

// readMatrix reads round trips in milliseconds, as the King data set has them.
func readMatrix(file string) (topo.Topology, error) {
	if file == "" {
		return nil, fmt.Errorf("%s names no file: write %sking.txt for measured round trips in ms", Measured, Measured)
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	m, err := topo.ReadMatrix(f, topo.Format{Unit: time.Millisecond, RoundTrip: true})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return m, nil
}
