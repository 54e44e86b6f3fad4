package upkeep

// InTurn reports whether a day is one on which the letters are looked at to which the head of an epoch leads.
var InTurn = inTurn
