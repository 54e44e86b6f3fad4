package wire_test

import (
	"errors"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/wire"
)

// note is a message with every kind of field that protocols use.
type note struct {
	Key   id.ID          `cbor:"1,keyasint"`
	Text  string         `cbor:"2,keyasint,omitempty"`
	Body  []byte         `cbor:"3,keyasint,omitempty"`
	List  []uint64       `cbor:"4,keyasint,omitempty"`
	Next  *note          `cbor:"5,keyasint,omitempty"`
	Many  []*mark        `cbor:"6,keyasint,omitempty"`
	Delta int64          `cbor:"7,keyasint,omitempty"`
	Share float64        `cbor:"8,keyasint,omitempty"`
	Sum   id.Hash        `cbor:"9,keyasint"`
	Yes   bool           `cbor:"10,keyasint,omitempty"`
	Arc   id.Range       `cbor:"11,keyasint"`
	Wrap  *wire.Envelope `cbor:"12,keyasint,omitempty"`
}

// mark is an element of a list, by pointer.
type mark struct {
	Name  string `cbor:"1,keyasint,omitempty"`
	Count uint32 `cbor:"2,keyasint,omitempty"`
}

func (*note) Kind() wire.Kind { return 1 }

var errCount = errors.New("too many")

// Check shows a rule that types cannot say.
func (n *note) Check() error {
	if len(n.Many) > 64 {
		return errCount
	}
	if n.Wrap != nil {
		return n.Wrap.Check()
	}
	return nil
}

// later is what a newer version of note's protocol sends: more fields.
type later struct {
	Key   id.ID    `cbor:"1,keyasint"`
	Text  string   `cbor:"2,keyasint,omitempty"`
	Sum   id.Hash  `cbor:"9,keyasint"`
	Arc   id.Range `cbor:"11,keyasint"`
	Extra []string `cbor:"90,keyasint"`
}

func (*later) Kind() wire.Kind { return 1 }

// extra is of a kind that may be skipped.
type extra struct{}

func (*extra) Kind() wire.Kind { return wire.Optional }

var table = wire.NewTable((*note)(nil), (*extra)(nil))
