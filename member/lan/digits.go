package lan

import (
	"fmt"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
)

const digitsMod = 1_000_000

// Commit binds a joiner to his nonce and key before he has seen the other.
func Commit(nonce []byte, joiner peer.Key) id.Hash {
	return id.HashOf("lan commit", nonce, joiner[:])
}

// Digits are what both sides show.
func Digits(ring id.Hash, admitter, joiner peer.Key, admitterNonce, joinerNonce []byte) string {
	h := id.HashOf("lan digits", ring, admitter[:], joiner[:], admitterNonce, joinerNonce)
	return fmt.Sprintf("%06d", h.Place().Hi%digitsMod)
}

// onlyDigits drops blanks and hyphens; with anything else in it nothing is left.
func onlyDigits(s string) string {
	var out []byte
	for _, b := range []byte(s) {
		switch {
		case b >= '0' && b <= '9':
			out = append(out, b)
		case b != ' ' && b != '-':
			return ""
		}
	}
	return string(out)
}
