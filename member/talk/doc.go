// Package talk is one conversation about membership, seen from either end: frames with
// their limits and deadlines, questions and answers, and how many conversations those may
// hold who are no admitters. An Assembly is a council of admitters (package register) at
// the ends of conversations.
package talk
