package portmap

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// upnp is a service of a router that opens ports.
type upnp struct {
	control *url.URL
	kind    string // WANIPConnection or WANPPPConnection, with its version
}

const (
	callTime = 3 * time.Second // for one question
	maxBody  = 64 << 10        // bytes of an answer that are read
)

// web asks devices, and nobody in their place.
var web = &http.Client{
	Timeout:       callTime,
	Transport:     &http.Transport{DisableKeepAlives: true, MaxResponseHeaderBytes: 16 << 10},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// findUPnP returns the first device that opens ports and says its address outside.
func findUPnP(ctx context.Context, to *net.UDPAddr) router {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var first router
	search(ctx, to, func(at *url.URL) {
		if first != nil {
			return
		}
		for _, u := range describe(ctx, at) {
			if _, err := u.outside(ctx); err == nil {
				first = u
				cancel()
				return
			}
		}
	})
	return first
}

// describe reads the description of a device, and returns what of it opens ports.
func describe(ctx context.Context, at *url.URL) []upnp {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at.String(), nil)
	if err != nil {
		return nil
	}
	r, err := web.Do(req)
	if err != nil {
		return nil
	}
	defer r.Body.Close()
	if r.StatusCode != http.StatusOK {
		return nil
	}
	return services(io.LimitReader(r.Body, maxBody), at)
}

// services returns those that open ports, of a description that was read at an address.
// Their own addresses must be on the same machine.
func services(r io.Reader, at *url.URL) []upnp {
	var all []upnp
	var kind, control string
	elements(r, func(name, text string) bool {
		switch name {
		case "serviceType":
			kind = text
		case "controlURL":
			control = text
		case "service":
			u, err := at.Parse(control)
			if err == nil && u.Scheme == "http" && u.User == nil && u.Hostname() == at.Hostname() && opensPorts(kind) {
				all = append(all, upnp{u, kind})
			}
			kind, control = "", ""
		}
		return len(all) < maxDevices
	})
	return all
}

func opensPorts(kind string) bool {
	name, version, _ := strings.Cut(strings.TrimPrefix(kind, "urn:schemas-upnp-org:service:"), ":")
	return (name == "WANIPConnection" || name == "WANPPPConnection") && (version == "1" || version == "2")
}

// elements calls f with the name of each element, when it ends, and the text just before
// its end, until f reports false. Whatever else is wrong with it, as much is read as can be.
func elements(r io.Reader, f func(name, text string) bool) {
	d := xml.NewDecoder(ascii{r})
	d.Strict = false
	d.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil }
	text := ""
	for {
		token, err := d.RawToken()
		if err != nil {
			return
		}
		switch t := token.(type) {
		case xml.StartElement:
			text = ""
		case xml.CharData:
			text = string(t)
		case xml.EndElement:
			if !f(t.Name.Local, strings.TrimSpace(text)) {
				return
			}
			text = ""
		}
	}
}

// ascii reads a text of whatever encoding: what matters in it is ASCII.
type ascii struct{ r io.Reader }

func (a ascii) Read(b []byte) (int, error) {
	n, err := a.r.Read(b)
	for i, c := range b[:n] {
		if c > 127 {
			b[i] = '?'
		}
	}
	return n, err
}

// argument is one of an action, by its name.
type argument struct{ name, value string }

// Errors of UPnP (WANIPConnection:1, section 2.4.16).
const (
	errConflict  = 718 // another has the port
	errForGood   = 725 // leases without an end only
	errSamePorts = 724 // the port outside must be that inside
)

// refusal is the error with which a device answers.
type refusal int

func (r refusal) Error() string {
	return fmt.Sprintf("the router answers with the error %d of UPnP", int(r))
}

// call has the service do something, and returns the argument of the answer with the
// name want.
func (u upnp) call(ctx context.Context, action, want string, args ...argument) (string, error) {
	var b bytes.Buffer
	fmt.Fprintf(&b, `<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" `+
		`s:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"><s:Body><u:%s xmlns:u="%s">`, action, u.kind)
	for _, a := range args {
		fmt.Fprintf(&b, "<%s>%s</%[1]s>", a.name, a.value) // ours: nothing is to be escaped
	}
	fmt.Fprintf(&b, "</u:%s></s:Body></s:Envelope>", action)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.control.String(), &b)
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", `text/xml; charset="utf-8"`)
	req.Header["SOAPAction"] = []string{`"` + u.kind + "#" + action + `"`}
	r, err := web.Do(req)
	if err != nil {
		return "", err
	}
	defer r.Body.Close()
	answer, fault := "", refusal(0)
	elements(io.LimitReader(r.Body, maxBody), func(name, text string) bool {
		switch name {
		case want:
			answer = text
		case "errorCode":
			n, _ := strconv.Atoi(text) // what is no number is no error of UPnP
			fault = refusal(n)
		}
		return true
	})
	switch {
	case fault != 0:
		return "", fault
	case r.StatusCode != http.StatusOK:
		return "", fmt.Errorf("the router answers with %q", r.Status)
	}
	return answer, nil
}

func (u upnp) outside(ctx context.Context) (netip.Addr, error) {
	text, err := u.call(ctx, "GetExternalIPAddress", "NewExternalIPAddress")
	if err != nil {
		return netip.Addr{}, err
	}
	ip, err := netip.ParseAddr(text)
	if err != nil || !ip.Is4() || ip.IsUnspecified() {
		return netip.Addr{}, errNoAddress
	}
	return ip, nil
}

func (u upnp) openPort(ctx context.Context, p Port, at uint16) (uint16, error) {
	inside, err := u.inside(ctx)
	if err != nil {
		return 0, err
	}
	life := lease
	for try := 1; ; try++ {
		err := u.add(ctx, p, at, inside, life)
		var why refusal
		switch {
		case err == nil:
			return at, nil
		case try >= tries || !errors.As(err, &why):
			return 0, err
		case why == errForGood && life != 0:
			life = 0
		case why == errSamePorts && at != p.Number:
			at = p.Number
		case why == errConflict:
			at = max(at+1, 1024)
		default:
			return 0, err
		}
	}
}

// add asks for a port once.
func (u upnp) add(ctx context.Context, p Port, at uint16, inside netip.Addr, life time.Duration) error {
	_, err := u.call(ctx, "AddPortMapping", "",
		argument{"NewRemoteHost", ""},
		argument{"NewExternalPort", strconv.Itoa(int(at))},
		argument{"NewProtocol", p.protocol()},
		argument{"NewInternalPort", strconv.Itoa(int(p.Number))},
		argument{"NewInternalClient", inside.String()},
		argument{"NewEnabled", "1"},
		argument{"NewPortMappingDescription", "phyllo"},
		argument{"NewLeaseDuration", strconv.Itoa(int(life / time.Second))})
	return err
}

func (u upnp) closePort(ctx context.Context, p Port, at uint16) error {
	_, err := u.call(ctx, "DeletePortMapping", "",
		argument{"NewRemoteHost", ""},
		argument{"NewExternalPort", strconv.Itoa(int(at))},
		argument{"NewProtocol", p.protocol()})
	return err
}

func (p Port) protocol() string {
	if p.UDP {
		return "UDP"
	}
	return "TCP"
}

// inside returns the address of this machine that the router sees.
func (u upnp) inside(ctx context.Context) (netip.Addr, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, "udp4", net.JoinHostPort(u.control.Hostname(), "1900")) // nothing is sent
	if err != nil {
		return netip.Addr{}, err
	}
	defer c.Close()
	at, err := netip.ParseAddrPort(c.LocalAddr().String())
	return at.Addr(), err
}
