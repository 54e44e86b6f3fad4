package node_test

import (
	"net"
	"strings"
	"testing"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/node"
)

// loopback is the name of the interface on which the tests' local network is.
func loopback(t *testing.T) string {
	t.Helper()
	all, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range all {
		if i.Flags&net.FlagLoopback != 0 && i.Flags&net.FlagUp != 0 {
			return i.Name
		}
	}
	t.Skip("this machine has no loopback interface")
	return ""
}

// TestJoinOverTheLocalNetwork: the rings there are listed; two people compare six
// digits, and the node is let in.
func TestJoinOverTheLocalNetwork(t *testing.T) {
	t.Parallel()
	lo := node.WithInterfaces(loopback(t))
	c := settings(t.TempDir())
	c.LAN, c.RingName = true, "lan test "+strings.ReplaceAll(t.TempDir()[len(t.TempDir())-6:], "/", "-")
	host := start(t, c, lo)
	lone := start(t, settings(t.TempDir()), lo)

	rings, err := lone.API().LanRings(limited(t))
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for _, r := range rings {
		found = found || r.Name == c.RingName && r.Ring == status(t, host).Ring && r.Nodes == 1
	}
	if !found {
		t.Fatalf("%q is not among %+v", c.RingName, rings)
	}
	if _, err := lone.API().LanAsk(limited(t), "no such ring"); api.KindOf(err) != api.NotFound {
		t.Errorf("an unknown ring: %v", err)
	}
	if _, err := lone.API().LanConfirm(limited(t), "000000"); api.KindOf(err) != api.Failed {
		t.Errorf("nothing was asked: %v", err)
	}
	if _, err := host.API().Admit(limited(t), "000000"); api.KindOf(err) != api.Failed {
		t.Errorf("nobody asks: %v", err)
	}
	asked := make(chan bool, 1)
	go func() {
		err := host.API().Events(limited(t), func(e *api.Event) error {
			if e.Kind == api.EventJoinRequest {
				asked <- true
				return errSeen
			}
			return nil
		})
		if err != errSeen {
			asked <- false
		}
	}()
	code, err := lone.API().LanAsk(limited(t), c.RingName)
	if err != nil {
		t.Fatal(err)
	}
	if len(code.Code) != 6 || code.RingName != c.RingName || code.Ring != status(t, host).Ring {
		t.Errorf("%+v", code)
	}
	if !<-asked {
		t.Error("nobody was told that somebody asks")
	}
	done := make(chan error, 1)
	go func() {
		m, err := host.API().Admit(limited(t), code.Code)
		if err == nil && m.AdmittedBy != status(t, host).ID.String() {
			t.Errorf("admitted by %+v", m)
		}
		done <- err
	}()
	j, err := lone.API().LanConfirm(limited(t), code.Code)
	if err != nil || j.Ring != status(t, host).Ring || j.Size != 2 {
		t.Fatalf("%+v, %v", j, err)
	}
	if err := <-done; err != nil {
		t.Errorf("the other side: %v", err)
	}
}
