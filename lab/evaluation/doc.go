// Package evaluation reproduces the figures of the papers with the real protocol
// code in simulation. Each Experiment builds its rings, measures, and reports
// values beside the figure that was published and the goal that phyllo set itself.
//
// Where to read what:
//
//	experiment.go  what an experiment is, and the list of all
//	value.go       values, goals, verdicts
//	field.go       the ring that is watched from above (tally.go: what is counted)
//	census.go      who is in the ring (exact.go: whether it is as it should be)
//	network.go     topologies by name
//	traffic.go     what counts as control traffic
//	rate.go        rates of rare events, with what a sample can show
//	page.go        tables and JSON
//	plot.go        pictures
//	groups.go      rings of groups (stress.go: what links carry)
//
// The other files hold one experiment each, under its name.
package evaluation
