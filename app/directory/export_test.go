package directory

import (
	"time"

	"github.com/phyllo-net/phyllo/app/directory/msg"
	"github.com/phyllo-net/phyllo/app/directory/record"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/wire"
)

// What hostile nodes of the tests send.

// WhereNodes is the answer of one who names nodes as the holders of a key.
func WhereNodes(hs ...*peer.Handle) []byte { return wireOf(&msg.Holders{Nodes: hs}) }

// SaysPresent, SaysAbsent are unsigned answers to a read.
func SaysPresent(r *Record) []byte { return wireOf(&msg.Answer{Known: msg.Present, Record: r}) }

// SaysAbsent is the answer of one who knows of no record.
func SaysAbsent() []byte { return wireOf(&msg.Answer{Known: msg.Absent}) }

// SaysTaken is the answer of one who says that another has the name.
func SaysTaken(c *record.Claim) []byte { return wireOf(&msg.Taken{Claim: c, Stands: true}) }

// Names lists names that are not there.
func Names(names ...Name) []byte {
	m := &msg.Listing{}
	for _, n := range names {
		h := n.Hash()
		m.Entries = append(append(m.Entries, h[:]...), 1, 2, 3, 4, 5, 6, 7, 8)
	}
	return wireOf(m)
}

// AskPut, AskGive, AskList, AskFetch and AskRead are questions.
func AskPut(c *record.Claim) []byte { return wireOf(&msg.Put{Claim: c}) }

// AskGive gives claims.
func AskGive(cs ...*record.Claim) []byte { return wireOf(&msg.Give{Claims: cs}) }

// AskList asks for all that is kept.
func AskList() []byte { return wireOf(&msg.List{Range: id.Range{Full: true}}) }

// AskFetch asks for claims.
func AskFetch(n Name) []byte { return wireOf(&msg.Fetch{Names: []id.Hash{n.Hash()}}) }

// AskRead reads a name.
func AskRead(n Name) []byte { return wireOf(&msg.Read{Name: n.Hash()}) }

// AskLost says that a name is lost.
func AskLost(n Name, k peer.Key) []byte { return wireOf(&msg.Lost{Name: n, Identity: k}) }

func wireOf(m wire.Message) []byte {
	b, err := msg.Messages.Encode(m)
	if err != nil {
		panic(err)
	}
	return b
}

// KindOf names a message for the tests: "where", "read", "put" ...
func KindOf(b []byte) string {
	m, err := msg.Messages.Decode(b)
	if err != nil {
		return "malformed"
	}
	switch m.(type) {
	case *msg.Where:
		return "where"
	case *msg.Read:
		return "read"
	case *msg.Put:
		return "put"
	case *msg.List:
		return "list"
	case *msg.Fetch:
		return "fetch"
	case *msg.Give:
		return "give"
	case *msg.Lost:
		return "lost"
	}
	return "answer"
}

// Decode reads a message as the directory does.
func Decode(b []byte) (wire.Message, error) { return msg.Messages.Decode(b) }

// Encode writes a message as the directory does.
func Encode(m wire.Message) ([]byte, error) { return msg.Messages.Encode(m) }

// Claimed returns the claim of a put, a taken or the only one of a claims message.
func Claimed(b []byte) *record.Claim {
	m, _ := msg.Messages.Decode(b)
	switch m := m.(type) {
	case *msg.Put:
		return m.Claim
	case *msg.Taken:
		return m.Claim
	case *msg.Claims:
		return m.Claims[0]
	}
	return nil
}

// ReceiptFor signs a receipt, as a member may do for whatever he wants.
func ReceiptFor(s peer.Signer, cert *peer.Certificate, ring id.Hash, r *Record, of int) *record.Receipt {
	return record.NewReceipt(s, cert, ring, r.Name.Hash(), r.Identity, of, time.Unix(r.Time, 0))
}

// ClaimHash decides between two claims with equally many receipts.
func ClaimHash(r *Record, ring id.Hash) id.Hash { return (&record.Claim{Record: r}).Hash(ring) }

// Settled reports whether the directory has asked its fellows.
func (d *Directory) Settled() bool { return d.rounds.Settled() }

// Keeps reports whether the directory keeps a claim that stands on a name.
func (d *Directory) Keeps(n Name) bool {
	e := d.shelf.find(n.Hash())
	return e != nil && e.stands
}
