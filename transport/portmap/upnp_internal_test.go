package portmap

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

const wanted = "urn:schemas-upnp-org:service:WANIPConnection:1"

func service(kind, control string) string {
	return "<service><serviceType>" + kind + "</serviceType><controlURL>" + control + "</controlURL></service>"
}

// What a description says is taken where it opens ports on the machine that was asked.
func TestServices(t *testing.T) {
	at, err := url.Parse("http://192.168.1.1:5000/root/desc.xml")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, in, want string }{
		{"one", "<root><device>" + service(wanted, "/ctl") + "</device></root>", "http://192.168.1.1:5000/ctl"},
		{"relative", service(wanted, "ctl"), "http://192.168.1.1:5000/root/ctl"},
		{"another port", service(wanted, "http://192.168.1.1:49152/ctl"), "http://192.168.1.1:49152/ctl"},
		{"of another kind of text", `<?xml version="1.0" encoding="iso-8859-1"?><n>R` + "\xe9" + `</n>` + service(wanted, "/ctl"), "http://192.168.1.1:5000/ctl"},
		{"PPP of version 2", service("urn:schemas-upnp-org:service:WANPPPConnection:2", "/p"), "http://192.168.1.1:5000/p"},
		{"the second of two", service("urn:schemas-upnp-org:service:Layer3Forwarding:1", "/f") + service(wanted, "/ctl"), "http://192.168.1.1:5000/ctl"},
		{"cut off", service(wanted, "/ctl") + "<service><serviceTy", "http://192.168.1.1:5000/ctl"},
		{"another machine", service(wanted, "http://192.168.1.9/ctl"), ""},
		{"another protocol", service(wanted, "file:///etc/passwd"), ""},
		{"a name and a word", service(wanted, "http://a:b@192.168.1.1/ctl"), ""},
		{"another version", service("urn:schemas-upnp-org:service:WANIPConnection:3", "/ctl"), ""},
		{"no XML", "<<<>>>&&", ""},
		{"nothing", "", ""},
	} {
		var got []string
		for _, u := range services(strings.NewReader(c.in), at) {
			got = append(got, u.control.String())
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	if n := len(services(strings.NewReader(strings.Repeat(service(wanted, "/ctl"), 1000)), at)); n != maxDevices {
		t.Errorf("%d services were taken", n)
	}
}

// An answer to the search is believed of the device alone that gave it.
func TestLocation(t *testing.T) {
	from := netip.MustParseAddr("192.168.1.1")
	answer := func(st, location string) string {
		return "HTTP/1.1 200 OK\r\nST: " + st + "\r\nLOCATION: " + location + "\r\n\r\n"
	}
	for _, c := range []struct {
		name, packet string
		good         bool
	}{
		{"good", answer(sought[0], "http://192.168.1.1:5000/d.xml"), true},
		{"another machine", answer(sought[0], "http://192.168.1.2:5000/d.xml"), false},
		{"a name", answer(sought[0], "http://router.example/d.xml"), false},
		{"this machine", answer(sought[0], "http://127.0.0.1/d.xml"), false},
		{"another protocol", answer(sought[0], "https://192.168.1.1/d.xml"), false},
		{"with a password", answer(sought[0], "http://a:b@192.168.1.1/d.xml"), false},
		{"another kind", answer("upnp:rootdevice", "http://192.168.1.1/d.xml"), false},
		{"long", answer(sought[0], "http://192.168.1.1/"+strings.Repeat("x", maxLocation)), false},
		{"an error", strings.Replace(answer(sought[0], "http://192.168.1.1/"), "200", "500", 1), false},
		{"a question", "M-SEARCH * HTTP/1.1\r\nST: " + sought[0] + "\r\n\r\n", false},
		{"nothing", "", false},
	} {
		if u := location([]byte(c.packet), from); (u != nil) != c.good {
			t.Errorf("%s: %v", c.name, u)
		}
	}
}

// device is one on loopback, with what it answers to an action.
func device(t *testing.T, answer func(action, body string) (status int, text string)) upnp {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, action, _ := strings.Cut(strings.Trim(r.Header.Get("SOAPAction"), `"`), "#")
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		status, text := answer(action, string(body))
		if status == http.StatusFound {
			w.Header().Set("Location", "/elsewhere")
		}
		w.WriteHeader(status)
		io.WriteString(w, text)
	}))
	t.Cleanup(s.Close)
	u, err := url.Parse(s.URL + "/ctl")
	if err != nil {
		t.Fatal(err)
	}
	return upnp{u, wanted}
}

func fault(code int) string {
	return fmt.Sprintf("<s:Fault><detail><UPnPError><errorCode>%d</errorCode></UPnPError></detail></s:Fault>", code)
}

// Ports that others have, leases that the router does not know, and ports that must be
// the same are all met in the field.
func TestRoutersWithWishes(t *testing.T) {
	for _, c := range []struct {
		name   string
		answer func(port, lease string) (int, string)
		want   uint16 // 0: an error
	}{
		{"none", func(port, lease string) (int, string) { return 200, "" }, 4001},
		{"two ports are taken", func(port, lease string) (int, string) {
			if port < "4003" {
				return 500, fault(errConflict)
			}
			return 200, ""
		}, 4003},
		{"no leases", func(port, lease string) (int, string) {
			if lease != "0" {
				return 500, fault(errForGood)
			}
			return 200, ""
		}, 4001},
		{"all ports are taken", func(port, lease string) (int, string) { return 500, fault(errConflict) }, 0},
		{"not allowed", func(port, lease string) (int, string) { return 500, fault(606) }, 0},
		{"an error that is none", func(port, lease string) (int, string) { return 500, "<errorCode>many</errorCode>" }, 0},
		{"it sends one elsewhere", func(port, lease string) (int, string) { return 302, "" }, 0},
	} {
		u := device(t, func(action, body string) (int, string) {
			args := make(map[string]string)
			elements(strings.NewReader(body), func(name, text string) bool { args[name] = text; return true })
			if action != "AddPortMapping" || args["NewProtocol"] != "UDP" || args["NewInternalClient"] != "127.0.0.1" || args["NewInternalPort"] != "4001" {
				t.Errorf("%s: it was asked for %s: %s", c.name, action, body)
			}
			return c.answer(args["NewExternalPort"], args["NewLeaseDuration"])
		})
		at, err := u.openPort(t.Context(), udp, 4001)
		if at != c.want || (err == nil) != (c.want != 0) {
			t.Errorf("%s: port %d, %v", c.name, at, err)
		}
	}
}

// An address outside is one that somebody may be at; an answer without an end is not
// read to its end.
func TestOutside(t *testing.T) {
	for text, good := range map[string]bool{
		"<NewExternalIPAddress> 203.0.113.7 </NewExternalIPAddress>":                                true,
		"<NewExternalIPAddress>0.0.0.0</NewExternalIPAddress>":                                      false,
		"<NewExternalIPAddress>2001:db8::1</NewExternalIPAddress>":                                  false,
		"<NewExternalIPAddress>router</NewExternalIPAddress>":                                       false,
		"<NewExternalIPAddress></NewExternalIPAddress>":                                             false,
		strings.Repeat("<a>", maxBody) + "<NewExternalIPAddress>203.0.113.7</NewExternalIPAddress>": false,
		"": false,
	} {
		u := device(t, func(string, string) (int, string) { return 200, text })
		if ip, err := u.outside(t.Context()); (err == nil) != good {
			t.Errorf("%.60q: %v, %v", text, ip, err)
		}
	}
}

// A search ends with its context, and names a device once, however often it answers.
func TestSearch(t *testing.T) {
	open := sockets()
	if len(open) == 0 {
		t.Log("this machine has no network: nobody could be asked")
		return
	}
	at := open[0].LocalAddr().(*net.UDPAddr).IP
	for _, c := range open {
		c.Close()
	}
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: at})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		var b [maxPacket]byte
		for {
			_, from, err := c.ReadFromUDPAddrPort(b[:])
			if err != nil {
				return
			}
			said := fmt.Sprintf("HTTP/1.1 200 OK\r\nST: %s\r\nLOCATION: http://%s:1/\r\n\r\n", sought[0], at)
			c.WriteToUDPAddrPort([]byte(said), from)
			c.WriteToUDPAddrPort([]byte(said), from)
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	found := 0
	search(ctx, c.LocalAddr().(*net.UDPAddr), func(*url.URL) {
		found++
		cancel()
	})
	c.Close()
	wg.Wait()
	if found != 1 {
		t.Errorf("found %d times", found)
	}
}

func FuzzServices(f *testing.F) {
	f.Add("<root>" + service(wanted, "/ctl") + "</root>")
	at := &url.URL{Scheme: "http", Host: "192.168.1.1:5000"}
	f.Fuzz(func(t *testing.T, text string) {
		for _, u := range services(strings.NewReader(text), at) {
			if u.control.Hostname() != "192.168.1.1" || u.control.Scheme != "http" {
				t.Errorf("%q leads to %s", text, u.control)
			}
		}
	})
}

func FuzzLocation(f *testing.F) {
	f.Add([]byte("HTTP/1.1 200 OK\r\nST: " + sought[0] + "\r\nLOCATION: http://192.168.1.1:5000/d.xml\r\n\r\n"))
	from := netip.MustParseAddr("192.168.1.1")
	f.Fuzz(func(t *testing.T, packet []byte) {
		if u := location(packet, from); u != nil && u.Hostname() != from.String() {
			t.Errorf("%q leads to %s", packet, u)
		}
	})
}
