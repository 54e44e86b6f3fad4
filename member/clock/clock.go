// Package clock is whose clock counts when certificates are signed: computers have wrong ones, and nobody would take a
// certificate that begins later than by his.
package clock

import (
	"slices"
	"sync"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/member/book"
	"github.com/phyllo-net/phyllo/peer"
)

// maxWitnesses is how many others an admitter asks for the time of day before it
// signs its own certificate.
const maxWitnesses = 8

// Witnesses are those of all other members who may tell the time: the admitters, then the members
// with the newest certificates, who are the likeliest to be up; none who is out. It sorts all in place.
func Witnesses(all []*book.Known, out func(id.ID) bool, inOffice func(peer.Key) bool) []*book.Known {
	all = slices.DeleteFunc(all, func(r *book.Known) bool { return out(r.Certificate.Node) })
	slices.SortStableFunc(all, func(a, b *book.Known) int {
		if x, y := inOffice(a.Certificate.Key), inOffice(b.Certificate.Key); x != y {
			if x {
				return -1
			}
			return 1
		}
		return int(b.Certificate.NotBefore - a.Certificate.NotBefore)
	})
	return all[:min(len(all), maxWitnesses)]
}

// maxBackdate is how far an admitter dates a certificate back for a node whose clock
// is behind its own: time zones that were set wrong are forgiven, whichever of the
// two has it, a clock that lost its battery is not.
const maxBackdate = 24 * time.Hour

// Beginning is from when a certificate is valid that an admitter signs now, by its own clock, for a node
// whose clock says theirs (Unix seconds, zero: it does not say). A date that is ahead
// of the bearer's clock he would refuse; an earlier one makes it end earlier, too.
func Beginning(now time.Time, theirs int64) time.Time {
	if at := time.Unix(theirs, 0); theirs > 0 && at.Before(now) && now.Sub(at) <= maxBackdate {
		return at
	}
	return now
}

// Compare asks others at once, and returns the middle of what ask says of each, and how many say
// something: by how much this node's clock is ahead of that one's, or nil.
func Compare(others []*book.Known, ask func(*book.Known) *time.Duration) (ahead time.Duration, told int) {
	offs := make([]*time.Duration, len(others))
	var wg sync.WaitGroup
	for i, r := range others {
		wg.Go(func() { offs[i] = ask(r) })
	}
	wg.Wait()
	return Middle(offs)
}

// Middle is the middle of the clock offsets that are not nil, which stand for who did
// not answer, and their number. Of an even number it is the lower one of the two.
func Middle(offs []*time.Duration) (middle time.Duration, of int) {
	var list []time.Duration
	for _, d := range offs {
		if d != nil {
			list = append(list, *d)
		}
	}
	if len(list) == 0 {
		return 0, 0
	}
	slices.Sort(list)
	return list[(len(list)-1)/2], len(list)
}

// Aged reports whether a certificate is so old at a time that it is to be renewed.
func Aged(cert *peer.Certificate, now time.Time) bool { return !now.Before(cert.RenewAt()) }

// Early reports whether an admitter's own signature is from a time that has not come:
// its clock was ahead when it signed, or is behind now. No other certificate can be,
// as its bearer would not have taken it.
func Early(cert *peer.Certificate, now time.Time) bool {
	return cert.Admission.Admitter == cert.Key && now.Add(peer.ClockSkew).Unix() < cert.NotBefore
}
