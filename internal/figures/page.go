package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// result is one line of go test -bench.
type result struct {
	pkg    string
	name   string // without "Benchmark" and the number of processors
	values []value
}

// value is one measurement with its unit, such as 120 ns/op.
type value struct {
	number float64
	unit   string
}

var (
	benchLine = regexp.MustCompile(`^Benchmark(\S+)\s+\d+\s+(.*)$`)
	procs     = regexp.MustCompile(`-\d+$`)
)

// parse reads the output of go test -bench: the results in their order, and the name of the processor.
func parse(in io.Reader) (results []result, cpu string, err error) {
	pkg, cpu := "", "unknown processor"
	for scan := bufio.NewScanner(in); ; {
		if !scan.Scan() {
			return results, cpu, scan.Err()
		}
		line := scan.Text()
		if name, ok := strings.CutPrefix(line, "pkg: "); ok {
			pkg = name
		} else if name, ok := strings.CutPrefix(line, "cpu: "); ok {
			cpu = name
		} else if m := benchLine.FindStringSubmatch(line); m != nil {
			values, err := parseValues(m[2])
			if err != nil {
				return nil, "", fmt.Errorf("line %q: %w", line, err)
			}
			results = append(results, result{pkg, procs.ReplaceAllString(m[1], ""), values})
		}
	}
}

// parseValues reads pairs of a number and its unit.
func parseValues(text string) ([]value, error) {
	words := strings.Fields(text)
	if len(words)%2 != 0 {
		return nil, fmt.Errorf("a number without a unit")
	}
	var out []value
	for i := 0; i < len(words); i += 2 {
		number, err := strconv.ParseFloat(words[i], 64)
		if err != nil {
			return nil, err
		}
		out = append(out, value{number, words[i+1]})
	}
	return out, nil
}

// page writes the results as a table for each package.
func page(results []result, machine string, now time.Time) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# Figures\n\nWritten by `make figures`, not by hand. Measured on %s, on %s.\n", machine, now.UTC().Format(time.DateOnly))
	last := ""
	for _, r := range results {
		if r.pkg != last {
			fmt.Fprintf(&b, "\n## %s\n\n| benchmark | time for one | memory for one | and |\n|---|---|---|---|\n", r.pkg)
			last = r.pkg
		}
		var duration, memory string
		var others []string
		for _, v := range r.values {
			switch v.unit {
			case "ns/op":
				duration = spell(v.number)
			case "B/op":
				memory = fmt.Sprintf("%.0f B", v.number)
			case "allocs/op":
				memory += fmt.Sprintf(" in %.0f pieces", v.number)
			default:
				others = append(others, digits(v.number)+" "+v.unit)
			}
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", r.name, duration, memory, strings.Join(others, ", "))
	}
	return b.Bytes()
}

// digits gives a number to four digits, without an exponent if it is large.
func digits(x float64) string {
	if x >= 1000 {
		return strconv.FormatFloat(x, 'f', 0, 64)
	}
	return strconv.FormatFloat(x, 'g', 4, 64)
}

// spell gives nanoseconds in the unit that a person would use, to three digits.
func spell(ns float64) string {
	for _, u := range []struct {
		name string
		ns   float64
	}{{"s", 1e9}, {"ms", 1e6}, {"µs", 1e3}} {
		if ns >= u.ns*0.9995 { // rounds up to one
			return fmt.Sprintf("%s %s", strconv.FormatFloat(ns/u.ns, 'g', 3, 64), u.name)
		}
	}
	return fmt.Sprintf("%s ns", strconv.FormatFloat(ns, 'g', 3, 64))
}
