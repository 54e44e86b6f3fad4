package topo

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// Limits of a matrix of measured latencies.
const (
	MaxMatrix  = 4096              // hosts
	MaxLatency = 100 * time.Second // one value
	maxLine    = 256 << 10         // bytes of one line
)

// ErrMatrix is wrapped by every error of ReadMatrix that is the text's fault.
var ErrMatrix = errors.New("not a matrix of latencies")

// Format says how the numbers of a matrix are meant.
type Format struct {
	// Unit is the unit of the numbers; 0 means time.Millisecond.
	Unit time.Duration
	// RoundTrip tells that they are round trips, as most measured ones are (King);
	// a delay is then half of one.
	RoundTrip bool
}

// Matrix is a network whose delays were measured. They need not be symmetric.
type Matrix struct {
	hosts int
	micro []uint32 // row by row: from, to
}

// ReadMatrix reads a matrix as text: a line for each host, with the latencies
// from it to all hosts, separated by white space or commas; empty lines and what
// follows a '#' are skipped. A number off the diagonal must be above 0 (a
// missing measurement has to be filled in, or its host left out, first) and at most
// MaxLatency; those on the diagonal must be 0. Delays are rounded to
// microseconds, and are at least Least. Errors wrap ErrMatrix, and say where the
// fault lies, or are the reader's.
func ReadMatrix(r io.Reader, f Format) (*Matrix, error) {
	if f.Unit <= 0 {
		f.Unit = time.Millisecond
	}
	m := new(Matrix)
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	line, row := 0, 0
	for lines.Scan() {
		line++
		text, _, _ := strings.Cut(lines.Text(), "#")
		fields := strings.FieldsFunc(text, func(c rune) bool { return c == ' ' || c == '\t' || c == ',' || c == '\r' })
		if len(fields) == 0 {
			continue
		}
		if row == 0 {
			m.hosts = len(fields)
		}
		switch {
		case m.hosts > MaxMatrix:
			return nil, fmt.Errorf("%w: line %d has %d numbers, at most %d hosts", ErrMatrix, line, m.hosts, MaxMatrix)
		case row == m.hosts:
			return nil, fmt.Errorf("%w: line %d is row %d of a matrix of %d hosts", ErrMatrix, line, row+1, m.hosts)
		case len(fields) != m.hosts:
			return nil, fmt.Errorf("%w: line %d has %d numbers, want %d as in the first row", ErrMatrix, line, len(fields), m.hosts)
		}
		for col, field := range fields {
			v, err := f.value(field, row == col)
			if err != nil {
				return nil, fmt.Errorf("%w: line %d, number %d: %w", ErrMatrix, line, col+1, err)
			}
			m.micro = append(m.micro, v)
		}
		row++
	}
	switch err := lines.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return nil, fmt.Errorf("%w: line %d is longer than %d bytes", ErrMatrix, line+1, maxLine)
	case err != nil:
		return nil, fmt.Errorf("read the matrix after line %d: %w", line, err)
	case row == 0:
		return nil, fmt.Errorf("%w: it is empty", ErrMatrix)
	case row != m.hosts:
		return nil, fmt.Errorf("%w: %d rows of %d numbers; it must be square", ErrMatrix, row, m.hosts)
	}
	return m, nil
}

// value reads one number as microseconds one way.
func (f Format) value(text string, diagonal bool) (uint32, error) {
	x, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return 0, fmt.Errorf("%.20q is not a number", text)
	}
	if diagonal {
		if x != 0 {
			return 0, fmt.Errorf("%.20s from a host to itself, want 0", text)
		}
		return 0, nil
	}
	ns := x * float64(f.Unit)
	if !(ns > 0 && ns <= float64(MaxLatency)) { // also refuses NaN
		return 0, fmt.Errorf("%.20s is no latency: want more than 0 and at most %v", text, MaxLatency)
	}
	if f.RoundTrip {
		ns /= 2
	}
	d := max(Least, time.Duration(ns).Round(time.Microsecond))
	return uint32(d / time.Microsecond), nil
}

// Hosts implements Topology.
func (m *Matrix) Hosts() int { return m.hosts }

// Delay implements Topology.
func (m *Matrix) Delay(a, b int) time.Duration {
	if uint(b) >= uint(m.hosts) {
		panic(fmt.Sprintf("topo: host %d of %d", b, m.hosts))
	}
	return micros(m.micro[a*m.hosts+b])
}
