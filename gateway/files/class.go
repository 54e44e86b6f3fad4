package files

import "fmt"

// Class is how a content is to be kept.
type Class uint8

// The classes.
const (
	// InCopies: several nodes have the whole of it, which is read fastest.
	InCopies Class = iota
	// InParts: it is an archive, cut into parts all around the ring, any few of which make it, so that
	// it is there when most nodes are lost at once. It is read as any other. A ring that is too
	// small for that keeps copies.
	InParts
)

// Kept is how a content is kept, as it is wanted: nobody has counted what there is.
type Kept struct {
	Total int // how many copies, or parts; 0: there is no content
	Need  int // any so many of the parts make it; 0: each copy is whole
}

// Class is the class that this is.
func (k Kept) Class() Class {
	if k.Need > 0 {
		return InParts
	}
	return InCopies
}

// String says it to people; of no content there is nothing to say.
func (k Kept) String() string {
	switch {
	case k.Need > 0:
		return fmt.Sprintf("%d parts, any %d are enough", k.Total, k.Need)
	case k.Total == 1:
		return "1 copy"
	case k.Total > 1:
		return fmt.Sprintf("%d copies", k.Total)
	}
	return ""
}
