package node_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/app/past/dht"
)

// TestTableLimits: the interface says the same as the table.
func TestTableLimits(t *testing.T) {
	if api.MaxDHTKey != dht.MaxKey || api.MaxDHTValue != dht.MaxValue || api.MaxDHTCopies != dht.MaxCopies || api.DHTCopies != dht.Copies {
		t.Errorf("keys of %d bytes, values of %d, copies to %d, usually %d: the table has %d, %d, %d, %d",
			api.MaxDHTKey, api.MaxDHTValue, api.MaxDHTCopies, api.DHTCopies, dht.MaxKey, dht.MaxValue, dht.MaxCopies, dht.Copies)
	}
}

// TestTableProcesses: what one process puts another one gets, also after kill -9 of the
// first, which finds what was put meanwhile when it is back; who has not seen the current
// version changes nothing.
func TestTableProcesses(t *testing.T) {
	beside(t)
	a, b, c := newProcess(t), newProcess(t), newProcess(t)
	a.up()
	if out := a.must("dht", "put", "colour", "blue"); out != "version 1, 1 of 5 copies, more when more machines join\n" {
		t.Errorf("put, alone: %q", out)
	}
	for _, p := range []*process{b, c} {
		a.admit(p)
	}
	if out := c.must("dht", "get", "colour"); out != "blue" {
		t.Errorf("the third one got %q", out)
	}
	c.await("three copies", "colour", func(e api.DHTEntry) bool { return e.Copies == 3 && e.Version == 1 })
	if out := a.must("dht", "put", "colour", "green"); out != "version 2, 3 of 5 copies, more when more machines join\n" {
		t.Errorf("put, with others: %q", out)
	}
	if out := b.must("dht", "get", "colour"); out != "green" {
		t.Errorf("the second one got %q", out)
	}
	a.kill()
	b.await("the same without the first", "colour", func(e api.DHTEntry) bool { return string(e.Value) == "green" && e.Version == 2 })
	b.refused("version 2", "put", "colour", "red", "--if-version", "1")
	c.refused("version 2", "rm", "colour", "--if-version", "0")
	if out := b.must("dht", "put", "colour", "red", "--if-version", "2"); !strings.HasPrefix(out, "version 3, ") {
		t.Errorf("put in place of what was seen: %q", out)
	}
	a.up()
	a.await("what the others put meanwhile", "colour", func(e api.DHTEntry) bool { return string(e.Value) == "red" && e.Version == 3 })
	c.must("dht", "rm", "colour")
	var f *failure
	if _, err := a.run("dht", "get", "colour"); !errors.As(err, &f) || f.code != api.NotFound.ExitCode() {
		t.Errorf("get what was removed: %v", err)
	}
}

// await reads an entry until it is as wanted. While nodes come and go a majority of those
// who keep it may be away for some seconds.
func (p *process) await(what, key string, good func(api.DHTEntry) bool) {
	p.t.Helper()
	var e api.DHTEntry
	var err error
	defer func() {
		if p.t.Failed() {
			p.t.Logf("the last answer: %+v, %v", e, err)
		}
	}()
	p.until(what, func() bool {
		e = api.DHTEntry{}
		out := ""
		if out, err = p.run("dht", "get", key, "--json"); err == nil {
			err = json.Unmarshal([]byte(out), &e)
		}
		return err == nil && good(e)
	})
}

// refused runs a change that is refused as it names an old version, once the nodes that
// decide can be reached.
func (p *process) refused(now string, args ...string) {
	p.t.Helper()
	p.until(fmt.Sprintf("%q is refused", args), func() bool {
		out, err := p.run(append([]string{"dht"}, args...)...)
		if err == nil {
			p.t.Fatalf("%q printed %q, and should be refused", args, out)
		}
		var f *failure
		return errors.As(err, &f) && f.code == 1 && strings.Contains(f.stderr, "has "+now+" now")
	})
}
