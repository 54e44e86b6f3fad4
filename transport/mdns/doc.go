// Package mdns finds rings on the local network: a member announces its ring by
// multicast DNS (RFC 6762) as a service of the type _phyllo._tcp (RFC 6763), and
// who wants to join looks around. The library behind transport/libp2p has a
// discovery of its own, which needs two more modules and tells all peer ids of
// everybody to everybody; this one says only what is to be seen.
//
// What is found is a claim, of whoever is on the same network: names are shown to
// people, addresses are tried, and who answers there proves its key. An
// announcement is one PTR record that names the instance and one TXT record with
// the version, ring, name, node, key and addresses.
package mdns

import (
	"errors"
	"net"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
)

// Ring is what a member says of its ring on the local network.
type Ring struct {
	Name  string // for people, at most MaxName bytes
	Ring  id.Hash
	Node  id.ID
	Key   peer.Key // of the node
	Addrs []string // of the node, in the notation of its transport
}

// Limits of announcements.
const (
	// MaxName is the largest name of a ring, in bytes.
	MaxName = 64
	// maxPacket is the largest message that is read or sent; it fits a packet of
	// an Ethernet.
	maxPacket = 1440
	// maxFound bounds what one look around finds.
	maxFound = 128
)

// Times of announcements (RFC 6762, sections 5.2, 6 and 8.3).
const (
	replyGap  = time.Second // between two announcements, whoever asks
	lifetime  = 120         // seconds that an announcement is believed
	firstAsk  = time.Second // from the first question to the second, then doubling
	lastAsk   = 20 * time.Second
	announces = 2 // without being asked, at the start
)

var group = &net.UDPAddr{IP: net.IPv4(224, 0, 0, 251), Port: 5353}

// ErrNoNetwork says that no interface of this machine does multicast.
var ErrNoNetwork = errors.New("no network on which others could be found: is this machine connected?")

// Options are for tests and special cases; the zero value is right otherwise.
type Options struct {
	// Interfaces are the names of the network interfaces to use; empty means all
	// that are up and do multicast, and loopback if there is no other.
	Interfaces []string
}
