// Package evaluation reproduces the figures of the papers with the real protocol
// code in simulation. Each Experiment builds its rings, measures, and reports
// values beside the figure that was published and the goal that phyllo set itself.
//
// Where to read what:
//
//	all.go         the list of all experiments (package experiment: what one is)
//	groups.go      rings of groups (stress.go: what links carry)
//
// The other files hold one experiment each, under its name.
package evaluation
