// Package typo finds what was meant by a word that is mistyped, for error messages.
package typo

import "strings"

// Nearest returns the candidate that looks most like what was typed, for an error
// message; empty if none is near.
func Nearest(typed string, candidates []string) string {
	const longest = 64 // of a word that is looked at: what is longer was no slip
	if len(typed) > longest {
		return ""
	}
	best, bestCost := "", 1+max(1, len(typed)/3)
	for _, c := range candidates {
		if cost := editCost(strings.ToLower(typed), strings.ToLower(c)); cost < bestCost {
			best, bestCost = c, cost
		}
	}
	return best
}

// editCost is the number of letters to insert, remove, change or swap with the next
// one, to make b of a (optimal string alignment).
func editCost(a, b string) int {
	rows := [3][]int{make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)}
	for j := range rows[1] {
		rows[1][j] = j
	}
	for i := 1; i <= len(a); i++ {
		before, last, now := rows[(i+2)%3], rows[i%3], rows[(i+1)%3]
		now[0] = i
		for j := 1; j <= len(b); j++ {
			change := 1
			if a[i-1] == b[j-1] {
				change = 0
			}
			now[j] = min(last[j]+1, now[j-1]+1, last[j-1]+change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				now[j] = min(now[j], before[j-2]+1)
			}
		}
	}
	return rows[(len(a)+1)%3][len(b)]
}
