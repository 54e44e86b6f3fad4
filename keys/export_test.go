package keys

// What tests outside the package need to write files as an attacker would.
var (
	Armour   = armour
	Unarmour = unarmour
	Words    = words
)
