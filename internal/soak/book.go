package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/phyllo-net/phyllo/api"
)

// pair is a sender and a receiver, by the numbers of their nodes.
type pair struct{ from, to int }

// outcome is what the sender's node said to a message.
type outcome byte

const (
	open     outcome = iota // it has not answered
	accepted                // it is queued, or further: it must arrive, once
	unsure                  // the node ended before it answered: it may arrive, once
	refused                 // it was refused for good: it must not arrive
)

// book has all messages of a soak: who wrote which one, and what was said to it. The
// messages of a pair are numbered in the order in which they were written, and one is
// written after the answer to the one before.
type book struct {
	mu   sync.Mutex
	sent map[pair][]outcome
}

func newBook() *book { return &book{sent: map[pair][]outcome{}} }

// write enters a new message of the pair, and returns its text.
func (b *book) write(p pair) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.sent[p] = append(b.sent[p], open)
	return text(p, len(b.sent[p])-1)
}

// note says what became of the newest message of the pair.
func (b *book) note(p pair, o outcome) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.sent[p][len(b.sent[p])-1] = o
}

// count says how many messages have this outcome.
func (b *book) count(want outcome) (n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, list := range b.sent {
		for _, o := range list {
			if o == want {
				n++
			}
		}
	}
	return n
}

// text is what is written: it says which message it is.
func text(p pair, n int) string { return fmt.Sprintf("%d to %d, number %d", p.from, p.to, n) }

// parse takes a text apart.
func parse(s string) (p pair, n int, err error) {
	if _, err = fmt.Sscanf(s, "%d to %d, number %d", &p.from, &p.to, &n); err == nil && s != text(p, n) {
		err = fmt.Errorf("more than a message of the soak")
	}
	return p, n, err
}

// judge compares what was written with what the users have in their inboxes, oldest
// first, and says all that is wrong.
func (b *book) judge(users []string, inboxes [][]api.Message) (faults []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	came := map[pair][]int{}
	for to, inbox := range inboxes {
		for i := range inbox {
			m := &inbox[i]
			p, n, err := parse(m.Text)
			switch {
			case err != nil || p.to != to || n < 0 || n >= len(b.sent[p]): // a pair that nobody is has no messages
				faults = append(faults, fmt.Sprintf("%s has a message that nobody wrote to him: %+q from %s", users[to], m.Text, m.From))
			case m.From != users[p.from]:
				faults = append(faults, fmt.Sprintf("%s has message %q under the name of %s", users[to], m.Text, m.From))
			default:
				came[p] = append(came[p], n)
			}
		}
	}
	for _, p := range slices.SortedFunc(maps.Keys(b.sent), comparePairs) {
		for _, f := range judgePair(b.sent[p], came[p]) {
			faults = append(faults, fmt.Sprintf("from %s to %s: %s", users[p.from], users[p.to], f))
		}
	}
	return faults
}

func comparePairs(a, b pair) int {
	if a.from != b.from {
		return a.from - b.from
	}
	return a.to - b.to
}

// judgePair does that for one sender and one receiver, by the messages' numbers.
func judgePair(sent []outcome, came []int) (faults []string) {
	times := make([]int, len(sent))
	last := -1
	for _, n := range came {
		times[n]++
		if times[n] == 1 && n < last {
			faults = append(faults, fmt.Sprintf("number %d came after number %d", n, last))
		}
		last = max(last, n)
	}
	var lost []string
	for n, o := range sent {
		switch {
		case times[n] > 1:
			faults = append(faults, fmt.Sprintf("number %d came %d times", n, times[n]))
		case times[n] == 1 && o == refused:
			faults = append(faults, fmt.Sprintf("number %d came, though it was refused", n))
		case times[n] == 0 && o == accepted:
			lost = append(lost, fmt.Sprint(n))
		}
	}
	if lost != nil {
		faults = append(faults, fmt.Sprintf("%d of %d messages were accepted and did not come: %s", len(lost), len(sent), strings.Join(lost, ", ")))
	}
	return faults
}
