package node_test

import (
	"bufio"
	"bytes"
	"encoding/xml"
	"fmt"
	"net"
	"net/http"
	"os"
	"runtime"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// gateway stands in for what a router of a home has besides its NAT: it answers those
// who look for it (SSDP), and opens ports for them (UPnP, WANIPConnection).
type gateway struct {
	t        *testing.T
	net      *internet
	router   string // the router's namespace
	outside  string // its address on the street
	lan      net.IP
	searches int // questions of SSDP that came

	mu    sync.Mutex
	ports map[string]portMapping // by protocol and port outside
}

// portMapping is what a node asks a router for.
type portMapping struct {
	Port     int    `xml:"Body>AddPortMapping>NewExternalPort"`
	Protocol string `xml:"Body>AddPortMapping>NewProtocol"`
	Inside   int    `xml:"Body>AddPortMapping>NewInternalPort"`
	Client   string `xml:"Body>AddPortMapping>NewInternalClient"`
	Lease    int    `xml:"Body>AddPortMapping>NewLeaseDuration"`
}

// newGateway starts one on the router of a house.
func newGateway(t *testing.T, n *internet, house string, at int) *gateway {
	g := &gateway{t: t, net: n, router: house + "r", outside: n.addr(0, 100+at), lan: net.ParseIP(n.addr(at, 1)), ports: make(map[string]portMapping)}
	n.script(`nft -f - <<'END'
		table ip opened {
			chain pre { type nat hook prerouting priority -100; }
		}
		add rule inet gate through ct status dnat accept`+"\nEND", g.router)
	var ask *net.UDPConn
	var web net.Listener
	inNamespace(t, n.id+g.router, func() error {
		lan, err := net.InterfaceByName("lan0")
		if err != nil {
			return err
		}
		if ask, err = net.ListenMulticastUDP("udp4", lan, &net.UDPAddr{IP: net.IPv4(239, 255, 255, 250), Port: 1900}); err != nil {
			return err
		}
		web, err = net.Listen("tcp", g.lan.String()+":0")
		return err
	})
	server := &http.Server{Handler: http.HandlerFunc(g.serve)}
	var wg sync.WaitGroup
	wg.Go(func() { server.Serve(web) })
	wg.Go(func() { g.hear(ask, web.Addr().String()) })
	t.Cleanup(func() {
		server.Close()
		ask.Close()
		wg.Wait()
	})
	return g
}

// inNamespace runs f in a network namespace: what it opens stays there.
func inNamespace(t *testing.T, name string, f func() error) {
	t.Helper()
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // for good: the thread ends with this goroutine
		ns, err := os.Open("/run/netns/" + name)
		if err != nil {
			done <- err
			return
		}
		defer ns.Close()
		if err := unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET); err != nil {
			done <- fmt.Errorf("enter the namespace %s: %w", name, err)
			return
		}
		done <- f()
	}()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// hear answers those who look for a connection to the world.
func (g *gateway) hear(c *net.UDPConn, web string) {
	var b [2048]byte
	for {
		n, from, err := c.ReadFromUDP(b[:])
		if err != nil {
			return
		}
		req, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(b[:n])))
		if err != nil || req.Method != "M-SEARCH" {
			continue
		}
		g.mu.Lock()
		g.searches++
		g.mu.Unlock()
		if st := req.Header.Get("ST"); st == "urn:schemas-upnp-org:device:InternetGatewayDevice:1" {
			fmt.Fprintf(answerTo{c, from}, "HTTP/1.1 200 OK\r\nST: %s\r\nUSN: uuid:1::%[1]s\r\nLOCATION: http://%s/device.xml\r\nCACHE-CONTROL: max-age=100\r\nEXT:\r\n\r\n", st, web)
		}
	}
}

type answerTo struct {
	c  *net.UDPConn
	to *net.UDPAddr
}

func (a answerTo) Write(b []byte) (int, error) { return a.c.WriteToUDP(b, a.to) }

// device describes the stand-in as routers do.
const device = `<?xml version="1.0"?><root xmlns="urn:schemas-upnp-org:device-1-0"><specVersion><major>1</major><minor>0</minor></specVersion>
<device><deviceType>urn:schemas-upnp-org:device:InternetGatewayDevice:1</deviceType><friendlyName>router</friendlyName><UDN>uuid:1</UDN><deviceList>
<device><deviceType>urn:schemas-upnp-org:device:WANDevice:1</deviceType><UDN>uuid:2</UDN><deviceList>
<device><deviceType>urn:schemas-upnp-org:device:WANConnectionDevice:1</deviceType><UDN>uuid:3</UDN><serviceList>
<service><serviceType>` + connectionService + `</serviceType><serviceId>urn:upnp-org:serviceId:WANIPConn1</serviceId>
<SCPDURL>/scpd.xml</SCPDURL><controlURL>/control</controlURL><eventSubURL>/event</eventSubURL></service>
</serviceList></device></deviceList></device></deviceList></device></root>`

const connectionService = "urn:schemas-upnp-org:service:WANIPConnection:1"

// serve answers over HTTP: what it is, and what it is asked to do.
func (g *gateway) serve(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/xml")
	if r.URL.Path == "/device.xml" {
		fmt.Fprint(w, device)
		return
	}
	body := new(bytes.Buffer)
	body.ReadFrom(r.Body)
	var action, answer string
	fmt.Sscanf(r.Header.Get("SOAPACTION"), `"`+connectionService+"#%s", &action)
	switch action = string(bytes.TrimSuffix([]byte(action), []byte(`"`))); action {
	case "GetNATRSIPStatus":
		answer = "<NewRSIPAvailable>0</NewRSIPAvailable><NewNATEnabled>1</NewNATEnabled>"
	case "GetExternalIPAddress":
		answer = "<NewExternalIPAddress>" + g.outside + "</NewExternalIPAddress>"
	case "AddPortMapping":
		var m portMapping
		if err := xml.Unmarshal(body.Bytes(), &m); err != nil {
			g.t.Errorf("a router was asked for a port with %q: %v", body, err)
			return
		}
		g.open(m)
	case "DeletePortMapping":
		var m struct {
			Port     int    `xml:"Body>DeletePortMapping>NewExternalPort"`
			Protocol string `xml:"Body>DeletePortMapping>NewProtocol"`
		}
		if err := xml.Unmarshal(body.Bytes(), &m); err != nil {
			g.t.Errorf("a router was asked to close a port with %q: %v", body, err)
			return
		}
		g.mu.Lock()
		delete(g.ports, fmt.Sprint(m.Protocol, m.Port))
		g.mu.Unlock()
	default:
		http.Error(w, "no such action", http.StatusInternalServerError)
		return
	}
	fmt.Fprintf(w, `<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" s:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"><s:Body><u:%sResponse xmlns:u="%s">%s</u:%[1]sResponse></s:Body></s:Envelope>`, action, connectionService, answer)
}

// open lets what comes to a port of the router into the house.
func (g *gateway) open(m portMapping) {
	key := fmt.Sprint(m.Protocol, m.Port)
	g.mu.Lock()
	_, have := g.ports[key]
	g.ports[key] = m
	g.mu.Unlock()
	if have {
		return
	}
	way := map[string]string{"TCP": "tcp", "UDP": "udp"}[m.Protocol]
	inside := net.ParseIP(m.Client)
	if way == "" || inside == nil {
		g.t.Errorf("a router was asked for %+v", m)
		return
	}
	g.net.script(fmt.Sprintf(`nft add rule ip opened pre iifname up0 %s dport %d dnat to %s:%d`, way, m.Port, inside, m.Inside), g.router)
}

// mapped returns how many ports are open, and how often somebody looked for a router.
func (g *gateway) mapped() (ports, searches int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.ports), g.searches
}
