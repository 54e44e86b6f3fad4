// Package standing is what a keeper of accounts believes of a debit: that it was within its
// account's limit when it was made. A debit is charged in any case; only what stands well pays
// for a replica that one holder fetches from another, long after the votes were given.
//
// A keeper judges a debit by its own view of the limit when it first hears of it. What
// it takes over from fellows when it becomes a keeper, and would not have allowed, as the
// limit may have been another then, it leaves open, and believes most of those fellows who
// have judged. So what was allowed once pays for ever, however much the limit has sunk since;
// and a member and a minority of its account's keepers make no debit stand well that the
// others have not allowed.
package standing

// Standing is what one keeper believes of one debit.
type Standing uint8

// The standings. The zero Standing is that of nearly all debits.
const (
	Sound Standing = iota // it was within the limit
	Open                  // it was taken over, and is beyond the limit by now
	Over                  // it came when it was beyond the limit
)

// Opinions are what fellow keepers who vote about an account say in one round of comparing.
type Opinions struct {
	Heard int // fellows who have something else of the account than this keeper
	Same  int // fellows who have just the same
	Sound int // of those heard, who say that the debit is sound
	Open  int // of those heard, who leave it open
}

// Judge returns what a keeper believes after a round in which all fellows were heard. A
// fellow that does not have the debit was there and has not heard of it, which counts
// against it. first tells that the debit was made before this keeper was there: if nobody has
// an opinion it was made when nobody was, by a member alone, and stands well.
func (o Opinions) Judge(own Standing, first bool) Standing {
	know := o.Heard - o.Open
	if own == Over {
		know += o.Same + 1
	}
	switch {
	case own == Sound, 2*o.Sound > know, know == 0 && first:
		return Sound
	case own == Open && 2*o.Sound < know:
		return Over
	}
	return own
}
