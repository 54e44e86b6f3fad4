package node

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/host"
	"github.com/phyllo-net/phyllo/node/config"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/store"
	"github.com/phyllo-net/phyllo/store/disk"
	"github.com/phyllo-net/phyllo/transport"
	"github.com/phyllo-net/phyllo/transport/libp2p"
	"github.com/phyllo-net/phyllo/transport/libp2p/reach"
)

// Keys of records; a snapshot's and a backup's have the ring behind them.
var (
	portKey        = []byte("port")
	incarnationKey = []byte("incarnation")
	snapshotKey    = []byte("snapshot/")
	backupKey      = []byte("backup/") // a backup of its authority key was saved, or read here
	ringKey        = []byte("ring")    // whose names are in the directory's table
)

// openStore opens the node's records, with the kinds of errors that a user can do
// something about.
func (n *Node) openStore(dir string) (store.Store, error) {
	open := n.opt.open
	if open == nil {
		open = func(dir string) (store.Store, error) {
			return disk.Open(disk.Config{Dir: dir, Log: n.log, Cache: 4 << 20, MemTable: 1 << 20})
		}
	}
	s, err := open(dir)
	switch {
	case errors.Is(err, store.ErrLocked):
		return nil, api.Wrap(api.Locked, err)
	case errors.Is(err, store.ErrNewerVersion):
		return nil, api.Wrap(api.NewerState, err)
	case err != nil:
		return nil, fmt.Errorf("opening the node's records: %w: is the disk full or read-only? if they are damaged, keep a copy of the folder and begin with another --home", err)
	}
	return s, nil
}

// newTransport starts the transport on the addresses of the settings.
func (n *Node) newTransport() (transport.Transport, error) {
	cfg := transport.Config{
		Private: n.signer.Seed(), Listen: n.cfg.TransportAddrs(), Hello: n.hello, Check: n.checkCertificate,
		Events: &n.relay, MaxLinks: n.cfg.Connections, Log: n.log,
	}
	if n.opt.carrier != nil {
		return n.opt.carrier(cfg)
	}
	if len(n.cfg.Listen) == 0 {
		var err error
		if cfg.Listen, err = n.chooseListen(); err != nil {
			return nil, err
		}
	} else if err := config.ProbeListen(n.cfg.Listen); err != nil {
		return nil, err
	}
	return libp2p.New(cfg, libp2p.Options{Reach: n.natMeans(), PerLoopback: 1024})
}

// natMeans is what of the settings helps behind routers and firewalls.
func (n *Node) natMeans() reach.Options {
	c := &n.cfg
	if !c.NAT || config.OnlyLoopback(c.Listen) {
		return reach.Options{}
	}
	return reach.Options{PortMap: c.UPnP, Punch: c.PunchHoles, Relays: c.Relays, RelayFor: c.RelayPeers, RelayRate: int(c.RelayRate)}
}

// chooseListen returns addresses with the port of the last time, the usual one, or
// any free one, and remembers it, so that invitations and routers find it again.
func (n *Node) chooseListen() ([]string, error) {
	ports := []int{config.DefaultPort}
	b, err := n.records.Get(portKey)
	if err != nil {
		return nil, err
	}
	if last, err := strconv.Atoi(string(b)); err == nil && last > 0 && last < 1<<16 {
		ports = []int{last, config.DefaultPort}
	}
	for range 8 {
		ports = append(ports, 0)
	}
	for _, p := range ports {
		port, v6, err := tryPort(p)
		if err != nil {
			continue
		}
		if text := strconv.Itoa(port); text != string(b) {
			if err := n.records.Put(portKey, []byte(text)); err != nil {
				return nil, err
			}
		}
		c := config.Config{Listen: []string{"0.0.0.0:" + strconv.Itoa(port)}}
		if v6 {
			c.Listen = append(c.Listen, "[::]:"+strconv.Itoa(port))
		}
		return c.TransportAddrs(), nil
	}
	return nil, api.Errorf(api.Failed, "no port is free to listen on: give an address with --listen")
}

// tryPort reports whether a port is free for TCP and UDP; of 0 it finds one that
// is. The transport shares ports with other programs where it can, so that holes can
// be punched: it would not notice that a port is taken.
func tryPort(port int) (chosen int, v6 bool, err error) {
	tcp, err := net.Listen("tcp4", ":"+strconv.Itoa(port))
	if err != nil {
		return 0, false, err
	}
	defer tcp.Close()
	port = tcp.Addr().(*net.TCPAddr).Port
	udp, err := net.ListenPacket("udp4", ":"+strconv.Itoa(port))
	if err != nil {
		return 0, false, err
	}
	defer udp.Close()
	tcp6, err := net.Listen("tcp6", "[::]:"+strconv.Itoa(port))
	if err != nil {
		return port, false, nil
	}
	defer tcp6.Close()
	udp6, err := net.ListenPacket("udp6", "[::]:"+strconv.Itoa(port))
	if err != nil {
		return port, false, nil
	}
	defer udp6.Close()
	return port, true, nil
}

// hello is transport.Config.Hello: who this node is now.
func (n *Node) hello() (*peer.Handle, *peer.Certificate) {
	o := n.overlay()
	cert := n.member.Certificate()
	if o == nil || cert == nil || cert.Ring != o.ring {
		return nil, nil
	}
	return o.at.Load(), cert
}

// relay hands the transport's events to the present overlay, as the transport
// outlives it.
type relay struct {
	mu sync.RWMutex
	to transport.Events
}

func (r *relay) set(to transport.Events) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.to = to
}

func (r *relay) now() transport.Events {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.to
}

// Up implements transport.Events.
func (r *relay) Up(from *peer.Handle, cert *peer.Certificate) {
	if to := r.now(); to != nil {
		to.Up(from, cert)
	}
}

// Frame implements transport.Events.
func (r *relay) Frame(from *peer.Handle, c transport.Class, frame []byte) {
	if to := r.now(); to != nil {
		to.Frame(from, c, frame)
	}
}

// Offer implements transport.Offers.
func (r *relay) Offer(from *peer.Handle, c transport.Class, frame []byte) bool {
	to := r.now()
	if to == nil {
		return true // as Frame: nobody is there to want it
	}
	o, can := to.(transport.Offers)
	return can && o.Offer(from, c, frame)
}

// Down implements transport.Events.
func (r *relay) Down(to *peer.Handle, why transport.Why) {
	if events := r.now(); events != nil {
		events.Down(to, why)
	}
}

// addrCheck is how often the node looks at its own addresses.
const addrCheck = 5 * time.Second

// watchAddrs tells the ring when this node's addresses have changed: at once if the
// transport says so, else if they stay for two looks.
func (n *Node) watchAddrs() {
	every := n.opt.addrCheck
	if every == 0 {
		every = addrCheck
	}
	var told <-chan struct{}
	if c, can := n.carrier.(interface{ AddrsChanged() <-chan struct{} }); can {
		told = c.AddrsChanged()
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	changed := 0
	for {
		sure := false
		select {
		case <-tick.C:
		case <-told:
			sure = true
		case <-n.ctx.Done():
			return
		}
		o, now := n.overlay(), n.ownAddrs()
		if o == nil || len(now) == 0 || slices.Equal(o.at.Load().Addrs, now) {
			changed = 0 // no address at all, as while a cable is out, is no news
			continue
		}
		if changed++; changed < 2 && !sure {
			continue
		}
		changed = 0
		n.log.Info("this node's addresses have changed", "now", now)
		err := o.host.Call(n.ctx, func() {
			o.pastry.Moved(now)
			o.at.Store(o.pastry.Self())
		})
		if err != nil && n.ctx.Err() == nil && !errors.Is(err, host.ErrStopped) {
			n.log.Warn("the ring could not be told of new addresses", "err", err)
		}
	}
}

// ownAddrs are the addresses that others are told.
func (n *Node) ownAddrs() []string {
	var out []string
	for _, a := range n.carrier.Addrs() {
		if len(out) < peer.MaxAddrs && a != "" && len(a) <= peer.MaxAddrLen {
			out = append(out, a)
		}
	}
	return out
}

// checkCertificate is transport.Config.Check.
func (n *Node) checkCertificate(cert *peer.Certificate) error {
	err := n.member.Check(cert)
	if ring, none := n.member.Ring(); none == nil {
		n.clock.Saw(ring.ID, cert, err)
	}
	return err
}
