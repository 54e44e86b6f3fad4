package msg

import (
	"fmt"

	"github.com/phyllo-net/phyllo/wire"
)

// MaxBundle is the number of questions in one bundle, and of answers.
const MaxBundle = 64

// Bundle is questions about several groups in one message. Answered by Answers: of those
// that can be answered at once in the answer itself, of the others by messages that follow.
type Bundle struct {
	// Number is that of the first question, those of Attaches before those of Heads; it rises
	// from one bundle of a node to the next.
	Number   uint64    `cbor:"1,keyasint"`
	Attaches []*Attach `cbor:"2,keyasint,omitempty"`
	Heads    []*Heads  `cbor:"3,keyasint,omitempty"`
}

// Answers are answers to questions of one bundle.
type Answers struct {
	List []*Reply `cbor:"1,keyasint,omitempty"`
}

// Reply is the answer to one question of a bundle: a message, or the code of a refusal.
type Reply struct {
	Number  uint64 `cbor:"1,keyasint"`
	Code    uint16 `cbor:"2,keyasint,omitempty"`
	Message []byte `cbor:"3,keyasint,omitempty"`
}

// Kind implements wire.Message.
func (*Bundle) Kind() wire.Kind { return kindBundle }

// Kind implements wire.Message.
func (*Answers) Kind() wire.Kind { return kindAnswers }

// Add puts a question into the bundle, and reports whether it is of a kind that goes there.
func (m *Bundle) Add(question wire.Message) bool {
	switch q := question.(type) {
	case *Attach:
		m.Attaches = append(m.Attaches, q)
	case *Heads:
		m.Heads = append(m.Heads, q)
	default:
		return false
	}
	return true
}

// Len is the number of questions.
func (m *Bundle) Len() int { return len(m.Attaches) + len(m.Heads) }

// Each calls f with each question and its number.
func (m *Bundle) Each(f func(number uint64, question wire.Message)) {
	n := m.Number
	for _, q := range m.Attaches {
		f(n, q)
		n++
	}
	for _, q := range m.Heads {
		f(n, q)
		n++
	}
}

// Check implements wire.Checker.
func (m *Bundle) Check() error {
	if m.Len() == 0 || m.Len() > MaxBundle || m.Number == 0 || m.Number > MaxSeq {
		return fmt.Errorf("%w: bundle of %d questions from number %d", ErrMessage, m.Len(), m.Number)
	}
	for _, q := range m.Attaches {
		if q == nil {
			return fmt.Errorf("%w: an empty question", ErrMessage)
		}
		if err := q.Check(); err != nil {
			return err
		}
	}
	for _, q := range m.Heads {
		if q == nil {
			return fmt.Errorf("%w: an empty question", ErrMessage)
		}
	}
	return nil
}

// Check implements wire.Checker.
func (m *Answers) Check() error {
	if len(m.List) > MaxBundle {
		return fmt.Errorf("%w: %d answers, at most %d", ErrMessage, len(m.List), MaxBundle)
	}
	for _, r := range m.List {
		if r == nil || (r.Code == 0) == (len(r.Message) == 0) {
			return fmt.Errorf("%w: an answer that is none", ErrMessage)
		}
	}
	return nil
}
