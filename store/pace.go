package store

import "time"

// Pace says how fast to scrub, so that every chunk is looked at within a period and
// scrubbing takes no more than a share of a core. The zero Pace is 7 days and 5 %.
type Pace struct {
	Period time.Duration // 0: 7 days
	Share  float64       // of one core, above 0 to 1; 0: 0.05
}

// scrubStep is what a step of scrubbing looks at, in bytes: some 10 ms of work.
const scrubStep = 4 << 20

// Next says how long to wait before the next step of Scrub, and its budget in bytes.
// s is how much there is, and took how long the last step has worked. A round is
// planned for four fifths of the period, so that a node which is off at times keeps
// it too. Where the share allows no such round, the share counts.
func (p Pace) Next(s Space, took time.Duration) (wait time.Duration, budget int64) {
	if p.Period == 0 {
		p.Period = 7 * 24 * time.Hour
	}
	if p.Share == 0 {
		p.Share = 0.05
	}
	all := float64(s.Used) + float64(s.Blobs)*MinScrub
	steps := max(all/scrubStep, 7)
	wait = time.Duration(0.8 * float64(p.Period) / steps)
	return max(wait, time.Duration(float64(took)*(1/p.Share-1))), scrubStep
}
