package mdns

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
)

const service = "_phyllo._tcp.local."

var serviceName = dnsmessage.MustNewName(service)

// flushCache is the bit of a record's class by which it replaces older ones.
const flushCache = 1 << 15

// ask returns a question for all rings.
func ask() ([]byte, error) {
	b := dnsmessage.NewBuilder(nil, dnsmessage.Header{})
	if err := b.StartQuestions(); err != nil {
		return nil, err
	}
	if err := b.Question(dnsmessage.Question{Name: serviceName, Type: dnsmessage.TypePTR, Class: dnsmessage.ClassINET}); err != nil {
		return nil, err
	}
	return b.Finish()
}

// instance is the name under which a node announces its ring.
func instance(r *Ring) (dnsmessage.Name, error) {
	return dnsmessage.NewName("node-" + r.Node.String() + "." + service)
}

// announce returns an announcement that is believed for ttl seconds; 0 takes it
// back. Addresses that do not fit a packet are left out.
func announce(r *Ring, ttl uint32) ([]byte, error) {
	name, err := instance(r)
	if err != nil {
		return nil, err
	}
	if err := checkName(r.Name); err != nil {
		return nil, err
	}
	txt := []string{
		"v=1", "ring=" + r.Ring.String(), "name=" + r.Name, "node=" + r.Node.String(),
		"key=" + base64.RawURLEncoding.EncodeToString(r.Key[:]),
	}
	size := 0
	for _, a := range r.Addrs[:min(len(r.Addrs), peer.MaxAddrs)] {
		if size += len(a) + 3; len(a) <= peer.MaxAddrLen && size <= maxPacket/2 {
			txt = append(txt, "a="+a)
		}
	}
	b := dnsmessage.NewBuilder(nil, dnsmessage.Header{Response: true, Authoritative: true})
	b.EnableCompression()
	if err := b.StartAnswers(); err != nil {
		return nil, err
	}
	head := dnsmessage.ResourceHeader{Name: serviceName, Class: dnsmessage.ClassINET, TTL: ttl}
	if err := b.PTRResource(head, dnsmessage.PTRResource{PTR: name}); err != nil {
		return nil, err
	}
	head.Name, head.Class = name, dnsmessage.ClassINET|flushCache
	if err := b.TXTResource(head, dnsmessage.TXTResource{TXT: txt}); err != nil {
		return nil, err
	}
	return b.Finish()
}

// isQuestion reports whether a message asks for rings.
func isQuestion(packet []byte) bool {
	var p dnsmessage.Parser
	h, err := p.Start(packet)
	if err != nil || h.Response {
		return false
	}
	for range 16 {
		q, err := p.Question()
		if err != nil {
			return false
		}
		if (q.Type == dnsmessage.TypePTR || q.Type == dnsmessage.TypeALL) && strings.EqualFold(q.Name.String(), service) {
			return true
		}
	}
	return false
}

// read returns the rings that a message announces. What it takes back, or what is
// not as announce writes it, is left out.
func read(packet []byte) []Ring {
	var p dnsmessage.Parser
	h, err := p.Start(packet)
	if err != nil || !h.Response || p.SkipAllQuestions() != nil {
		return nil
	}
	var rings []Ring
	for range 32 {
		head, err := p.AnswerHeader()
		if err != nil {
			break
		}
		if head.Type != dnsmessage.TypeTXT || head.TTL == 0 || !strings.HasSuffix(strings.ToLower(head.Name.String()), "."+service) {
			if p.SkipAnswer() != nil {
				break
			}
			continue
		}
		txt, err := p.TXTResource()
		if err != nil {
			break
		}
		if r, err := parse(txt.TXT); err == nil {
			rings = append(rings, r)
		}
	}
	return rings
}

var errTxt = errors.New("not the announcement of a ring")

// parse reads the texts of an announcement. Keys that are not known are skipped.
func parse(txt []string) (Ring, error) {
	var r Ring
	seen := make(map[string]string, 5)
	for _, t := range txt {
		k, v, _ := strings.Cut(t, "=")
		switch k {
		case "a":
			if v == "" || len(v) > peer.MaxAddrLen || len(r.Addrs) == peer.MaxAddrs || !printable(v) {
				return r, fmt.Errorf("%w: its addresses", errTxt)
			}
			r.Addrs = append(r.Addrs, v)
		case "v", "ring", "name", "node", "key":
			if _, twice := seen[k]; twice {
				return r, fmt.Errorf("%w: %s twice", errTxt, k)
			}
			seen[k] = v
		}
	}
	if seen["v"] != "1" || len(r.Addrs) == 0 {
		return r, fmt.Errorf("%w: another version, or no address", errTxt)
	}
	if err := r.Ring.UnmarshalText([]byte(seen["ring"])); err != nil {
		return r, err
	}
	r.Name = seen["name"]
	if err := checkName(r.Name); err != nil {
		return r, err
	}
	var err error
	if r.Node, err = id.Parse(seen["node"]); err != nil {
		return r, err
	}
	key, err := base64.RawURLEncoding.Strict().DecodeString(seen["key"])
	if err != nil || len(key) != len(r.Key) {
		return r, fmt.Errorf("%w: its key", errTxt)
	}
	copy(r.Key[:], key)
	if r.Node.IsZero() || r.Key.IsZero() {
		return r, fmt.Errorf("%w: no node", errTxt)
	}
	return r, nil
}

// checkName refuses names that are too long, or that a terminal would not show as
// what they are.
func checkName(s string) error {
	if s == "" || len(s) > MaxName || !printable(s) {
		return fmt.Errorf("%w: the ring's name %q must have 1 to %d bytes of printable text", errTxt, s, MaxName)
	}
	return nil
}

func printable(s string) bool {
	return utf8.ValidString(s) && strings.IndexFunc(s, func(c rune) bool { return !unicode.IsPrint(c) }) < 0
}
