package keys

// What tests outside the package need to write files as an attacker would.
var (
	Armour   = armour
	Unarmour = unarmour
	Words    = words
)

// MaxGood is how many signatures are remembered at least.
const MaxGood = maxGood

// MaxHeard is of how many keys something is kept.
const MaxHeard = maxHeard

// Fill remembers something that is no signature.
func (r *Remembering) Fill(print [32]byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.note(print)
}

// Len is how many are remembered.
func (r *Remembering) Len() int { return len(r.new) + len(r.old) }
